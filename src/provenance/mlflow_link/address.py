"""Where an MLflow is: an embedded SQLite store or a server."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from provenance.errors import ProvenanceError, UsageError

_SQLITE_HEADER = b"SQLite format 3\0"


class MlflowError(ProvenanceError):
    """MLflow can't be opened, or does not answer."""


def is_server(uri: str) -> bool:
    """Whether the URI is that of a server; otherwise it is that of an embedded store.

    Raises:
        UsageError: It is neither.
    """
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if (
        parts.scheme in {"http", "https"}
        and host
        and not (parts.query or parts.fragment or "@" in parts.path)
    ):
        return True
    name = parts.path.removeprefix("/")
    if parts.scheme != "sqlite" or parts.netloc or not name or "%" in name or parts.query or parts.fragment:
        raise UsageError(
            f"not an MLflow that can be written to: {shown(uri)}",
            hint="Give sqlite:///path/to/mlflow.db for an embedded store (the path as it is, nothing percent-encoded), "
            "or http(s)://host for a server (marks like / @ in its password percent-encoded).",
        )
    return False


def database_of(uri: str) -> Path:
    """The file of an embedded store, looked at before MLflow is: MLflow would try for minutes to open one that can't be.

    Args:
        uri: Of which `is_server` says that it is of none.

    Raises:
        MlflowError: The file or its folder can't be opened, or it is no SQLite database.
    """
    database = Path(urlsplit(uri).path.removeprefix("/")).absolute()
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        header = b""
        if database.exists():
            with database.open("r+b") as file:
                header = file.read(len(_SQLITE_HEADER))
    except OSError as error:
        raise MlflowError(
            f"cannot open the MLflow store {database}: {error.strerror}",
            hint="Check the path and its permissions.",
        ) from error
    if header not in {b"", _SQLITE_HEADER}:
        raise MlflowError(f"{database} is no SQLite database", hint="Name the file of an MLflow store.")
    return database


def artifact_location(uri: str) -> str | None:
    """Where an embedded store keeps its files: beside the database, not in whatever folder the process stands.

    Returns:
        A file URI; None for a server, which decides itself.

    Raises:
        UsageError: The URI is neither of an embedded store nor of a server.
        MlflowError: As `database_of`.
    """
    return None if is_server(uri) else (database_of(uri).parent / "mlflow-artifacts").as_uri()


def shown(uri: str) -> str:
    """The URI without the password that it may hold, even one whose marks were not encoded."""
    return re.sub(r"(?<=://)([^/@:]*):.*@", r"\1:***@", uri, flags=re.DOTALL)
