"""Which tensors are tested in which way, as a table.

The table `RULES` says which symmetry holds for which roles. Three things make the p-values of its groups valid together:

1. Each tensor enters one group only, along one axis.
2. Each group's units are flipped or swapped independently of every other group's; what a flip elsewhere does to the group's
   tensors (the order of their other axis) is given when the group's own coins are tossed, in the order: residual
   stream, gates, all others. In a stack of layers a hidden unit is tested by what it takes in, and by what it gives
   out only in the last hidden layer: its outgoing weights are the next layer's incoming ones.
3. Input features, tokens, classes and positions are never units.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from provenance.weights.families import Role
from provenance.weights.roles import Layout, Matrix, Slot


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
        unrotated: Holds only where positions are known to enter by a table: rotation ties dimensions into pairs.
    """

    part: str
    symmetry: Symmetry
    members: tuple[tuple[Role, Side], ...]
    unrotated: bool = False


RULES: tuple[Rule, ...] = (
    Rule("embedding", Symmetry.SWAP, ((Role.EMBEDDING, Side.INPUTS), (Role.HEAD, Side.INPUTS))),
    Rule("gate", Symmetry.SWAP, ((Role.GATE, Side.OUTPUTS),)),
    Rule("mlp", Symmetry.SIGN, ((Role.UP, Side.OUTPUTS), (Role.DOWN, Side.INPUTS))),
    Rule("mlp", Symmetry.SWAP, ((Role.HIDDEN_IN, Side.OUTPUTS), (Role.HIDDEN_OUT, Side.INPUTS))),
    Rule("attention", Symmetry.SIGN, ((Role.VALUE, Side.OUTPUTS), (Role.OUTPUT, Side.INPUTS))),
    Rule("attention", Symmetry.SIGN, ((Role.KEY, Side.OUTPUTS), (Role.QUERY, Side.OUTPUTS)), unrotated=True),
)


_TABLES = frozenset({Role.EMBEDDING, Role.HEAD})


@dataclass(frozen=True, slots=True)
class Member:
    """One tensor of a group, in both models, and where its units are."""

    role: Role
    a: Matrix
    b: Matrix
    side: Side

    def units(self) -> tuple[int, int]:
        """Number of units in A and in B."""
        if self.side is Side.OUTPUTS:
            return self.a.outputs, self.b.outputs
        return self.a.inputs, self.b.inputs

    def others(self) -> int:
        """Number of elements of each unit that both models have."""
        return self.a.inputs if self.side is Side.OUTPUTS else min(self.a.outputs, self.b.outputs)

    def obstacle(self) -> str | None:
        """Why the two tensors can't be set side by side, if they can't. Tables of tokens may be of unlike length."""
        alike = (self.a.out_axis, self.a.chunk) == (self.b.out_axis, self.b.chunk)
        if alike and (
            self.a.shape == self.b.shape or (self.role in _TABLES and self.a.inputs == self.b.inputs)
        ):
            return None
        return f"{self.a.name} has the shape {self.a.shape} in one model and {self.b.shape} in the other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Units of one kind in one place, in both models.

    Args:
        name: Tower, layer and roles.
        part: As in `Rule`.
        symmetry: What may be done to its units.
        members: The tensors that hold them.
    """

    name: str
    part: str
    symmetry: Symmetry
    members: tuple[Member, ...]


def groups(a: Layout, b: Layout) -> Iterator[Group]:
    """The groups of units that two models both have, in a fixed order."""
    common = {
        slot: (a.matrices[slot], b.matrices[slot]) for slot in sorted(a.matrices.keys() & b.matrices.keys())
    }
    yield from _stacked_groups(common)
    unrotated = any(slot.role is Role.POSITION for slot in common)
    for rule in RULES:
        if rule.unrotated and not unrotated:
            continue
        for slot in common:
            if slot.role is rule.members[0][0]:
                yield _group(rule, slot, common)


def _group(rule: Rule, slot: Slot, common: Mapping[Slot, tuple[Matrix, Matrix]]) -> Group:
    filled = [(slot._replace(role=role), side) for role, side in rule.members]
    present = [(place, Member(place.role, *common[place], side)) for place, side in filled if place in common]
    # Grouped-query attention has fewer values than its output has inputs: the values alone are then the units.
    fitting = [(place, member) for place, member in present if member.units() == present[0][1].units()]
    roles = "+".join(place.role for place, _ in fitting)
    return Group(
        name=".".join((*filter(None, [slot.tower]), *map(str, slot.numbers), roles)),
        part=rule.part,
        symmetry=rule.symmetry,
        members=tuple(member for _, member in fitting),
    )


def _stacked_groups(common: Mapping[Slot, tuple[Matrix, Matrix]]) -> Iterator[Group]:
    stacked = [slot for slot in common if slot.role is Role.STACKED]
    for slot in stacked:
        (layer,) = slot.numbers
        after, last = slot._replace(numbers=(layer + 1,)), slot._replace(numbers=(layer + 2,))
        if after not in common:
            continue
        members = [Member(slot.role, *common[slot], Side.OUTPUTS)]
        if last not in common:
            members.append(Member(after.role, *common[after], Side.INPUTS))
        yield Group(
            name=".".join((*filter(None, [slot.tower]), f"hidden {layer}")),
            part="mlp",
            symmetry=Symmetry.SWAP,
            members=tuple(members),
        )
