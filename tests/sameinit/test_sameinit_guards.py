"""What would make the tests say more than they know: untested matrices, copies within a model, built matrices."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from provenance.evidence import Verdict
from provenance.sameinit import Comparison, Limits, compare
from sameinit_fixtures import ARCHITECTURES, TOKENS, WIDTH, Shapes, Tensors, drawn, moved, saved

SMALL = Limits(rho=0.5, coverage=0.3)
CHAIN = ARCHITECTURES["mlp"]
LAYERS = 8


def compared(folder: Path, a: Tensors, b: Tensors, limits: Limits = SMALL) -> Comparison:
    return compare(saved(a, folder / "a.safetensors"), saved(b, folder / "b.safetensors"), limits=limits)


def opt() -> Shapes:
    """OPT's names: an embedding that no rule tests, since how its positions enter is not known."""
    shapes: dict[str, tuple[int, ...]] = {"model.decoder.embed_tokens.weight": (TOKENS, WIDTH)}
    for i in range(2):
        layer = f"model.decoder.layers.{i}."
        shapes |= {f"{layer}self_attn.{name}_proj.weight": (WIDTH, WIDTH) for name in ("q", "k", "v", "out")}
        shapes |= {layer + "fc1.weight": (160, WIDTH), layer + "fc2.weight": (WIDTH, 160)}
    return shapes


UNTESTED = {
    "an embedding": (opt(), "embed_tokens"),
    "queries and keys under rotary positions": (ARCHITECTURES["llama"], r"[qk]_proj"),
    "half of the parameters": ({**CHAIN, "projector.weight": (96, 64)}, "projector"),
}


@pytest.mark.parametrize("case", UNTESTED)
def test_a_matrix_that_no_test_covers_and_that_is_alike_keeps_independence_from_being_claimed(
    case: str, tmp_path: Path
) -> None:
    shapes, copied = UNTESTED[case]
    a, b = drawn(shapes, 1), drawn(shapes, 2)
    assert compared(tmp_path, a, b).verdict is Verdict.INDEPENDENT
    tuned = moved({name: values for name, values in a.items() if re.search(copied, name)}, 3, 0.995)
    found = compared(tmp_path, a, {**b, **tuned})
    assert found.verdict is Verdict.INCONCLUSIVE
    assert re.search(rf"{copied}.* is tested by nothing, and is alike", found.reason)


def test_a_matrix_of_one_model_that_no_test_covers_keeps_independence_from_being_claimed(
    tmp_path: Path,
) -> None:
    a, b = (drawn({**CHAIN, "projector.weight": (96, 64)}, seed) for seed in (1, 2))
    del b["projector.weight"]
    found = compared(tmp_path, a, b)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "projector.weight is tested by nothing, and has no counterpart" in found.reason


def test_packed_weights_count_as_parameters_and_are_no_independence(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    other = codes.copy()
    other[0, 0] ^= 1
    found = compared(
        tmp_path, {**drawn(CHAIN, 1), "packed.weight": codes}, {**drawn(CHAIN, 2), "packed.weight": other}
    )
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "packed.weight is tested by nothing, and holds U8" in found.reason
    assert found.coverage < 0.6


@pytest.mark.parametrize("strength", [1.0, 0.3])
@pytest.mark.parametrize("shape", [(256, 64), (64, 256)])
def test_a_tiled_identity_is_built_and_not_drawn(
    strength: float, shape: tuple[int, int], tmp_path: Path
) -> None:
    rows, columns = np.indices(shape)
    tiled = strength * (rows % min(shape) == columns % min(shape))
    outer = shape[::-1]
    models = []
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        layers = {"layers.0.weight": shape, "layers.1.weight": outer, "layers.2.weight": (10, outer[0])}
        model = {name: rng.standard_normal(size) / size[1] ** 0.5 for name, size in layers.items()}
        model["layers.0.weight"] += tiled
        models.append({name: values.astype(np.float32) for name, values in model.items()})
    found = compared(tmp_path, *models)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "stands out on its diagonal" in found.reason


def upcycled(seed: int) -> Tensors:
    """Eight experts that started as copies of one, with a fifth of noise."""
    rng = np.random.default_rng(seed)
    layer = "model.layers.0.block_sparse_moe.experts."
    tensors: Tensors = {}
    for name, shape in (("w1", (128, 32)), ("w3", (128, 32)), ("w2", (32, 128))):
        one = rng.standard_normal(shape)
        for expert in range(8):
            tensors[f"{layer}{expert}.{name}.weight"] = one + 0.2 * rng.standard_normal(shape)
    return {name: values.astype(np.float32) for name, values in tensors.items()}


def stacked(seed: int, copies: int, heads: int = 1) -> Tensors:
    """A model of Llama's names: runs of layers that are copies, values whose heads are repeated."""
    rng = np.random.default_rng(seed)
    tensors: Tensors = {}
    for i in range(LAYERS):
        if i % copies == 0:
            kept = {
                "mlp.gate_proj": rng.standard_normal((128, 32)),
                "mlp.up_proj": rng.standard_normal((128, 32)),
                "mlp.down_proj": rng.standard_normal((32, 128)),
                "self_attn.v_proj": np.repeat(
                    rng.standard_normal((128 // 16 // heads, 16, 32)), heads, axis=0
                ).reshape(128, 32),
                "self_attn.o_proj": rng.standard_normal((32, 128)),
            }
        tensors |= {f"model.layers.{i}.{name}.weight": values for name, values in kept.items()}
    return {name: values.astype(np.float32) for name, values in tensors.items()}


COPIES = {
    "upcycled experts": upcycled,
    "all layers copies of one": lambda seed: stacked(seed, LAYERS),
    "each layer twice": lambda seed: stacked(seed, 2),
    "values repeated for eight heads": lambda seed: stacked(seed, 1, heads=8),
}


@pytest.mark.parametrize("case", COPIES)
def test_copies_within_each_model_don_t_count_twice(case: str, tmp_path: Path) -> None:
    paths = [saved(COPIES[case](seed), tmp_path / f"{seed}.safetensors") for seed in range(12)]
    found = [compare(one, other) for i, one in enumerate(paths) for other in paths[:i]]
    p = np.array([10 ** (one.log10_p or 0.0) for one in found])
    assert all(one.verdict is not Verdict.SAME_INIT for one in found)
    for level in (0.05, 0.01):
        assert (p <= level).mean() <= level + 3 * math.sqrt(level * (1 - level) / len(p))
    assert any("related within both models" in text for text in found[0].assumptions) == (
        case != "values repeated for eight heads"
    )


def test_kin_whose_layers_are_copies_are_still_found(tmp_path: Path) -> None:
    base = {name: 0.02 * values for name, values in stacked(1, 2).items()}
    found = compared(tmp_path, base, moved(base, 3, 0.8))
    assert found.verdict is Verdict.SAME_INIT
    assert {test.copy_of for test in found.tests if test.name.startswith("1.")} == {
        "0.gate",
        "0.up+down",
        "0.value+output",
    }


def test_groups_that_can_t_tell_are_not_counted_as_shared(tmp_path: Path) -> None:
    shapes = {
        "model.embed_tokens.weight": (300, 256),
        **{
            f"model.layers.{i}.{name}.weight": shape
            for i in range(2)
            for name, shape in {
                "self_attn.v_proj": (16, 256),
                "self_attn.o_proj": (256, 16),
                "mlp.gate_proj": (512, 256),
                "mlp.up_proj": (512, 256),
                "mlp.down_proj": (256, 512),
            }.items()
        },
    }
    a, b = drawn(shapes, 1), drawn(shapes, 2)
    found = compared(
        tmp_path, a, moved({**b, "model.embed_tokens.weight": a["model.embed_tokens.weight"]}, 3, 0.9)
    )
    assert (found.verdict, found.kinship) == (Verdict.SAME_INIT, "partial")
    assert found.reason.endswith(
        "shared are embedding (1 group); not shared, though it would have been seen, are gate (2 groups), "
        "mlp (2 groups); 2 groups are too small to tell"
    )
