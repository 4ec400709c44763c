"""What the tests of tracking share: a registry that already knows a base model and a dataset."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from provenance import Registry
from tracking_fixtures import with_ancestors


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No launcher of distributed trainings has set anything."""
    for name in ("RANK", "LOCAL_RANK", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def known(registry: Registry, folder: Path) -> Iterator[Registry]:
    """A registry in the current folder with ``base`` and ``numbers``, whose files lie there too."""
    return with_ancestors(registry, folder)
