"""The Trainer of transformers, with the callback: what is taken from it, and which folder is the model."""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import provenance
from lm_fixtures import lm_model
from provenance import Registry
from provenance.errors import UnknownReferenceError
from tracking_fixtures import lineage, rows

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:transformers", "ignore::FutureWarning")


class Numbers(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """Eight rows of six tokens."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        tokens = torch.arange(6) + index
        return {"input_ids": tokens, "labels": tokens}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def base(known: Registry, folder: Path) -> Path:
    """A tiny language model, registered as ``tiny``."""
    path = folder / "tiny"
    lm_model(seed=0).save_pretrained(path)
    known.register_model(path, name="tiny", from_scratch=True)
    return path


def callback(name: str = "student", **words: Any) -> Any:
    from provenance.tracking.transformers import ProvenanceCallback

    return ProvenanceCallback(name, trained_on=["numbers"], **words)


def loaded(path: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(path)


def trainer(model: Any, *callbacks: Any, **settings: Any) -> Any:
    from transformers import Trainer, TrainingArguments

    chosen = {
        "output_dir": "out",
        "max_steps": 2,
        "per_device_train_batch_size": 4,
        "learning_rate": 1e-3,
        "use_cpu": True,
        "report_to": [],
        "disable_tqdm": True,
        "seed": 11,
        "save_strategy": "no",
    }
    return Trainer(
        model=model,
        args=TrainingArguments(**(chosen | settings)),
        train_dataset=Numbers(),
        eval_dataset=Numbers(),
        callbacks=list(callbacks),
    )


def test_the_checkpoint_of_the_last_step_is_the_model(known: Registry, base: Path, folder: Path) -> None:
    trainer(loaded(base), callback(recipe={"mix": "plain"}), save_strategy="steps", save_steps=1).train()
    shown = known.view().show("student")
    assert known.view().location("student") == folder / "out" / "checkpoint-2"
    assert lineage(known, "student") == {"finetuned_from model:tiny@1", "trained_on dataset:numbers@1"}
    words = shown.artifact.metadata
    assert {key: words[key] for key in ("seed", "steps", "rows", "recipe.learning_rate", "recipe.mix")} == {
        "seed": "11",
        "steps": "2",
        "rows": "8",
        "recipe.learning_rate": "0.001",
        "recipe.mix": "plain",
    }
    assert words["recipe.optim"].startswith("adamw")
    assert "recipe.fp16" not in words
    assert shown.evidence  # its weights were set beside the base's


def test_a_model_that_the_trainer_saved_nowhere_is_saved(known: Registry, base: Path, folder: Path) -> None:
    trainer(loaded(base), callback()).train()
    assert known.view().location("student") == folder / "out" / "model-2"
    trainer(loaded(base), callback("student@next"), max_steps=2, seed=12).train()
    assert known.view().location("student@2") == folder / "out" / "model-2-2"


def test_a_checkpoint_of_an_earlier_training_is_not_taken_for_this_ones(
    known: Registry, base: Path, folder: Path
) -> None:
    trainer(loaded(base), save_strategy="steps", save_steps=2).train()
    trainer(loaded(base), callback(), seed=12).train()
    assert (folder / "out" / "checkpoint-2").is_dir()
    assert known.view().location("student") == folder / "out" / "model-2"


def test_the_best_checkpoint_is_the_model_where_the_trainer_goes_back_to_it(
    known: Registry, base: Path, folder: Path
) -> None:
    settings = {
        "save_strategy": "steps",
        "save_steps": 1,
        "eval_strategy": "steps",
        "eval_steps": 1,
        "load_best_model_at_end": True,
        "metric_for_best_model": "loss",
        "greater_is_better": True,  # so that the first step is the best
    }
    trainer(loaded(base), callback(), **settings).train()
    assert known.view().location("student") == folder / "out" / "checkpoint-1"


def test_a_base_that_is_registered_under_another_name_is_found_by_its_content(
    known: Registry, base: Path, folder: Path
) -> None:
    base.rename(folder / "moved")
    trainer(loaded(folder / "moved"), callback()).train()
    assert "finetuned_from model:tiny@1" in lineage(known, "student")


def test_a_base_that_is_not_registered_is_recorded_by_its_name(known: Registry, base: Path) -> None:
    model = loaded(base)
    model.config._name_or_path = "some-lab/tiny-lm"
    trainer(model, callback()).train()
    assert lineage(known, "student") == {"trained_on dataset:numbers@1"}
    shown = known.view().show("student")
    assert any("some-lab/tiny-lm" in gap for gap in shown.gaps)
    assert shown.artifact.metadata["base_model"] == "some-lab/tiny-lm"


def test_a_base_that_is_said_comes_before_what_the_model_says(known: Registry, base: Path) -> None:
    model = loaded(base)
    model.config._name_or_path = "some-lab/tiny-lm"
    trainer(model, callback(base="tiny")).train()
    assert lineage(known, "student") == {"finetuned_from model:tiny@1", "trained_on dataset:numbers@1"}


def test_a_model_from_scratch_has_no_base(known: Registry, folder: Path) -> None:
    trainer(lm_model(seed=3), callback(from_scratch=True)).train()
    assert known.view().show("student").artifact.declared_root
    assert known.view().location("student") == folder / "out" / "model-2"


def test_an_adapter_is_an_adapter_of_its_base(known: Registry, base: Path, folder: Path) -> None:
    from peft import LoraConfig, get_peft_model

    adapted = get_peft_model(loaded(base), LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM"))
    trainer(adapted, callback()).train()
    assert lineage(known, "student") == {"adapter_of model:tiny@1", "trained_on dataset:numbers@1"}
    words = known.view().show("student").artifact.metadata
    assert (words["recipe.adapter.peft_type"], words["recipe.adapter.r"]) == ("LORA", "2")
    assert words["recipe.adapter.target_modules"] == "q_proj"
    assert (folder / "out" / "model-2" / "adapter_model.safetensors").is_file()


def test_a_training_that_goes_on_from_a_registered_checkpoint_is_resumed_from_it(
    known: Registry, base: Path
) -> None:
    saving = {"save_strategy": "steps", "save_steps": 2}
    trainer(loaded(base), callback("half"), **saving).train()
    trainer(loaded(base), callback("whole"), max_steps=4, **saving).train(resume_from_checkpoint=True)
    assert lineage(known, "whole") == {"resumed_from model:half@1", "trained_on dataset:numbers@1"}
    assert known.view().show("whole").artifact.metadata["resumed_at_step"] == "2"


def test_a_trainer_that_trains_twice_makes_two_generations(known: Registry, base: Path) -> None:
    twice = trainer(loaded(base), callback("student@next"))
    twice.train()
    twice.train()
    assert lineage(known, "student@1") == {"finetuned_from model:tiny@1", "trained_on dataset:numbers@1"}
    assert lineage(known, "student@2") == {"finetuned_from model:student@1", "trained_on dataset:numbers@1"}


def test_what_is_wrong_is_told_before_the_first_step(known: Registry, base: Path) -> None:
    from provenance.tracking.transformers import ProvenanceCallback

    head = known.head()
    begun = trainer(loaded(base), ProvenanceCallback("student", trained_on=["nothing known"]))
    with pytest.raises(UnknownReferenceError, match="no dataset 'nothing known'"):
        begun.train()
    assert begun.state.global_step == 0
    assert known.head() == head


def test_a_training_that_fails_is_said_when_its_trainer_is_gone(
    known: Registry, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from transformers import TrainerCallback

    class Fails(TrainerCallback):
        def on_step_end(self, *_: object, **__: object) -> None:
            raise RuntimeError("diverged")

    head = known.head()
    begun = trainer(loaded(base), callback(), Fails())
    with pytest.raises(RuntimeError, match="diverged"):
        begun.train()
    del begun
    gc.collect()
    assert known.head() == head
    assert "the training of student did not come to its end, failed" in capsys.readouterr().err


def test_other_processes_of_a_training_record_nothing(known: Registry, base: Path, folder: Path) -> None:
    head = known.head()
    begun = trainer(loaded(base), callback())
    begun.is_world_process_zero = lambda: False
    begun.train()
    assert known.head() == head
    assert not (folder / "out" / "model-2").exists()


def test_a_trainer_within_a_tracked_run_needs_no_callback(known: Registry, base: Path) -> None:
    with provenance.track("student", finetuned_from="tiny", trained_on=["numbers"]) as run:
        begun = trainer(loaded(base))
        begun.train()
        begun.save_model(str(run.output("final")))
    assert lineage(known, "student") == {"finetuned_from model:tiny@1", "trained_on dataset:numbers@1"}


def test_a_dataset_may_be_given_by_its_file(known: Registry, base: Path, folder: Path) -> None:
    from provenance.tracking.transformers import ProvenanceCallback

    rows(folder / "fresh.jsonl", 5)
    trainer(loaded(base), ProvenanceCallback("student", trained_on=folder / "fresh.jsonl")).train()
    assert "trained_on dataset:fresh@1" in lineage(known, "student")
