"""Where a network's matrices are: the places of its parts, and which stored tensor, or part of one, fills each."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from provenance.weights.families import Family, Positions, Role
from provenance.weights.hints import Norm, Rotation

Indices = npt.NDArray[np.intp]


class Slot(NamedTuple):
    """A place in a network that two models can both fill.

    Args:
        tower: What sets several alike parts of a model apart (``encoder``), as far as they have to be.
        numbers: Layer, and expert where there are any.
        role: What the tensor does there.
    """

    tower: str
    numbers: tuple[int, ...]
    role: Role


class Span(NamedTuple):
    """Where the outputs of a part lie among those of a fused tensor: in runs of equal length at equal distances.

    Args:
        first: Where the first run begins.
        run: Outputs of a run.
        runs: Number of runs.
        step: From the beginning of one run to that of the next.
    """

    first: int
    run: int
    runs: int = 1
    step: int = 0


@dataclass(frozen=True, slots=True)
class Matrix:
    """What fills a slot: a matrix of outputs x inputs, however it is stored. `Network` reads it.

    The kernel of a convolution counts as one input for each input channel and place.

    Args:
        name: The tensor's name.
        shape: Its whole shape.
        transposed: It is stored as inputs x outputs.
        span: The part of the stored outputs that it is, if not all.
        expert: Which one along a first axis of experts, where there is one.
        turned: Size of the heads whose outputs are stored as neighbours that turn together, (0, 1), (2, 3), and are read as halves,
            (r, r + size / 2); 0 where the order is as stored.
    """

    name: str
    shape: tuple[int, ...]
    transposed: bool = False
    span: Span | None = None
    expert: int | None = None
    turned: int = 0

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return self.span.run * self.span.runs if self.span else self.stored_outputs

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        plane = self._plane
        return plane[0] if self.transposed else math.prod(plane[1:])

    @property
    def elements(self) -> int:
        """Number of elements: those of all matrices of a tensor that is wholly known add up to the tensor's."""
        return self.outputs * self.inputs

    @property
    def stored_outputs(self) -> int:
        """Number of outputs of the tensor, of which these may be a part."""
        plane = self._plane
        return plane[1] if self.transposed else plane[0]

    @property
    def _plane(self) -> tuple[int, ...]:
        return self.shape if self.expert is None else self.shape[1:]

    def stored(self, outputs: Indices) -> Indices:
        """Where outputs lie along the stored axis of outputs."""
        if self.turned:
            head, place = np.divmod(outputs, self.turned)
            half = self.turned // 2
            outputs = head * self.turned + 2 * (place % half) + place // half
        if self.span is None:
            return outputs
        return self.span.first + outputs // self.span.run * self.span.step + outputs % self.span.run


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """How the dimensions of attention make up heads.

    Args:
        queries: Number of query heads.
        keys: Number of key and value heads; divides ``queries``.
        size: Dimensions of one head, of queries, keys and values alike.
        rotation: Which two dimensions turn together; `Rotation.NEIGHBOURS` never, since queries and keys are read in the order of
            halves whatever the storage. None where it is not known, or where only a part of a head turns.
    """

    queries: int
    keys: int
    size: int
    rotation: Rotation | None


@dataclass(frozen=True, slots=True)
class Layout:
    """A checkpoint's tensors by the part they play.

    Args:
        family: The family that accounts for most of them.
        matrices: Slot to matrix, in order of the slots.
        gains: Slot to name of the norm's gain (a vector) that scales what the matrices of that place read; `Role.NORM_ATTENTION`,
            `Role.NORM_MLP` or `Role.NORM_FINAL`.
        heads: How attention is divided, where that is known.
        norm: How the residual stream is normalised, where that is known.
        centred: Queries or keys may pass a norm that subtracts a mean.
    """

    family: Family
    matrices: Mapping[Slot, Matrix]
    gains: Mapping[Slot, str] = field(default_factory=dict)
    heads: Heads | None = None
    norm: Norm | None = None
    centred: bool = False

    @property
    def rotation(self) -> Rotation | None:
        """How queries and keys turn with the position; None where that is not known."""
        if self.heads and self.heads.rotation:
            return self.heads.rotation
        return unrotated(self.family, self.matrices)


def unrotated(family: Family, matrices: Mapping[Slot, Matrix]) -> Rotation | None:
    """`Rotation.NONE` where positions are seen to enter in another way, otherwise None."""
    by_table = family.positions is Positions.TABLE and any(slot.role is Role.POSITION for slot in matrices)
    return Rotation.NONE if by_table or family.positions is Positions.BIAS else None
