"""Chains of plain layers: a permuted and scaled copy agrees with its model in what the matching did not look at, a stranger does not."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from provenance.evidence import Verdict
from provenance.sameinit import compare
from provenance.sameinit.chains import WIDEST, Agreement, agreement_along, chains
from provenance.sameinit.invariants import CHAIN_EXCESS, invariants
from provenance.sameinit.statistics import Untestable
from provenance.weights.network import Network
from sameinit_fixtures import ARCHITECTURES, Tensors, drawn, saved

PERCEPTRON = {
    "layers.0.weight": (48, 20),
    "layers.1.weight": (40, 48),
    "layers.2.weight": (32, 40),
    "layers.3.weight": (10, 32),
}
SHALLOW = {"layers.0.weight": (64, 32), "layers.1.weight": (10, 64)}
KERNELS = {
    "features.0.weight": (24, 1, 3, 3),
    "features.2.weight": (32, 24, 3, 3),
    "features.4.weight": (40, 32, 3, 3),
    "classifier.weight": (10, 40),
}
CHAINS: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "perceptron": PERCEPTRON,
    "one hidden layer": SHALLOW,
    "kernels": KERNELS,
    "kernels, then a perceptron": {
        "net.0.weight": (24, 3, 3, 3),
        "net.1.weight": (32, 24, 3, 3),
        "net.2.weight": (48, 32 * 4),
        "net.3.weight": (10, 48),
    },
}


def permuted(tensors: Tensors, seed: int, *, octaves: float = 0.0) -> Tensors:
    """The same ReLU network with its hidden units in another order, and up or down by factors of their own."""
    rng = np.random.default_rng(seed)
    found = dict(tensors)
    for one, other in pairwise(tensors):
        units = len(found[one])
        order, factors = rng.permutation(units), 2 ** rng.uniform(-octaves, octaves, units)
        rows = found[one][order]
        found[one] = (rows * factors.reshape(-1, *[1] * (rows.ndim - 1))).astype(np.float32)
        reading = found[other].reshape(len(found[other]), units, -1)[:, order] / factors[:, None]
        found[other] = reading.reshape(found[other].shape).astype(np.float32)
    return found


def opened(tensors: Tensors, folder: Path) -> Network:
    folder.mkdir()
    return Network.open(saved(tensors, folder / "model.safetensors"))


def agreement(one: Tensors, other: Tensors, folder: Path) -> Agreement:
    folder.mkdir(exist_ok=True)
    place = folder / str(len(list(folder.iterdir())))
    place.mkdir()
    found = chains(opened(one, place / "a"), opened(other, place / "b"))
    assert isinstance(found, Agreement)
    return found


@pytest.mark.parametrize("shapes", CHAINS.values(), ids=CHAINS)
def test_a_permuted_and_scaled_copy_agrees_entirely(
    tmp_path: Path, shapes: Mapping[str, tuple[int, ...]]
) -> None:
    model = drawn(shapes, 1)
    found = agreement(model, permuted(model, 2, octaves=2.0), tmp_path)
    assert found.matched == pytest.approx(1.0, abs=1e-5)
    assert found.excess == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("shapes", CHAINS.values(), ids=CHAINS)
def test_strangers_agree_in_nothing_that_was_not_matched(
    tmp_path: Path, shapes: Mapping[str, tuple[int, ...]]
) -> None:
    found = [agreement(drawn(shapes, seed), drawn(shapes, seed + 50), tmp_path).excess for seed in range(5)]
    assert max(map(abs, found)) < 0.15
    assert abs(np.mean(found)) < 0.05


@pytest.mark.parametrize("shapes", CHAINS.values(), ids=CHAINS)
def test_no_order_of_units_changes_the_value_of_any_pair(
    tmp_path: Path, shapes: Mapping[str, tuple[int, ...]]
) -> None:
    one, other = drawn(shapes, 3), drawn(shapes, 4)
    halfway = {name: one[name] + other[name] for name in one}
    for model in (other, halfway):
        expected = agreement(one, model, tmp_path)
        assert agreement(permuted(one, 5), model, tmp_path) == pytest.approx(expected, abs=1e-12)
        assert agreement(one, permuted(model, 6), tmp_path) == pytest.approx(expected, abs=1e-12)


def test_it_does_not_matter_which_model_comes_first(tmp_path: Path) -> None:
    one, other = drawn(PERCEPTRON, 7), drawn(PERCEPTRON, 8)
    assert agreement(one, other, tmp_path) == pytest.approx(agreement(other, one, tmp_path), abs=1e-12)


def test_a_copy_that_was_disturbed_agrees_as_far_as_it_was_left_alone(tmp_path: Path) -> None:
    model, noise = drawn(PERCEPTRON, 9), drawn(PERCEPTRON, 10)
    disturbed = {name: 0.95 * model[name] + np.sqrt(1 - 0.95**2) * noise[name] for name in model}
    found = agreement(model, permuted(disturbed, 11), tmp_path)
    assert found.matched == pytest.approx(0.95, abs=0.02)
    assert found.others == pytest.approx(0.0, abs=0.02)


def test_what_all_units_have_in_common_is_no_agreement() -> None:
    one, other = np.random.default_rng(12).standard_normal((2, 2, 40, 40), np.float32) + 3
    found = agreement_along(zip(one, other, strict=True), from_first=False)
    assert found is not None
    assert found.matched > 0.8
    assert abs(found.excess) < 0.1
    assert Agreement(matched=1.0, others=1.0).excess == 0.0


def test_the_first_layer_is_judged_only_where_that_is_asked_for() -> None:
    first, one, other = np.random.default_rng(13).standard_normal((3, 40, 40), np.float32)
    layers = [(first, first), (one, other)]
    found, whole = (agreement_along(layers, from_first=choice) for choice in (False, True))
    assert found is not None
    assert whole is not None
    assert abs(found.excess) < 0.2
    assert whole.matched == pytest.approx((1 + found.matched) / 2)
    assert agreement_along(layers[:1], from_first=False) is None


def test_units_that_take_nothing_agree_in_nothing() -> None:
    layers = np.random.default_rng(14).standard_normal((2, 40, 40), np.float32)
    layers[0][::2] = 0
    layers[1][:20] = 0
    found = agreement_along([(layer, layer) for layer in layers], from_first=False)
    assert found is not None
    assert found.matched == pytest.approx(0.5, abs=1e-6)


def test_the_chain_that_agrees_most_speaks_for_the_model(tmp_path: Path) -> None:
    one, other = drawn(PERCEPTRON, 15), drawn(PERCEPTRON, 16)
    copied = permuted(one, 17)
    left = {f"{tower}.{name}": values for tower in ("x", "y") for name, values in one.items()}
    right = {f"x.{name}": values for name, values in other.items()} | {
        f"y.{name}": values for name, values in copied.items()
    }
    assert agreement(left, right, tmp_path).excess == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    "shapes",
    [
        ARCHITECTURES["llama"],
        {"layers.0.weight": (8, 20), "layers.1.weight": (8, 8), "layers.2.weight": (3, 8)},
        {
            "layers.0.weight": (WIDEST + 1, 16),
            "layers.1.weight": (16, WIDEST + 1),
            "layers.2.weight": (3, 16),
        },
    ],
    ids=["no chain", "too narrow", "too wide"],
)
def test_without_a_chain_that_can_be_judged_there_is_a_reason(
    tmp_path: Path, shapes: Mapping[str, tuple[int, ...]]
) -> None:
    found = chains(*(opened(drawn(shapes, seed), tmp_path / str(seed)) for seed in (1, 2)))
    assert found == Untestable("there is no chain of plain layers of 16 to 2048 units in both models")


def test_a_chain_is_followed_up_to_where_models_differ_or_hold_no_numbers(tmp_path: Path) -> None:
    model = drawn(PERCEPTRON, 18)
    broken = permuted(model, 19)
    broken["layers.2.weight"][3, 3] = np.nan
    assert agreement(model, broken, tmp_path).excess == pytest.approx(1.0, abs=1e-5)
    other = drawn(PERCEPTRON | {"layers.1.weight": (44, 48), "layers.2.weight": (32, 44)}, 20)
    one, wider = (opened(values, tmp_path / name) for name, values in (("a", model), ("b", other)))
    assert isinstance(chains(one, wider), Untestable)


@pytest.mark.parametrize("hidden", [(256, 256), (256,)], ids=["two hidden layers", "one hidden layer"])
def test_independence_is_withheld_from_a_permuted_copy_and_said_of_a_stranger(
    tmp_path: Path, hidden: tuple[int, ...]
) -> None:
    sizes = (256, *hidden, 10)
    shapes = {f"layers.{i}.weight": (outputs, inputs) for i, (inputs, outputs) in enumerate(pairwise(sizes))}
    model = drawn(shapes, 21)
    a, b, c = (
        saved(values, tmp_path / f"{name}.safetensors")
        for name, values in (
            ("a", model),
            ("b", permuted(model, 22, octaves=1.0)),
            ("c", drawn(shapes, 23)),
        )
    )
    copy, stranger = compare(a, b), compare(a, c)
    assert copy.verdict is Verdict.INCONCLUSIVE
    assert (
        "the models look like disguised copies: chains agree to 1.000, units out of place only to"
        in copy.reason
    )
    assert stranger.verdict is Verdict.INDEPENDENT
    assert [score.name for score in stranger.invariants] == ["chains"]


def test_an_excess_as_of_trained_strangers_raises_no_suspicion(tmp_path: Path) -> None:
    model, noise = drawn(PERCEPTRON, 24), drawn(PERCEPTRON, 25)
    for share, suspicious in ((CHAIN_EXCESS - 0.1, False), (CHAIN_EXCESS + 0.1, True)):
        mixed = {name: share * model[name] + np.sqrt(1 - share**2) * noise[name] for name in model}
        one, other = (
            opened(values, tmp_path / f"{share}-{name}") for name, values in (("a", model), ("b", mixed))
        )
        assert invariants(one, other, names=("chains",)).suspicious is suspicious
