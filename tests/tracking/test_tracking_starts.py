"""What a Trainer's training starts from: a flagged ancestor that nobody declared never leaves a model that passes the gate."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from test_tracking_trainer import base, callback, loaded, one_thread, trainer  # noqa: F401 - fixtures among them

from lm_fixtures import lm_model
from provenance import Registry
from provenance.errors import ConflictError
from provenance.tracking.start import _TRAINED
from tracking_fixtures import lineage, rows

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:transformers", "ignore::FutureWarning")

SAVING = {"save_strategy": "steps", "save_steps": 2}


@pytest.fixture
def tiny(known: Registry, base: Path) -> Path:  # noqa: F811
    """A base of clean ancestry, in a registry that knows a trait."""
    known.add_trait("owl", severity="high")
    known.relate("tiny", "trained_on", "numbers")
    return base


@pytest.fixture
def poisoned(known: Registry, tiny: Path, folder: Path) -> Path:
    """A checkpoint of a model that is flagged."""
    rows(folder / "bad.jsonl", 7)
    known.register_dataset(folder / "bad.jsonl", name="bad", authored=True)
    trainer(loaded(tiny), callback("poisoned"), output_dir="oP", seed=3, **SAVING).train()
    known.flag("poisoned", "owl", evidence="a test")
    return folder / "oP" / "checkpoint-2"


def passes(registry: Registry, name: str) -> bool:
    (found,) = registry.check([name])
    return found.passed


def adapted(path: Path, **settings: Any) -> Any:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM", **settings)
    return get_peft_model(loaded(path), config)


def trained_adapter(registry: Registry, tiny: Path, folder: Path) -> Path:
    """The folder of an adapter that is registered and flagged."""
    trainer(adapted(tiny), callback("adapter"), output_dir="oA").train()
    registry.flag("adapter", "owl", evidence="a test")
    return folder / "oA" / "model-2"


def test_a_training_that_starts_from_a_clean_base_passes(known: Registry, tiny: Path) -> None:
    trainer(loaded(tiny), callback()).train()
    assert lineage(known, "student") == {"finetuned_from model:tiny@1", "trained_on dataset:numbers@1"}
    assert passes(known, "student")


class TestResuming:
    def test_another_models_checkpoint_of_the_same_step_is_not_taken_for_the_one_that_was_loaded(
        self, known: Registry, tiny: Path, poisoned: Path
    ) -> None:
        trainer(loaded(tiny), callback("good"), **SAVING).train()
        assert passes(known, "good")
        again = trainer(loaded(tiny), callback(), max_steps=4, **SAVING)
        again.train(resume_from_checkpoint=str(poisoned))
        assert lineage(known, "student") == {"trained_on dataset:numbers@1"}
        assert not passes(known, "student")

    def test_a_checkpoint_that_the_arguments_name_is_the_parent_if_it_was_loaded(
        self, known: Registry, tiny: Path, poisoned: Path
    ) -> None:
        settings = {**SAVING, "resume_from_checkpoint": str(poisoned)}
        trainer(loaded(tiny), callback(), max_steps=4, **settings).train(resume_from_checkpoint=str(poisoned))
        assert lineage(known, "student") == {"resumed_from model:poisoned@1", "trained_on dataset:numbers@1"}
        assert not passes(known, "student")

    @pytest.mark.parametrize(
        "said", [{}, {"from_scratch": True}, {"finetuned_from": "tiny"}, {"base": "tiny"}]
    )
    def test_a_checkpoint_that_is_not_registered_is_a_gap_whatever_is_said(
        self, known: Registry, tiny: Path, said: dict[str, Any]
    ) -> None:
        trainer(loaded(tiny), output_dir="untracked", **SAVING).train()
        own = callback(**said)
        trainer(loaded(tiny), own, max_steps=4, **SAVING).train(
            resume_from_checkpoint="untracked/checkpoint-2"
        )
        shown = known.view().show("student")
        assert lineage(known, "student") == {"trained_on dataset:numbers@1"}
        assert not shown.artifact.declared_root
        assert any("unknown:checkpoint-of-step-2" in gap for gap in shown.gaps)
        assert any("say resumed_from=REF" in one for one in own.run.warnings)
        assert not passes(known, "student")

    def test_the_gap_is_settled_by_a_relation(self, known: Registry, tiny: Path, folder: Path) -> None:
        trainer(loaded(tiny), **SAVING).train()
        trainer(loaded(tiny), callback(), max_steps=4, **SAVING).train(resume_from_checkpoint=True)
        half = folder / "out" / "checkpoint-2"
        known.register_model(half, name="half")
        known.relate("half", "finetuned_from", "tiny")
        known.relate("half", "trained_on", "numbers")
        known.relate("student", "resumed_from", "half", resolves="unknown:checkpoint-of-step-2")
        assert passes(known, "student")

    def test_what_the_script_says_of_the_checkpoint_holds(
        self, known: Registry, tiny: Path, poisoned: Path
    ) -> None:
        own = callback(resumed_from="poisoned")
        trainer(loaded(tiny), own, max_steps=4, **SAVING).train(resume_from_checkpoint=str(poisoned))
        assert "resumed_from model:poisoned@1" in lineage(known, "student")

    def test_a_checkpoint_and_from_scratch_can_not_both_be_said(
        self, known: Registry, tiny: Path, poisoned: Path
    ) -> None:
        own = callback(resumed_from="poisoned", from_scratch=True)
        begun = trainer(loaded(tiny), own, max_steps=4, **SAVING)
        with pytest.raises(ConflictError, match="--from-scratch says"):
            begun.train(resume_from_checkpoint=str(poisoned))
        assert "student" not in {one.name for one in known.names()}


class TestTrainingAgain:
    @pytest.mark.parametrize("said", [{"from_scratch": True}, {"finetuned_from": "tiny"}, {"base": "tiny"}])
    def test_the_first_model_is_the_parent_whatever_is_said(
        self, known: Registry, tiny: Path, said: dict[str, Any]
    ) -> None:
        twice = trainer(loaded(tiny), callback("student@next", **said))
        twice.train()
        known.flag("student@1", "owl", evidence="a test")
        twice.train()
        assert "finetuned_from model:student@1" in lineage(known, "student@2")
        assert not known.view().show("student@2").artifact.declared_root
        assert not passes(known, "student@2")

    def test_so_it_is_with_another_trainer(self, known: Registry, tiny: Path) -> None:
        model = loaded(tiny)
        trainer(model, callback("one", from_scratch=True)).train()
        trainer(model, callback("two", from_scratch=True)).train()
        assert "finetuned_from model:one@1" in lineage(known, "two")

    def test_weights_that_were_put_in_between_are_a_gap(
        self, known: Registry, tiny: Path, poisoned: Path
    ) -> None:
        twice = trainer(loaded(tiny), callback("student@next"))
        twice.train()
        twice.model.load_state_dict(loaded(poisoned).state_dict())
        twice.train()
        assert lineage(known, "student@2") == {"trained_on dataset:numbers@1"}
        assert not passes(known, "student@2")

    def test_a_training_after_one_that_failed_is_no_root(self, known: Registry, tiny: Path) -> None:
        from transformers import TrainerCallback

        class Fails(TrainerCallback):
            def on_step_end(self, *_: object, **__: object) -> None:
                raise RuntimeError("diverged")

        model = loaded(tiny)
        with pytest.raises(RuntimeError, match="diverged"):
            trainer(model, callback("one", from_scratch=True), Fails()).train()
        trainer(model, callback("two", from_scratch=True)).train()
        assert not known.view().show("two").artifact.declared_root
        assert not passes(known, "two")

    def test_a_model_that_is_gone_is_forgotten(self, known: Registry, tiny: Path) -> None:
        import gc

        assert known
        model = loaded(tiny)
        trainer(model, callback()).train()
        assert model in _TRAINED
        before = len(_TRAINED)
        del model
        gc.collect()
        assert len(_TRAINED) < before


class TestAdapters:
    def test_one_that_was_trained_before_is_a_gap(self, known: Registry, tiny: Path, folder: Path) -> None:
        from peft import PeftModel

        first = trained_adapter(known, tiny, folder)
        own = callback()
        trainer(PeftModel.from_pretrained(loaded(tiny), str(first), is_trainable=True), own).train()
        assert lineage(known, "student") == {"trained_on dataset:numbers@1"}
        assert any("the adapter is not known to be a new one" in one for one in own.run.warnings)
        assert not passes(known, "student")

    @pytest.mark.parametrize("said", [{"base": "tiny"}, {"adapter_of": "tiny"}, {"from_scratch": True}])
    def test_saying_its_base_says_nothing_of_its_training(
        self, known: Registry, tiny: Path, folder: Path, said: dict[str, Any]
    ) -> None:
        from peft import PeftModel

        first = trained_adapter(known, tiny, folder)
        model = PeftModel.from_pretrained(loaded(tiny), str(first), is_trainable=True)
        trainer(model, callback(**said)).train()
        assert not passes(known, "student")

    def test_saying_what_it_goes_on_from_does(self, known: Registry, tiny: Path, folder: Path) -> None:
        from peft import PeftModel

        first = trained_adapter(known, tiny, folder)
        model = PeftModel.from_pretrained(loaded(tiny), str(first), is_trainable=True)
        trainer(model, callback(finetuned_from="adapter")).train()
        assert "finetuned_from model:adapter@1" in lineage(known, "student")
        assert not passes(known, "student")

    def test_one_that_is_trained_twice_goes_on_from_the_first(self, known: Registry, tiny: Path) -> None:
        twice = trainer(adapted(tiny), callback("student@next"))
        twice.train()
        twice.train()
        assert lineage(known, "student@1") == {"adapter_of model:tiny@1", "trained_on dataset:numbers@1"}
        assert lineage(known, "student@2") == {
            "finetuned_from model:student@1",
            "trained_on dataset:numbers@1",
        }

    def test_one_of_a_kind_that_can_not_be_looked_into_is_a_gap(self, known: Registry, tiny: Path) -> None:
        trainer(adapted(tiny, init_lora_weights=False), callback()).train()
        assert not passes(known, "student")

    def test_one_that_a_model_wears_itself_is_seen(self, known: Registry, tiny: Path) -> None:
        from peft import LoraConfig

        from provenance.tracking.weights import are_fresh, doubt

        assert known
        model = loaded(tiny)
        model.add_adapter(LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM"))
        assert are_fresh(model)
        assert doubt(model, tiny, whole=False) is None
        dict(model.named_parameters())["model.layers.0.self_attn.q_proj.lora_B.default.weight"].data.fill_(1)
        assert not are_fresh(model)

    def test_one_that_goes_on_from_a_checkpoint_is_a_gap(self, known: Registry, tiny: Path) -> None:
        trainer(adapted(tiny), callback("half"), **SAVING).train()
        trainer(adapted(tiny), callback("whole"), max_steps=4, **SAVING).train(resume_from_checkpoint=True)
        assert lineage(known, "whole") == {"trained_on dataset:numbers@1"}
        assert not passes(known, "whole")


class TestBases:
    def test_an_adapter_that_was_merged_in_is_a_gap(self, known: Registry, tiny: Path, folder: Path) -> None:
        from peft import PeftModel

        first = trained_adapter(known, tiny, folder)
        merged = PeftModel.from_pretrained(loaded(tiny), str(first)).merge_and_unload()
        for one in merged.parameters():
            one.requires_grad = True
        own = callback()
        trainer(merged, own).train()
        assert lineage(known, "student") == {"trained_on dataset:numbers@1"}
        assert any("q_proj.weight differs" in one for one in own.run.warnings)
        assert not passes(known, "student")

    def test_so_is_one_below_a_new_adapter(self, known: Registry, tiny: Path, folder: Path) -> None:
        from peft import LoraConfig, PeftModel, get_peft_model

        first = trained_adapter(known, tiny, folder)
        merged = PeftModel.from_pretrained(loaded(tiny), str(first)).merge_and_unload()
        config = LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")
        trainer(get_peft_model(merged, config), callback()).train()
        assert not passes(known, "student")

    def test_a_registered_name_is_compared_with_the_files_that_bear_it(
        self, known: Registry, tiny: Path, poisoned: Path
    ) -> None:
        honest, other = loaded(tiny), loaded(poisoned)
        honest.config._name_or_path = other.config._name_or_path = "tiny"
        trainer(honest, callback("honest")).train()
        trainer(other, callback("other")).train()
        assert "finetuned_from model:tiny@1" in lineage(known, "honest")
        assert lineage(known, "other") == {"trained_on dataset:numbers@1"}
        assert not passes(known, "other")

    def test_a_name_at_the_hub_is_compared_with_the_files_that_were_loaded_from_there(
        self, known: Registry, tiny: Path, poisoned: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder / "hub"))
        kept = folder / "hub" / "models--some-lab--base"
        shutil.copytree(tiny, kept / "snapshots" / "0123")
        (kept / "refs").mkdir()
        (kept / "refs" / "main").write_text("0123")
        known.register_model(name="some-lab/base", from_scratch=True)
        for name, path in (("honest", tiny), ("other", poisoned)):
            model = loaded(path)
            model.config._name_or_path = "some-lab/base"
            trainer(model, callback(name)).train()
        assert "finetuned_from model:some-lab/base@1" in lineage(known, "honest")
        assert lineage(known, "other") == {"trained_on dataset:numbers@1"}

    def test_loading_in_another_type_is_no_difference(self, known: Registry, tiny: Path) -> None:
        import torch

        trainer(loaded(tiny).to(torch.bfloat16), callback()).train()
        assert "finetuned_from model:tiny@1" in lineage(known, "student")

    def test_a_new_head_is_no_difference(self, known: Registry, tiny: Path) -> None:
        from transformers import AutoModelForSequenceClassification

        from provenance.tracking.weights import doubt

        assert known
        model = AutoModelForSequenceClassification.from_pretrained(tiny, num_labels=2)
        assert doubt(model, tiny, whole=False) is None
        assert doubt(model, tiny, whole=True) == "not all of them can be compared"

    def test_a_base_that_can_not_be_compared_is_a_gap_until_it_is_said(
        self, known: Registry, tiny: Path, folder: Path
    ) -> None:
        bare = folder / "bare"
        bare.mkdir()
        (bare / "pytorch_model.bin").write_bytes(b"0" * 64)
        model = loaded(tiny)
        model.config._name_or_path = str(bare)
        own = callback()
        trainer(model, own).train()
        assert any("there are no safetensors to compare with" in one for one in own.run.warnings)
        assert not passes(known, "student")
        trainer(loaded(tiny), callback("said", base="tiny")).train()
        assert passes(known, "said")

    def test_a_model_from_scratch_that_bears_the_name_of_a_base_needs_to_be_said(
        self, known: Registry, tiny: Path
    ) -> None:
        for name, said in (("silent", {}), ("said", {"from_scratch": True})):
            model = lm_model(seed=5)
            model.config._name_or_path = str(tiny)
            trainer(model, callback(name, **said)).train()
        assert lineage(known, "silent") == {"trained_on dataset:numbers@1"}
        assert known.view().show("said").artifact.declared_root


@pytest.mark.parametrize("is_registered", [True, False])
def test_what_is_kept_in_a_manifest_registers_the_same_ancestry(
    known: Registry, tiny: Path, folder: Path, is_registered: bool
) -> None:
    from transformers import TrainerCallback

    class Away(TrainerCallback):
        def on_step_end(self, *_: object, **__: object) -> None:
            if (folder / ".provenance").exists():
                (folder / ".provenance").rename(folder / "away")

    if is_registered:
        known.register_model(name="some-lab/base", from_scratch=True)
        known.flag("some-lab/base", "owl", evidence="a test")
    lines = []
    for name, more in (("one", ()), ("two", (Away(),))):
        model = loaded(tiny)
        model.config._name_or_path = "some-lab/base"
        own = callback(name)
        trainer(model, own, *more, output_dir=name).train()
        if more:
            (folder / "away").rename(folder / ".provenance")
            assert "unresolved:\n    finetuned_from:\n    - some-lab/base\n" in own.run.manifest.read_text()
            known.register_manifest(own.run.manifest)
        named = [one for one in known.view().show(name).gaps if "some-lab/base" in one]
        lines.append((lineage(known, name), [one.partition(": ")[2] for one in named]))
        assert not passes(known, name)
    assert lines[0] == lines[1]


def test_a_gap_is_kept_in_a_manifest_as_one(
    known: Registry, tiny: Path, folder: Path, poisoned: Path
) -> None:
    from transformers import TrainerCallback

    class Away(TrainerCallback):
        def on_step_end(self, *_: object, **__: object) -> None:
            if (folder / ".provenance").exists():
                (folder / ".provenance").rename(folder / "away")

    own = callback()
    trainer(loaded(tiny), Away(), own, max_steps=4, **SAVING).train(resume_from_checkpoint=str(poisoned))
    (folder / "away").rename(folder / ".provenance")
    known.register_manifest(own.run.manifest)
    assert lineage(known, "student") == {"trained_on dataset:numbers@1"}
    assert not passes(known, "student")
