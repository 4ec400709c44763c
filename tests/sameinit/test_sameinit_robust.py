"""The robust test: disguised copies are found, strangers are not, and the coins are as fair as the proof says."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

import sameinit_disguises as disguise
from provenance.sameinit.attention import match_heads, match_values
from provenance.sameinit.matching import Match, match_hidden
from provenance.sameinit.robust import Robust, robust
from provenance.sameinit.statistics import Coins, fisher
from provenance.weights.families import Role
from provenance.weights.network import Network
from provenance.weights.roles import Slot
from sameinit_disguises import CONFIG, LAYERS, in_folder, model, tuned
from sameinit_fixtures import Tensors, drawn, moved, saved
from sameinit_fixtures import gpt2 as gpt2_shapes

Disguise = Callable[[Tensors], Tensors]


def all_of_them(tensors: Tensors) -> Tensors:
    return disguise.rotated(disguise.permuted(disguise.scaled(disguise.values_rotated(tensors))))


FUNCTION_KEPT: dict[str, Disguise] = {
    "gains folded": disguise.folded,
    "rotated": disguise.rotated,
    "permuted": disguise.permuted,
    "scaled": disguise.scaled,
    "values rotated": disguise.values_rotated,
    "signs turned": lambda tensors: disguise.with_signs(tensors, 3),
    "all at once": all_of_them,
}


def opened(tensors: Tensors, folder: Path, name: str) -> Network:
    return Network.open(in_folder(tensors, folder / name))


def compared(a: Tensors, b: Tensors, folder: Path) -> Robust:
    return robust(opened(a, folder, "a"), opened(b, folder, "b"))


def log10_p(found: Robust, part: str | None = None) -> float:
    return fisher(
        [
            coins.log10_p
            for test, coins in found.tests
            if isinstance(coins, Coins) and part in {None, test.part}
        ]
    )


@pytest.mark.parametrize("name", FUNCTION_KEPT)
def test_a_disguise_keeps_what_the_network_computes(name: str) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    network = transformers.LlamaForCausalLM(transformers.LlamaConfig(**CONFIG)).eval()
    tokens = torch.arange(24).reshape(2, 12) * 13 % disguise.VOCABULARY
    answers = []
    for tensors in (model(1), FUNCTION_KEPT[name](model(1))):
        # Larger than they are drawn, so that what the layers add counts beside the embedding.
        network.load_state_dict(
            {
                key: torch.tensor(10 * values) if values.ndim > 1 else torch.tensor(values)
                for key, values in tensors.items()
            }
        )
        with torch.no_grad():
            answers.append(network(tokens).logits.numpy())
    assert np.abs(answers[0]).max() > 0.1
    np.testing.assert_allclose(answers[0], answers[1], rtol=1e-3, atol=1e-3 * np.abs(answers[0]).max())


@pytest.mark.parametrize("name", [name for name in FUNCTION_KEPT if name != "signs turned"])
def test_a_disguised_copy_that_was_tuned_is_found(name: str, tmp_path: Path) -> None:
    found = compared(tuned(model(1), 8), tuned(FUNCTION_KEPT[name](model(1)), 9), tmp_path)
    assert found.obstacles == ()
    assert log10_p(found, "mlp") < -80
    values_speak = name not in {"values rotated", "all at once"}
    assert (log10_p(found, "attention") < -10) is values_speak
    assert found.aligned_cosine is not None
    assert found.aligned_cosine > 0.5
    assert [(match.a, match.b) for match in found.layers] == [((n,), (n,)) for n in range(LAYERS)]


def test_an_exact_copy_has_an_aligned_cosine_of_one(tmp_path: Path) -> None:
    found = compared(model(1), disguise.rotated(disguise.permuted(disguise.scaled(model(1)))), tmp_path)
    assert found.aligned_cosine == pytest.approx(1, abs=1e-4)
    assert found.alignment is not None
    assert found.alignment.rotation is not None
    assert all(isinstance(coins, Coins) and coins.heads == coins.flips for _, coins in found.tests)


@pytest.mark.parametrize("attempt", range(3))
def test_an_extended_vocabulary_and_other_seeds_change_nothing(attempt: int, tmp_path: Path) -> None:
    extended = {
        name: np.concatenate([values, drawn({name: (40, disguise.WIDTH)}, attempt)[name]])
        if name in {"model.embed_tokens.weight", "lm_head.weight"}
        else values
        for name, values in disguise.rotated(tuned(model(attempt), 5), attempt).items()
    }
    assert log10_p(compared(model(attempt), extended, tmp_path)) < -100


def test_weak_kin_in_other_coordinates_are_found(tmp_path: Path) -> None:
    base = disguise.folded(model(1))
    child = disguise.rotated(disguise.permuted(tuned(base, 4, share=2.0)))
    found = compared(base, child, tmp_path)
    assert found.aligned_cosine is not None
    assert 0.2 < found.aligned_cosine < 0.5
    assert log10_p(found) < -20


def coins(found: Sequence[Match]) -> np.ndarray:
    return np.concatenate([match.agreement for match in found])


def test_flipping_the_tested_units_flips_their_coins_and_nothing_else(tmp_path: Path) -> None:
    a, b = tuned(model(1), 2), disguise.rotated(disguise.permuted(tuned(model(1), 3)))
    one = opened(a, tmp_path, "a")
    plain, turned = (
        opened(tensors, tmp_path, name)
        for name, tensors in (("b", b), ("flipped", disguise.with_signs(b, 5)))
    )
    before, after = robust(one, plain), robust(one, turned)
    assert before.layers == after.layers
    assert before.alignment is not None
    assert after.alignment is not None
    np.testing.assert_array_equal(before.alignment.rotation, after.alignment.rotation)
    for match_units, role in ((match_hidden, Role.GATE), (match_values, Role.VALUE)):
        for layer in range(LAYERS):
            slot = Slot("", (layer,), role)
            x, y = (match_units(one, slot, other, slot, before.alignment) for other in (plain, turned))
            assert isinstance(x, Match)
            assert isinstance(y, Match)
            np.testing.assert_array_equal(x.left, y.left)
            np.testing.assert_array_equal(x.right, y.right)
            np.testing.assert_allclose(np.abs(x.agreement), np.abs(y.agreement), atol=1e-6)
            assert 0.2 < (np.sign(x.agreement) == np.sign(y.agreement)).mean() < 0.8
            assert len(set(x.right.tolist())) == len(x.right)


def test_heads_are_matched_by_queries_and_keys_alone(tmp_path: Path) -> None:
    a = model(1)
    b = disguise.permuted(a, seed=11)
    rng = np.random.default_rng(0)
    b = {
        name: rng.standard_normal(values.shape).astype(np.float32)
        if "v_proj" in name or "o_proj" in name
        else values
        for name, values in b.items()
    }
    one, other = opened(a, tmp_path, "a"), opened(b, tmp_path, "b")
    alignment = robust(one, other).alignment
    assert alignment is not None
    slot = Slot("", (0,), Role.VALUE)
    heads = match_heads(one, slot, other, slot, alignment)
    assert heads is not None
    size = disguise.SIZE
    q, k = (
        tensors["model.layers.0.self_attn.k_proj.weight"].reshape(-1, size, disguise.WIDTH)
        for tensors in (a, b)
    )
    np.testing.assert_array_equal(q, k[heads.keys])
    q, k = (
        tensors["model.layers.0.self_attn.q_proj.weight"].reshape(-1, size, disguise.WIDTH)
        for tensors in (a, b)
    )
    np.testing.assert_array_equal(q, k[heads.queries.ravel()])


def strangers(kind: str, seed: int) -> tuple[Tensors, Tensors]:
    """Two models whose tested weights were drawn apart."""
    a, b = model(2 * seed), model(2 * seed + 1)
    shared = {
        "nothing shared": (),
        "embeddings shared": ("embed", "lm_head"),
        "gates shared": ("embed", "lm_head", "gate_proj", "norm"),
        "all but the tested weights shared": ("embed", "lm_head", "gate_proj", "norm", "q_proj", "k_proj"),
    }[kind]
    return a, {
        name: a[name] if any(part in name for part in shared) else values for name, values in b.items()
    }


@pytest.mark.parametrize(
    "kind", ["nothing shared", "embeddings shared", "gates shared", "all but the tested weights shared"]
)
def test_coins_of_strangers_are_fair_whatever_else_they_share(kind: str, tmp_path: Path) -> None:
    p, heads, flips = [], 0, 0
    for seed in range(16):
        a, b = strangers(kind, seed)
        found = compared(a, disguise.rotated(b, seed) if seed % 2 else b, tmp_path / str(seed))
        p.append(10 ** log10_p(found))
        for _, one in found.tests:
            if isinstance(one, Coins):
                heads, flips = heads + one.heads, flips + one.flips
    # Four standard errors of as many fair coins; 16 p-values of which one in ten is at most 0.1 exceed 6 once in 2,000 times.
    assert abs(heads - flips / 2) < 4 * np.sqrt(flips) / 2
    assert (np.array(p) <= 0.1).sum() <= 6
    assert min(p) > 1e-4


def test_exchanging_the_models_mirrors_the_result(tmp_path: Path) -> None:
    a, b = tuned(model(1), 2), disguise.rotated(disguise.with_layers(tuned(model(1), 3), [2, 0, 1]))
    one, other = opened(a, tmp_path, "a"), opened(b, tmp_path, "b")
    forth, back = robust(one, other), robust(other, one)
    assert [coins for _, coins in forth.tests] == [coins for _, coins in back.tests]
    assert {test.name for test, _ in forth.tests} >= {"0~1.up+down", "2~0.up+down", "1~2.value+output"}
    assert {test.name for test, _ in back.tests} >= {"1~0.up+down", "0~2.up+down", "2~1.value+output"}
    assert {(match.a, match.b) for match in forth.layers} == {(match.b, match.a) for match in back.layers}
    assert forth.alignment is not None
    assert back.alignment is not None
    np.testing.assert_array_equal(forth.alignment.rotation, np.transpose(back.alignment.rotation))


def test_an_upscaled_model_tells_where_its_layers_come_from(tmp_path: Path) -> None:
    grown = disguise.with_layers(model(1), [0, 1, 0, 1, 2])
    found = compared(tuned(model(1), 3), tuned(disguise.rotated(grown), 4), tmp_path)
    assert [(match.b, match.a) for match in found.layers] == [
        ((0,), (0,)),
        ((1,), (1,)),
        ((2,), (0,)),
        ((3,), (1,)),
        ((4,), (2,)),
    ]
    assert len([test for test, _ in found.tests if test.part == "mlp"]) == LAYERS
    assert log10_p(found) < -80


def test_a_model_without_some_layers_is_found_by_those_it_kept(tmp_path: Path) -> None:
    found = compared(model(1), tuned(disguise.with_layers(model(1), [2]), 4), tmp_path)
    assert ((2,), (0,)) in {(match.a, match.b) for match in found.layers}
    assert [test.name for test, _ in found.tests] == ["2~0.up+down", "2~0.value+output"]
    assert log10_p(found) < -20


def test_experts_made_of_one_mlp_are_told_from_it(tmp_path: Path) -> None:
    found = compared(model(1), disguise.upcycled(model(1), 4, seed=2), tmp_path)
    assert {(match.a, match.b) for match in found.layers} == {
        ((layer,), (layer, expert)) for layer in range(LAYERS) for expert in range(4)
    }
    assert {match.role for match in found.layers} == {"expert"}
    assert log10_p(found, "mlp") < -80


def test_experts_that_are_copies_within_both_models_count_once(tmp_path: Path) -> None:
    a, b = (disguise.upcycled(model(seed), 4, seed=seed) for seed in (1, 2))
    tests = [test for test, _ in compared(a, b, tmp_path).tests if test.part == "mlp"]
    assert len(tests) == 4 * LAYERS
    # Units of two pairs are copies of each other where their experts are of one layer in A and of one layer in B.
    sources: dict[str, set[str]] = defaultdict(set)
    for test in tests:
        (one, _), (other, _) = (place.split(".") for place in test.name.removesuffix(".up+down").split("~"))
        sources[f"{one}~{other}"].add(test.copy_of or test.name)
    assert len(sources) < len(tests)
    assert {len(clusters) for clusters in sources.values()} == {1}


@pytest.mark.parametrize("transposed", [True, False])
def test_a_model_without_gates_speaks_by_its_values(transposed: bool, tmp_path: Path) -> None:
    base = drawn(gpt2_shapes(transposed=transposed), 1)
    order = np.random.default_rng(0).permutation(64)
    rows = "wte.weight", "wpe.weight"
    child = {
        name: values[order]
        if values.ndim == 1
        else values[:, order]
        if name in rows or ("c_proj" in name) == transposed
        else values[order]
        for name, values in moved(base, 3, 0.9).items()
    }
    one, other = (
        Network.open(saved(x, tmp_path / f"{n}.safetensors")) for n, x in (("a", base), ("b", child))
    )
    found = robust(one, other)
    assert {test.part for test, _ in found.tests} == {"attention"}
    assert log10_p(found) < -30
    stranger = Network.open(saved(drawn(gpt2_shapes(transposed=transposed), 2), tmp_path / "c.safetensors"))
    assert log10_p(robust(one, stranger)) > -3


def spoiled(pattern: str, value: float) -> Disguise:
    return lambda tensors: {
        name: np.full_like(values, value) if pattern in name else values for name, values in tensors.items()
    }


BAD: dict[str, tuple[Disguise, str]] = {
    "NaN in an up matrix": (spoiled("1.mlp.up_proj", np.nan), "holds NaN, infinite or huge values"),
    "infinity in a value matrix": (
        spoiled("1.self_attn.v_proj", np.inf),
        "holds NaN, infinite or huge values",
    ),
    "values whose squares overflow": (spoiled("1.mlp.down_proj", 3e38), "holds NaN, infinite or huge values"),
    "zeros in what is tested": (
        lambda tensors: spoiled("1.mlp.down_proj", 0)(spoiled("1.mlp.up_proj", 0)(tensors)),
        "no unit has any agreement",
    ),
    "an identity": (
        lambda tensors: {
            name: np.eye(*values.shape, dtype=np.float32) if "1.mlp.up_proj" in name else values
            for name, values in tensors.items()
        },
        "stands out on its diagonal",
    ),
    "integers": (
        lambda tensors: {
            name: values.astype(np.int8) if "1.mlp.up_proj" in name else values
            for name, values in tensors.items()
        },
        "holds no floating-point values",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_tested_says_why(case: str, tmp_path: Path) -> None:
    spoil, reason = BAD[case]
    found = compared(model(1), spoil(tuned(model(1), 2)), tmp_path)
    untestable = [test.untestable for test, _ in found.tests if test.untestable]
    assert len(untestable) == 1
    assert reason in untestable[0]
    assert log10_p(found) < -50


def test_too_few_units_are_no_group(tmp_path: Path) -> None:
    one, other = opened(model(1), tmp_path, "a"), opened(model(2), tmp_path, "b")
    found = robust(one, other, min_units=10_000)
    assert all(
        test.untestable and "have a partner in the other model" in test.untestable for test, _ in found.tests
    )
    assert found.aligned_cosine is None


NOT_ALIGNED: dict[str, tuple[Disguise, str]] = {
    "no tables": (
        lambda tensors: {n: v for n, v in tensors.items() if "embed" not in n and "lm_head" not in n},
        "there is no table of tokens that both models have",
    ),
    "NaN in a table": (spoiled("lm_head", np.nan), "a table of tokens holds NaN, infinite or huge values"),
    "unknown names": (
        lambda tensors: {f"x{n}": v for n, v in enumerate(tensors.values())},
        "no table of tokens",
    ),
    "nothing but tables": (
        lambda tensors: {n: v for n, v in tensors.items() if "self_attn" in n or "embed" in n},
        "has no MLPs whose gates or incoming weights can be read",
    ),
}


@pytest.mark.parametrize("case", NOT_ALIGNED)
def test_models_that_cannot_be_aligned_are_not_tested(case: str, tmp_path: Path) -> None:
    spoil, reason = NOT_ALIGNED[case]
    found = compared(model(1), spoil(tuned(model(1), 2)), tmp_path)
    assert found.tests == ()
    assert any(reason in obstacle for obstacle in found.obstacles)


def test_unlike_widths_are_not_aligned(tmp_path: Path) -> None:
    narrow = drawn(
        {n: tuple(32 if s == disguise.WIDTH else s for s in v.shape) for n, v in model(1).items()}, 2
    )
    found = compared(model(1), narrow, tmp_path)
    assert found.obstacles == (
        "the residual streams can't be aligned: the residual streams are of unlike width (32 and 48)",
    )


def test_a_small_share_in_place_is_found_though_the_tables_show_another_turn(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    common = rng.standard_normal((disguise.VOCABULARY, 6)).astype(np.float32)

    def with_topics(tensors: Tensors, seed: int) -> Tensors:
        """Tables and gates have strong directions in which all models see the same of a token."""
        topics = 0.1 * disguise.orthogonal(disguise.WIDTH, seed)[:6]
        seen = rng.standard_normal((disguise.HIDDEN, 6)).astype(np.float32)
        added = {"embed": common @ topics, "lm_head": common @ topics, "gate_proj": seen @ topics}
        return {
            name: values + next((more for part, more in added.items() if part in name), np.float32(0))
            for name, values in tensors.items()
        }

    base, other = (with_topics(disguise.folded(model(seed)), seed) for seed in (1, 2))
    merged = {name: 0.3 * values + 0.7 * other[name] for name, values in base.items()}
    found = compared(base, merged, tmp_path)
    assert found.alignment is not None
    assert found.alignment.plain < 0.5
    assert found.alignment.rotation is None
    assert log10_p(found) < -20
