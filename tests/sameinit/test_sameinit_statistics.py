"""The statistics: known answers, calibration under the null, power at the stated limit."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from scipy import stats

from provenance.sameinit.statistics import (
    Coins,
    Untestable,
    bonferroni,
    detection_limit,
    fisher,
    log10_binomial_tail,
    sign_test,
)


def coins_of(agreement: np.ndarray) -> Coins:
    coins = sign_test(agreement)
    assert isinstance(coins, Coins)
    return coins


def test_three_heads_of_four_have_the_p_value_that_counting_gives() -> None:
    coins = coins_of(np.array([0.3, 0.2, -0.1, 0.4]))
    assert (coins.flips, coins.heads) == (4, 3)
    assert coins.mean == pytest.approx(0.2)
    assert coins.log10_p == pytest.approx(math.log10(5 / 16))
    assert coins.log10_bound == pytest.approx(-(0.8**2) / (2 * 0.3) / math.log(10))


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_the_binomial_tail_is_that_of_scipy(case: tuple[int, int]) -> None:
    flips, heads = case
    assert log10_binomial_tail(heads, flips) == pytest.approx(
        stats.binom.logsf(heads - 1, flips, 0.5) / math.log(10), abs=1e-9
    )


def test_no_p_value_is_too_small_for_its_logarithm() -> None:
    assert log10_binomial_tail(1_000_000, 1_000_000) == pytest.approx(-1_000_000 * math.log10(2), rel=1e-9)
    combined = fisher([-100_000.0] * 40)
    assert math.isfinite(combined)
    assert combined < -3_900_000


@given(st.lists(st.floats(-9, 0), min_size=1, max_size=30))
def test_fisher_s_combination_is_that_of_scipy(log10_p: list[float]) -> None:
    expected = stats.chi2.logsf(-2 * math.log(10) * math.fsum(log10_p), 2 * len(log10_p)) / math.log(10)
    assert fisher(log10_p) == pytest.approx(expected, abs=1e-8)


@given(st.lists(st.floats(-1000, 0), min_size=1, max_size=30))
def test_bonferroni_lies_between_the_smallest_p_value_and_one(log10_p: list[float]) -> None:
    assert min(log10_p) <= bonferroni(log10_p) <= 0
    assert bonferroni(log10_p) == pytest.approx(min(0.0, min(log10_p) + math.log10(len(log10_p))))


def test_nothing_can_be_combined_from_nothing() -> None:
    for combine in (fisher, bonferroni):
        with pytest.raises(ValueError, match="nothing to combine"):
            combine([])


@pytest.mark.parametrize("values", [[], [0.0, 0.0]])
def test_no_agreement_at_all_is_untestable_and_no_p_value(values: list[float]) -> None:
    assert sign_test(np.array(values)) == Untestable("no unit has any agreement, for or against")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_untestable(bad: float) -> None:
    assert sign_test(np.array([0.1, bad])) == Untestable("an agreement is not finite")


@pytest.mark.parametrize("groups", [1, 3, 12])
def test_combined_p_values_are_uniform_under_the_null_even_with_heavy_tails(groups: int) -> None:
    rng = np.random.default_rng(groups)
    p = np.array(
        [10 ** fisher([coins_of(rng.standard_t(2, 301)).log10_p for _ in range(groups)]) for _ in range(1500)]
    )
    for level in (0.05, 0.01, 0.001):
        assert stats.binomtest(int((p <= level).sum()), len(p), level, alternative="greater").pvalue > 0.001
    # Coins are discrete, so p-values lie a little above uniform ones; never below, and not far above.
    assert stats.kstest(p, "uniform", alternative="greater").pvalue > 0.001
    assert (p <= 0.05).mean() > 0.02


def test_hoeffding_s_bound_is_never_beaten_by_chance() -> None:
    rng = np.random.default_rng(5)
    bounds = 10 ** np.array([coins_of(rng.standard_normal(64)).log10_bound for _ in range(4000)])
    for level in (0.05, 0.01, 0.001):
        assert (bounds <= level).mean() <= level


@pytest.mark.parametrize(
    ("groups", "flips"), [(1, 64), (2, 64), (1, 128), (4, 128), (12, 64), (24, 256), (24, 1024)]
)
def test_a_correlation_at_the_detection_limit_is_found_with_the_stated_power(groups: int, flips: int) -> None:
    rng = np.random.default_rng(flips + groups)
    scale = 0.05
    null = [Coins(flips=flips, heads=0, mean=0.0, rms=scale, log10_p=0.0, log10_bound=0.0)] * groups
    limit = detection_limit(null, 1e-6)
    assert limit is not None
    found = [
        fisher([coins_of(rng.normal(limit, scale, flips)).log10_p for _ in range(groups)]) <= -6
        for _ in range(600)
    ]
    # Three standard errors of 600 draws; few coins make the power jump, to above what is stated.
    error = 3 * (0.8 * 0.2 / 600) ** 0.5
    assert 0.8 - error <= np.mean(found) <= 0.8 + error + (0.05 if groups == 1 else 0.0)


def test_too_few_coins_have_no_detection_limit() -> None:
    assert detection_limit([coins_of(np.array([0.1, 0.2, -0.1]))], 1e-6) is None


def test_arrays_of_another_shape_are_refused_under_test() -> None:
    """The annotations are enforced by tests/conftest.py; this holds that they are."""
    with pytest.raises(TypeCheckError, match="agreement"):
        sign_test(np.zeros((2, 2)))
