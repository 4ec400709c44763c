"""Which elements of a network a sketch holds: the same ones in any two models that have them.

*Units* are the first of their matrix, in whole heads where attention's are known: as many for each member of a group, so that a unit's
tensors stay together, and copies of units that lie near each other are seen as they are in the whole matrix.
*Others*, the elements of each unit, are those pairs of neighbours whose numbers have the smallest hashes ("bottom-k", or coordinated,
sampling: E. Cohen and H. Kaplan, "Summarizing data using bottom-k sketches", PODC 2007). So two tables of unlike length share
nearly all of theirs, and of two models of which one can afford fewer, the fewer are among the more.

None of it depends on a weight's value: what a sample says of a unit changes sign when the unit does, and goes where the unit goes.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from provenance.sameinit.symmetries import Side, groups
from provenance.weights.families import Role
from provenance.weights.roles import Heads, Layout, Slot

Indices = npt.NDArray[np.intp]
Hashes = npt.NDArray[np.uint64]
_Place: TypeAlias = tuple[str, Side]

UNITS = 1024
"""Units of a matrix that are kept: their coins reach far beyond the level of any verdict."""
FEWEST_UNITS = 64
"""Units that are kept even where thousands of experts share the room."""
MOST_ELEMENTS = 990_000
"""Elements of a sketch, a byte each, that it is kept under: thousands of experts apart, whatever the size of the model."""
ENOUGH_ELEMENTS = 250_000
"""Elements up to which as many others are kept as there are."""
FEW_OTHERS = 4
"""Even; others that are kept beyond that, as far as there is room: 1,024 units with 4 others of each matrix of a Llama of 7 billion."""
MOST_MATRICES = 1 << 16
"""Matrices that are sampled, the first: no model that is known has more, and one of a million tiny tensors may."""
TABLE_SHARE = 8
"""Times as many others as of a layer are kept of a table of tokens: there are few tables, and models share them more often."""
_ATTENTION = frozenset({Role.QUERY, Role.KEY, Role.VALUE, Role.OUTPUT})
KEYED = frozenset({Role.KEY, Role.VALUE})
TABLES = frozenset({Role.EMBEDDING, Role.HEAD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """What is kept of a matrix.

    Args:
        slot: Its place in the network.
        part: The part of the model that its group belongs to; empty for what is in no group.
        side: Which side of it the units are on.
        outputs: Number of its outputs.
        inputs: Number of its inputs.
        units: Number of its units that are kept, the first.
        others: Number of others that are kept; which, `kept` says.
        channel: Elements of a channel of the inputs, where channels are tested in pairs.
    """

    slot: Slot
    part: str
    side: Side
    outputs: int
    inputs: int
    units: int
    others: int
    channel: int = 1

    @property
    def kept(self) -> Indices:
        """Which others are kept, ascending."""
        return others(self.all_others, self.others, 2 * self.channel)

    @property
    def all_units(self) -> int:
        """Number of units of the matrix."""
        return self.outputs if self.side is Side.OUTPUTS else self.inputs

    @property
    def all_others(self) -> int:
        """Number of elements of each unit."""
        return self.inputs if self.side is Side.OUTPUTS else self.outputs

    @property
    def is_table(self) -> bool:
        """Whether the others are tokens, of which the same model with a longer vocabulary has more."""
        return self.slot.role in TABLES


def chosen(layout: Layout) -> tuple[Sampled, ...]:
    """What is kept of a network, in order of its slots: matrices whose units have a symmetry, and tables of positions."""
    places = sorted(_places(layout).items())[:MOST_MATRICES]
    cap = UNITS
    while (needed := max(1, 2 * _needed(layout, places, cap))) > MOST_ELEMENTS and cap > FEWEST_UNITS:
        cap //= 2
    share = 2 * max(1, ENOUGH_ELEMENTS // needed, min(FEW_OTHERS // 2, MOST_ELEMENTS // needed))
    return tuple(
        Sampled(
            slot=slot,
            part=part,
            side=side,
            outputs=layout.matrices[slot].outputs,
            inputs=layout.matrices[slot].inputs,
            units=_units(layout, slot, side, cap),
            others=min(
                _ends(layout, slot, side)[1], _whole(share * _weight(slot.role), _channel(layout, slot))
            ),
            channel=_channel(layout, slot),
        )
        for slot, (part, side) in places
    )


def kept_heads(heads: Heads, units: int) -> int:
    """How many key and value heads, each with all its query heads, make up at most ``units`` units; at least one."""
    return max(1, min(heads.keys, units // (heads.size * (heads.queries // heads.keys))))


def reduced(heads: Heads, keys: int) -> Heads:
    """The geometry of the first ``keys`` key and value heads and their query heads."""
    return replace(heads, keys=keys, queries=keys * (heads.queries // heads.keys))


@lru_cache(maxsize=256)
def others(length: int, count: int, block: int) -> Indices:
    """Which ``count`` of ``length`` numbers are kept, ascending: the blocks with the smallest hashes.

    Args:
        length: Number of others.
        count: How many are kept: all, or a multiple of ``block``.
        block: How many stay together: two, or two channels.
    """
    if count >= length:
        return np.arange(length)
    hashes = mixed(np.arange(length // block, dtype=np.uint64))
    blocks = np.sort(np.argpartition(hashes, count // block - 1)[: count // block])
    return (block * blocks[:, None] + np.arange(block)).ravel()


def mixed(values: Hashes) -> Hashes:
    """A hash of each number: the finaliser of SplitMix64 (G. Steele, D. Lea and C. Flood, OOPSLA 2014)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _places(layout: Layout) -> Mapping[Slot, _Place]:
    """Slot to part and to the side of its units: what the groups of the network with itself hold, and tables of positions."""
    slots = {matrix: slot for slot, matrix in layout.matrices.items()}
    positions: dict[Slot, _Place] = {
        slot: ("", Side.INPUTS) for slot in layout.matrices if slot.role is Role.POSITION
    }
    return positions | {
        slots[member.a]: (group.part, member.side)
        for group in groups(layout, layout)
        for member in group.members
    }


def _needed(layout: Layout, places: Iterable[tuple[Slot, _Place]], cap: int) -> int:
    """Elements that one other of every kept unit takes."""
    return sum(_units(layout, slot, side, cap) * _weight(slot.role) for slot, (_, side) in places)


def _units(layout: Layout, slot: Slot, side: Side, cap: int) -> int:
    """Units that are kept of a matrix when none may have more than ``cap``."""
    if layout.heads and slot.role in _ATTENTION:
        kept = reduced(layout.heads, kept_heads(layout.heads, cap))
        cap = kept.size * (kept.keys if slot.role in KEYED else kept.queries)
    return min(_ends(layout, slot, side)[0], cap)


def _ends(layout: Layout, slot: Slot, side: Side) -> tuple[int, int]:
    """Number of a matrix's units, and of the elements of each."""
    matrix = layout.matrices[slot]
    return (matrix.outputs, matrix.inputs) if side is Side.OUTPUTS else (matrix.inputs, matrix.outputs)


def _channel(layout: Layout, slot: Slot) -> int:
    """Elements of a channel: in series, whose channels may be exchanged in pairs, both of a pair are kept whole."""
    return math.prod(layout.matrices[slot].shape[2:]) if slot.role is Role.SERIES else 1


def _whole(count: int, channel: int) -> int:
    """The least number from ``count`` on that is one of whole pairs of channels."""
    return -(-count // (2 * channel)) * 2 * channel


def _weight(role: Role) -> int:
    return TABLE_SHARE if role in TABLES else 1
