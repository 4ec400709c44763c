"""What the tests of tracking share: a registry that already knows a base model and a dataset."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provenance import Registry
from tracking_fixtures import with_ancestors


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No launcher of distributed trainings has set anything, and nothing was logged to MLflow before."""
    for name in ("RANK", "LOCAL_RANK", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    if "mlflow" in sys.modules:  # what earlier tests logged is in stores that are gone
        from mlflow.tracking import fluent

        fluent._last_active_run_id.set(None)
        fluent._reset_last_logged_model_id()


@pytest.fixture
def known(registry: Registry, folder: Path) -> Iterator[Registry]:
    """A registry in the current folder with ``base`` and ``numbers``, whose files lie there too."""
    return with_ancestors(registry, folder)


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedded MLflow, which takes seconds to make: the tests share it, each with an experiment of its own."""
    return tmp_path_factory.mktemp("embedded") / "mlflow.db"
