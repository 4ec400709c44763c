"""Tests of independence that are exact for any sample size, since they flip coins and assume nothing else.

Two symmetries of networks turn a pair of weight tensors into fair coins.

*Sign.* Turning the sign of unit j of B (its row in one matrix and its column in the next) changes nothing that B computes, commutes with
the usual optimisers, and leaves the usual initialisations as likely as before. So when B's initialisation was drawn
independently of A, the sign of ``c_j = cos(A_j, B_j)`` is a fair coin, given everything else.

*Swap.* Where only the order of units is arbitrary, exchanging units j and k of B is such a symmetry. So the sign of
``c_jk = (S_jj + S_kk - S_jk - S_kj) / 2``, with ``S_jk = cos(A_j, B_k)``, is a fair coin for each of n/2 disjoint pairs: the trace statistic
tr S, tested on the subgroup of pair swaps. What all units have in common cancels.

Everything here is pure: arrays in, frozen results out. Probabilities are log10, since they run to 10^-100000.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float64
from scipy.special import gammainccinv, gammaln, ndtr, xlogy

Vector: TypeAlias = Float64[np.ndarray, "units"]  # noqa: F821 - the name of an axis
Outcomes: TypeAlias = Float64[np.ndarray, "outcomes"]  # noqa: F821 - one for each number of heads, from 0
Law: TypeAlias = Float64[np.ndarray, "grid"]  # noqa: F821 - the name of an axis

LN10 = math.log(10.0)
POWER = 0.8
"""The power at which a detection limit is stated."""


@dataclass(frozen=True, slots=True)
class Untestable:
    """Why a test can't be made. It is an outcome of its own, never a p-value."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coins:
    """The outcome of a sign test on one group of units.

    Args:
        flips: Number of coins: units or pairs whose agreement is not exactly zero.
        heads: How many of them agree.
        mean: Mean agreement, on the scale of a cosine.
        rms: Root mean square of the agreements.
        log10_p: Exact binomial tail.
        log10_bound: Hoeffding's bound, which weighs agreements by their size; beside it, never combined with it.
    """

    flips: int
    heads: int
    mean: float
    rms: float
    log10_p: float
    log10_bound: float


def sign_test(agreement: Vector) -> Coins | Untestable:
    """Tests whether the signs of agreements are fair coins.

    Null hypothesis: given their sizes, the signs of the agreements are independent and fair. It follows from an initialisation
    of B that was drawn independently of A, whatever data either was trained on, as long as no loss set their units side by side.

    The statistic is the number k of positive agreements among the n that are not zero. Under the null it is Binomial(n, 1/2),
    for every n, so that ``p = sum_{i>=k} C(n, i) / 2^n`` is exact, and one-sided: a shared initialisation makes agreements
    positive. Beside it stands Hoeffding's bound ``log p <= -T^2 / (2 sum c_j^2)`` for T = sum c_j > 0, which is never too small either.

    Source: the binomial sign test; W. Hoeffding, "Probability inequalities for sums of bounded random variables", JASA 58 (1963),
    theorem 2. Deviation: zeros are dropped, as usual for a sign test.

    Args:
        agreement: One number a unit (or pair of units), float64, on the scale of a cosine.

    Returns:
        The outcome, or `Untestable` when an agreement is not finite or all are zero.

    Example:
        >>> sign_test(np.array([0.3, 0.2, -0.1, 0.4])).log10_p  # (4 + 1) / 16
        -0.5051499783199058
    """
    if not np.isfinite(agreement).all():
        return Untestable("an agreement is not finite")
    tossed = agreement[agreement != 0]
    if tossed.size == 0:
        return Untestable("no unit has any agreement, for or against")
    heads = int((tossed > 0).sum())
    total, squares = math.fsum(tossed), math.fsum(tossed**2)
    return Coins(
        flips=tossed.size,
        heads=heads,
        mean=total / tossed.size,
        rms=math.sqrt(squares / tossed.size),
        log10_p=log10_binomial_tail(heads, tossed.size),
        log10_bound=-(max(total, 0.0) ** 2) / (2 * squares) / LN10,
    )


def log10_binomial_tail(heads: int, flips: int) -> float:
    """log10 of the probability of at least ``heads`` heads in ``flips`` fair coins, exact to rounding.

    Args:
        heads: From 0 to ``flips``.
        flips: Number of coins.
    """
    counts = np.arange(heads, flips + 1)
    log_ways = gammaln(flips + 1) - gammaln(counts + 1) - gammaln(flips - counts + 1)
    return min(0.0, (_log_of_sum(log_ways) - flips * math.log(2.0)) / LN10)


def _log_of_sum(logs: Outcomes) -> float:
    """The logarithm of the sum of what has these logarithms, as scipy's logsumexp, which takes longer to see what it was given."""
    largest = float(logs.max())
    others = np.exp(logs - largest)
    is_largest = logs == largest
    others[is_largest] = 0.0
    count = int(is_largest.sum())
    return math.log1p(float(others.sum()) / count) + math.log(count) + largest


def fisher(log10_p: Sequence[float]) -> float:
    """Combines independent p-values into one.

    Null hypothesis: all of the null hypotheses hold. With H = -sum ln p_l over L p-values, ``p = exp(-H) sum_{j<L} H^j / j!``: exact for
    independent uniform p-values, and never too small for those that are larger. It is enough that each p-value is
    valid given the ones before it, in some order.

    Source: R. A. Fisher, "Statistical Methods for Research Workers" (1925), section 21.1; the sum is the upper tail of a gamma
    distribution with integer shape, here by log-sum-exp, since H runs to 10^5.

    Args:
        log10_p: At least one, each at most 0.

    Returns:
        log10 of the combined p-value.

    Raises:
        ValueError: There is none to combine.

    Example:
        >>> round(fisher([-2.0, -3.0]), 3)
        -3.903
    """
    if not log10_p:
        raise ValueError("nothing to combine")
    total = -LN10 * math.fsum(log10_p)
    if total <= 0:
        return 0.0
    terms = np.arange(len(log10_p))
    log_sum = _log_of_sum(terms * math.log(total) - gammaln(terms + 1))
    return min(0.0, (log_sum - total) / LN10)


def bonferroni(log10_p: Sequence[float]) -> float:
    """The smallest of several p-values, corrected for having looked at all of them: valid whatever their dependence.

    Args:
        log10_p: At least one, each at most 0.

    Returns:
        log10 of the corrected p-value, at most 0.

    Raises:
        ValueError: There is none to combine.

    Example:
        >>> round(bonferroni([-5.0, -0.2]), 3)
        -4.699
    """
    if not log10_p:
        raise ValueError("nothing to combine")
    return min(0.0, min(log10_p) + math.log10(len(log10_p)))


def e_value(log10_p: float) -> float:
    """log10 of an e-value from a p-value: 1 / (2 sqrt p).

    Null hypothesis: that of the p-value. An e-value is a non-negative number whose mean under the null is at most 1; here
    ``int_0^1 dp / (2 sqrt p) = 1`` for an exact p-value, and less for one that is too large. E-values from dependent tests may be averaged, and
    control the share of false discoveries whatever the dependence (`e_bh`).

    Source: V. Vovk and R. Wang, "E-values: calibration, combination and applications", Annals of Statistics 49 (2021), equation 1
    with kappa = 1/2.

    Args:
        log10_p: At most 0.

    Returns:
        log10 of the e-value, at least -log10 2.

    Example:
        >>> round(e_value(-6.0), 3)  # 10^3 / 2
        2.699
    """
    return -log10_p / 2 - math.log10(2.0)


def e_bh(log10_e: Sequence[float], alpha: float, tests: int | None = None) -> tuple[int, ...]:
    """Which null hypotheses to reject so that at most a share ``alpha`` of the rejected ones are true, on average.

    Null hypotheses: one for each e-value. With the K e-values in falling order, the k* largest are rejected, ``k* = max {k : k e_(k) >= K / alpha}``. The
    control holds for any dependence between them, as between comparisons that share models.

    Source: R. Wang and A. Ramdas, "False discovery rate control with e-values", JRSS B 84 (2022), definition 1 and theorem 2.

    Args:
        log10_e: log10 of e-values.
        alpha: The share, in (0, 1).
        tests: K where it is larger than the number of e-values given: a growing registry declares how many it will make, and tests that
            are still to come count as e-values of 0.

    Returns:
        Places of the rejected ones, ascending.

    Raises:
        ValueError: ``tests`` is less than the number of e-values.

    Example:
        >>> e_bh([2.699, 0.0, 1.7], 0.05)  # 500, 1 and 50 against 60, 30 and 20
        (0, 2)
    """
    tests = len(log10_e) if tests is None else tests
    if tests < len(log10_e):
        raise ValueError(f"{len(log10_e)} e-values can't come from {tests} tests")
    order = sorted(range(len(log10_e)), key=lambda place: -log10_e[place])
    ranks = [
        rank
        for rank, place in enumerate(order, 1)
        if log10_e[place] + math.log10(rank) >= math.log10(tests / alpha)
    ]
    return tuple(sorted(order[: max(ranks, default=0)]))


def detection_limit(groups: Sequence[Coins], alpha: float, paid: float = 0.0) -> float | None:
    """The smallest common correlation that the combined sign tests of some groups would find with power `POWER`.

    Were every unit's agreement higher by rho, a coin of group l with root mean square agreement s_l would show heads with
    probability ``q_l = Phi(rho / s_l)``. The heads are then Binomial(n_l, q_l), each number of them has its exact p-value, and H =
    -sum ln p_l is what `fisher` sets against the level's threshold. The law of H is found by convolution, on a grid up to the
    threshold: each -ln p is shared between its two neighbours on the grid, so that means are kept.

    Source: SAME_INIT's ``rho_min = (z_alpha + 0.84) sqrt(sum c^2) / n``. Deviations: (1) signs are counted and agreements
    not summed, which costs a factor sqrt(pi / 2) ~ 1.25 and more for few coins; (2) Fisher's combination in place of one
    group; (3) exact binomial tails in place of normal ones. What is left of approximation is the grid.

    Args:
        groups: Outcomes that are combined by `fisher`.
        alpha: The level, in (0, 1).
        paid: What the groups pay in sum for others beside them, by Bonferroni's method within clusters: -ln of the factor on the product
            of their p-values.

    Returns:
        The limit, in (0, 1], or None when not even a correlation of 1 would be found.
    """
    threshold = float(gammainccinv(len(groups), alpha)) + paid
    nats = {flips: _nats(flips) for flips in {group.flips for group in groups}}
    grid = min(max(_GRID, 2 * len(groups)), _FINEST_GRID)
    # Groups of one size whose agreements differ by less than a step count as one, the weaker: a model may have a million.
    step = _STEP if len(groups) <= _SEVERAL else _LARGE_STEP
    kinds = Counter((group.flips, _rounded_up(group.rms, step)) for group in groups)

    def is_found(rho: float) -> bool:
        laws = [
            _repeated(_law(flips, rms, rho, nats[flips] / threshold, grid), count)
            for (flips, rms), count in kinds.items()
        ]
        return bool(_summed(np.array(laws))[-1] >= POWER)

    low, high = _SMALLEST, 1.0
    if not is_found(high):
        return None
    while high > low * _PRECISION:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if is_found(middle) else (middle, high)
    return high


_SMALLEST = 1e-5
_PRECISION = 1.002
_STEP = 1.005
_LARGE_STEP = 1.05
_SEVERAL = 64
_GRID = 1024
_FINEST_GRID = 1 << 14
_TAILS = 9.0
"""Standard deviations of the number of heads beyond which it is left out of account."""


def _nats(flips: int) -> Outcomes:
    """-ln p of 0, 1, ..., ``flips`` heads."""
    counts = np.arange(flips + 1)
    log_ways = gammaln(flips + 1) - gammaln(counts + 1) - gammaln(flips - counts + 1)
    log_tails = np.logaddexp.accumulate(log_ways[::-1])[::-1] - flips * math.log(2.0)
    nats: Outcomes = np.maximum(-log_tails, 0.0)
    return nats


def _rounded_up(rms: float, step: float) -> float:
    """The next power of a step, so that a limit is rather too large than too small."""
    return float(step ** math.ceil(math.log(rms, step)))


def _law(flips: int, rms: float, rho: float, nats: Outcomes, grid: int) -> Law:
    """Probabilities of a group's -ln p on a grid from 0 to the threshold; the last is that of all beyond.

    Args:
        flips: Number of coins.
        rms: Root mean square of their agreements.
        rho: The correlation.
        nats: -ln p of each number of heads, as a share of the threshold.
        grid: Number of steps.
    """
    share = float(ndtr(rho / rms))
    spread = _TAILS * math.sqrt(flips * share * (1 - share)) + 1
    first = max(0, math.floor(flips * share - spread))
    counts = np.arange(first, min(flips, math.ceil(flips * share + spread)) + 1)
    chances = np.exp(
        gammaln(flips + 1)
        - gammaln(counts + 1)
        - gammaln(flips - counts + 1)
        + xlogy(counts, share)
        + xlogy(flips - counts, 1 - share)
    )
    place = np.minimum(nats[counts], 1.0) * grid
    below = np.minimum(place.astype(np.intp), grid - 1)
    # What falls short of the threshold by less than a step must not count as beyond it.
    above = np.where((below == grid - 1) & (place < grid), 0.0, place - below)
    law: Law = np.bincount(below, chances * (1 - above), grid + 1)
    law += np.bincount(below + 1, chances * above, grid + 1)
    return law


def _repeated(law: Law, count: int) -> Law:
    """The law of the sum of ``count`` independent parts that are alike, by doubling."""
    if count == 1:
        return law
    half = _repeated(law, count // 2)
    return _summed(np.array([half, half, law] if count % 2 else [half, half]))


def _summed(laws: Float64[np.ndarray, "groups grid"]) -> Law:  # noqa: F722 - names of axes
    """The law of a sum of independent parts, pair by pair; what goes beyond the grid gathers at its end."""
    grid = laws.shape[1] - 1
    while len(laws) > 1:
        odd = laws[len(laws) // 2 * 2 :]
        left, right = (np.fft.rfft(laws[start : len(laws) // 2 * 2 : 2], 2 * grid + 2) for start in (0, 1))
        sums = np.fft.irfft(left * right, 2 * grid + 2)
        sums[:, grid] += sums[:, grid + 1 :].sum(axis=1)
        laws = np.concatenate([sums[:, : grid + 1], odd])
    total: Law = laws[0]
    return total
