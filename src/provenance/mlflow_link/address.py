"""Where an MLflow is: an embedded SQLite store or a server."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from provenance.errors import ProvenanceError, UsageError

_SQLITE_HEADER = b"SQLite format 3\0"
_LOGIN = re.compile(r"(?<=://)[^/].*@", flags=re.DOTALL)
_LOGIN_IN_WORDS = re.compile(r"(?<=//)[^/\s\"']*@")
_THIS_MACHINE = "127.0.0.1"
_ALSO_THIS_MACHINE = frozenset({"localhost", "::1"})
_DEFAULT_PORTS = {"http": 80, "https": 443}


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


def target_of(uri: str) -> str:
    """What the memory of an MLflow goes by: where it is, whoever writes there, from whatever folder, and however it is spelt.

    Two names of one machine other than this one are two targets: no name is looked up.
    """
    if uri.startswith("sqlite:///"):
        return f"sqlite:///{Path(uri.removeprefix('sqlite:///')).absolute()}"
    bare = _LOGIN.sub("", uri).rstrip("/")
    try:
        parts = urlsplit(bare)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        return bare
    if scheme not in _DEFAULT_PORTS or host is None:
        return bare
    if host in _ALSO_THIS_MACHINE:
        host = _THIS_MACHINE
    place = f"[{host}]" if ":" in host else host
    if port is not None and port != _DEFAULT_PORTS[scheme]:
        place = f"{place}:{port}"
    return f"{scheme}://{place}{parts.path}"


def shown(uri: str) -> str:
    """The URI without the login that it may hold, even one whose marks were not encoded. A user alone may be a token."""
    return _LOGIN.sub("***@", uri)


def without_logins(text: str) -> str:
    """A text without the logins of the addresses that it holds."""
    return _LOGIN_IN_WORDS.sub("***@", text)
