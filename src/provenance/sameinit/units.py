"""The units of a matrix as rows in the residual stream, streamed, and how alike those of two models are, each with each."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from provenance.sameinit.alignment import Alignment
from provenance.sameinit.copies import PROJECTIONS, Doubles, projection
from provenance.sameinit.statistics import Untestable
from provenance.sameinit.symmetries import Side
from provenance.weights.dtypes import Floats
from provenance.weights.families import Role
from provenance.weights.network import Network
from provenance.weights.roles import Matrix, Slot

BUILT_Z = 10.0
"""Standard errors by which a matrix's diagonal may stand out before it counts as built and not drawn."""
_BLOCK_ELEMENTS = 1 << 22
_GAINS = {
    Role.GATE: Role.NORM_MLP,
    Role.UP: Role.NORM_MLP,
    Role.HIDDEN_IN: Role.NORM_MLP,
    Role.QUERY: Role.NORM_ATTENTION,
    Role.KEY: Role.NORM_ATTENTION,
    Role.VALUE: Role.NORM_ATTENTION,
}
_WRITERS = frozenset({Role.DOWN, Role.OUTPUT, Role.HIDDEN_OUT})


@dataclass(frozen=True, slots=True)
class Units:
    """The units of a matrix, each a row as long as the residual stream is wide; the norm's gain is folded into readers.

    Args:
        network: The model.
        matrix: Where they are.
        side: Which side of the matrix they are on: outputs of what reads the residual stream, inputs of what writes to it.
        gain: What scales the residual stream before it is read, residual width.
    """

    network: Network
    matrix: Matrix
    side: Side
    gain: Floats | None

    @classmethod
    def at(cls, network: Network, slot: Slot) -> "Units | None":
        """The units of a place; None where the model has no such matrix."""
        matrix = network.layout.matrices.get(slot) if network.layout else None
        if matrix is None:
            return None
        if slot.role in _WRITERS:
            return cls(network, matrix, Side.INPUTS, None)
        norm = _GAINS.get(slot.role)
        gain = network.gain(Slot(slot.tower, slot.numbers[:1], norm)) if norm else None
        fits = gain is not None and gain.shape == (matrix.inputs,)
        return cls(network, matrix, Side.OUTPUTS, gain if fits else None)

    @property
    def count(self) -> int:
        """Number of units."""
        return self.matrix.outputs if self.side is Side.OUTPUTS else self.matrix.inputs

    @property
    def width(self) -> int:
        """Width of the residual stream."""
        return self.matrix.inputs if self.side is Side.OUTPUTS else self.matrix.outputs

    @property
    def is_numeric(self) -> bool:
        """Whether they can be read as numbers."""
        return self.network.checkpoint.is_numeric(self.matrix.name)

    def blocks(self, count: int | None = None) -> Iterator[tuple[slice, slice, Floats]]:
        """Streams the first ``count`` units.

        Yields:
            The range of units, the range of residual coordinates, and that block, units x coordinates, float32.

        Raises:
            ContentError: A file was changed since it was opened.
        """
        count = self.count if count is None else min(count, self.count)
        step = max(1, _BLOCK_ELEMENTS // max(self.matrix.inputs, 1))
        if self.side is Side.INPUTS:
            for start in range(0, self.width, step):
                block = self.network.outputs(self.matrix, start, start + step)[:, :count]
                yield slice(0, count), slice(start, start + len(block)), block.T
            return
        for start in range(0, count, step):
            block = self.network.outputs(self.matrix, start, min(start + step, count))
            scaled = block if self.gain is None else block * self.gain
            yield slice(start, start + len(block)), slice(0, self.width), scaled

    def first(self, count: int) -> Floats:
        """The first units, count x residual width, float32."""
        rows = np.empty((min(count, self.count), self.width), np.float32)
        for units_at, others_at, block in self.blocks(count):
            rows[units_at, others_at] = block
        return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosines:
    """How alike the first units of A and all units of B are.

    Args:
        values: Cosines, units of A x units of B, float32, in B's coordinates.
        lengths_a: Length of each unit of A.
        lengths_b: The same of B.
        projections_a: Random projections of the units of A, units x `PROJECTIONS`, as in `copies`.
        projections_b: The same of B.
        elements: Number of elements of a unit.
    """

    values: Floats
    lengths_a: Doubles
    lengths_b: Doubles
    projections_a: Doubles
    projections_b: Doubles
    elements: int


def cosines(a: Units, b: Units, count: int, alignment: Alignment) -> Cosines | Untestable:
    """Sets the first ``count`` units of A beside all units of B, in one pass over either.

    Memory: ``count`` x (units of B + 2 x residual width) float32, and a block.

    Returns:
        The cosines, or why there are none.

    Raises:
        ContentError: A file was changed since it was opened.
    """
    for units in (a, b):
        if not units.is_numeric:
            return Untestable(f"{units.matrix.name} holds no floating-point values")
        if units.width != alignment.width:
            return Untestable(
                f"{units.matrix.name} has no side of the width of the residual stream, {alignment.width}"
            )
    with np.errstate(over="ignore", invalid="ignore"):
        rows = a.first(count)
        directions = projection(a.width)
        projections_a = (rows @ directions).astype(np.float64)
        diagonals = _Diagonal(), _Diagonal()
        diagonals[0].add(slice(0, len(rows)), slice(0, a.width), rows)
        rows, lengths_a = normalised(alignment.turned(rows))
        values = np.zeros((len(rows), b.count), np.float32)
        squares, projections_b = np.zeros(b.count), np.zeros((b.count, PROJECTIONS))
        for units_at, others_at, block in b.blocks():
            values[:, units_at] += rows[:, others_at] @ block.T
            squares[units_at] += np.square(block).sum(axis=1)
            projections_b[units_at] += block @ directions[others_at]
            diagonals[1].add(units_at, others_at, block)
        lengths_b = np.sqrt(squares)
        values *= np.divide(1, lengths_b, out=np.zeros_like(lengths_b), where=lengths_b > 0).astype(
            np.float32
        )
    for units, diagonal in zip((a, b), diagonals, strict=True):
        if not np.isfinite(diagonal.squares):
            return Untestable(f"{units.matrix.name} holds NaN, infinite or huge values")
        if diagonal.stands_out():
            return Untestable(
                f"{units.matrix.name} stands out on its diagonal like a matrix that was built and not drawn"
            )
    if not np.isfinite(values).all():
        return Untestable(f"{b.matrix.name} holds NaN, infinite or huge values, or {a.matrix.name} does")
    return Cosines(
        values=values,
        lengths_a=lengths_a,
        lengths_b=lengths_b,
        projections_a=projections_a,
        projections_b=projections_b,
        elements=a.width,
    )


def sides(a: Network, one: Slot, b: Network, other: Slot, role: Role) -> tuple[Units, Units] | None:
    """The units of one role at a place of A and at a place of B, where both models have it."""
    left, right = Units.at(a, one._replace(role=role)), Units.at(b, other._replace(role=role))
    return (left, right) if left and right else None


def normalised(rows: Floats) -> tuple[Floats, Doubles]:
    """Rows of length 1 (or 0 where they are all zeros), and their lengths."""
    lengths = np.linalg.norm(rows, axis=1)
    scales = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return rows * scales[:, None], lengths.astype(np.float64)


class _Diagonal:
    """Sums that tell whether a matrix stands out where unit and coordinate have the same number.

    Attributes:
        squares: Sum of the squares of all elements.
    """

    def __init__(self) -> None:
        self.squares = self._total = self._on = 0.0
        self._elements = self._length = 0

    def add(self, units_at: slice, others_at: slice, block: Floats) -> None:
        """Adds a block, units x others."""
        at = np.arange(max(units_at.start, others_at.start), min(units_at.stop, others_at.stop))
        self._on += float(block[at - units_at.start, at - others_at.start].sum(dtype=np.float64))
        self._length += len(at)
        self._total += float(block.sum(dtype=np.float64))
        self.squares += float(np.square(block).sum(dtype=np.float64))
        self._elements += block.size

    def stands_out(self) -> bool:
        """Whether the mean of the diagonal is too far from that of the whole."""
        if not self._length or self.squares <= 0:
            return False
        mean = self._total / self._elements
        spread = math.sqrt(max(self.squares / self._elements - mean**2, float(np.finfo(np.float64).tiny)))
        return bool(abs(self._on / self._length - mean) / spread * math.sqrt(self._length) > BUILT_Z)
