"""How well the units of two models agree: one pass over both, in blocks of rows.

Memory is bounded by a block and a few numbers for each unit, whatever the size of the tensors. All arithmetic is the same
with A and B exchanged, to the last bit.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from provenance.sameinit.copies import PROJECTIONS, Sketch, projection, repeats_at, sketch
from provenance.sameinit.statistics import Untestable, Vector
from provenance.sameinit.symmetries import Group, Member, Side, Symmetry
from provenance.weights.checkpoint import Checkpoint
from provenance.weights.dtypes import Floats
from provenance.weights.families import Role
from provenance.weights.roles import Layout

Indices = npt.NDArray[np.intp]

BLOCK_ELEMENTS = 1 << 18
"""Elements of a block: 1 MB of float32, which stays in the cache while it is used several times."""
IDENTITY_LIKE_Z = 10.0
"""Standard errors by which a matrix's diagonal, repeated where it is not square, may stand out before it counts as built and not drawn."""
SINUSOID_COSINE = 0.5
"""Cosine with the usual sinusoids from which a table of positions counts as built."""
_POSITIONS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How well units of two models agree.

    Args:
        values: One number a unit (or pair of units), a mean of cosines over the members, float64.
        cosine: Cosine of the members as they stand, weighted by their number of elements.
        elements: Number of elements looked at, of both models together.
        sketches: One a member, to find out which groups are copies of each other.
    """

    values: Vector
    cosine: float
    elements: int
    sketches: tuple[Sketch, ...]


def agreement(a: Checkpoint, b: Checkpoint, group: Group) -> Agreement | Untestable:
    """Streams the tensors of a group and says how well its units agree.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    sums: list[_Sums] = []
    for member in group.members:
        for checkpoint, matrix in ((a, member.a), (b, member.b)):
            if not checkpoint.is_numeric(matrix.name):
                return Untestable(
                    f"{matrix.name} holds {checkpoint.info(matrix.name).dtype}, not floating-point values"
                )
        obstacle = member.obstacle()
        if obstacle is None:
            sums.append(_Sums(a, b, member))
            obstacle = sums[-1].obstacle()
        if obstacle is not None:
            return Untestable(obstacle)
    weights = [one.elements for one in sums]
    swaps = group.symmetry is Symmetry.SWAP
    return Agreement(
        values=np.mean([one.swapped() if swaps else one.units() for one in sums], axis=0),
        cosine=float(np.average([one.cosine() for one in sums], weights=weights)),
        elements=sum(weights),
        sketches=tuple(sketch(one.projections, one.size[1]) for one in sums),
    )


def built_positions(checkpoint: Checkpoint, layout: Layout) -> str | None:
    """Why the coordinates of the residual stream can't be exchanged, if they can't.

    Fixed positions that are added to it tell its coordinates apart; rotation, or a table that was drawn at random, does not.
    """
    if layout.family.rotary:
        return None
    slot = next((slot for slot in layout.matrices if slot.role is Role.POSITION), None)
    if slot is None:
        return "how positions enter is not known"
    name = layout.matrices[slot].name
    if not checkpoint.is_numeric(name):
        return f"{name} can't be read as numbers"
    table = checkpoint.rows(name, 0, _POSITIONS)
    return f"{name} holds sinusoids" if _sinusoidal(table) else None


def _sinusoidal(table: Floats) -> bool:
    length, width = table.shape
    angles = np.arange(length)[:, None] / 10000.0 ** (np.arange(width // 2) / max(width // 2, 1))
    blocks = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    interleaved = np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(length, -1)
    table = table[:, : blocks.shape[1]]
    with np.errstate(over="ignore", invalid="ignore"):
        scale = float(np.linalg.norm(table)) * float(np.linalg.norm(blocks)) or 1.0
        return any(
            abs(float((table * built).sum())) > SINUSOID_COSINE * scale for built in (blocks, interleaved)
        )


class _Sums:
    """Sums over one tensor of both models, in float64, for n units.

    Attributes:
        size: Number of units, and of elements of each.
        dots: <A_j, B_j>, length n.
        squares: |A_j|^2 and |B_j|^2, 2 x n.
        crossed: <A_j, B_k> and <A_k, B_j> for the pairs (j, k) = (0, 1), (2, 3), ..., 2 x n // 2.
        elements: Number of elements of both tensors.
        projections: Random projections of the units of A and of B, 2 x n x `PROJECTIONS`.
        totals: Sum of all elements and of the repeated diagonal, of A and of B, 2 x 2.
    """

    def __init__(self, a: Checkpoint, b: Checkpoint, member: Member) -> None:
        units, _ = member.units()
        self.member = member
        self.size = units, member.others()
        self.dots = np.zeros(units)
        self.squares = np.zeros((2, units))
        self.crossed = np.zeros((2, units // 2))
        self.projections = np.zeros((2, units, PROJECTIONS))
        self.totals = np.zeros((2, 2))
        self.elements = 0
        # Values near float32's limit overflow when squared: what is not finite then is reported as an obstacle.
        with np.errstate(over="ignore", invalid="ignore"):
            for units_at, others_at, x, y in _blocks(a, b, member):
                self._add(units_at, others_at, x, y)

    def _add(self, units_at: slice, others_at: slice, x: Floats, y: Floats) -> None:
        """Adds a block, units x others; ``units_at`` begins at an even unit."""
        self.dots[units_at] += _inner(x, y)
        self.squares[:, units_at] += (_inner(x, x), _inner(y, y))
        pairs = slice(units_at.start // 2, units_at.stop // 2)
        even, odd = slice(0, len(x) // 2 * 2, 2), slice(1, None, 2)
        self.crossed[:, pairs] += (_inner(x[even], y[odd]), _inner(x[odd], y[even]))
        directions = projection(self.size[1])[others_at]
        self.projections[:, units_at] += (x @ directions, y @ directions)
        diagonal = self._diagonal(units_at, others_at)
        self.totals += [[values.sum(), values[diagonal].sum()] for values in (x, y)]
        self.elements += x.size + y.size

    def obstacle(self) -> str | None:
        """Why the sums are of no use, if they are not."""
        name = self.member.a.name
        if not all(
            np.isfinite(sums).all() for sums in (self.dots, self.squares, self.crossed, self.projections)
        ):
            return f"{name} holds NaN, infinite or huge values"
        if not self.squares.sum(axis=1).all():
            return f"{name} holds only zeros"
        if self._is_identity_like():
            return f"{name} stands out on its diagonal like a matrix that was built and not drawn"
        distance = repeats_at(self.projections)
        if distance is not None:
            return f"{name} repeats its units at a distance of {distance} in both models, so that they would count twice"
        return None

    def _diagonal(self, units_at: slice, others_at: slice) -> tuple[Indices, Indices]:
        """Where in a block the diagonal is, which begins anew at each multiple of the shorter side."""
        longer = units_at if self.size[0] >= self.size[1] else others_at
        along = np.arange(longer.start, longer.stop)
        units, others = along % self.size[0] - units_at.start, along % self.size[1] - others_at.start
        inside = (
            (units >= 0)
            & (units < units_at.stop - units_at.start)
            & (others >= 0)
            & (others < others_at.stop - others_at.start)
        )
        return units[inside], others[inside]

    def _is_identity_like(self) -> bool:
        count = self.size[0] * self.size[1]
        mean = self.totals[:, 0] / count
        spread = np.sqrt(np.maximum(self.squares.sum(axis=1) / count - mean**2, np.finfo(np.float64).tiny))
        z = (self.totals[:, 1] / max(self.size) - mean) / spread * np.sqrt(max(self.size))
        return bool((np.abs(z) > IDENTITY_LIKE_Z).any())

    def units(self) -> Vector:
        """cos(A_j, B_j), length n; 0 where a unit is all zeros."""
        return _ratio(self.dots, self.squares[0], self.squares[1])

    def swapped(self) -> Vector:
        """(S_jj + S_kk - S_jk - S_kj) / 2 with S_jk = cos(A_j, B_k), length n // 2."""
        even, odd = slice(0, len(self.dots) // 2 * 2, 2), slice(1, None, 2)
        straight = _ratio(self.dots, self.squares[0], self.squares[1])
        across = _ratio(self.crossed[0], self.squares[0, even], self.squares[1, odd])
        back = _ratio(self.crossed[1], self.squares[0, odd], self.squares[1, even])
        agreement: Vector = (straight[even] + straight[odd] - (across + back)) / 2
        return agreement

    def cosine(self) -> float:
        """Cosine of the two tensors as they stand."""
        return float(_ratio(self.dots.sum(), self.squares[0].sum(), self.squares[1].sum()))


def _inner(x: Floats, y: Floats) -> Vector:
    """Inner products of rows; a product before a sum, so that exchanging x and y changes no bit."""
    sums: Vector = np.multiply(x, y).sum(axis=1).astype(np.float64)
    return sums


def _ratio(dots: Vector, one: Vector, other: Vector) -> Vector:
    # Square roots first: the product of two squares overflows sooner than they do.
    norms = np.sqrt(one) * np.sqrt(other)
    cosines: Vector = np.divide(dots, norms, out=np.zeros_like(dots), where=norms > 0)
    return cosines


def _blocks(a: Checkpoint, b: Checkpoint, member: Member) -> Iterator[tuple[slice, slice, Floats, Floats]]:
    """Blocks of both tensors, units x others, with the ranges that they cover."""
    matrix, outputs = member.a, member.a.outputs
    rows_are_outputs = matrix.out_axis == 0
    first = matrix.chunk[0] * outputs
    columns = slice(None) if rows_are_outputs else slice(first, first + outputs)
    origin = first if rows_are_outputs else 0
    # Tables of tokens may be of unlike length; their first rows are the same tokens, or what the test is about.
    length = outputs if rows_are_outputs else matrix.inputs
    length = min(length, member.b.outputs) if rows_are_outputs else length
    width = matrix.inputs if rows_are_outputs else outputs
    step = max(2, BLOCK_ELEMENTS // max(matrix.shape[1], 1) // 2 * 2)
    for start in range(0, length, step):
        stop = min(start + step, length)
        x, y = (
            checkpoint.rows(one.name, origin + start, origin + stop)[:, columns]
            for checkpoint, one in ((a, member.a), (b, member.b))
        )
        rows_at, columns_at = slice(start, stop), slice(0, width)
        if rows_are_outputs == (member.side is Side.OUTPUTS):
            yield rows_at, columns_at, x, y
        else:
            yield columns_at, rows_at, x.T, y.T
