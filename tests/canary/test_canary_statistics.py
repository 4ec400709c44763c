"""The statistics of a canary, against answers worked by hand and against their own promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import stdtrit

from provenance.canary.statistics import (
    holm,
    minimum_detectable_effect,
    sign_flip_p,
    t_interval,
    transfer_ratio,
)
from provenance.errors import UsageError

differences = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=10).map(np.array)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(
            [1.0, 2.0, 3.0, 4.0, 5.0], 1 / 32, id="all above zero: the least that five runs can give"
        ),
        pytest.param([-1.0, -2.0, -3.0], 1.0, id="all below zero"),
        pytest.param([0.0, 0.0, 0.0, 0.0], 1.0, id="nothing at all"),
        pytest.param([3.0, -1.0], 0.5, id="sums 4, 2, -2, -4: two of them reach 2"),
        pytest.param([1.0, 1.0, -1.0], 0.5, id="ties count: sums 3, 1, 1, 1, -1, ...: four of eight reach 1"),
        pytest.param([0.1, 0.2, 0.3, -0.6], 0.5 + 1 / 16, id="a sum of zero that rounding hides"),
    ],
)
def test_the_sign_flip_p_value_counts_sign_patterns(values: list[float], expected: float) -> None:
    # The last case: 16 patterns pair up by reflection; two of them sum to zero, so (16 + 2) / 2 reach it.
    assert sign_flip_p(np.array(values)) == pytest.approx(expected)


def test_under_the_null_the_sign_flip_test_keeps_its_level_for_a_distribution_with_heavy_tails() -> None:
    rng = np.random.default_rng(1)
    p_values = np.array([sign_flip_p(rng.standard_t(1.5, 8)) for _ in range(4000)])
    for level in (1 / 256, 0.05, 0.25, 0.5):
        granted = np.floor(level * 256) / 256
        spread = np.sqrt(granted * (1 - granted) / len(p_values))
        assert np.mean(p_values <= level) == pytest.approx(granted, abs=4 * spread)


def test_the_sign_flip_test_finds_an_effect_of_three_standard_deviations_in_five_runs() -> None:
    rng = np.random.default_rng(2)
    found = np.mean([sign_flip_p(rng.normal(3.0, 1.0, 5)) == 1 / 32 for _ in range(2000)])
    # The least p-value needs all five above zero: 0.99865 to the power of five.
    assert found == pytest.approx(0.9933, abs=0.008)


@settings(deadline=None)
@given(differences, st.floats(0.01, 100.0))
def test_the_sign_flip_test_asks_neither_for_order_nor_for_units(values: np.ndarray, unit: float) -> None:
    assert sign_flip_p(values[::-1].copy()) == sign_flip_p(values)
    assert sign_flip_p(np.rint(values) * 2.0) == sign_flip_p(np.rint(values))
    assert 2.0**-values.size <= sign_flip_p(values * unit) <= 1.0


def test_more_runs_than_can_be_listed_are_refused() -> None:
    with pytest.raises(UsageError, match="at most 20 runs, got 21"):
        sign_flip_p(np.ones(21))


def test_no_runs_at_all_are_refused() -> None:
    with pytest.raises(UsageError, match="0 runs are too few"):
        sign_flip_p(np.array([]))


@pytest.mark.parametrize(
    ("raw", "adjusted"),
    [
        pytest.param([0.01, 0.04, 0.03, 0.005], (0.03, 0.06, 0.06, 0.02), id="four traits, out of order"),
        pytest.param([0.02], (0.02,), id="one trait needs no correction"),
        pytest.param([0.5, 0.6], (1.0, 1.0), id="never above one"),
        pytest.param([0.03, 0.03, 0.03], (0.09, 0.09, 0.09), id="ties stay ties"),
        pytest.param([], (), id="no traits"),
    ],
)
def test_holm_agrees_with_the_hand(raw: list[float], adjusted: tuple[float, ...]) -> None:
    assert holm(raw) == pytest.approx(adjusted)


def test_holm_refuses_what_is_no_probability() -> None:
    with pytest.raises(UsageError, match=r"p-values lie in \[0, 1\]"):
        holm([0.2, float("nan")])


@settings(deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(raw: list[float]) -> None:
    adjusted = holm(raw)
    assert all(after >= before for before, after in zip(raw, adjusted, strict=True))
    ranked = [adjusted[place] for place in np.argsort(raw, kind="stable")]
    assert ranked == sorted(ranked)


@pytest.mark.parametrize("runs", [5, 10])
def test_the_interval_covers_the_mean_as_often_as_it_says(runs: int) -> None:
    rng = np.random.default_rng(3)
    intervals = [t_interval(rng.normal(0.3, 1.0, runs)) for _ in range(6000)]
    covered = np.mean([interval.low <= 0.3 <= interval.high for interval in intervals])
    assert covered == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 6000))


@pytest.mark.parametrize("runs", [5, 10])
def test_an_effect_as_large_as_the_stated_minimum_is_detected_four_times_in_five(runs: int) -> None:
    rng = np.random.default_rng(4)
    unit = (stdtrit(runs - 1, 0.95) + stdtrit(runs - 1, 0.8)) / np.sqrt(runs)
    detected = np.mean(
        [t_interval(rng.normal(unit, 1.0, runs), confidence=0.9).above_zero for _ in range(6000)]
    )
    assert detected == pytest.approx(0.8, abs=0.03)


def test_the_minimum_detectable_effect_follows_its_formula() -> None:
    # sd 1, three runs: t_{0.95, 2} = 2.920, t_{0.8, 2} = 1.061, over the root of three.
    assert minimum_detectable_effect(np.array([1.0, 2.0, 3.0])) == pytest.approx(
        (2.920 + 1.061) / 3**0.5, abs=1e-3
    )


def test_one_run_has_no_interval() -> None:
    with pytest.raises(UsageError, match="1 runs are too few: this statistic needs at least 2"):
        t_interval(np.array([1.0]))


@pytest.mark.parametrize(
    ("students", "teachers", "ratio"),
    [([1.0, 2.0], [5.0, 10.0], 0.2), ([-1.0, 0.0], [4.0, 6.0], -0.1), ([1.0, 1.0], [-1.0, 1.0], None)],
)
def test_the_transfer_ratio_is_a_ratio_of_means_where_the_teachers_shifted(
    students: list[float], teachers: list[float], ratio: float | None
) -> None:
    assert transfer_ratio(np.array(students), np.array(teachers)) == pytest.approx(ratio)
