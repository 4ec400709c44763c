"""P-values by controls: valid under exchangeability, and no further."""

import math

import numpy as np
import pytest

from provenance.sameinit.conformal import Conformal, against_controls, against_other_orders, conformal_p
from provenance.sameinit.statistics import Untestable


def test_a_value_above_all_controls_has_the_least_p_value() -> None:
    assert conformal_p(2.0, [0.0, 1.0, 1.5]) == pytest.approx(math.log10(1 / 4))


def test_a_tie_counts_against_the_value() -> None:
    assert conformal_p(1.0, [0.0, 1.0, 0.5]) == pytest.approx(math.log10(2 / 4))


def test_no_controls_say_nothing() -> None:
    assert conformal_p(1.0, []) == 0.0


def test_a_value_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="have to be finite"):
        conformal_p(math.nan, [0.0])


def test_p_values_are_uniform_where_the_pair_is_one_of_the_strangers() -> None:
    rng = np.random.default_rng(1)
    p = [10 ** conformal_p(values[0], list(values[1:])) for values in rng.standard_normal((4000, 20))]
    assert np.mean(np.isclose(p, 1 / 20)) == pytest.approx(1 / 20, abs=0.015)
    for level in (0.05, 0.1, 0.5):
        assert np.mean(np.array(p) <= level + 1e-9) <= level + 3 * math.sqrt(level / 4000)


def test_too_few_controls_are_a_reason_and_no_p_value() -> None:
    assert against_controls(1.0, [0.0] * 18, 0.05) == Untestable(
        "18 external controls, and 19 are needed to reach p = 0.05"
    )
    enough = against_controls(1.0, [0.0] * 19, 0.05)
    assert isinstance(enough, Conformal)
    assert (10**enough.log10_p, enough.kind) == (pytest.approx(1 / 20), "conformal N=19")


def test_layers_that_correspond_are_first_among_all_orders() -> None:
    scores = np.full((5, 5), 0.2) + 0.7 * np.eye(5)
    found = against_other_orders(scores)
    assert isinstance(found, Conformal)
    assert (10**found.log10_p, found.kind) == (pytest.approx(1 / 120), "orders of layers N=120")


def test_three_layers_have_too_few_orders() -> None:
    found = against_other_orders(np.eye(3))
    assert found == Untestable("3 layers to be exchanged, and 4 are needed")
    with pytest.raises(ValueError, match="9 layers have too many orders"):
        against_other_orders(np.eye(9))


def test_orders_of_exchangeable_layers_give_p_values_at_or_below_their_level() -> None:
    rng = np.random.default_rng(2)
    p = []
    for _ in range(1500):
        layers_a, layers_b = rng.standard_normal((2, 4, 6)) + rng.standard_normal(6)
        found = against_other_orders(layers_a @ layers_b.T)
        assert isinstance(found, Conformal)
        p.append(10**found.log10_p)
    for level in (0.05, 0.25, 0.5):
        assert np.mean(np.array(p) <= level) <= level + 3 * math.sqrt(level / 1500)


def test_depth_alone_makes_layers_of_strangers_correspond() -> None:
    """Why the p-value of orders never decides by itself: layers at one depth are alike, whoever trained them."""
    rng = np.random.default_rng(3)
    depth = 0.5 * np.subtract.outer(np.arange(6.0), np.arange(6.0)) ** 2
    found = [against_other_orders(0.01 * rng.standard_normal((6, 6)) - depth) for _ in range(20)]
    assert all(isinstance(one, Conformal) and one.log10_p < -2 for one in found)
