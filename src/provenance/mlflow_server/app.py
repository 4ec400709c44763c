"""The app of ``mlflow server --app-name provenance``: MLflow's own, or any other that is named, observed.

``mlflow server`` has one place for an app, and ``basic-auth`` needs it too. So this one is put around another and adds no route: who may
do what is decided by the app within, and by MLflow's own checks of hosts and origins, before anything here hears of a call.
"""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from multiprocessing import parent_process
from types import FunctionType
from typing import Any

from provenance.errors import ProvenanceError, UsageError
from provenance.mlflow_link.address import is_server
from provenance.mlflow_link.history.sql import is_store
from provenance.mlflow_server.errand import Errand, Source
from provenance.mlflow_server.importer import Importer
from provenance.mlflow_server.observed import ObservedAsgi, ObservedWsgi
from provenance.registry import Registry

APP_ENVIRONMENT = "PROVENANCE_MLFLOW_APP"
"""Names the app that ``provenance`` is put around, as ``mlflow server --app-name`` would; without it: MLflow's own."""

MIRROR_ENVIRONMENT = "PROVENANCE_MLFLOW_SYNC"
"""``true`` to project after each import what MLflow was not told."""

ACTOR = "mlflow-server"
"""Who is recorded with what the server imports."""

_GROUP = "mlflow.app"
_RUNNER, _RUNS, _MODELS = "_MLFLOW_SGI_NAME", "_MLFLOW_SERVER_FILE_STORE", "_MLFLOW_SERVER_REGISTRY_STORE"
"""How `mlflow server` tells its workers what runs them, and the databases of runs and, if that is another, of models."""
_FAILED = 3
"""The exit code by which uvicorn and gunicorn know a worker that would fail again."""
_PASSWORDS_EXPECTED = ("MLFLOW_AUTH_CONFIG_PATH", "MLFLOW_AUTH_ADMIN_PASSWORD")
"""Whoever sets one of these takes it that passwords are asked for."""


def create_app() -> Any:  # noqa: ANN401 - a Flask or an ASGI app, whichever the server runs
    """The app ``provenance``: around the one that the environment names, or else around MLflow's own.

    Raises:
        SystemExit: There is no such app, or authentication is configured that nobody would enforce. The server ends then.
    """
    with _or_no_server():
        return _observed(_named_or_plain_app())


def create_basic_auth_app() -> Any:  # noqa: ANN401 - as above
    """The app ``provenance-basic-auth``: around MLflow's ``basic-auth``, which stays in force.

    Raises:
        SystemExit: Its settings are wrong. The server ends then.
    """
    with _or_no_server():
        return _observed(_app("basic-auth"))


@contextmanager
def _or_no_server() -> Iterator[None]:
    """Ends a server whose app can't be made, with a line that says why; or uvicorn would start the same worker over and over."""
    from mlflow.exceptions import MlflowException

    is_made = False
    try:
        yield
        is_made = True
    except (ProvenanceError, MlflowException, ImportError) as error:
        hint = getattr(error, "hint", None)
        logging.getLogger("mlflow.provenance").critical(
            "provenance does not start this server: %s%s", error, f". {hint}" if hint else ""
        )
        raise SystemExit(_FAILED) from error
    finally:
        # Gunicorn goes by the exit code, and so do later versions of uvicorn.
        if not is_made and (supervisor := parent_process()) is not None and supervisor.pid is not None:
            os.kill(supervisor.pid, signal.SIGTERM)


def _named_or_plain_app() -> Any:  # noqa: ANN401 - as above
    if name := os.environ.get(APP_ENVIRONMENT):
        return _app(name)
    if expected := [variable for variable in _PASSWORDS_EXPECTED if os.environ.get(variable)]:
        raise UsageError(
            f"{expected[0]} is set, but the app `provenance` alone asks nobody for a password",
            hint="Start the server with --app-name provenance-basic-auth, or unset the variable.",
        )
    return _plain_app()


def _app(name: str) -> Any:  # noqa: ANN401 - as above
    apps = {one.name: one for one in entry_points(group=_GROUP) if one.module != __name__}
    if name not in apps:
        raise UsageError(
            f"there is no app {name!r} to put `provenance` around",
            hint=f"{APP_ENVIRONMENT} may name: {', '.join(sorted(apps))}.",
        )
    found = apps[name].load()
    return found() if isinstance(found, FunctionType) else found  # MLflow tells a factory by the same


def _plain_app() -> Any:  # noqa: ANN401 - as above
    if os.environ.get(_RUNNER) == "uvicorn":  # `basic-auth` goes by the same
        from mlflow.server.fastapi_app import app

        return app
    from mlflow.server import app as flask_app

    return flask_app


def _observed(app: Any) -> Any:  # noqa: ANN401 - as above
    from flask import Flask

    errand = Errand(open_registry=lambda: Registry.open(actor=ACTOR), source=_source, mirror=_mirrors())
    importer = Importer(errand)
    importer.wake()  # for what happened while no server ran
    if isinstance(app, Flask):
        app.wsgi_app = ObservedWsgi(app=app.wsgi_app, wake=importer.wake)  # type: ignore[method-assign]  # as Flask says to wrap it
        return app
    return ObservedAsgi(app=app, wake=importer.wake)


def _source(registry: Registry) -> Source:
    """The server's MLflow, read from its database where that can be: the API would want a password, and a worker that has time."""
    address, store = registry.home.mlflow_uri, os.environ[_RUNS]
    if address is None or not is_server(address):
        if _mirrors():  # by the database, it would change what the whole process takes for its MLflow
            raise UsageError(
                f"{MIRROR_ENVIRONMENT} needs the address of this server, which the registry does not know",
                hint='Put mlflow = "http://..." into its config.toml.',
            )
        return Source(uri=store)
    is_whole = os.environ.get(_MODELS, store) == store
    return Source(uri=address, store=store if is_whole and is_store(store) else None)


def _mirrors() -> bool:
    return os.environ.get(MIRROR_ENVIRONMENT, "").lower() in {"1", "true"}
