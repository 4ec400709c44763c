"""An import of a history that is stopped, and goes on when it is begun again."""

import pytest

from history_fixtures import dataset, history, logged, model_id, run, version
from mlflow_history_fixtures import artifacts, relations
from provenance import Registry
from provenance.importing import recording
from provenance.mlflow_link.history.reading import Read, Via

ONE, TWO = model_id(1), model_id(2)
URI = "http://127.0.0.1:1"
HISTORY = history(
    run("r1", dataset("pile"), outputs=(ONE,)),
    logged(ONE, "r1", "base"),
    version("base", 1, f"models:/{ONE}", "r1"),
    run("r2", dataset("chat", "d2"), inputs=(ONE,), outputs=(TWO,)),
    logged(TWO, "r2"),
)


def stop(things: str, done: int, total: int) -> None:
    if things == "facts" and done < total:
        raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every import reads the same, and records two facts at a time."""
    found = Read(history=HISTORY, via=Via.API, scanned="{}")
    monkeypatch.setattr("provenance.mlflow_import.read_history", lambda *_: found)
    monkeypatch.setattr(recording, "BATCH_FACTS", 2)


def test_an_import_that_was_stopped_goes_on(registry: Registry) -> None:
    stops = 0
    while True:
        try:
            registry.mlflow_import(URI, progress=stop)
        except KeyboardInterrupt:
            stops += 1
            assert registry.mlflow_memory(URI).scanned() == ""
            assert not registry.mlflow_bindings(URI)
            assert "the same command goes on" in registry.unfinished_imports()[0]
            assert registry.risks().partial
        else:
            break
    assert stops > 1
    assert not registry.unfinished_imports()
    assert registry.mlflow_memory(URI).scanned() == "{}"
    assert artifacts(registry) == {"dataset:pile@d1", "dataset:chat@d2", "model:base@1", f"model:net@{TWO}"}
    assert relations(registry) == {
        "model:base@1 trained_on dataset:pile@d1",
        f"model:net@{TWO} finetuned_from model:base@1",
        f"model:net@{TWO} trained_on dataset:chat@d2",
    }
    assert len(registry.mlflow_bindings(URI)) == 2


def test_a_dry_run_remembers_nothing(registry: Registry) -> None:
    found = registry.mlflow_import(URI, dry_run=True)
    assert found.imported.recorded == {"datasets": 2, "models": 2, "relations": 3}
    assert found.bound == 2
    assert not artifacts(registry)
    assert not registry.mlflow_bindings(URI)
    assert registry.mlflow_memory(URI).scanned() == ""
