"""P-values by comparison with controls: for statistics that have no null distribution of their own.

A statistic that a whole symmetry group leaves unchanged says how alike two models are, whoever permuted or rotated one of them; but
trained strangers are alike too, and how much so follows from no null hypothesis. What is left is to rank the value among
those of pairs that are known to be strangers. Such a p-value is as good as its controls: it is valid where the pair that is
tested could, were it a pair of strangers, as well have been any of them.

Everything here is pure: arrays in, frozen results out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from jaxtyping import Float64

from provenance.sameinit.statistics import Untestable

LEAST_LAYERS = 4
"""Layers from which orders of layers can tell anything: 4! = 24 of them."""
MOST_LAYERS = 8
"""Layers up to which all orders are listed: 8! = 40,320."""
ROUNDING = 1e-12
"""Differences up to here are no differences: a tie counts for the null."""


@dataclass(frozen=True, slots=True)
class Conformal:
    """A p-value that rests on controls.

    Args:
        log10_p: log10 of (1 + number of controls at least as large) / (1 + number of controls).
        kind: What the controls are and how many: ``conformal N=40``.
    """

    log10_p: float
    kind: str


def conformal_p(observed: float, controls: Sequence[float]) -> float:
    """The rank of a value among controls.

    Null hypothesis: the observed value and the N controls are exchangeable, in that each order of the N + 1 is equally likely. Then

        p = (1 + #{i : control_i >= observed}) / (1 + N)

    satisfies P(p <= x) <= x for every x and N; ties count against the observed value. The p-value can't fall below 1 / (1 + N).
    It holds on average over draws of the controls, and not for one given set of them.

    Source: V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World" (2005), section 2.2.

    Args:
        observed: The value, larger for more alike models; finite.
        controls: Values of pairs known to be strangers; finite. With none of them, p = 1.

    Returns:
        log10 of the p-value.

    Raises:
        ValueError: A value is not finite.

    Example:
        >>> round(conformal_p(0.9, [0.1, 0.2, 0.3]), 3)  # 1 / 4
        -0.602
    """
    if not np.isfinite([observed, *controls]).all():
        raise ValueError("the observed value and the controls have to be finite")
    larger = sum(control >= observed - ROUNDING for control in controls)
    return math.log10((1 + larger) / (1 + len(controls)))


def against_controls(observed: float, controls: Sequence[float], level: float) -> Conformal | Untestable:
    """`conformal_p` where there are enough controls to reach a level, and the reason where there are not.

    Args:
        observed: The value.
        controls: Those of strangers.
        level: The largest p-value that would mean anything, in (0, 1).
    """
    needed = math.ceil(1 / level) - 1
    if len(controls) < needed:
        return Untestable(
            f"{len(controls)} external controls, and {needed} are needed to reach p = {level:g}"
        )
    return Conformal(conformal_p(observed, controls), f"conformal N={len(controls)}")


def against_other_orders(scores: Float64[np.ndarray, "layers layers"]) -> Conformal | Untestable:  # noqa: F722 - axes
    """Tests whether layers of A agree with the layers of B in their place more than with B's other layers.

    Null hypothesis: given A, the layers of B are exchangeable. With T(pi) = sum_l s[l, pi(l)] over all orders pi of the L layers,

        p = #{pi : T(pi) >= T(identity)} / L!

    is then exact. The hypothesis holds for layers that were drawn alike and independently of A, and *not* for trained ones: first
    layers of strangers resemble each other more than a first and a last layer do. A small p-value therefore means "these layers
    correspond", which copies and mere depth can both cause, and the size of the excess has to tell the two apart.

    Source: E. J. G. Pitman, "Significance tests which may be applied to samples from any populations", JRSS Suppl. 4 (1937); mismatched layers as
    controls within a pair after S. Zhu et al., arXiv 2502.12292.

    Args:
        scores: Agreement of layer l of A with layer m of B, in row l and column m; layers in order of depth, at most `MOST_LAYERS`.

    Returns:
        The p-value, or why there is none.

    Raises:
        ValueError: There are more than `MOST_LAYERS` layers.
    """
    count = len(scores)
    if count > MOST_LAYERS:
        raise ValueError(f"{count} layers have too many orders: at most {MOST_LAYERS}")
    if count < LEAST_LAYERS:
        return Untestable(f"{count} layers to be exchanged, and {LEAST_LAYERS} are needed")
    orders = np.array(list(permutations(range(count))))
    sums = scores[np.arange(count), orders].sum(axis=1)
    at_least = int((sums >= sums[0] - ROUNDING).sum())
    return Conformal(math.log10(at_least / len(orders)), f"orders of layers N={len(orders)}")
