"""A checkpoint together with the parts that its tensors play: matrices as outputs x inputs, however they are stored."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from provenance.weights.checkpoint import Checkpoint
from provenance.weights.dtypes import Floats
from provenance.weights.recognition import recognise
from provenance.weights.roles import Indices, Layout, Matrix, Slot

BLOCK_ELEMENTS = 1 << 18
"""Elements of a block: 1 MB of float32, which stays in the cache while it is used several times."""
_MIXED = 32
_NEAR = 4


@dataclass(frozen=True, eq=False)
class Network:
    """An opened model.

    Args:
        checkpoint: Its tensors.
        layout: The parts that they play; None where names and shapes are those of no architecture that is known.
    """

    checkpoint: Checkpoint
    layout: Layout | None

    @classmethod
    def open(cls, path: Path, *, base: Path | None = None, beside: bool = True) -> Self:
        """Opens a model's weights; only headers are read.

        Args:
            path: As in `Checkpoint.open`.
            base: The model that an adapter was trained on.
            beside: As in `Checkpoint.open`.

        Raises:
            ContentError: There are no sound weights there; the message names the file and the reason.
        """
        return cls.of(Checkpoint.open(path, base=base, beside=beside))

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> Self:
        """An open checkpoint with its parts recognised."""
        shapes = {name: stored.info.shape for name, stored in checkpoint.tensors.items()}
        return cls(checkpoint, recognise(shapes, checkpoint.hints))

    def gain(self, slot: Slot) -> Floats | None:
        """The gain of the norm on what the matrices of a place read, float32; None where there is none to be read.

        Args:
            slot: A place whose role is one of the norms'.

        Raises:
            ContentError: As in `Checkpoint.rows`.
        """
        name = self.layout.gains.get(slot) if self.layout else None
        if not name or not self.checkpoint.is_numeric(name):
            return None
        return self.checkpoint.rows(name) + np.float32(self.checkpoint.hints.gain_offset)

    def outputs(self, matrix: Matrix, start: int = 0, stop: int | None = None) -> Floats:
        """Outputs ``start`` to ``stop`` of a matrix with all their inputs, (stop - start) x inputs, float32.

        Raises:
            ContentError: As in `Checkpoint.rows`.
        """
        places = matrix.stored(np.arange(*slice(start, stop).indices(matrix.outputs)))
        if matrix.transposed:
            return self._columns(matrix, 0, matrix.inputs, places).T
        if _is_run(places):
            return self._rows(matrix, places[0], places[-1] + 1)
        ordered = np.sort(places)
        # What lies nearly side by side is read in one go.
        pieces = np.split(ordered, np.flatnonzero(np.diff(ordered) > _NEAR) + 1)
        read = [
            self._rows(matrix, piece[0], piece[-1] + 1)[piece - piece[0]] for piece in pieces if piece.size
        ]
        rows = np.concatenate(read) if read else np.empty((0, matrix.inputs), np.float32)
        return rows if np.array_equal(ordered, places) else rows[np.searchsorted(ordered, places)]

    def inputs(self, matrix: Matrix, start: int = 0, stop: int | None = None) -> Floats:
        """Inputs ``start`` to ``stop`` of a matrix for all its outputs, outputs x (stop - start), float32.

        Raises:
            ContentError: As in `Checkpoint.rows`.
        """
        first, last, _ = slice(start, stop).indices(matrix.inputs)
        if matrix.transposed:
            return self._columns(matrix, first, last, matrix.stored(np.arange(matrix.outputs))).T
        found = np.empty((matrix.outputs, max(last - first, 0)), np.float32)
        for begin, end in _steps(matrix.outputs, matrix.inputs):
            found[begin:end] = self.outputs(matrix, begin, end)[:, first:last]
        return found

    def _columns(self, matrix: Matrix, start: int, stop: int, places: Indices) -> Floats:
        """Rows ``start`` to ``stop`` of a matrix as it is stored, at some places of each, (stop - start) x places."""
        columns = slice(places[0], places[-1] + 1) if _is_run(places) else places
        found = np.empty((max(stop - start, 0), len(places)), np.float32)
        for begin, end in _steps(len(found), matrix.stored_outputs):
            found[begin:end] = self._rows(matrix, start + begin, start + end)[:, columns]
        return found

    def _rows(self, matrix: Matrix, start: int, stop: int) -> Floats:
        """Rows ``start`` to ``stop`` of a matrix as it is stored."""
        length, width = matrix.stored_outputs, matrix.inputs
        if matrix.transposed:
            length, width = width, length
        first, leading = (0, 1) if matrix.expert is None else (matrix.expert * length, 2)
        rows = self.checkpoint.rows(matrix.name, first + int(start), first + int(stop), leading=leading)
        return rows.reshape(len(rows), width)


def _is_run(places: Indices) -> bool:
    return places.size > 0 and bool((places[1:] - places[:-1] == 1).all())


def _steps(length: int, width: int) -> Iterator[tuple[int, int]]:
    """Ranges that cover ``length`` rows of a width, a block each."""
    step = max(1, BLOCK_ELEMENTS // max(width, 1))
    for start in range(0, length, step):
        yield start, min(start + step, length)


def paired_blocks(
    one: Network, a: Matrix, other: Network, b: Matrix, elements: int = BLOCK_ELEMENTS
) -> Iterator[tuple[slice, slice, Floats, Floats]]:
    """Streams two matrices of equal shape side by side.

    Args:
        one: The model that holds ``a``.
        a: A matrix.
        other: The model that holds ``b``.
        b: The other matrix. Where it has more or fewer outputs (a longer table of tokens), what both have is streamed.
        elements: About how many elements of each a block has.

    Yields:
        The range of outputs, the range of inputs, and that block of A and of B, outputs x inputs. Ranges begin at even numbers.

    Raises:
        ContentError: As in `Checkpoint.rows`.
    """
    outputs, inputs = min(a.outputs, b.outputs), min(a.inputs, b.inputs)
    along_inputs = a.transposed and b.transposed
    # A block of outputs of a matrix that is stored the other way needs all of it: then few, large blocks.
    elements *= _MIXED if a.transposed != b.transposed else 1
    length, width = (inputs, outputs) if along_inputs else (outputs, inputs)
    step = max(2, elements // max(width, 1) // 2 * 2)
    for start in range(0, length, step):
        stop = min(start + step, length)
        if along_inputs:
            x, y = one.inputs(a, start, stop)[:outputs], other.inputs(b, start, stop)[:outputs]
            yield slice(0, outputs), slice(start, stop), x, y
        else:
            x, y = one.outputs(a, start, stop)[:, :inputs], other.outputs(b, start, stop)[:, :inputs]
            yield slice(start, stop), slice(0, inputs), x, y
