"""The battery on sketches alone: kin are told, and the p-values of strangers are those of coins."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from provenance.evidence import Verdict
from provenance.sameinit.battery import compare_networks
from provenance.sameinit.sketch import Sketch, side_by_side, sketch
from provenance.weights.checkpoint import Checkpoint
from provenance.weights.network import Network
from sameinit_fixtures import ARCHITECTURES, Shapes, Tensors, drawn, moved

WIDE, DEEP, VOCABULARY = 256, 1100, 3000
LARGE: Shapes = {
    "model.embed_tokens.weight": (VOCABULARY, WIDE),
    "lm_head.weight": (VOCABULARY, WIDE),
    "model.layers.0.self_attn.q_proj.weight": (WIDE, WIDE),
    "model.layers.0.self_attn.k_proj.weight": (WIDE, WIDE),
    "model.layers.0.self_attn.v_proj.weight": (WIDE, WIDE),
    "model.layers.0.self_attn.o_proj.weight": (WIDE, WIDE),
    "model.layers.0.mlp.gate_proj.weight": (DEEP, WIDE),
    "model.layers.0.mlp.up_proj.weight": (DEEP, WIDE),
    "model.layers.0.mlp.down_proj.weight": (WIDE, DEEP),
}


def of(tensors: Tensors) -> Sketch:
    found = sketch(Network.of(Checkpoint.of(Path("model"), tensors)))
    assert found is not None
    return found


@pytest.mark.parametrize("architecture", ["llama", "llama-grouped", "gpt2", "bert", "mlp"])
def test_kin_are_told_from_their_sketches(architecture: str) -> None:
    base = drawn(ARCHITECTURES[architecture], 700)
    found = compare_networks(*side_by_side(of(base), of(moved(base, 701, 0.9))), sampled=True)
    assert found.verdict is Verdict.SAME_INIT, found.reason


def test_kin_are_told_from_a_small_part_of_large_matrices() -> None:
    base = drawn(LARGE, 702)
    one = of(base)
    assert len(one.codes) < 0.2 * sum(values.size for values in base.values())
    found = compare_networks(*side_by_side(one, of(moved(base, 703, 0.3))), sampled=True)
    assert found.verdict is Verdict.SAME_INIT, found.reason


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_the_coins_of_strangers_are_fair_on_sketches(architecture: str) -> None:
    """45 pairs of 10 models: group scores are standard normal, and p-values no smaller than uniform ones."""
    models = [of(drawn(ARCHITECTURES[architecture], 800 + seed)) for seed in range(10)]
    scores, p_values = [], []
    for i, one in enumerate(models):
        for other in models[:i]:
            found = compare_networks(*side_by_side(one, other), sampled=True)
            assert found.verdict is not Verdict.SAME_INIT
            assert found.log10_p is not None
            p_values.append(10**found.log10_p)
            scores += [
                (2 * test.heads - test.flips) / test.flips**0.5
                for test in found.tests
                if test.heads and test.flips
            ]
    assert abs(np.mean(scores)) < 0.15
    assert 0.85 < np.std(scores) < 1.15
    assert np.mean(np.array(p_values) <= 0.05) < 0.15  # 3 standard errors above


def test_comparing_sketches_is_symmetric() -> None:
    one, other = of(drawn(LARGE, 704)), of(moved(drawn(LARGE, 704), 705, 0.1))
    there, back = (
        compare_networks(*side_by_side(*pair), sampled=True) for pair in ((one, other), (other, one))
    )
    assert (there.verdict, there.log10_p, there.tests) == (back.verdict, back.log10_p, back.tests)


def as_half(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float16).astype(np.float32)


def as_int4(values: np.ndarray) -> np.ndarray:
    step = np.abs(values).max() / 7
    return (np.rint(values / step) * step).astype(np.float32)


@pytest.mark.parametrize("change", [as_half, as_int4])
def test_rounded_copies_are_told_from_their_sketches(change: Callable[[np.ndarray], np.ndarray]) -> None:
    base = drawn(LARGE, 706)
    copy = {name: change(values) for name, values in base.items()}
    found = compare_networks(*side_by_side(of(base), of(copy)), sampled=True)
    assert found.verdict is Verdict.SAME_INIT
    assert found.aligned_cosine is not None
    assert found.aligned_cosine > 0.9
