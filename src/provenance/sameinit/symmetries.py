"""Which tensors are tested in which way, as a table.

The table `RULES` says which symmetry holds for which roles. Four things make the p-values of its groups valid together:

1. Each tensor enters one group only, along one axis.
2. Each group's units are flipped or swapped independently of every other group's; what a flip elsewhere does to the group's
   tensors (the order or the signs of their other axis) is given when the group's own coins are tossed, in the order: residual
   stream, gates, all others, lower layers first. In a stack of layers a hidden unit is tested by what it takes in, and by what
   it gives out only in the last hidden layer: its outgoing weights are the next layer's incoming ones. Layers of equal width may be
   tied by skip connections, so that only one exchange in all of them is a symmetry: they make up one group, whose coins no
   exchange of the inputs changes (`Member.tied`).
3. Where that order is not known to exist (the embedding and the head, which share the residual stream's coordinates; a series
   of layers that skip connections may tie together), groups belong to parts of their own or combine by Bonferroni's method.
4. Input features, tokens, classes and positions are never units.

A unit may take several rows: a value is read by all query heads of its key-value head, and under rotary positions two dimensions of
a head turn together. `unit_of` says which rows make up which unit; rows of one unit flip together and make one coin.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from provenance.weights.families import Positions, Role
from provenance.weights.hints import Norm, Rotation
from provenance.weights.roles import Heads, Layout, Matrix, Slot

Indices = npt.NDArray[np.intp]


class Symmetry(StrEnum):
    """What may be done to a unit."""

    SIGN = "sign"
    SWAP = "swap"


class Side(StrEnum):
    """Which side of a matrix the units are on."""

    OUTPUTS = "outputs"
    INPUTS = "inputs"


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of unit, and what may be done to it.

    Args:
        part: What the group belongs to, for people and for the combination of p-values.
        symmetry: What may be done.
        members: Roles that hold the unit, and on which side; the first has to be there, the others when they fit.
        residual: The units are the residual stream's coordinates: their signs are free too where nothing but an RMS norm and linear
            maps sees them.
        turned: The units are dimensions that rotary positions tie into pairs: there is no test where it is not known whether they do, nor
            where a norm subtracts the mean of a head's dimensions.
    """

    part: str
    symmetry: Symmetry
    members: tuple[tuple[Role, Side], ...]
    residual: bool = False
    turned: bool = False


RULES: tuple[Rule, ...] = (
    Rule("embedding", Symmetry.SWAP, ((Role.EMBEDDING, Side.INPUTS),), residual=True),
    Rule("head", Symmetry.SWAP, ((Role.HEAD, Side.INPUTS),), residual=True),
    Rule("gate", Symmetry.SWAP, ((Role.GATE, Side.OUTPUTS),)),
    Rule("mlp", Symmetry.SIGN, ((Role.UP, Side.OUTPUTS), (Role.DOWN, Side.INPUTS))),
    Rule("mlp", Symmetry.SWAP, ((Role.HIDDEN_IN, Side.OUTPUTS), (Role.HIDDEN_OUT, Side.INPUTS))),
    Rule("attention", Symmetry.SIGN, ((Role.VALUE, Side.OUTPUTS), (Role.OUTPUT, Side.INPUTS))),
    Rule("attention", Symmetry.SIGN, ((Role.KEY, Side.OUTPUTS), (Role.QUERY, Side.OUTPUTS)), turned=True),
    # The sigmoids of a recurrent cell know the sign of what they read; its tanh, and all that carries the state on, is odd.
    Rule(
        "recurrent",
        Symmetry.SWAP,
        ((Role.INPUT_GATE, Side.OUTPUTS), (Role.FORGET_GATE, Side.OUTPUTS), (Role.OUTPUT_GATE, Side.OUTPUTS)),
    ),
    Rule("recurrent", Symmetry.SIGN, ((Role.CELL_GATE, Side.OUTPUTS),)),
    Rule("recurrent", Symmetry.SWAP, ((Role.RESET_GATE, Side.OUTPUTS), (Role.UPDATE_GATE, Side.OUTPUTS))),
    Rule("recurrent", Symmetry.SIGN, ((Role.NEW_GATE, Side.OUTPUTS),)),
    Rule("hidden", Symmetry.SWAP, ((Role.SERIES, Side.OUTPUTS),)),
)

UNORDERED_PARTS = frozenset({"hidden"})
"""Parts whose groups are valid one by one only, and combine by Bonferroni's method."""
SAMPLED_UNITS = 256
"""Units of a group that are looked at where a sample has to do; whole heads, where there are heads."""

_TABLES = frozenset({Role.EMBEDDING, Role.HEAD})
_TIED = frozenset({Role.SERIES, Role.STACKED})


@dataclass(frozen=True, slots=True)
class Member:
    """One tensor of a group, in both models, and where its units are.

    Args:
        role: What the tensor does.
        a: The one in A.
        b: The one in B.
        side: Which side its units are on.
        heads: How rows make up units, where that is more than one row each.
        units: Number of units that are tested: the first ones.
    """

    role: Role
    a: Matrix
    b: Matrix
    side: Side
    heads: Heads | None
    units: int

    @classmethod
    def of(cls, role: Role, a: Matrix, b: Matrix, side: Side, heads: Heads | None = None) -> "Member":
        """The tensor with all units that both models have."""
        heads = heads if heads and _rows(a, side) == _rows(b, side) == _head_rows(role, heads) else None
        rows = min(_rows(a, side), _rows(b, side))
        return cls(role, a, b, side, heads, heads.keys * _units_per_head(role, heads) if heads else rows)

    @property
    def others(self) -> int:
        """Number of elements of each row that both models have."""
        if self.side is Side.OUTPUTS:
            return min(self.a.inputs, self.b.inputs)
        return min(self.a.outputs, self.b.outputs)

    @property
    def tied(self) -> bool:
        """Whether the others may be hidden units themselves, by a skip connection the very same ones, and be swapped with them."""
        return self.role in _TIED

    def unit_of(self) -> Indices:
        """The unit that each row belongs to, for the rows of the units that are tested: a beginning of all rows."""
        if self.heads is None:
            return np.arange(self.units)
        units = _units_of_heads(self.role, self.heads)
        return units[units < self.units]

    def obstacle(self) -> str | None:
        """Why the two tensors can't be set side by side, if they can't. Tables of tokens may be of unlike length."""
        if self.a.inputs == self.b.inputs and (self.a.outputs == self.b.outputs or self.role in _TABLES):
            return None
        sizes = " and ".join(f"{one.outputs} x {one.inputs}" for one in (self.a, self.b))
        return f"{self.a.name} is of unlike size in the two models: {sizes} (outputs x inputs)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Units of one kind in one place, in both models.

    Args:
        name: Tower, layer and roles.
        part: As in `Rule`.
        symmetry: What may be done to its units.
        members: The tensors that hold them.
        residual: As in `Rule`.
        cluster: What it has in common with groups of its part that something may tie to it, whatever is seen of that: experts of one
            layer, which may have begun as one, and stacks of one width. They combine by Bonferroni's method.
    """

    name: str
    part: str
    symmetry: Symmetry
    members: tuple[Member, ...]
    residual: bool = False
    cluster: str | None = None

    def sampled(self) -> "Group":
        """The same with the first units only, and with tensors only whose units lie together; which ones is no choice of the weights."""
        first, *more = self.members
        members = (first, *(one for one in more if one.side is first.side))
        if first.side is Side.INPUTS:
            return replace(self, members=members)
        per_head = first.units // first.heads.keys if first.heads else 2
        kept = min(first.units, max(per_head, SAMPLED_UNITS // per_head * per_head))
        return replace(self, members=tuple(replace(one, units=kept) for one in members))


def groups(a: Layout, b: Layout) -> Iterator[Group]:
    """The groups of units that two models both have, in a fixed order."""
    common = {
        slot: (a.matrices[slot], b.matrices[slot]) for slot in sorted(a.matrices.keys() & b.matrices.keys())
    }
    yield from _stacked_groups(common)
    heads = a.heads if a.heads == b.heads else None
    unrotated = a.rotation is b.rotation is Rotation.NONE
    signed = _is_signed(a) and _is_signed(b)
    placed = _is_placed(a) and _is_placed(b)
    for rule in RULES:
        if (rule.residual and not placed) or (rule.turned and (a.centred or b.centred)):
            continue
        chosen = replace(rule, symmetry=Symmetry.SIGN) if rule.residual and signed else rule
        for slot in common:
            if slot.role is rule.members[0][0]:
                group = _group(chosen, slot, common, heads)
                if not rule.turned or unrotated or group.members[0].heads:
                    yield group


def _is_placed(layout: Layout) -> bool:
    """Whether it is known how positions enter: where a table should be and is not, it may be a fixed one that is computed."""
    by_table = layout.family.positions is Positions.TABLE
    return not by_table or any(slot.role is Role.POSITION for slot in layout.matrices)


def _is_signed(layout: Layout) -> bool:
    """Whether the signs of the residual stream's coordinates are free: an RMS norm and no positions that are added to it."""
    added = any(slot.role is Role.POSITION for slot in layout.matrices)
    return layout.norm is Norm.RMS and layout.rotation is not None and not added


def _group(
    rule: Rule, slot: Slot, common: Mapping[Slot, tuple[Matrix, Matrix]], heads: Heads | None
) -> Group:
    filled = [(slot._replace(role=role), side) for role, side in rule.members]
    present = [
        Member.of(place.role, *common[place], side, heads) for place, side in filled if place in common
    ]
    # Without a word on heads, what does not fit is left out: the values alone are then the units of grouped-query attention.
    first = present[0]
    fitting = [
        one for one in present if one.units == first.units and (one.heads is None) == (first.heads is None)
    ]
    roles = "+".join(one.role for one in fitting)
    return Group(
        name=".".join((*filter(None, [slot.tower]), *map(str, slot.numbers), roles)),
        part=rule.part,
        symmetry=rule.symmetry,
        members=tuple(fitting),
        residual=rule.residual,
        cluster=cluster_of(slot),
    )


def cluster_of(slot: Slot) -> str | None:
    """What the experts of one layer have in common, as in `Group`; None where there are no experts."""
    return ".".join((*filter(None, [slot.tower]), str(slot.numbers[0]))) if len(slot.numbers) > 1 else None


def _stacked_groups(common: Mapping[Slot, tuple[Matrix, Matrix]]) -> Iterator[Group]:
    """One group for all layers of a stack that are equally wide, and one for each that is of unlike size in the two models."""
    found: dict[tuple[str, str], list[Member]] = defaultdict(list)
    for slot in (slot for slot in common if slot.role is Role.STACKED):
        (layer,) = slot.numbers
        before, after = slot._replace(numbers=(layer - 1,)), slot._replace(numbers=(layer + 1,))
        # The outputs of the last are the network's own.
        side = Side.OUTPUTS if after in common else Side.INPUTS
        if side is Side.OUTPUTS or before in common:
            member = Member.of(slot.role, *common[slot], side)
            place = f"hidden {layer}" if member.obstacle() else f"hidden of width {member.units}"
            found[slot.tower, place].append(member)
    for (tower, place), members in found.items():
        yield Group(
            name=".".join((*filter(None, [tower]), place)),
            part="mlp",
            symmetry=Symmetry.SWAP,
            members=tuple(members),
            cluster=place,
        )


def _rows(matrix: Matrix, side: Side) -> int:
    return matrix.outputs if side is Side.OUTPUTS else matrix.inputs


_PER_QUERY = frozenset({Role.QUERY, Role.OUTPUT})
_TURNED = frozenset({Role.QUERY, Role.KEY})


def _head_rows(role: Role, heads: Heads) -> int | None:
    """Number of rows that attention's matrices have on the side of the heads; None for other roles."""
    if role in _TURNED and heads.rotation is None:
        return None
    if role in _PER_QUERY:
        return heads.queries * heads.size
    return heads.keys * heads.size if role in {Role.KEY, Role.VALUE} else None


def _units_per_head(role: Role, heads: Heads) -> int:
    turned = role in _TURNED and heads.rotation is Rotation.HALVES
    return heads.size - (heads.size // 2 if turned else 0)


def _units_of_heads(role: Role, heads: Heads) -> Indices:
    """The unit of each row: dimensions r and r + size / 2 of a head turn together; query heads share their key-value head's units."""
    per_head = _units_per_head(role, heads)
    within = np.arange(heads.size)
    pairs = heads.size - per_head
    within = np.where(within < pairs, within, within - pairs)
    shared = heads.queries // heads.keys if role in _PER_QUERY else 1
    units = np.arange(heads.keys)[:, None, None] * per_head + within
    return np.repeat(units, shared, axis=1).ravel()
