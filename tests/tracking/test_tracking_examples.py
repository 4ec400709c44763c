"""The examples of examples/track, trainer and mlflow-hook, run as they stand on tiny models."""

import json
import runpy
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from lm_fixtures import lines, tiny_lm
from provenance import Registry
from tracking_fixtures import lineage

EXAMPLES = Path(__file__).parents[2] / "examples"
PARENTS = {"finetuned_from model:tiny@1", "trained_on dataset:lines@1"}

pytestmark = [
    pytest.mark.xdist_group("mlflow"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def ready(registry: Registry, folder: Path) -> Registry:
    """What the examples' READMEs register beforehand, on a tiny model."""
    shutil.copytree(tiny_lm(), folder / "base")
    (folder / "lines.jsonl").write_text("".join(json.dumps({"text": one}) + "\n" for one in lines(8, seed=1)))
    registry.register_model(folder / "base", name="tiny", from_scratch=True)
    registry.register_dataset(folder / "lines.jsonl", name="lines", authored=True)
    return registry


def run(example: str, *words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script = EXAMPLES / example / "train.py"
    monkeypatch.setattr(sys, "argv", [str(script), *words])
    runpy.run_path(str(script), run_name="__main__")


def test_a_training_loop_of_ones_own(ready: Registry, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("track", "base", "lines.jsonl", "student", monkeypatch=monkeypatch)
    shown = ready.view().show("student")
    assert lineage(ready, "student") == PARENTS
    assert ready.view().location("student") == folder / "student"
    assert {"recipe.learning_rate", "recipe.batch", "seed", "final_loss"} <= shown.artifact.metadata.keys()
    assert shown.evidence


def test_the_trainer(ready: Registry, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("trainer", "base", "lines.jsonl", "out", monkeypatch=monkeypatch)
    assert lineage(ready, "student") == PARENTS
    assert ready.view().location("student") == folder / "out" / "checkpoint-2"
    assert ready.view().show("student").artifact.metadata["recipe.learning_rate"] == "0.001"


def test_a_script_that_logs_to_mlflow(
    ready: Registry, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow
    from huggingface_hub import constants

    # Logging asks the hub for the card and the licence of the base, and tries for a long time where there is no hub.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    uri = f"sqlite:///{database}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    mlflow.set_tracking_uri(uri)
    try:
        run("mlflow-hook", "base", "lines.jsonl", monkeypatch=monkeypatch)
        client = mlflow.MlflowClient()
        (version,) = client.search_model_versions("name = 'student'")
        found = client.get_run(version.run_id).inputs.dataset_inputs
    finally:
        mlflow.set_tracking_uri(None)
    assert lineage(ready, "student") == PARENTS
    bound = ready.mlflow_bindings(uri)[ready.resolve("student")]
    assert (bound.version, f"models:/{bound.model_id}") == ("student/1", version.source)
    assert [one.dataset.name for one in found] == ["lines@1"]
    shown = ready.view().show("student")
    assert shown.artifact.content is not None
    assert shown.evidence  # the logged weights were set beside the base's
