"""What may tie units to each other without being seen, and what coins alone don't show: no false kinship, no false independence."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from provenance.evidence import Verdict
from provenance.sameinit import Comparison, Effort, Limits
from provenance.sameinit.agreement import Agreement, agreement
from provenance.sameinit.battery import compare_networks
from provenance.sameinit.copies import KEPT_UNITS, PROJECTIONS, copies, sketch
from provenance.sameinit.premises import GATES, TOKENS, UNALIGNED
from provenance.sameinit.robust import robust
from provenance.sameinit.statistics import Coins, detection_limit, sign_test
from provenance.sameinit.symmetries import Group, groups
from provenance.weights.checkpoint import Checkpoint
from provenance.weights.hints import Hints, Norm, Rotation
from provenance.weights.network import Network
from sameinit_fixtures import ARCHITECTURES, Tensors, drawn

WIDTH, HIDDEN, EXPERTS = 32, 128, 8


def network(tensors: Tensors, hints: Hints | None = None) -> Network:
    values = {name: np.ascontiguousarray(one, np.float32) for name, one in tensors.items()}
    return Network.of(Checkpoint.of(Path("memory"), values, hints or Hints()))


def planned(tensors: Tensors, hints: Hints | None = None) -> tuple[Group, ...]:
    layout = network(tensors, hints).layout
    assert layout is not None
    return tuple(groups(layout, layout))


def compared(
    a: Tensors, b: Tensors, effort: Effort = Effort.STANDARD, limits: Limits | None = None
) -> Comparison:
    return compare_networks(network(a), network(b), effort=effort, limits=limits or Limits())


def stack(seed: int, widths: tuple[int, ...] = (16, 64, 64, 64, 96, 64, 10)) -> Tensors:
    rng = np.random.default_rng(seed)
    pairs = pairwise(widths)
    return {
        f"layers.{i}.weight": rng.standard_normal((outputs, inputs))
        for i, (inputs, outputs) in enumerate(pairs)
    }


def exchanged(tensors: Tensors, orders: dict[int, np.ndarray]) -> Tensors:
    """The stack with units in another order: the same one in all layers of a width, as skip connections need it."""
    return {
        name: values[orders.get(len(values), np.arange(len(values)))][
            :, orders.get(values.shape[1], np.arange(values.shape[1]))
        ]
        for name, values in tensors.items()
    }


def tossed(a: Tensors, b: Tensors) -> dict[str, Coins]:
    one, other = network(a), network(b)
    assert one.layout
    assert other.layout
    found = {}
    for group in groups(one.layout, other.layout):
        agreed = agreement(one, other, group)
        assert isinstance(agreed, Agreement), agreed
        coins = sign_test(agreed.values)
        assert isinstance(coins, Coins)
        found[group.name] = coins
    return found


def test_the_coins_of_a_stack_with_skip_connections_show_the_exchanges_of_its_own_width_and_no_other() -> (
    None
):
    a = stack(1)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        swaps = {width: rng.integers(0, 2, width // 2) for width in (64, 96)}
        b = exchanged(a, {width: np.arange(width) ^ np.repeat(swap, 2) for width, swap in swaps.items()})
        found = tossed(a, b)
        assert {(name, one.flips, one.heads) for name, one in found.items()} == {
            (f"hidden of width {width}", width // 2, int((swap == 0).sum())) for width, swap in swaps.items()
        }


def test_strangers_whose_layers_have_a_pattern_of_units_in_common_are_no_kin() -> None:
    def tied(seed: int) -> Tensors:
        rng = np.random.default_rng(seed)
        pattern = rng.standard_normal((64, 1))
        layers = stack(seed, (16, *(64,) * 16, 10))
        return {name: one + pattern if one.shape == (64, 64) else one for name, one in layers.items()}

    p = [compared(tied(seed), tied(seed + 1), Effort.FAST).log10_p or 0.0 for seed in range(0, 60, 2)]
    assert min(p) > -3
    assert np.mean(np.array(p) <= np.log10(0.05)) <= 0.05 + 3 * (0.05 * 0.95 / len(p)) ** 0.5


def test_kin_among_stacks_are_found_though_the_last_layer_was_replaced() -> None:
    a, b = stack(1, (64, 256, 256, 40)), stack(2, (64, 256, 256, 7))
    for name in ("layers.0.weight", "layers.1.weight"):
        b[name] = 0.3 * a[name] + b[name]
    found = compared(a, b)
    assert found.verdict is Verdict.SAME_INIT
    assert [test.name for test in found.tests if test.untestable] == ["hidden 2"]


def shuffled_experts(seed: int) -> Tensors:
    """Experts that began as one, whose units one program shuffled in the same way in every model."""
    rng, shuffle = np.random.default_rng(seed), np.random.default_rng(42)
    layer = "model.layers.0.block_sparse_moe.experts."
    gate, up, down = rng.standard_normal((3, HIDDEN, WIDTH))
    tensors: Tensors = {}
    for expert in range(EXPERTS):
        order = shuffle.permutation(HIDDEN)
        for name, units in (("w1", gate), ("w3", up), ("w2", down)):
            noisy = units[order] + 0.2 * rng.standard_normal(units.shape)
            tensors[f"{layer}{expert}.{name}.weight"] = noisy.T if name == "w2" else noisy
    return tensors


def test_experts_of_one_layer_count_once_though_nothing_shows_that_they_are_copies() -> None:
    found = [
        compared(shuffled_experts(seed), shuffled_experts(seed + 1), Effort.FAST) for seed in range(0, 120, 2)
    ]
    assert {test.cluster for test in found[0].tests} == {"0"}
    p = np.array([one.log10_p or 0.0 for one in found])
    assert (p <= np.log10(0.05)).mean() <= 0.05 + 3 * (0.05 * 0.95 / len(p)) ** 0.5
    assert p.min() > -3


def test_aligned_experts_of_one_layer_count_once_too() -> None:
    table = {"model.embed_tokens.weight": np.random.default_rng(0).standard_normal((600, WIDTH))}
    whole = {**shuffled_experts(1), **table}
    found = robust(network(whole), network(whole))
    assert {test.cluster for test, _ in found.tests if test.part == "mlp"} == {"0~0"}


def test_a_share_of_units_that_was_copied_keeps_independence_from_being_claimed() -> None:
    """A twelfth of the units turns too few coins, and shows in the size of their agreement."""
    shapes = {"layers.0.weight": (512, 128), "layers.1.weight": (40, 512)}
    a, b = drawn(shapes, 1), drawn(shapes, 2)
    limits = Limits(coverage=0.3, rho=0.3)
    assert compared(a, b, limits=limits).verdict is Verdict.INDEPENDENT
    b["layers.0.weight"][:40] = a["layers.0.weight"][:40]
    b["layers.1.weight"][:, :40] = a["layers.1.weight"][:, :40]
    found = compared(a, b, limits=limits)
    assert (found.log10_p or 0) > -3
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "the sizes of the agreement speak against independence in hidden of width 512" in found.reason


def test_units_that_only_an_alignment_finds_are_a_part_where_most_groups_are_not_alike() -> None:
    """A quarter of one layer's gated units stands elsewhere in the other model."""
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (600, 128)}
    for layer in range(6):
        mlp = f"model.layers.{layer}.mlp."
        shapes |= {mlp + "gate_proj.weight": (512, 128), mlp + "up_proj.weight": (512, 128)}
        shapes |= {mlp + "down_proj.weight": (128, 512)}
    a, b = drawn(shapes, 1), drawn(shapes, 2)
    mlp = "model.layers.3.mlp."
    for name in ("gate", "up"):
        b[f"{mlp}{name}_proj.weight"][-128:] = a[f"{mlp}{name}_proj.weight"][:128]
    b[mlp + "down_proj.weight"][:, -128:] = a[mlp + "down_proj.weight"][:, :128]
    found = compared(a, b)
    assert (found.verdict, found.kinship) == (Verdict.SAME_INIT, "partial"), found.reason
    assert "aligned units are alike in 1 of 6 groups, and in no others" in found.reason


def test_copies_among_the_last_units_are_seen() -> None:
    rng = np.random.default_rng(0)
    original = rng.standard_normal((2, 4 * KEPT_UNITS, PROJECTIONS))
    copy = original.copy()
    copy[:, :KEPT_UNITS] = rng.standard_normal((2, KEPT_UNITS, PROJECTIONS))
    stranger = rng.standard_normal(original.shape)
    entries = [(name, sketch(one, 64)) for name, one in (("a", original), ("b", copy), ("c", stranger))]
    assert copies(entries) == {"b": "a"}
    assert len(entries[0][1].a) == KEPT_UNITS


def test_independence_that_nothing_beyond_the_own_coordinates_supports_says_so() -> None:
    shapes = {name: shape for name, shape in ARCHITECTURES["bert"].items() if "embeddings" not in name}
    found = compared(drawn(shapes, 1), drawn(shapes, 2), limits=Limits(rho=0.5, coverage=0.1))
    assert found.verdict is Verdict.INDEPENDENT
    assert found.reason.startswith(
        "in the models' own coordinates, beyond which nothing could be looked at ("
    )
    assert UNALIGNED in found.assumptions
    assert TOKENS not in found.assumptions


def test_what_was_aligned_by_tables_rests_on_equal_tokens() -> None:
    found = compared(drawn(ARCHITECTURES["llama"], 1), drawn(ARCHITECTURES["llama"], 2))
    assert any(test.tier == 2 for test in found.tests)
    assert TOKENS in found.assumptions


def test_recurrent_groups_rest_on_the_order_of_gates() -> None:
    shapes = {"weight_ih_l0": (4 * 64, 32), "weight_hh_l0": (4 * 64, 64)}
    found = compared(drawn(shapes, 1), drawn(shapes, 2))
    assert GATES in found.assumptions


HINTS = Hints(heads=2, kv_heads=2, head_size=16, norm=Norm.RMS, rotation=Rotation.HALVES)


def llama() -> Tensors:
    shapes = {f"model.layers.0.self_attn.{name}_proj.weight": (WIDTH, WIDTH) for name in "qkvo"}
    shapes |= {f"model.layers.0.mlp.{name}_proj.weight": (HIDDEN, WIDTH) for name in ("gate", "up")}
    shapes |= {
        "model.layers.0.mlp.down_proj.weight": (WIDTH, HIDDEN),
        "model.embed_tokens.weight": (300, WIDTH),
    }
    gains = ("input_layernorm", "post_attention_layernorm")
    ones = {f"model.layers.0.{name}.weight": np.ones(WIDTH, np.float32) for name in gains}
    return {**drawn(shapes, 1), **ones}


@pytest.mark.parametrize(
    ("suffixes", "norm", "is_tested"),
    [
        ((), Norm.RMS, True),
        (("q_norm.weight", "k_norm.weight"), Norm.RMS, True),
        (("q_norm.weight", "k_norm.weight"), Norm.LAYER, False),
        (("q_layernorm.weight", "q_layernorm.bias"), Norm.RMS, False),
    ],
)
def test_queries_and_keys_behind_a_norm_that_may_subtract_the_mean_are_not_tested(
    suffixes: tuple[str, ...], norm: Norm, is_tested: bool
) -> None:
    norms = {f"model.layers.0.self_attn.{suffix}": np.ones(16, np.float32) for suffix in suffixes}
    found = {group.name for group in planned({**llama(), **norms}, replace(HINTS, norm=norm))}
    assert ("0.key+query" in found) == is_tested


def test_a_config_alone_does_not_make_a_rotary_family_unrotated() -> None:
    found = {group.name for group in planned(llama(), replace(HINTS, rotation=Rotation.NONE))}
    assert "0.value+output" in found
    assert not any("query" in name for name in found)


def flipped(tensors: Tensors, seed: int) -> Tensors:
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1.0, 1.0], HIDDEN).astype(np.float32)
    layer = "model.layers.0.mlp."
    return {
        **tensors,
        layer + "up_proj.weight": tensors[layer + "up_proj.weight"] * signs[:, None],
        layer + "down_proj.weight": tensors[layer + "down_proj.weight"] * signs,
    }


def test_flips_do_not_change_which_model_is_looked_at_first() -> None:
    a = llama()
    b = {name: values[::-1].copy() for name, values in a.items()}
    found = [robust(network(a, HINTS), network(flipped(b, seed), HINTS)) for seed in range(6)]
    sizes = [[test.elements for test, _ in one.tests] for one in found]
    assert all(one == sizes[0] for one in sizes)
    assert len({one.aligned_cosine for one in found}) > 1


def test_what_a_cluster_pays_is_added_to_the_limit_and_never_runs_out_of_numbers() -> None:
    group = Coins(flips=4096, heads=2048, mean=0.0, rms=0.02, log10_p=0.0, log10_bound=0.0)
    free = detection_limit([group] * 64, 1e-6)
    paid = detection_limit([group] * 64, 1e-6, 64 * np.log(256))
    assert free is not None
    assert paid is not None
    assert free < paid < 0.01
