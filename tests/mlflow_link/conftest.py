"""A real embedded store and a real server on loopback, each started once for the tests of a module that use it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_mlflow import Fake, fake_mlflow
from mlflow_servers import running_server


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('embedded')}/mlflow.db"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_server(tmp_path_factory.mktemp("server")) as started:
        yield started.uri


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registration has more than its second to tell a server: a busy machine takes longer."""
    monkeypatch.setattr("provenance.mlflow_link.inline._BUDGET_S", 30.0)


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home and an environment without credentials."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("USERNAME", "PASSWORD", "TOKEN", "INSECURE_TLS", "SERVER_CERT_PATH", "CLIENT_CERT_PATH"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    return tmp_path


@pytest.fixture
def fake() -> Iterator[Fake]:
    with fake_mlflow() as running:
        yield running
