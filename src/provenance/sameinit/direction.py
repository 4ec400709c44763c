"""Which of two kin may have come first: a weak statement from what training does to weights, and no part of any verdict.

Training from an initialisation that has a normal or a uniform law lets the norms of matrices grow, unless weight decay holds them, and
lets single weights stand out, so that tails become heavier. Fine-tuning may do the opposite of either, so only their agreement is
worth a word. No p-value: there is no null distribution that would hold for recipes unknown.

Source of the kurtosis: E. Horwitz et al., "Unsupervised model tree heritage recovery" (MoTHer), 2024, which follows outliers of weights
from parent to child. Deviation: plain excess kurtosis of a sample of each matrix.
"""

import math
from collections.abc import Sequence

import numpy as np

from provenance.sameinit.comparison import Direction
from provenance.sameinit.symmetries import Group, Member
from provenance.weights.dtypes import Floats
from provenance.weights.network import Network
from provenance.weights.roles import Matrix

SAMPLED_ELEMENTS = 1 << 15
"""Elements of each matrix that are looked at: its first rows."""
SAMPLED_MATRICES = 32
"""Matrices that are looked at, evenly spread over the model."""
LEAST_GROWTH = 1e-4
"""Mean log ratio of norms, and difference of kurtosis, from which there is anything to say."""
SIGNS = "norm growth and kurtosis of weights"


def direction(one: Network, other: Network, groups: Sequence[Group]) -> Direction | None:
    """Which of two kin looks less trained.

    Args:
        one: The model A.
        other: The model B.
        groups: The groups of units that both have.

    Returns:
        The two signs, and what they agree on; None where there is nothing to look at.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    members = [member for group in groups for member in group.members]
    chosen = members[:: max(1, len(members) // SAMPLED_MATRICES)]
    moments = [found for member in chosen if (found := _moments(one, other, member)) is not None]
    if not moments:
        return None
    norms, kurtosis = (float(mean) for mean in np.mean(moments, axis=0))
    smaller = [_smaller(one, other, value) for value in (norms, kurtosis)]
    return Direction(
        earlier=smaller[0] if smaller[0] == smaller[1] else None,
        by=SIGNS,
        smaller_norms=smaller[0],
        smaller_tails=smaller[1],
        norms=abs(norms),
        kurtosis=abs(kurtosis),
    )


def _smaller(one: Network, other: Network, difference: float) -> str | None:
    """Path of B where A's value is larger, of A where B's is, None where there is hardly a difference."""
    if abs(difference) < LEAST_GROWTH:
        return None
    return str((other if difference > 0 else one).checkpoint.path)


def _moments(one: Network, other: Network, member: Member) -> tuple[float, float] | None:
    """Log of the norm in A over that in B, and the difference of excess kurtosis, on a sample of one matrix."""
    found: list[tuple[float, float]] = []
    for network, matrix in ((one, member.a), (other, member.b)):
        if not network.checkpoint.is_numeric(matrix.name):
            return None
        values = _sample(network, matrix)
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.square(values)
            square = float(squares.mean(dtype=np.float64))
            fourth = float(np.square(squares).mean(dtype=np.float64))
        if not (0 < square < math.inf and math.isfinite(fourth)):
            return None
        found.append((math.log(square) / 2, fourth / square**2 - 3))
    (norm, tails), (other_norm, other_tails) = found
    return norm - other_norm, tails - other_tails


def _sample(network: Network, matrix: Matrix) -> Floats:
    rows = max(1, SAMPLED_ELEMENTS // max(matrix.inputs, 1))
    return network.outputs(matrix, 0, rows)
