"""How well the units of two models agree: one pass over both, block by block.

Memory is bounded by a block and a few numbers for each unit, whatever the size of the tensors. All arithmetic is the same
with A and B exchanged, to the last bit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from provenance.sameinit.copies import (
    KEPT_UNITS,
    PROJECTIONS,
    SAMPLED_OTHERS,
    Sketch,
    projection,
    repeats_at,
    sketch,
    slot_signs,
)
from provenance.sameinit.statistics import Untestable, Vector
from provenance.sameinit.symmetries import Group, Member, Side, Symmetry
from provenance.weights.checkpoint import Checkpoint
from provenance.weights.dtypes import Floats
from provenance.weights.families import Role
from provenance.weights.network import Network, paired_blocks
from provenance.weights.roles import Layout, Matrix

Indices = npt.NDArray[np.intp]

BLOCK_ELEMENTS = 1 << 16
"""Elements of a block: 256 KB of float32, which stays in the cache of one core while it is used several times."""
IDENTITY_LIKE_Z = 10.0
"""Standard errors by which a matrix's diagonal, repeated where it is not square, may stand out before it counts as built and not drawn."""
SINUSOID_COSINE = 0.5
"""Cosine with the usual sinusoids from which a table of positions counts as built."""
_POSITIONS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How well units of two models agree.

    Args:
        values: One number a unit (or pair of units), a mean of cosines over the members, weighted by their number of elements, float64.
        cosine: Cosine of the members as they stand, weighted alike.
        elements: Number of elements looked at, of both models together.
        sketches: One a member, to find out which groups are copies of each other.
    """

    values: Vector
    cosine: float
    elements: int
    sketches: tuple[Sketch, ...]


def agreement(one: Network, other: Network, group: Group, kept: int = KEPT_UNITS) -> Agreement | Untestable:
    """Streams the tensors of a group and says how well its units agree.

    By sign: ``c_j = cos(A_j, B_j)``, unit j in full. By swaps: ``c_jk = cos(A_j - A_k, B_j - B_k)`` for the pairs (j, k) = (0, 1), (2, 3), ...;
    exchanging j and k in B turns its sign, and no more. Means over the members, weighted by size: the cosines of short units are noise.

    Args:
        one: The model A.
        other: The model B.
        group: What to compare.
        kept: Units of each tensor to keep a sketch of.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    sums: list[_Sums] = []
    for member in group.members:
        obstacle = member.obstacle() or _unreadable(one, member.a) or _unreadable(other, member.b)
        if obstacle is None:
            sums.append(_Sums(one, other, member, group.symmetry))
            obstacle = sums[-1].obstacle()
        if obstacle is not None:
            return Untestable(obstacle)
    weights = [each.elements for each in sums]
    return Agreement(
        values=np.average([each.agreement() for each in sums], axis=0, weights=weights),
        cosine=float(np.average([each.cosine() for each in sums], weights=weights)),
        elements=sum(weights),
        sketches=tuple(each.sketch(kept) for each in sums),
    )


def _unreadable(network: Network, matrix: Matrix) -> str | None:
    if network.checkpoint.is_numeric(matrix.name):
        return None
    return f"{matrix.name} holds {network.checkpoint.info(matrix.name).dtype}, not floating-point values"


def built_positions(checkpoint: Checkpoint, layout: Layout) -> str | None:
    """Why the coordinates of the residual stream can't be exchanged, if they can't.

    Fixed positions that are added to it tell its coordinates apart; rotation, what is added to scores, or a table that was drawn
    at random, does not.
    """
    for name in (matrix.name for slot, matrix in layout.matrices.items() if slot.role is Role.POSITION):
        if not checkpoint.is_numeric(name):
            return f"{name} can't be read as numbers"
        if _sinusoidal(checkpoint.rows(name, 0, _POSITIONS)):
            return f"{name} holds sinusoids"
    return None


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
    """Sums over one tensor of both models, in float64, for n rows of d elements each.

    Attributes:
        dots: <A_j, B_j>, length n.
        squares: |A_j|^2 and |B_j|^2, 2 x n.
        apart: For swaps, <x, y>, |x|^2 and |y|^2 of the differences x = A_j - A_k, y = B_j - B_k of neighbours, 3 x n // 2.
        elements: Number of elements of both tensors.
        projections: Random projections of a sample of each row, of A and of B, 2 x n x `PROJECTIONS`.
        totals: Sum of all elements and of the repeated diagonal, of A and of B, 2 x 2.
    """

    def __init__(self, one: Network, other: Network, member: Member, symmetry: Symmetry) -> None:
        self.member = member
        self.unit_of = member.unit_of()
        self.size = len(self.unit_of), member.others
        self.swaps = symmetry is Symmetry.SWAP
        self.stride = max(1, member.others // SAMPLED_OTHERS)
        self.directions = projection(-(-member.others // self.stride))
        self.dots = np.zeros(self.size[0])
        self.squares = np.zeros((2, self.size[0]))
        self.apart = np.zeros((3, self.size[0] // 2))
        self.projections = np.zeros((2, self.size[0], PROJECTIONS))
        self.totals = np.zeros((2, 2))
        self.elements = 0
        # Values near float32's limit overflow when squared: what is not finite then is reported as an obstacle.
        with np.errstate(over="ignore", invalid="ignore"):
            for units_at, others_at, x, y in _blocks(one, other, member):
                self._add(units_at, others_at, x, y)

    def _add(self, units_at: slice, others_at: slice, x: Floats, y: Floats) -> None:
        """Adds a block, units x others; ``units_at`` begins at an even unit."""
        self.dots[units_at] += _inner(x, y)
        self.squares[:, units_at] += (_inner(x, x), _inner(y, y))
        if self.swaps:
            u, v = (_differences(values, self._channel()) for values in (x, y))
            pairs = slice(units_at.start // 2, units_at.start // 2 + len(u))
            self.apart[:, pairs] += (_inner(u, v), _inner(u, u), _inner(v, v))
        first = -(-others_at.start // self.stride)
        sampled = slice(first * self.stride - others_at.start, None, self.stride)
        directions = self.directions[first : first + len(range(others_at.stop - others_at.start)[sampled])]
        self.projections[:, units_at] += (x[:, sampled] @ directions, y[:, sampled] @ directions)
        diagonal = self._diagonal(units_at, others_at)
        self.totals += [[values.sum(), values[diagonal].sum()] for values in (x, y)]
        self.elements += x.size + y.size

    def _channel(self) -> int | None:
        """Elements of each channel of the inputs, where inputs may be the same units as outputs."""
        shape = self.member.a.shape
        return int(np.prod(shape[2:])) if self.member.tied else None

    def obstacle(self) -> str | None:
        """Why the sums are of no use, if they are not."""
        name = self.member.a.name
        finite = (self.dots, self.squares, self.apart, self.projections)
        if not all(np.isfinite(sums).all() for sums in finite):
            return f"{name} holds NaN, infinite or huge values"
        if not self.squares.sum(axis=1).all():
            return f"{name} holds only zeros"
        if self._is_identity_like():
            return f"{name} stands out on its diagonal like a matrix that was built and not drawn"
        distance = repeats_at(self._unit_projections)
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

    def agreement(self) -> Vector:
        """One number a unit, or a pair of units; 0 where it is all zeros."""
        if self.swaps:
            return _ratio(*self.apart)
        return _ratio(*(self._by_unit(sums) for sums in (self.dots, *self.squares)))

    def cosine(self) -> float:
        """Cosine of the two tensors as they stand."""
        return float(_ratio(self.dots.sum(), self.squares[0].sum(), self.squares[1].sum()))

    def sketch(self, kept: int) -> Sketch:
        """The first units of both models."""
        return sketch(self._unit_projections, self.size[1], kept)

    @cached_property
    def _unit_projections(self) -> npt.NDArray[np.float64]:
        """Projections of whole units, 2 x units x `PROJECTIONS`; each row of a unit has directions of its own."""
        if self.member.units == self.size[0]:
            return self.projections
        signed = self.projections * slot_signs(self.unit_of)
        return np.array([[self._by_unit(column) for column in model.T] for model in signed]).swapaxes(1, 2)

    def _by_unit(self, sums: Vector) -> Vector:
        """Sums over the rows of each unit."""
        if self.member.units == self.size[0]:
            return sums
        totals: Vector = np.bincount(self.unit_of, sums, self.member.units)
        return totals


def _inner(x: Floats, y: Floats) -> Vector:
    """Inner products of rows: exchanging x and y changes no bit, since they are stored alike."""
    sums: Vector = np.einsum("ij,ij->i", x, y).astype(np.float64)
    return sums


def _differences(rows: Floats, channel: int | None) -> Floats:
    """Each even row minus the odd one after it, n // 2 x d.

    Args:
        rows: n x d.
        channel: Elements of a channel, where channels of the inputs may be exchanged together with rows: those are then added up in
            the same pairs, so that what is left is the same whichever pairs of channels were exchanged.
    """
    even = len(rows) // 2 * 2
    apart = rows[0:even:2] - rows[1:even:2]
    if channel is None:
        return apart
    width = apart.shape[1] // (2 * channel) * 2 * channel
    paired = apart[:, :width].reshape(len(apart), -1, 2, channel).sum(axis=2).reshape(len(apart), -1)
    return np.concatenate([paired, apart[:, width:]], axis=1)


def _ratio(dots: Vector, one: Vector, other: Vector) -> Vector:
    # Square roots first: the product of two squares overflows sooner than they do.
    norms = np.sqrt(one) * np.sqrt(other)
    cosines: Vector = np.divide(dots, norms, out=np.zeros_like(dots), where=norms > 0)
    return cosines


def _blocks(one: Network, other: Network, member: Member) -> Iterator[tuple[slice, slice, Floats, Floats]]:
    """Blocks of both tensors, units x others, with the ranges that they cover, stored alike."""
    for outputs_at, inputs_at, x, y in _outputs_by_inputs(one, other, member):
        if x.strides != y.strides:
            x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)  # noqa: PLW2901 - the same values
        if member.side is Side.OUTPUTS:
            yield outputs_at, inputs_at, x, y
        else:
            yield inputs_at, outputs_at, x.T, y.T


def _outputs_by_inputs(
    one: Network, other: Network, member: Member
) -> Iterator[tuple[slice, slice, Floats, Floats]]:
    length = len(member.unit_of()) if member.side is Side.OUTPUTS else member.others
    if length == min(member.a.outputs, member.b.outputs):
        yield from paired_blocks(one, member.a, other, member.b, BLOCK_ELEMENTS)
        return
    inputs = min(member.a.inputs, member.b.inputs)
    step = max(2, BLOCK_ELEMENTS // max(inputs, 1) // 2 * 2)
    for start in range(0, length, step):
        stop = min(start + step, length)
        x, y = one.outputs(member.a, start, stop), other.outputs(member.b, start, stop)
        yield slice(start, stop), slice(0, inputs), x[:, :inputs], y[:, :inputs]
