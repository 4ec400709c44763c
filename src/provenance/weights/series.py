"""Layers that follow each other in networks of no known family: perceptrons, convolutions, graph networks, recurrent cells.

A series is made of tensors whose names differ in one number only, each taking, in the order of that number, what the one before gives. The
outputs of all but the last are then hidden units. What the network itself takes and gives (features, pixels, classes) has
a meaning of its own, and is never a unit; wherever a width leaves that open, there are no units.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from provenance.weights.families import Role
from provenance.weights.roles import Matrix, Slot, Span

Shapes = Mapping[str, tuple[int, ...]]

_GATES = {
    4: (Role.INPUT_GATE, Role.FORGET_GATE, Role.CELL_GATE, Role.OUTPUT_GATE),
    3: (Role.RESET_GATE, Role.UPDATE_GATE, Role.NEW_GATE),
    1: (Role.SERIES,),
}
"""Gates of a recurrent cell by their number, in the order in which PyTorch stacks them: LSTM, GRU, plain."""
_CELL = re.compile(r"(?:(.*)\.)?weight_ih(?:_l([0-9]{1,6}))?(_reverse)?")
_NUMBER = re.compile(r"(?<![0-9])[0-9]{1,6}(?![0-9])")
_WEIGHT = ".weight"
_HOLE = "#"
_MAX_NUMBERS = 6
_MAX_LAYERS = 1 << 17
_MATRIX = 2
# Channels of images, which no inner layer has so few of.
_IMAGE_CHANNELS = frozenset({3, 4})
_FEW_CHANNELS = 8


class _Chain(NamedTuple):
    """Tensors that follow each other.

    Args:
        template: Their names, with a hole for the number.
        names: The tensors, in order.
        plain: They are called by a number alone (``layers.0``, ``fc1``), and all are linear layers.
    """

    template: str
    names: tuple[str, ...]
    plain: bool


def series(shapes: Shapes) -> dict[Slot, Matrix]:
    """The places of layers that follow each other.

    Args:
        shapes: Tensor name to shape, no axis of which is empty.

    Returns:
        Slot to matrix. Each tensor fills one place, or one for each gate that is stacked in it. Nothing of a model that has more than
        `_MAX_LAYERS` layers, as none that is known has: what tells one series from the others would take minutes.
    """
    layers = {
        name: shape for name, shape in shapes.items() if name.endswith(_WEIGHT) and len(shape) >= _MATRIX
    }
    if len(layers) > _MAX_LAYERS:
        return {}
    found = dict(_cells(shapes))
    chains = tuple(_chains(layers))
    taken: set[str] = set()
    for chain in chains:
        if chain.plain:
            tower = chain.template.removesuffix(_HOLE + _WEIGHT).removesuffix(".")
            for rank, name in enumerate(chain.names):
                found[Slot(tower, (rank,), Role.STACKED)] = Matrix(name, shapes[name])
            taken.update(chain.names)
    hidden, flattened = _hidden_widths(layers), _flattened(layers, chains)
    for chain in chains:
        beginning = layers[chain.names[0]][1]
        for rank, name in enumerate(chain.names):
            outputs, is_last = layers[name][0], rank == len(chain.names) - 1
            is_unit = name == flattened if is_last else outputs != beginning or outputs in hidden
            if is_unit and name not in taken:
                found[Slot(chain.template.removesuffix(_WEIGHT), (rank,), Role.SERIES)] = Matrix(
                    name, shapes[name]
                )
                taken.add(name)
    return found


def _cells(shapes: Shapes) -> Iterator[tuple[Slot, Matrix]]:
    """What recurrent cells take in, gate by gate. What they keep has the same units on both sides, and is left out."""
    for name, shape in shapes.items():
        match = _CELL.fullmatch(name)
        kept = shapes.get(name.replace("weight_ih", "weight_hh")) if match else None
        if not match or not kept or len(shape) != _MATRIX or len(kept) != _MATRIX or shape[0] != kept[0]:
            continue
        units = kept[1]
        roles = _GATES.get(shape[0] // units, ()) if shape[0] % units == 0 else ()
        tower = ".".join(filter(None, (match[1], match[3] and "reverse")))
        for gate, role in enumerate(roles):
            yield (
                Slot(tower, (int(match[2] or 0),), role),
                Matrix(name, shape, span=Span(gate * units, units)),
            )


def _chains(layers: Shapes) -> Iterator[_Chain]:
    """Series of at least two tensors, those first whose number stands nearest to the end of the name."""
    numbered: dict[tuple[int, str], list[tuple[int, str]]] = defaultdict(list)
    for name in layers:
        for depth, match in enumerate(reversed(list(_NUMBER.finditer(name))[-_MAX_NUMBERS:])):
            template = name[: match.start()] + _HOLE + name[match.end() :]
            numbered[depth, template].append((int(match[0]), name))
    several = {place: members for place, members in numbered.items() if len(members) > 1}
    for (_, template), members in sorted(several.items()):
        names = [name for _, name in sorted(members)]
        if all(_follows(layers[one], layers[two]) for one, two in pairwise(names)):
            plain = template.endswith(_HOLE + _WEIGHT) and all(len(layers[name]) == _MATRIX for name in names)
            followed = _until_it_returns(names, layers, plain=plain)
            if len(followed) > 1:
                yield _Chain(template, tuple(followed), plain)


def _follows(one: tuple[int, ...], two: tuple[int, ...]) -> bool:
    """Whether a layer takes what another gives, all pixels of each channel in one where a kernel is followed by a linear layer."""
    if len(one) == len(two):
        return one[0] == two[1]
    return len(two) == _MATRIX and two[1] % one[0] == 0


def _until_it_returns(names: Sequence[str], layers: Shapes, *, plain: bool) -> Sequence[str]:
    """The series up to where it comes back to the width that it began with, as an autoencoder does: data may lie there.

    More than two plain layers that never leave that width may be steps of one and the same thing, and are no series.
    """
    beginning = layers[names[0]][1]
    widths = [layers[name][0] for name in names]
    away = next((rank for rank, width in enumerate(widths) if width != beginning), None)
    if away is None:
        return () if plain and len(names) > _MATRIX else names
    back = next((rank for rank, width in enumerate(widths) if rank > away and width == beginning), len(names))
    return names[: back + 1]


def _hidden_widths(layers: Shapes) -> frozenset[int]:
    """Numbers of channels that are no data's: what kernels make of an image, and what others make of that and hand on."""
    kernels = [shape for shape in layers.values() if len(shape) > _MATRIX]
    # A kernel with one input for each output may be a filter on each channel apart, unless it is the only one.
    grey = [shape for shape in kernels if shape[1] == 1]
    first = [shape for shape in kernels if shape[1] in _IMAGE_CHANNELS] + (grey if len(grey) == 1 else [])
    hidden = {shape[0] for shape in first if shape[0] >= _FEW_CHANNELS}
    steps = {(shape[1], shape[0]) for shape in kernels if shape[0] >= _FEW_CHANNELS}
    handed_on = {inputs for inputs, _ in steps}
    while fresh := {
        width for inputs, width in steps if inputs in hidden and width in handed_on and width not in hidden
    }:
        hidden |= fresh
    return frozenset(hidden)


def _flattened(layers: Shapes, chains: Sequence[_Chain]) -> str | None:
    """The last of a model's only series of kernels, where the only linear layer that nothing else leads to takes its channels."""
    kernels = {name for name, shape in layers.items() if len(shape) > _MATRIX}
    later = {name for chain in chains for name in chain.names[1:]}
    entries = [name for name in layers if name not in kernels and name not in later]
    for chain in chains:
        if kernels == set(chain.names) and len(entries) == 1:
            channels = layers[chain.names[-1]][0]
            if channels >= _FEW_CHANNELS and layers[entries[0]][1] % channels == 0:
                return chain.names[-1]
    return None
