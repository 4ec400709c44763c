"""A checkpoint together with the parts that its tensors play: matrices as outputs x inputs, however they are stored."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from provenance.weights.checkpoint import Checkpoint
from provenance.weights.dtypes import Floats
from provenance.weights.roles import Layout, Matrix, Slot, recognise

BLOCK_ELEMENTS = 1 << 18
"""Elements of a block: 1 MB of float32, which stays in the cache while it is used several times."""


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
    def open(cls, path: Path) -> Self:
        """Opens a model's weights; only headers are read.

        Raises:
            ContentError: There are no sound weights there; the message names the file and the reason.
        """
        return cls.of(Checkpoint.open(path))

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
        return self.checkpoint.rows(name) if name and self.checkpoint.is_numeric(name) else None

    def outputs(self, matrix: Matrix, start: int = 0, stop: int | None = None) -> Floats:
        """Outputs ``start`` to ``stop`` of a matrix with all their inputs, (stop - start) x inputs, float32.

        Raises:
            ContentError: As in `Checkpoint.rows`.
        """
        stop = matrix.outputs if stop is None else min(stop, matrix.outputs)
        first = matrix.chunk[0] * matrix.outputs
        if matrix.out_axis == 0:
            return self.checkpoint.rows(matrix.name, first + start, first + stop)
        return self.checkpoint.rows(matrix.name)[:, first + start : first + stop].T

    def inputs(self, matrix: Matrix, start: int = 0, stop: int | None = None) -> Floats:
        """Inputs ``start`` to ``stop`` of a matrix for all its outputs, outputs x (stop - start), float32.

        Raises:
            ContentError: As in `Checkpoint.rows`.
        """
        first = matrix.chunk[0] * matrix.outputs
        last = first + matrix.outputs
        if matrix.out_axis == 0:
            return self.checkpoint.rows(matrix.name, first, last)[:, start:stop]
        return self.checkpoint.rows(matrix.name, start, stop)[:, first:last].T


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
    along_inputs = a.out_axis == b.out_axis == 1
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
