"""How models are kin to one model: by record, or by a test that joins what no record joins."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from provenance.artifacts import ArtifactId
from provenance.evidence import Evidence, Verdict
from provenance.facts import Recorded
from provenance.lineage.evidence_index import EvidenceIndex
from provenance.lineage.weight_lines import Marks, WeightLines


class Kinship(StrEnum):
    """How close two kin are."""

    SAME = "same"
    """One is the other or its ancestor, or has the same content as it, byte for byte."""
    DIVERGED = "diverged"
    """Both come from the same weights and were then trained apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kin:
    """Why a model counts as kin.

    Args:
        kinship: How close.
        through: The weights that both share.
        measured: The test that joins the two, where no record does.
    """

    kinship: Kinship
    through: ArtifactId
    measured: Recorded[Evidence] | None = None


@dataclass(frozen=True, slots=True)
class Join:
    """A test that found two models to share their initialisation, seen from one of them.

    Args:
        member: The one.
        partner: The other.
        test: The test.
    """

    member: int
    partner: int
    test: Recorded[Evidence]


@dataclass(frozen=True, eq=False)
class Joins:
    """The tests that join what no weights relation joins directly; where one does, a test adds nothing to it.

    Args:
        lines: Who has weights from whom.
        evidence: What was measured.
    """

    lines: WeightLines
    evidence: EvidenceIndex

    @cached_property
    def all(self) -> tuple[Join, ...]:
        """Every such test from both its ends, oldest first."""
        find = self.lines.lineage.find
        tests = {test.id: test for found in self.evidence.measured_kin.values() for test in found}
        joins = []
        for test in sorted(tests.values(), key=lambda test: (test.fact.tested_at, test.seq)):
            one, other = find(test.fact.parent), find(test.fact.child)
            if one is not None and other is not None and not self._related(one, other):
                joins += [Join(one, other, test), Join(other, one, test)]
        return tuple(joins)

    @cached_property
    def by_stem(self) -> Mapping[int, Sequence[tuple[int, Join]]]:
        """The tests that speak for a model, since its weights alone made the tested member; each with its distance to that."""
        found: dict[int, list[tuple[int, Join]]] = {}
        for join in self.all:
            for model, distance in self.lines.stem(join.member).items():
                found.setdefault(model, []).append((distance, join))
        return found

    def _related(self, one: int, other: int) -> bool:
        parents = self.lines.lineage.table.parents
        return any(
            parents[edge] == above
            for above, below in ((one, other), (other, one))
            for edge in self.lines.recorded(below)
        )


@dataclass(frozen=True, eq=False)
class Relatives:
    """How models are kin to one model.

    Args:
        lines: Who has weights from whom.
        joins: The tests that join lines.
        model: The one model.
    """

    lines: WeightLines
    joins: Joins
    model: int

    @cached_property
    def line(self) -> dict[int, int]:
        """The model and those that it has its weights from, with their places, nearest first."""
        return self.lines.line(self.model)

    def kin(self, other: int) -> Kin | None:
        """Why another model is kin; None where nothing says that it is.

        The record comes first: an ancestor, a descendant, then who shares an ancestor, the nearest to this model. Then tests: those
        that found copies, those of the nearest to this model's line, by place or name, the oldest.
        """
        if other in self.line:
            return self._recorded(Kinship.SAME, other)
        place = self._places.least(other)
        if place is not None:
            kinship = Kinship.DIVERGED if place else Kinship.SAME
            return self._recorded(kinship, self._in_order[place])
        if not self._tests or (mark := self._marks.least(other)) is None:
            return None
        join = self._tests[mark]
        return Kin(
            kinship=Kinship.SAME if self._is_copy(join, other) else Kinship.DIVERGED,
            through=self.lines.lineage.artifact(join.partner),
            measured=join.test,
        )

    def all(self) -> Iterator[tuple[int, Kin]]:
        """Every kin of the model, itself among them, in order of their names."""
        roots = {*self.line, *(one for join in self._tests for one in self.lines.stem(join.partner))}
        for node in sorted(self.lines.descendants(roots)):
            if (kin := self.kin(node)) is not None:
                yield node, kin

    def _recorded(self, kinship: Kinship, through: int) -> Kin:
        return Kin(kinship=kinship, through=self.lines.lineage.artifact(through))

    @cached_property
    def _in_order(self) -> tuple[int, ...]:
        return tuple(self.line)

    @cached_property
    def _places(self) -> Marks:
        """The place in the line of the nearest of it that a model descends from; 0 for all that descends from the model itself."""
        below: dict[int, list[int]] = {}
        for one in self.line:
            for parent in self.lines.parents(one):
                below.setdefault(parent, []).append(one)
        # In a circle of imported data an ancestor may be a descendant, too.
        circle, open_ = {self.model}, [self.model]
        while open_:
            fresh = set(below.get(open_.pop(), ())) - circle
            circle |= fresh
            open_ += fresh
        places = {one: 0 if one in circle else place for one, place in self.line.items()}
        return Marks(self.lines, places, ends=True)

    @cached_property
    def _tests(self) -> tuple[Join, ...]:
        """The tests that speak for the model's line, in the order in which they count."""
        ages = {id(join): age for age, join in enumerate(self.joins.all)}
        speaking: dict[int, tuple[tuple[bool, int, int, int], Join]] = {}
        for one, place in self.line.items():
            for distance, join in self.joins.by_stem.get(one, ()):
                near = (distance, join.member if distance else place)
                key = (not is_identical(join.test.fact), near[0], near[1], ages[id(join)])
                speaking[id(join)] = min(speaking.get(id(join), (key, join)), (key, join))
        return tuple(join for _, join in sorted(speaking.values()))

    @cached_property
    def _marks(self) -> Marks:
        """The first of these tests whose partner's line a model descends from."""
        marks: dict[int, int] = {}
        for mark, join in enumerate(self._tests):
            for one in self.lines.stem(join.partner):
                marks.setdefault(one, mark)
        return Marks(self.lines, marks, ends=False)

    def _is_copy(self, join: Join, other: int) -> bool:
        """Whether a test of copies makes another model an ancestor or a descendant of this one, or a copy itself."""
        return is_identical(join.test.fact) and (
            (join.member in self.line and other in self.lines.stem(join.partner))
            or (self.model in self.lines.line(join.member) and join.partner in self.lines.line(other))
        )


def is_identical(evidence: Evidence) -> bool:
    """Whether two models were found to be one: their content is the same, byte for byte."""
    return evidence.verdict is Verdict.SAME_INIT and evidence.result.get("kinship") == "identical"
