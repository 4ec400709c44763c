"""Which app ours is put around; and that a server whose authentication nobody would enforce does not start."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provenance.errors import UsageError
from provenance.home import Home
from provenance.mlflow_server import app
from provenance.mlflow_server.errand import Errand, Source
from provenance.mlflow_server.observed import ObservedAsgi, ObservedWsgi

METADATA = "Metadata-Version: 2.1\nName: an-app\nVersion: 1\n"
MODULE = """
import flask

class App:
    async def __call__(self, scope, receive, send):
        scope["reached"] = True

asgi = App()

def make():
    return asgi

def make_wsgi():
    return flask.Flask("an_app")
"""


class Woken:
    """Counts instead of importing."""

    def __init__(self, errand: Errand) -> None:
        self.errand = errand
        self.count = 0

    def wake(self) -> None:
        self.count += 1


@pytest.fixture(autouse=True)
def _installed_apps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three apps of somebody else: an object, a factory of one, and a factory of a Flask app."""
    entries = "[mlflow.app]\nas-object = an_app:asgi\nas-factory = an_app:make\nas-wsgi = an_app:make_wsgi\n"
    (tmp_path / "an_app-1.dist-info").mkdir()
    (tmp_path / "an_app-1.dist-info" / "METADATA").write_text(METADATA)
    (tmp_path / "an_app-1.dist-info" / "entry_points.txt").write_text(entries)
    (tmp_path / "an_app.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(app, "Importer", Woken)


@pytest.mark.parametrize("name", ["as-object", "as-factory"])
def test_an_app_of_somebody_else_is_observed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("PROVENANCE_MLFLOW_APP", name)
    made = app.create_app()
    assert isinstance(made, ObservedAsgi)
    scope: dict[str, Any] = {"type": "lifespan"}
    asyncio.run(made(scope, None, None))  # type: ignore[arg-type]
    assert scope["reached"]


def test_a_flask_app_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVENANCE_MLFLOW_APP", "as-wsgi")
    made = app.create_app()
    assert made.name == "an_app"
    assert isinstance(made.wsgi_app, ObservedWsgi)


@pytest.mark.parametrize(("value", "mirrors"), [("", False), ("true", True), ("1", True), ("false", False)])
def test_it_mirrors_where_that_is_asked_for_and_imports_at_once(
    monkeypatch: pytest.MonkeyPatch, value: str, mirrors: bool
) -> None:
    monkeypatch.setenv("PROVENANCE_MLFLOW_APP", "as-object")
    monkeypatch.setenv("PROVENANCE_MLFLOW_SYNC", value)
    wake: Callable[[], None] = app.create_app().wake
    importer = wake.__self__  # type: ignore[attr-defined]
    assert importer.errand.mirror is mirrors
    assert importer.count == 1, "for what happened while no server ran"


@pytest.mark.parametrize("name", ["nothing", "provenance", "provenance-basic-auth"])
def test_an_app_that_is_not_there_or_is_ours_does_not_start(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("PROVENANCE_MLFLOW_APP", name)
    said = refusal()
    assert said.message == f"there is no app '{name}' to put `provenance` around"
    assert "as-factory, as-object, as-wsgi, basic-auth" in (said.hint or "")


@pytest.mark.parametrize("variable", ["MLFLOW_AUTH_CONFIG_PATH", "MLFLOW_AUTH_ADMIN_PASSWORD"])
def test_authentication_that_nobody_would_enforce_is_no_start(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "something")
    assert (
        refusal().message == f"{variable} is set, but the app `provenance` alone asks nobody for a password"
    )


def test_an_app_that_cannot_be_made_ends_the_supervisor_of_its_worker_with_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended: list[tuple[int, int]] = []
    said: list[str] = []
    log = logging.getLogger("mlflow.provenance")
    monkeypatch.setenv("PROVENANCE_MLFLOW_APP", "nothing")
    monkeypatch.setattr(app, "parent_process", lambda: SimpleNamespace(pid=4711))
    monkeypatch.setattr("os.kill", lambda *call: ended.append(call))
    monkeypatch.setattr(log, "critical", lambda words, *values: said.append(words % values))
    refusal()
    assert ended == [(4711, signal.SIGTERM)]
    (line,) = said
    assert line.startswith("provenance does not start this server: there is no app 'nothing' to put")
    assert "PROVENANCE_MLFLOW_APP may name: as-factory, as-object, as-wsgi, basic-auth." in line


def refusal() -> UsageError:
    """Why the app is not made."""
    with pytest.raises(SystemExit, match="3") as raised:
        app.create_app()
    assert isinstance(raised.value.__cause__, UsageError)
    return raised.value.__cause__


def test_a_server_with_wrong_settings_ends_though_it_has_several_workers(tmp_path: Path) -> None:
    # The secret key of basic-auth is missing: MLflow looks at it beforehand for its own app alone.
    end = subprocess.run(
        [
            *(sys.executable, "-m", "mlflow", "server", "--app-name", "provenance-basic-auth"),
            *("--workers", "2", "--port", "0", "--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db"),
        ],
        env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "DO_NOT_TRACK": "true"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "provenance does not start this server: A static secret key needs to be set" in end.stderr
    assert "Traceback" not in end.stderr


SOURCES = (
    # the registry's MLflow, the server's databases of runs and of models, and what is then read
    ("http://here:5000", "sqlite:///a.db", None, Source(uri="http://here:5000", store="sqlite:///a.db")),
    (
        "http://here:5000",
        "postgresql+psycopg://a",
        "postgresql+psycopg://a",
        Source(uri="http://here:5000", store="postgresql+psycopg://a"),
    ),
    ("http://here:5000", "sqlite:///a.db", "sqlite:///b.db", Source(uri="http://here:5000")),
    ("http://here:5000", "mysql://a", None, Source(uri="http://here:5000")),
    ("sqlite:///c.db", "sqlite:///a.db", None, Source(uri="sqlite:///a.db")),
    (None, "sqlite:///a.db", None, Source(uri="sqlite:///a.db")),
)


@pytest.mark.parametrize(("address", "runs", "models", "source"), SOURCES)
def test_a_server_reads_its_own_database_under_the_name_that_others_know_it_by(
    monkeypatch: pytest.MonkeyPatch, address: str | None, runs: str, models: str | None, source: Source
) -> None:
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", runs)
    if models:
        monkeypatch.setenv("_MLFLOW_SERVER_REGISTRY_STORE", models)
    registry = SimpleNamespace(home=Home(folder=None, store_url="sqlite:///r.db", mlflow_uri=address))
    assert app._source(registry) == source  # type: ignore[arg-type]


def test_a_server_that_nobody_gave_an_address_is_not_mirrored_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", "sqlite:///a.db")
    monkeypatch.setenv("PROVENANCE_MLFLOW_SYNC", "true")
    registry = SimpleNamespace(
        home=Home(folder=None, store_url="sqlite:///r.db", mlflow_uri="sqlite:///a.db")
    )
    with pytest.raises(UsageError, match="PROVENANCE_MLFLOW_SYNC needs the address of this server"):
        app._source(registry)  # type: ignore[arg-type]
