"""Where an MLflow is: an embedded SQLite store or a server."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from provenance.errors import ProvenanceError, UsageError

_SQLITE_HEADER = b"SQLite format 3\0"


class MlflowError(ProvenanceError):
    """MLflow can't be opened, or does not answer."""


def artifact_location(uri: str) -> str | None:
    """Where an embedded store keeps its files: beside the database, not in whatever folder the process stands.

    Returns:
        A file URI; None for a server, which decides itself.

    Raises:
        UsageError: The URI is neither of an embedded store nor of a server.
        MlflowError: The file of the embedded store is no SQLite database.
    """
    parts = urlsplit(uri)
    if parts.scheme in {"http", "https"} and parts.hostname:
        return None
    if parts.scheme != "sqlite" or parts.netloc or len(parts.path) < 2:  # noqa: PLR2004 - a slash and a name
        raise UsageError(
            f"not an MLflow that can be written to: {shown(uri)}",
            hint="Give sqlite:///path/to/mlflow.db for an embedded store, or http(s)://host for a server.",
        )
    database = Path(unquote(parts.path[1:])).absolute()
    if database.is_file():
        with database.open("rb") as file:
            header = file.read(len(_SQLITE_HEADER))
        if header not in {b"", _SQLITE_HEADER}:
            raise MlflowError(f"{database} is no SQLite database", hint="Name the file of an MLflow store.")
    return (database.parent / "mlflow-artifacts").as_uri()


def shown(uri: str) -> str:
    """The URI without the password that it may hold."""
    parts = urlsplit(uri)
    return uri if parts.password is None else uri.replace(f":{parts.password}@", ":***@")
