"""The parts that a checkpoint's tensors play in its network, found from their names and shapes alone.

A family is recognised by the tensors that it accounts for; among families with the same names, the shapes decide which axis is which.
What no family accounts for is tried as a stack of plain layers: matrices that differ only in a number in their names, each of
which takes what the one before it gives.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple, TypeVar

from provenance.weights.families import FAMILIES, Family, Role
from provenance.weights.hints import NO_HINTS, Hints, Norm, Rotation

Shapes = Mapping[str, tuple[int, ...]]
_Filling = TypeVar("_Filling")

STACK = Family(name="stack", patterns=())
_READERS = frozenset({Role.QUERY, Role.KEY, Role.VALUE, Role.GATE, Role.UP, Role.HIDDEN_IN})
_WRITERS = frozenset({Role.OUTPUT, Role.DOWN, Role.HIDDEN_OUT})
_GAINS = frozenset({Role.NORM_ATTENTION, Role.NORM_MLP, Role.NORM_FINAL})
_GLOBAL = frozenset({Role.EMBEDDING, Role.POSITION, Role.HEAD, Role.NORM_FINAL})
_NUMBERED = re.compile(r"(.*?)\.?(\d{1,6})\.weight")
_MATRIX = 2


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


@dataclass(frozen=True, slots=True)
class Matrix:
    """What fills a slot: a matrix, or a part of a fused one.

    Args:
        name: The tensor's name.
        shape: Its whole shape.
        out_axis: The axis of its outputs.
        chunk: ``(k, n)``: the k-th of n equal parts along the output axis.
    """

    name: str
    shape: tuple[int, ...]
    out_axis: int = 0
    chunk: tuple[int, int] = (0, 1)

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return self.shape[self.out_axis] // self.chunk[1]

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return self.shape[1 - self.out_axis]


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
        family: The family that accounts for them.
        matrices: Slot to matrix, in order of the slots.
        gains: Slot to name of the norm's gain (a vector) that scales what the matrices of that place read; `Role.NORM_ATTENTION`,
            `Role.NORM_MLP` or `Role.NORM_FINAL`.
        heads: How attention is divided, where that is known.
        norm: How the residual stream is normalised, where that is known.
    """

    family: Family
    matrices: Mapping[Slot, Matrix]
    gains: Mapping[Slot, str] = field(default_factory=dict)
    heads: Heads | None = None
    norm: Norm | None = None

    @property
    def rotation(self) -> Rotation | None:
        """How queries and keys turn with the position; None where that is not known."""
        if self.heads and self.heads.rotation:
            return self.heads.rotation
        by_table = any(slot.role is Role.POSITION for slot in self.matrices)
        return Rotation.NONE if by_table and not self.family.rotary else None


def recognise(shapes: Shapes, hints: Hints = NO_HINTS) -> Layout | None:
    """Finds the parts that tensors play.

    Args:
        shapes: Tensor name to shape.
        hints: What the model's metadata says of its geometry. It is used where the shapes bear it out.

    Returns:
        The layout of the family that accounts for the most tensors, of a stack of plain layers when there is none, or None
        when the tensors are neither.
    """
    layouts = [layout for family in FAMILIES if (layout := _fit(family, shapes, hints)) is not None]
    if layouts:
        return max(layouts, key=lambda layout: len(layout.matrices))
    return _stack(shapes)


def _fit(family: Family, shapes: Shapes, hints: Hints) -> Layout | None:
    found: dict[Slot, Matrix] = {}
    gains: dict[Slot, str] = {}
    for name, shape in shapes.items():
        for pattern in family.patterns:
            match = pattern.regex.fullmatch(name)
            if not match:
                continue
            tower, *numbers = match.groups()
            slot = Slot(tower or "", tuple(int(number) for number in numbers), pattern.role)
            if pattern.role in _GAINS:
                if len(shape) == 1:
                    gains[slot] = name
            elif len(shape) == _MATRIX and shape[pattern.out_axis] % pattern.chunk[1] == 0:
                found[slot] = Matrix(name, shape, pattern.out_axis, pattern.chunk)
    if not any(slot.numbers for slot in found) or not _is_consistent(found):
        return None
    return Layout(
        family,
        _normalised(found),
        gains=_normalised(gains),
        heads=_heads(found, family, hints),
        norm=_norm(gains, shapes, family, hints),
    )


def _heads(found: Mapping[Slot, Matrix], family: Family, hints: Hints) -> Heads | None:
    """The heads that the hints tell of, where every matrix of attention bears them out."""
    queries, keys, size = hints.heads, hints.kv_heads or hints.heads, hints.head_size
    if not (queries and keys and size) or queries % keys:
        return None
    widths: dict[Role, set[int]] = defaultdict(set)
    for slot, matrix in found.items():
        widths[slot.role].add(matrix.inputs if slot.role is Role.OUTPUT else matrix.outputs)
    if widths[Role.QUERY] | widths[Role.OUTPUT] != {queries * size}:
        return None
    if widths[Role.KEY] | widths[Role.VALUE] != {keys * size}:
        return None
    unrotated = not family.rotary and any(slot.role is Role.POSITION for slot in found)
    # Until queries and keys are read in the order of halves whatever the storage.
    known = None if hints.rotation is Rotation.NEIGHBOURS else hints.rotation
    rotation = known or (Rotation.NONE if unrotated else None)
    return Heads(queries=queries, keys=keys, size=size, rotation=rotation)


def _norm(gains: Mapping[Slot, str], shapes: Shapes, family: Family, hints: Hints) -> Norm | None:
    """What the hints say; else a norm with a bias is a layer norm, and one without is what the family has by definition."""
    if any(name.removesuffix("weight") + "bias" in shapes for name in gains.values()):
        return Norm.LAYER
    # A family's own norm is told by its gains on both sides of a layer: parallel layers with one norm may be of any kind.
    known = {slot.role for slot in gains} >= {Role.NORM_ATTENTION, Role.NORM_MLP}
    return hints.norm or (family.norm if known else None)


def _is_consistent(found: Mapping[Slot, Matrix]) -> bool:
    """Whether, in each tower, all that read the residual stream and all that write to it agree on its width."""
    widths: dict[str, set[int]] = defaultdict(set)
    for slot, matrix in found.items():
        if slot.role in _READERS:
            widths[slot.tower].add(matrix.inputs)
        elif slot.role in _WRITERS:
            widths[slot.tower].add(matrix.outputs)
    return all(len(seen) == 1 for seen in widths.values())


def _normalised(found: Mapping[Slot, _Filling]) -> Mapping[Slot, _Filling]:
    """The same slots with as little of a tower's name as sets it apart, so that exports under other prefixes meet."""
    layers = _short_names({slot.tower for slot in found if slot.role not in _GLOBAL})
    tables = {role: _short_names({slot.tower for slot in found if slot.role is role}) for role in _GLOBAL}
    renamed = {
        slot._replace(tower=(tables[slot.role] if slot.role in _GLOBAL else layers)[slot.tower]): matrix
        for slot, matrix in found.items()
    }
    return dict(sorted(renamed.items()))


def _short_names(towers: Iterable[str]) -> Mapping[str, str]:
    parts = {tower: tower.split(".") for tower in towers}
    shared = 0
    for level in zip(*parts.values(), strict=False):
        if len(set(level)) > 1:
            break
        shared += 1
    return {tower: ".".join(split[shared:]) for tower, split in parts.items()}


def _stack(shapes: Shapes) -> Layout | None:
    numbered: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for name, shape in shapes.items():
        match = _NUMBERED.fullmatch(name)
        if match and len(shape) == _MATRIX:
            numbered[match[1]].append((int(match[2]), name))
    towers = _short_names(numbered)
    found: dict[Slot, Matrix] = {}
    for prefix, layers in numbered.items():
        names = [name for _, name in sorted(layers)]
        # By rank and not by number: a saved Sequential counts its activations too.
        if all(shapes[one][0] == shapes[two][1] for one, two in pairwise(names)):
            for rank, name in enumerate(names):
                found[Slot(towers[prefix], (rank,), Role.STACKED)] = Matrix(name, shapes[name])
    return Layout(STACK, dict(sorted(found.items()))) if found else None
