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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float64
from scipy.special import entr, gammainccinv, gammaln, log_ndtr, logsumexp, ndtr, ndtri

Vector: TypeAlias = Float64[np.ndarray, "units"]  # noqa: F821 - the name of an axis

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
    of B that was drawn independently of A, whatever data either was trained on.

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
        -0.505149978319906
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
    return min(0.0, float(logsumexp(log_ways) - flips * math.log(2.0)) / LN10)


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
        -3.902
    """
    if not log10_p:
        raise ValueError("nothing to combine")
    total = -LN10 * math.fsum(log10_p)
    if total <= 0:
        return 0.0
    terms = np.arange(len(log10_p))
    log_sum = float(logsumexp(terms * math.log(total) - gammaln(terms + 1)))
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


def detection_limit(groups: Sequence[Coins], alpha: float) -> float | None:
    """The smallest common correlation that the combined sign tests of some groups would find.

    Were every unit's agreement higher by rho, a coin of group l with root mean square agreement s_l would show heads with
    probability ``q = Phi(rho / s_l)``, and k heads of n give a p-value that is that of a normal score ``sqrt(2 n KL(k/n, 1/2))`` to a
    good approximation. The limit is the rho at which Fisher's H over the groups exceeds the level's threshold with power 0.8, H taken
    as normal with its moments under that alternative.

    Source: SAME_INIT's ``rho_min = (z_alpha + 0.84) sqrt(sum c^2) / n``. Deviations: (1) signs are counted and agreements
    not summed, which costs a factor sqrt(pi / 2) ~ 1.25 and more for few coins; (2) Fisher's combination in place of one
    group. Asymptotic.

    Args:
        groups: Outcomes that are combined by `fisher`.
        alpha: The level, in (0, 1).

    Returns:
        The limit, in (0, 1], or None when not even a correlation of 1 would be found.
    """
    threshold = float(gammainccinv(len(groups), alpha))
    flips = np.array([group.flips for group in groups], dtype=np.float64)
    scales = np.array([group.rms for group in groups])
    if not _is_found(1.0 / scales, flips, threshold):
        return None
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if _is_found(middle / scales, flips, threshold) else (middle, high)
    return high


_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(41)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


def _is_found(shifts: Vector, flips: Vector, threshold: float) -> bool:
    """Whether H exceeds the threshold with the stated power when each group's agreements shift by so many of their rms."""
    heads = ndtr(shifts)[:, None]
    share = np.clip(heads + np.sqrt(heads * (1 - heads) / flips[:, None]) * _NODES, 0.0, 1.0)
    divergence = math.log(2.0) - entr(share) - entr(1 - share)
    scores = np.sign(share - 0.5) * np.sqrt(2 * flips[:, None] * np.maximum(divergence, 0.0))
    nats = np.minimum(-log_ndtr(-scores), flips[:, None] * math.log(2.0))
    expected = nats @ _WEIGHTS
    variance = np.maximum((nats**2) @ _WEIGHTS - expected**2, 0.0)
    return bool(expected.sum() - ndtri(POWER) * math.sqrt(variance.sum()) >= threshold)
