"""Which units of two models belong together, and how they agree.

What is matched, and what is tested, may overlap as long as the match is the same whatever the coins show. Flipping unit j of B, (U_j, D_:j),
turns the sign of ``c_ij = (cos(U_i, U'_j) + cos(D_:i, D'_:j)) / 2`` for all i at once, and changes no gate. So |c_ij| may be used to find the
partner m(i) of a unit, and sign(c_i,m(i)) is still a fair coin: independent ones for different i, since no j is matched twice. The same
holds for the flips of a value dimension, in V and in the outputs of all query heads that read it; queries and keys, by which heads
are matched, don't change with it.

Units are matched when each is the other's best: for units that correlate weakly this finds more than the best assignment does
(`benchmarks/robust_calibration.py`), and it takes memory for one matrix of cosines.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from provenance.sameinit.alignment import Alignment
from provenance.sameinit.copies import PROJECTIONS, Sketch, repeats_at, sketch
from provenance.sameinit.statistics import Untestable, Vector
from provenance.sameinit.units import Cosines, cosines, sides
from provenance.weights.dtypes import Floats
from provenance.weights.families import Role
from provenance.weights.network import Network
from provenance.weights.roles import Slot

Indices = npt.NDArray[np.intp]

SAMPLED_ELEMENTS = 1 << 21
"""Elements of one matrix of A that are looked for in B: all units of narrow models, 512 units of width 4,096. Units are taken as they
come, so that the choice knows of no coin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Units of A and of B that belong together.

    Args:
        left: Numbers of the units of A, ascending.
        right: Numbers of their partners in B, each once.
        agreement: One number a match, a mean of cosines, float64: the coins.
        elements: Number of elements looked at, of both models together.
        sketches: The matched units, in A's order and in B's, to find out which groups are copies of each other.
    """

    left: Indices
    right: Indices
    agreement: Vector
    elements: int
    sketches: tuple[Sketch, ...]


def sampled(width: int) -> int:
    """Number of units of a width that are looked for."""
    return max(1, SAMPLED_ELEMENTS // max(width, 1))


def mutual(scores: Floats) -> tuple[Indices, Indices]:
    """Pairs of rows and columns that are each other's best, in order of rows. Scores of minus infinity are no candidates."""
    best = scores.argmax(axis=1)
    rows = np.arange(len(scores))
    chosen = rows[(scores.argmax(axis=0)[best] == rows) & (scores[rows, best] > -np.inf)]
    return chosen, best[chosen]


def match_hidden(a: Network, one: Slot, b: Network, other: Slot, alignment: Alignment) -> Match | Untestable:
    """Matches the hidden units of two gated MLPs.

    Args:
        a: The model whose first units are looked for.
        one: The place of its MLP; the role is of no account.
        b: The model in which they are looked for, among all of its units.
        other: The place of its MLP.
        alignment: From A's residual stream to B's.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    found: list[Cosines] = []
    for role in (Role.GATE, Role.UP, Role.DOWN):
        both = sides(a, one, b, other, role)
        if both is None:
            return Untestable(f"there is no {role} in both models")
        alike = cosines(*both, sampled(both[0].width), alignment)
        if isinstance(alike, Untestable):
            return alike
        found.append(alike)
    gate, up, down = found
    if not gate.values.shape == up.values.shape == down.values.shape:
        return Untestable("gate, up and down differ in their number of units")
    signed = np.float32(0.5) * (up.values + down.values)
    return match(signed, gate.values + np.abs(up.values + down.values), (up, down))


def match(signed: Floats, scores: Floats, members: Sequence[Cosines]) -> Match | Untestable:
    """Matches units by scores that know of no coin, and reads off the coins.

    Args:
        signed: Agreement of each unit of A with each of B; flipping a unit of B turns the signs of its column.
        scores: How well each fits each, of equal shape; flipping a unit changes nothing. Minus infinity: no candidates.
        members: The tensors that ``signed`` is a mean over.
    """
    left, right = mutual(scores)
    sketches: list[Sketch] = []
    for member in members:
        for order, count in ((left, len(member.projections_a)), (right, len(member.projections_b))):
            arranged = np.zeros((2, count, PROJECTIONS))
            arranged[0, order], arranged[1, order] = member.projections_a[left], member.projections_b[right]
            distance = repeats_at(arranged)
            if distance is not None:
                return Untestable(
                    f"units are repeated at a distance of {distance} in both models, so that they would count twice"
                )
            sketches.append(sketch(arranged, member.elements))
    return Match(
        left=left,
        right=right,
        agreement=signed[left, right].astype(np.float64),
        elements=2 * len(left) * sum(member.elements for member in members),
        sketches=tuple(sketches),
    )
