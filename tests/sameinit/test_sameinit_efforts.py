"""How much is done before a verdict, what kinship it names, and what a comparison costs."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.special import gammainccinv, ndtr

from provenance.evidence import Verdict
from provenance.sameinit import Comparison, Effort, Limits, compare, compare_networks
from provenance.sameinit.copies import NEIGHBOURS, copies, sketch
from provenance.sameinit.statistics import Coins, detection_limit, e_bh, e_value, log10_binomial_tail
from provenance.weights.checkpoint import Checkpoint
from provenance.weights.network import Network
from sameinit_fixtures import ARCHITECTURES, HIDDEN, LAYERS, WIDTH, Tensors, drawn, gpt2, moved, saved

SMALL = Limits(rho=0.5, coverage=0.3)
LLAMA = ARCHITECTURES["llama"]


def compared(folder: Path, a: Tensors, b: Tensors, effort: Effort = Effort.STANDARD) -> Comparison:
    paths = saved(a, folder / "a.safetensors"), saved(b, folder / "b.safetensors")
    return compare(*paths, limits=SMALL, effort=effort)


def permuted(tensors: Tensors, seed: int) -> Tensors:
    """The same network with its hidden units in another order."""
    rng = np.random.default_rng(seed)
    changed = dict(tensors)
    for i in range(LAYERS):
        order = rng.permutation(HIDDEN)
        layer = f"model.layers.{i}.mlp."
        for name in ("gate_proj", "up_proj"):
            changed[f"{layer}{name}.weight"] = changed[f"{layer}{name}.weight"][order]
        changed[layer + "down_proj.weight"] = changed[layer + "down_proj.weight"][:, order]
    return changed


def test_a_sample_of_the_weights_is_enough_to_find_kin_and_never_calls_strangers_independent(
    tmp_path: Path,
) -> None:
    shapes = {name: tuple(8 * side for side in shape) for name, shape in LLAMA.items()}
    base = drawn(shapes, 1)
    kin = compared(tmp_path, moved(base, 2, 0.9), moved(base, 3, 0.9), Effort.FAST)
    whole = compared(tmp_path, moved(base, 2, 0.9), moved(base, 3, 0.9))
    assert (kin.verdict, kin.sampled, kin.effort) == (Verdict.SAME_INIT, True, Effort.FAST)
    assert kin.bytes_read < whole.bytes_read / 3
    assert kin.coverage < whole.coverage
    strangers = compared(tmp_path, base, drawn(shapes, 2), Effort.FAST)
    assert strangers.verdict is Verdict.INCONCLUSIVE
    assert "only a sample of the weights was looked at" in strangers.reason
    assert strangers.rho_min is not None


def test_samples_of_two_models_may_be_equal_and_are_not_called_identical() -> None:
    base = drawn(LLAMA, 1)
    one, other = (Network.of(Checkpoint.of(Path(name), base)) for name in ("one", "other"))
    found = compare_networks(one, other, limits=SMALL, sampled=True)
    assert (found.verdict, found.sampled, found.effort) == (Verdict.SAME_INIT, True, Effort.FAST)
    assert found.kinship == "derived"
    assert found.coverage > 0.5
    stranger = Network.of(Checkpoint.of(Path("stranger"), drawn(LLAMA, 2)))
    assert compare_networks(one, stranger, limits=SMALL, sampled=True).verdict is Verdict.INCONCLUSIVE


def test_a_copy_whose_units_were_permuted_is_found_after_an_alignment(tmp_path: Path) -> None:
    base = drawn(LLAMA, 1)
    disguised = permuted(base, 5)
    lonely = {name: values for name, values in base.items() if "mlp" in name or "embed" in name}
    hidden = {name: disguised[name] for name in lonely}
    table = "model.embed_tokens.weight"
    hidden[table] = hidden[table] + drawn({table: LLAMA[table]}, 7)[table]
    found = compared(tmp_path, lonely, hidden)
    assert found.verdict is Verdict.SAME_INIT
    aligned = [test for test in found.tests if test.tier == 2 and test.part == "mlp"]
    assert aligned
    assert all(test.log10_p is not None and test.log10_p < -6 for test in aligned)
    assert {(match.a, match.b) for match in found.layers} >= {((0,), (0,)), ((1,), (1,))}


def test_a_model_grown_in_depth_is_derived_and_the_result_says_which_layer_went_where(tmp_path: Path) -> None:
    base = drawn(LLAMA, 1)
    grown = moved(base, 3, 0.95)
    grown |= {
        re.sub(r"layers\.1\.", "layers.2.", name): values
        for name, values in moved(base, 4, 0.95).items()
        if "layers.1." in name
    }
    between = drawn({name: shape for name, shape in LLAMA.items() if "layers.1." in name}, 50)
    found = compared(tmp_path, base, {**grown, **between})
    assert found.verdict is Verdict.SAME_INIT
    assert found.kinship == "derived"
    assert "in another arrangement: 0 to 0, 1 to 2" in found.reason


def test_models_of_unlike_width_are_inconclusive_and_the_reason_says_so(tmp_path: Path) -> None:
    narrow = {
        name: tuple(side // 2 if side == WIDTH else side for side in shape) for name, shape in LLAMA.items()
    }
    found = compared(tmp_path, drawn(LLAMA, 1), drawn(narrow, 2))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "the models are of unlike width (32 and 64)" in found.reason


@pytest.mark.parametrize("half", [False, True])
def test_a_merged_low_rank_update_is_derived_and_its_rank_is_named(half: bool, tmp_path: Path) -> None:
    base = moved(drawn(LLAMA, 1), 2, 0.9)
    rng = np.random.default_rng(0)
    merged = dict(base)
    for name, values in base.items():
        if values.ndim > 1:
            factors = (rng.standard_normal((side, 3)) for side in values.shape)
            merged[name] = values + 0.02 * (next(factors) @ next(factors).T).astype(np.float32)
    kind = np.float16 if half else np.float32
    models = [{name: values.astype(kind) for name, values in each.items()} for each in (base, merged)]
    found = compared(tmp_path, *models)
    assert (found.verdict, found.kinship) == (Verdict.SAME_INIT, "derived")
    assert {update.rank for update in found.update_ranks} == {3}
    assert "the difference is of low rank" in found.reason


def test_a_full_update_has_no_low_rank(tmp_path: Path) -> None:
    base = drawn(LLAMA, 1)
    found = compared(tmp_path, moved(base, 2, 0.95), moved(base, 3, 0.95))
    assert (found.kinship, found.update_ranks) == ("same_init_diverged", ())


def test_a_shared_head_alone_is_partial_kinship_of_the_head(tmp_path: Path) -> None:
    shapes = {name: (200, shape[1]) if shape[0] == 80 else shape for name, shape in LLAMA.items()}
    a, b = drawn(shapes, 1), drawn(shapes, 2)
    head = "lm_head.weight"
    found = compared(tmp_path, a, {**b, head: moved({head: a[head]}, 3, 0.95)[head]})
    assert (found.verdict, found.kinship) == (Verdict.SAME_INIT, "partial")
    assert (
        "shared are head (1 group); not shared, though it would have been seen, are embedding" in found.reason
    )


def test_what_training_does_to_norms_and_tails_says_which_may_have_come_first(tmp_path: Path) -> None:
    base = drawn(LLAMA, 1)
    rng = np.random.default_rng(4)
    trained = {
        name: values + (0.05 * (rng.random(values.shape) < 0.02)).astype(np.float32)
        if values.ndim > 1
        else values + 0.1
        for name, values in base.items()
    }
    found = compared(tmp_path, trained, base)
    assert found.direction is not None
    assert found.direction.earlier == str(tmp_path / "b.safetensors")
    assert found.direction.by == "norm growth and kurtosis of weights"
    assert found.direction.norms > 0.01


def test_one_model_in_two_orders_of_storage_is_one_architecture(tmp_path: Path) -> None:
    plain = moved(drawn(gpt2(transposed=False), 1), 2, 0.9)
    stored = {
        name: values.T if re.search(r"c_\w+\.weight", name) else values for name, values in plain.items()
    }
    found = compared(tmp_path, plain, moved(stored, 3, 0.9))
    assert found.verdict is Verdict.SAME_INIT
    assert found.kinship == "same_init_diverged"
    assert all(test.untestable is None for test in found.tests)
    stranger = compared(tmp_path, plain, drawn(gpt2(transposed=True), 9))
    assert stranger.verdict is Verdict.INDEPENDENT, stranger.reason


def test_the_number_of_threads_changes_no_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = moved(drawn(LLAMA, 1), 2, 0.5), moved(drawn(LLAMA, 1), 3, 0.5)
    found = []
    for cores in ({0}, set(range(5))):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: cores)
        document = compared(tmp_path, a, b, Effort.THOROUGH).document()
        document.pop("seconds")
        found.append(document)
    assert found[0] == found[1]


def test_a_model_of_thousands_of_tiny_tensors_is_compared_in_proportion_to_their_number(
    tmp_path: Path,
) -> None:
    layers = 300
    shapes = {
        f"model.layers.{i}.mlp.{name}_proj.weight": (8, 8)
        for i in range(layers)
        for name in ("gate", "up", "down")
    }
    a, b = drawn(shapes, 1), drawn(shapes, 2)
    found = compared(tmp_path, a, b)
    assert found.verdict is Verdict.INDEPENDENT, found.reason
    assert len([test for test in found.tests if test.tier == 1]) == 2 * layers
    kin = compared(tmp_path, a, moved(a, 3, 0.5))
    assert kin.verdict is Verdict.SAME_INIT


def test_copies_among_more_groups_than_are_set_side_by_side_are_found_by_layer_and_by_expert() -> None:
    rng = np.random.default_rng(0)
    names = [f"{layer}.{expert}.gate" for layer in range(5) for expert in range(NEIGHBOURS // 2)]
    drawings = {name: rng.standard_normal((2, 16, 8)) for name in names}
    drawings["4.7.gate"] = drawings["0.7.gate"]
    drawings["2.9.gate"] = drawings["2.400.gate"]
    found = copies([(name, sketch(values, 64)) for name, values in drawings.items()])
    assert found["4.7.gate"] == "0.7.gate"
    assert found["2.400.gate"] == "2.9.gate"


def test_the_detection_limit_of_thousands_of_groups_is_found_with_the_stated_power() -> None:
    flips, groups, scale = 64, 5000, 0.05
    null = Coins(flips=flips, heads=0, mean=0.0, rms=scale, log10_p=0.0, log10_bound=0.0)
    limit = detection_limit([null] * groups, 1e-6)
    assert limit is not None
    share = ndtr(limit / scale)
    heads = np.random.default_rng(0).binomial(flips, share, (400, groups))
    nats = -np.log(10) * np.array([log10_binomial_tail(count, flips) for count in range(flips + 1)])
    found = nats[heads].sum(axis=1) > gammainccinv(groups, 1e-6)
    assert 0.72 <= found.mean() <= 0.92


def test_e_values_of_uniform_p_values_have_a_mean_of_one() -> None:
    p = (np.arange(20_000) + 0.5) / 20_000
    assert np.mean([10 ** e_value(float(np.log10(one))) for one in p]) == pytest.approx(1.0, abs=0.01)


def test_e_bh_rejects_few_true_nulls_however_they_depend() -> None:
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(400):
        common = rng.random()
        nulls = [e_value(float(np.log10(common)))] * 40
        kin = [e_value(-9.0)] * 10
        rejected = e_bh([*nulls, *kin], 0.1)
        shares.append(sum(place < 40 for place in rejected) / max(len(rejected), 1))
        assert set(range(40, 50)) <= set(rejected)
    assert np.mean(shares) <= 0.1


def test_e_values_that_outnumber_the_declared_tests_are_refused() -> None:
    with pytest.raises(ValueError, match="2 e-values can't come from 1 tests"):
        e_bh([1.0, 2.0], 0.05, tests=1)
