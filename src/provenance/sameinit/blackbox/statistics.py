"""How near two answers are, and whether one pair of models is nearer than others: pure, numpy and scipy only."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy.special import betaincinv

from provenance.sameinit.conformal import ROUNDING
from provenance.sameinit.statistics import log10_binomial_tail


def shared_beginning(one: Sequence[str], other: Sequence[str]) -> float:
    """The share of two responses that agrees from their beginning: words in common before the first difference, over the longer length.

    1 for equal responses, two empty ones included; for responses of one word, whether they are equal. Symmetric.

    Source: the agreement of output tokens of I. Nikolic, T. Baluta and P. Saxena, "Model provenance testing for large language models",
    arXiv 2502.00706, section 4. Deviation: they compare the next token alone; a recorded response may be longer, and after the
    first difference its words no longer answer the same question.

    Example:
        >>> shared_beginning(["a", "b", "c"], ["a", "b", "d", "e"])
        0.5
    """
    length = max(len(one), len(other))
    if one == other or length == 0:
        return 1.0
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (x, y) in pairs if x != y), min(len(one), len(other))) / length


def top_agreement(p: Mapping[str, float], q: Mapping[str, float]) -> float:
    """1 minus the Jensen-Shannon divergence, in bits, of two distributions of which only the likeliest tokens are known.

    JS(p, q) = (KL(p || m) + KL(q || m)) / 2 with m = (p + q) / 2, over the tokens that either list holds and one more cell for all the
    rest. A token that one list lacks has, in that model, at most the probability of its least listed token, and all of
    them together at most what its list leaves over. Within these bounds each is given the other model's probability, or as
    much of it as there is room for: the tail is completed in favour of agreement, alike for both. In [0, 1], symmetric.

    Source: J. Lin, "Divergence measures based on the Shannon entropy", IEEE Trans. Inf. Theory 37 (1991), section III.

    Args:
        p: Token to probability; at least one, of a sum of at most 1.
        q: The same of the other model.

    Example:
        >>> round(top_agreement({"a": 0.5, "b": 0.5}, {"a": 0.5, "c": 0.5}), 3)
        0.5
    """
    tokens = sorted(p.keys() | q.keys())
    one, other = _completed(p, q, tokens), _completed(q, p, tokens)
    middle = (one + other) / 2
    bits = sum(
        float((side[side > 0] * np.log2(side[side > 0] / middle[side > 0])).sum()) for side in (one, other)
    )
    return min(1.0, max(0.0, 1.0 - bits / 2))


def _completed(
    known: Mapping[str, float], other: Mapping[str, float], tokens: Sequence[str]
) -> Float64[np.ndarray, "cells"]:  # noqa: F821 - the name of an axis
    left_over = max(0.0, 1.0 - math.fsum(known.values()))
    bound = min(known.values())
    lacking = {token: min(bound, other[token]) for token in tokens if token not in known}
    wanted = math.fsum(lacking.values())
    room = min(1.0, left_over / wanted) if wanted > 0 else 0.0
    cells = [known[token] if token in known else lacking[token] * room for token in tokens]
    return np.array([*cells, max(0.0, left_over - wanted * room)])


def interactions(
    agreement: Float64[np.ndarray, "models models"],  # noqa: F722 - names of axes
) -> Float64[np.ndarray, "models models"]:  # noqa: F722
    """How much nearer each pair of models is than the two of them are to models in general.

    e_ij = s_ij - mean_k s_ik - mean_k s_jk + mean_kl s_kl, over models k and l other than i and j. A model that answers unlike
    everybody (by being better, worse, or tuned to something else) has low agreement with its own parent too; what is left after the
    two models' own levels are taken away is what ties them to each other. Renaming models renames rows and columns and
    nothing else, so that any ranking of pairs is as exchangeable as the models are.

    Source: J. W. Tukey's two-way fit of a table; here without the pair itself, so that a close pair does not hide behind its own level.

    Args:
        agreement: Mean agreement of models i and j, symmetric, at least four models; the diagonal is not looked at.

    Returns:
        Symmetric; 0 on the diagonal.
    """
    count = len(agreement)
    off = np.where(np.eye(count, dtype=bool), 0.0, agreement)
    sums = off.sum(axis=1)
    to_others = (sums[:, None] - off) / (count - 2)
    among_others = off.sum() - 2 * sums[:, None] - 2 * sums + 2 * off
    found = off - to_others - to_others.T + among_others / ((count - 2) * (count - 3))
    return np.where(np.eye(count, dtype=bool), 0.0, (found + found.T) / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """Whether one pair is nearer than another, prompt by prompt.

    Args:
        nearer: Prompts on which it is.
        farther: Prompts on which it is farther. On the others they tie.
        log10_p: Exact binomial tail.
        most: Upper bound on the share of ``nearer`` among the prompts that don't tie, at the confidence asked for.
    """

    nearer: int
    farther: int
    log10_p: float
    most: float


def duel(
    pair: Float64[np.ndarray, "prompts"],  # noqa: F821 - the name of an axis
    rival: Float64[np.ndarray, "prompts"],  # noqa: F821
    doubt: float,
) -> Duel:
    """An exact paired test over prompts that one pair of models agrees more than another.

    Null hypothesis: of the prompts (drawn independently from those that might have been asked) on which the two pairs differ, the
    first is the nearer one on no more than half. Given that n differ, the number k on which it is is Binomial(n, q) with q <= 1/2, so
    that ``p = P(Bin(n, 1/2) >= k)`` is valid for every n. ``most`` is the upper Clopper-Pearson bound on q.

    Source: Q. McNemar, Psychometrika 12 (1947), in its exact form; C. J. Clopper and E. S. Pearson, Biometrika 26 (1934). Nikolic et al.
    (arXiv 2502.00706) use a z-test of two proportions here. Deviation: exact, and paired, since all models answered the same prompts.

    Args:
        pair: How near the pair is on each prompt.
        rival: How near the other pair is.
        doubt: 1 minus the confidence of ``most``.
    """
    nearer = int((pair > rival + ROUNDING).sum())
    farther = int((pair < rival - ROUNDING).sum())
    return Duel(
        nearer=nearer,
        farther=farther,
        log10_p=log10_binomial_tail(nearer, nearer + farther),
        most=float(betaincinv(nearer + 1, farther, 1 - doubt)) if farther else 1.0,
    )
