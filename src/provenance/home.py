"""Where a registry lives: a ``.provenance/`` folder, found upwards as git finds ``.git``, or a database URL.

The folder holds ``config.toml`` (which store, MLflow and web viewer), ``policy.toml`` where the registry has a policy of its own, and, unless the
store is a server, ``registry.db``.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from provenance.errors import RegistryError, UsageError

FOLDER = ".provenance"
ENVIRONMENT = "PROVENANCE_REGISTRY"
POLICY_ENVIRONMENT = "PROVENANCE_POLICY"
VIEWER_ENVIRONMENT = "PROVENANCE_VIEWER"
_CONFIG = "config.toml"
_POLICY = "policy.toml"
_DATABASE = "registry.db"
_SETTINGS = ("store", "mlflow", "viewer")
# Nothing that could end a link in Markdown, or the attribute of a page.
_LINKABLE = re.compile(r"[A-Za-z0-9:/.\-_~%]+")
_PASSWORD = re.compile(r"(?<=[?&]password=)[^&]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The place and settings of a registry.

    Args:
        folder: Its ``.provenance`` folder; None when only a database URL is known.
        store_url: The database.
        mlflow_uri: Where MLflow keeps its records, or None where there is none.
        viewer: Where its web viewer answers, without a slash at the end; what is shown elsewhere links to it. None where there is none.
    """

    folder: Path | None
    store_url: str
    mlflow_uri: str | None = None
    viewer: str | None = None

    @property
    def mlflow_name(self) -> str | None:
        """Its MLflow, for people."""
        return _without_password(self.mlflow_uri) if self.mlflow_uri else None

    @property
    def name(self) -> str:
        """The registry, for people."""
        return str(self.folder) if self.folder else _without_password(self.store_url)

    @property
    def policy_file(self) -> Path | None:
        """The policy that its answers are given under; None for the default policy."""
        return policy_file(self.folder)


def policy_file(folder: Path | None = None) -> Path | None:
    """The policy file that the environment names, else the one in a registry's folder; None where there is neither."""
    if named := os.environ.get(POLICY_ENVIRONMENT):
        return Path(named)
    if folder is None:
        return None
    own = folder / _POLICY
    return (
        own if os.path.lexists(own) else None
    )  # a link to nowhere is a policy that can't be read, and not none


def exists(directory: Path) -> bool:
    """Whether a registry was made below a folder."""
    return (directory / FOLDER / _CONFIG).is_file()


@contextmanager
def making(
    directory: Path, *, store: str = "sqlite", mlflow: str | None = None, viewer: str | None = None
) -> Iterator[Home]:
    """Makes the folder of a new registry below ``directory``; its settings are written when the body came to its end.

    The settings are what makes a folder a registry. So the body creates the database, and where that fails, none came to be.

    Args:
        directory: Where the ``.provenance`` folder goes; made if need be.
        store: ``sqlite`` for a file in that folder, or a ``postgresql://`` URL.
        mlflow: URI of an MLflow tracking store or server; default: a SQLite file in that folder.
        viewer: Where the registry's web viewer answers; default: nowhere.

    Raises:
        RegistryError: There is one already, with other settings, or the folder can't be written.
        UsageError: The viewer's address is none.
    """
    folder = directory.resolve() / FOLDER
    store, mlflow = _absolute(store), _absolute(mlflow) if mlflow else None
    viewer = viewer_address(viewer) if viewer else None
    if (folder / _CONFIG).exists():
        found = read(folder)
        differs = mlflow not in {None, found.mlflow_uri} or viewer not in {None, found.viewer}
        if differs or store not in {"sqlite", found.store_url}:
            raise RegistryError(
                f"{folder} is a registry already, with the store {_without_password(found.store_url)}, the MLflow "
                f"{_without_password(found.mlflow_uri or '')} and {f'the viewer {found.viewer}' if found.viewer else 'no viewer'}",
                hint=f"Edit {folder / _CONFIG} to change the MLflow or the viewer; a store stays what it is.",
            )
        yield found
        return
    given = {"store": store, "mlflow": mlflow, "viewer": viewer}
    settings = {key: value for key, value in given.items() if value}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
        yield _home(folder, settings)
        lines = [f"{key} = {_toml(value)}\n" for key, value in settings.items()]
        text = "".join(("# Settings of this provenance registry.\n", *lines))
        (folder / _CONFIG).write_text(text, encoding="utf-8")
    except OSError as error:
        raise RegistryError(f"cannot make a registry in {directory}: {error.strerror}") from error


def find(where: str | Path | None = None) -> Home:
    """The registry that is meant: ``where``, else the environment's, else the nearest folder upwards.

    Args:
        where: A folder with a ``.provenance`` in it, that folder itself, or a database URL.

    Raises:
        RegistryError: There is none; the message says where it was looked for.
    """
    named = where or os.environ.get(ENVIRONMENT)
    if not named:
        start = Path.cwd()
        for directory in (start, *start.parents):
            if (directory / FOLDER / _CONFIG).is_file():
                return read(directory / FOLDER)
        raise RegistryError(
            f"no registry in {start} or any folder above it",
            hint="Make one with `provenance init`, or name one with --registry DIR|URL.",
        )
    if "://" in str(named):
        return Home(
            folder=None,
            store_url=str(named),
            mlflow_uri=os.environ.get("MLFLOW_TRACKING_URI"),
            viewer=_viewer(os.environ, VIEWER_ENVIRONMENT, VIEWER_ENVIRONMENT),
        )
    for folder in (Path(named) / FOLDER, Path(named)):
        try:
            if (folder / _CONFIG).is_file():
                return read(folder)
        except OSError as error:  # a name too long, a folder that may not be entered
            raise RegistryError(f"cannot look for a registry in {named}: {error.strerror}") from error
    raise RegistryError(f"no registry in {named}", hint=f"Make one with `provenance init {named}`.")


def read(folder: Path) -> Home:
    """Reads the settings of the registry in a ``.provenance`` folder.

    Raises:
        RegistryError: The settings can't be read.
    """
    folder = folder.resolve()
    try:
        settings = tomllib.loads((folder / _CONFIG).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RegistryError(f"cannot read {folder / _CONFIG}: {error}") from error
    if unknown := settings.keys() - set(_SETTINGS):
        raise RegistryError(
            f"{folder / _CONFIG}: unknown setting {min(unknown)!r}", hint=f"Known: {', '.join(_SETTINGS)}."
        )
    if wrong := [key for key, value in settings.items() if not isinstance(value, str)]:
        raise RegistryError(f"{folder / _CONFIG}: {wrong[0]} is no text", hint=f'Write {wrong[0]} = "...".')
    return _home(folder, settings)


def _home(folder: Path, settings: Mapping[str, str]) -> Home:
    store = settings.get("store", "sqlite")
    return Home(
        folder=folder,
        store_url=f"sqlite:///{folder / _DATABASE}" if store == "sqlite" else store,
        mlflow_uri=settings.get("mlflow", f"sqlite:///{folder / 'mlflow.db'}"),
        viewer=_viewer(settings, "viewer", str(folder / _CONFIG)),
    )


def viewer_address(text: str) -> str:
    """The address of a web viewer, fit for a link: an http(s) URL with nothing but a host and a path, no slash at the end.

    Raises:
        UsageError: It is none; the message does not repeat it, since a password may be in it.
    """
    try:
        parts = urlsplit(text)
        fit = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
    except ValueError:
        fit = False
    if not fit or parts.query or parts.fragment or not _LINKABLE.fullmatch(text):
        raise UsageError(
            "the viewer's address is no plain http(s) URL",
            hint="Give scheme, host and perhaps a path: https://provenance.example.org",
        )
    return text.rstrip("/")


def _viewer(settings: Mapping[str, str], key: str, place: str) -> str | None:
    try:
        return viewer_address(settings[key]) if settings.get(key) else None
    except UsageError as error:
        raise RegistryError(f"{place}: {error.message}", hint=error.hint) from error


def _toml(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _absolute(url: str) -> str:
    """A SQLite URL whose path means the same from every folder."""
    path = url.removeprefix("sqlite:///")
    return url if path == url else f"sqlite:///{Path(path).resolve()}"


def _without_password(url: str) -> str:
    """A URL for people; a password may stand before its host, and among PostgreSQL's parameters."""
    scheme, separator, rest = _PASSWORD.sub("***", url).partition("://")
    login, at, host = rest.rpartition("@")
    return f"{scheme}{separator}{login.partition(':')[0]}{at}{host}" if at else f"{scheme}{separator}{rest}"
