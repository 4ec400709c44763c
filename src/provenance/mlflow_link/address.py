"""Where an MLflow is: an embedded SQLite store or a server."""

from pathlib import Path
from urllib.parse import urlsplit

from provenance.errors import ProvenanceError, UsageError

_SQLITE_HEADER = b"SQLite format 3\0"


class MlflowError(ProvenanceError):
    """MLflow can't be opened, or does not answer."""


def artifact_location(uri: str) -> str | None:
    """Where an embedded store keeps its files: beside the database, not in whatever folder the process stands.

    The database is opened once here, since MLflow would try for minutes to open one that can't be.

    Returns:
        A file URI; None for a server, which decides itself.

    Raises:
        UsageError: The URI is neither of an embedded store nor of a server.
        MlflowError: The embedded store can't be opened, or is no SQLite database.
    """
    parts = urlsplit(uri)
    if parts.scheme in {"http", "https"} and parts.hostname:
        return None
    name = parts.path.removeprefix("/")
    if parts.scheme != "sqlite" or parts.netloc or not name or "%" in name:
        raise UsageError(
            f"not an MLflow that can be written to: {shown(uri)}",
            hint="Give sqlite:///path/to/mlflow.db for an embedded store (the path as it is, nothing percent-encoded), "
            "or http(s)://host for a server.",
        )
    database = Path(name).absolute()
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        with database.open("a+b") as file:  # An empty file is a new database to SQLite.
            file.seek(0)
            header = file.read(len(_SQLITE_HEADER))
    except OSError as error:
        raise MlflowError(
            f"cannot open the MLflow store {database}: {error.strerror}",
            hint="Check the path and its permissions.",
        ) from error
    if header not in {b"", _SQLITE_HEADER}:
        raise MlflowError(f"{database} is no SQLite database", hint="Name the file of an MLflow store.")
    return (database.parent / "mlflow-artifacts").as_uri()


def shown(uri: str) -> str:
    """The URI without the password that it may hold."""
    parts = urlsplit(uri)
    return uri if parts.password is None else uri.replace(f":{parts.password}@", ":***@")
