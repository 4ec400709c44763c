"""Edges: what was tested on each relation of a lineage, how each test counts, and what is still owed.

A weights relation is tested by comparing its two models. A relation that trains a student is tested by what lies behind it: whether a
planted trait passes from each teacher that wrote the rows, and whether each teacher's model shares its initialisation with what
the student started from.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from provenance.artifacts import ArtifactId
from provenance.audit.owed import WRITING, embodiments, plan
from provenance.audit.tasks import Task
from provenance.evidence import Evidence, TestKind, Verdict
from provenance.facts import Recorded
from provenance.lineage import Kindred
from provenance.lineage.canary_figures import has_power
from provenance.meanings import UNTESTED, figures, meaning
from provenance.relations import WEIGHT_KINDS, Link, RelationKind
from provenance.review.records import EdgeTest, EdgeTold, EdgeTotals, Listed, Standing
from provenance.review.relation_words import relation_words

MOST_EDGES = 300
MOST_TESTS = 12  # of one edge
MOST_OTHERS = 50
_UNTESTABLE: Mapping[RelationKind, str] = {
    RelationKind.EMBODIED_BY: "a teacher has what its model has: there is nothing to test",
    RelationKind.GENERATED_BY: "data carry what their author has: no test can rule it out",
    RelationKind.REWRITTEN_BY: "data carry what their author has: no test can rule it out",
    RelationKind.SELECTED_BY: "data carry what their author has: no test can rule it out",
    RelationKind.DERIVED_FROM: "rows carry what they carried before: no test can rule it out",
    RelationKind.TRAINED_ON: "no teacher is on record whose hand in these data could be tested",
    RelationKind.DISTILLED_FROM: "the student starts from the teacher's own model: there is nothing to compare",
}
"""Why no test can say anything of a relation for which none is known."""

_Pair = tuple[TestKind, ArtifactId, ArtifactId]
_Group = tuple[_Pair, ...]
EdgeKey = tuple[ArtifactId, RelationKind, ArtifactId]


class _Settled(IntEnum):
    """How far the tests of an edge settle it, the most doubtful first."""

    DISPUTED = 0
    UNTESTED = 1
    INCONCLUSIVE = 2
    SETTLED = 3
    NOTHING_TO_TEST = 4


@dataclass(frozen=True, eq=False)
class Edges:
    """The relations above some artifacts, and their tests.

    Args:
        kindred: The lineage, and what tests say of it.
        asked: The artifacts; they and their ancestors are looked at.
        routes: The relations on witness paths, with the ids of the evidence that decided each.
    """

    kindred: Kindred
    asked: tuple[ArtifactId, ...]
    routes: Mapping[EdgeKey, tuple[str, ...]]
    links: tuple[Link, ...] = field(init=False)
    tasks: Mapping[object, Task] = field(init=False, repr=False)
    _groups: Mapping[EdgeKey, tuple[_Group, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        lineage = self.kindred.lineage
        members = sorted(lineage.line(self.asked))
        links = tuple(link for member in members for link in lineage.parents(member))
        tasks = plan(self.kindred, self.asked)
        object.__setattr__(self, "links", links)
        object.__setattr__(self, "tasks", {_key((one.test, one.parent, one.child)): one for one in tasks})
        object.__setattr__(self, "_groups", {_edge(link): tuple(self._groups_of(link)) for link in links})

    @property
    def owed(self) -> tuple[Task, ...]:
        """The tests that are owed, in the order of the plan."""
        return tuple(self.tasks.values())

    def told(self) -> Listed[EdgeTold]:
        """The edges with their tests: on witness paths first, then the most doubtful."""

        def place(link: Link) -> tuple[object, ...]:
            on_route = _edge(link) in self.routes
            return (not on_route, self._settled(link), link.child, link.parent, link.kind)

        first = sorted(self.links, key=place)[:MOST_EDGES]
        return Listed(total=len(self.links), items=tuple(map(self._told, first)))

    def to(self, child: ArtifactId) -> tuple[EdgeTold, ...]:
        """The edges to one artifact from its parents with their tests, the most doubtful first."""
        arriving = [link for link in self.links if link.child == child]
        arriving.sort(key=lambda link: (self._settled(link), link.parent, link.kind))
        return tuple(map(self._told, arriving))

    def bearing(self, evidence: Evidence) -> tuple[EdgeTold, ...]:
        """The edges that a test of these two artifacts is asked for by."""
        key = _key(_pair_of(evidence))
        return tuple(self._told(link) for link in self.links if key in map(_key, self._pairs(link)))

    def tests_of(self, evidence: Evidence) -> tuple[EdgeTest, ...]:
        """Every test of the two artifacts that one was made of, itself among them: what stands first, then the newest."""
        return tuple(self._rows(_pair_of(evidence)))

    def others(self) -> Listed[EdgeTest]:
        """The tests between members of the lineage that no edge asked for, newest first."""
        shown = {_key(pair) for link in self.links for pair in self._pairs(link)}
        named = {one for evidence in self.routes.values() for one in evidence}
        members = self.kindred.lineage.line(self.asked)
        found = [
            one
            for one in reversed(self.kindred.lineage.snapshot.all(Evidence))
            if _key(_pair_of(one.fact)) not in shown and one.id not in named and one.fact.pair <= members
        ]
        rows = tuple(self._row(one, self._standing(_pair_of(one.fact))) for one in found[:MOST_OTHERS])
        return Listed(total=len(found), items=rows)

    def totals(self, members: frozenset[ArtifactId] | None = None) -> EdgeTotals:
        """How the tests stand on all edges, or on those to some members."""
        links = [link for link in self.links if members is None or link.child in members]
        settled = Counter(map(self._settled, links))
        handed_on = Counter(
            self._handed_on(link) for link in links if self._settled(link) is _Settled.SETTLED
        )
        pairs = {_key(pair): pair for link in links for pair in self._pairs(link)}
        tests = ((one, pair) for pair in pairs.values() for one in self.kindred.evidence.all_tests(*pair))
        standings = Counter(self._counts(one, self._standing(pair), None) for one, pair in tests)
        return EdgeTotals(
            edges=len(links),
            testable=len(links) - settled[_Settled.NOTHING_TO_TEST],
            settled=settled[_Settled.SETTLED],
            transfers=handed_on[Verdict.TRANSFERS],
            shared=handed_on[Verdict.SAME_INIT],
            inconclusive=settled[_Settled.INCONCLUSIVE],
            untested=settled[_Settled.UNTESTED],
            disputed=settled[_Settled.DISPUTED],
            stale=standings[Standing.STALE],
            expired=standings[Standing.EXPIRED],
        )

    # --- one edge ------------------------------------------------------------------------------------------------------

    def _groups_of(self, link: Link) -> Iterator[_Group]:
        """What is to be tested of a relation, teacher by teacher."""
        if link.kind in WEIGHT_KINDS:
            yield ((TestKind.SAME_INIT, link.parent, link.child),)
        elif link.kind is RelationKind.DISTILLED_FROM:
            yield tuple(self._initialisations(link.parent, link.child))
        elif link.kind is RelationKind.TRAINED_ON:
            found = self.kindred.lineage.exposures(link.parent)
            behind = [one for one in found if one.student == link.child]
            wrote = {one.teacher for one in behind if one.how in WRITING}
            for teacher in dict.fromkeys(one.teacher for one in behind):
                canary = [(TestKind.CANARY, teacher, link.child)] if teacher in wrote else []
                yield (*canary, *self._initialisations(teacher, link.child))

    def _pairs(self, link: Link) -> tuple[_Pair, ...]:
        return tuple(dict.fromkeys(pair for group in self._groups[_edge(link)] for pair in group))

    def _initialisations(self, teacher: ArtifactId, student: ArtifactId) -> Iterator[_Pair]:
        for model in embodiments(self.kindred.lineage, teacher):
            for start in self.kindred.starting_weights(student):
                if model != start:
                    yield (TestKind.SAME_INIT, model, start)

    def _settled(self, link: Link) -> _Settled:
        if self.kindred.contradiction(link) is not None:
            return _Settled.DISPUTED
        groups = filter(None, self._groups[_edge(link)])
        return min(map(self._settled_group, groups), default=_Settled.NOTHING_TO_TEST)

    def _settled_group(self, group: _Group) -> _Settled:
        """How far the tests of one teacher and a student go: where a planted trait passes, the rest decides nothing any more."""
        standing = filter(None, map(self._standing, group))
        if any(one.fact.verdict is Verdict.TRANSFERS for one in standing):
            return _Settled.SETTLED
        return min(map(self._settled_pair, group))

    def _settled_pair(self, pair: _Pair) -> _Settled:
        standing = self._standing(pair)
        if standing is None:
            return _Settled.UNTESTED
        is_open = standing.fact.verdict is Verdict.INCONCLUSIVE or _is_idle(standing.fact)
        return _Settled.INCONCLUSIVE if is_open else _Settled.SETTLED

    def _handed_on(self, link: Link) -> Verdict | None:
        """What tests found on an edge by which a trait may pass, the worst of it."""
        standing = filter(None, map(self._standing, self._pairs(link)))
        found = {one.fact.verdict for one in standing}
        return next((one for one in (Verdict.TRANSFERS, Verdict.SAME_INIT) if one in found), None)

    def _told(self, link: Link) -> EdgeTold:
        pairs = self._pairs(link)
        rows = [row for pair in pairs for row in self._rows(pair, link)]
        shown = {row.evidence for row in rows}
        rows += [
            self._row(one, self._standing(_pair_of(one.fact)))
            for one in self._named(self.routes.get(_edge(link), ()))
            if one.id not in shown
        ]
        rows.sort(key=lambda row: _COUNTS[row.standing])
        return EdgeTold(
            parent=link.parent,
            relation=link.kind,
            child=link.child,
            words=relation_words(link.kind, link.parent, link.child),
            on_route=_edge(link) in self.routes,
            untestable="" if pairs else _UNTESTABLE[link.kind],
            tests=Listed(total=len(rows), items=tuple(rows[:MOST_TESTS])),
        )

    # --- one pair ------------------------------------------------------------------------------------------------------

    def _rows(self, pair: _Pair, link: Link | None = None) -> Iterator[EdgeTest]:
        """Every test of a pair, what stands first, then the newest; or that there is none."""
        found, standing = self.kindred.evidence.all_tests(*pair), self._standing(pair)
        if not found:
            yield self._untested(pair)
        for one in sorted(found, key=lambda one: (one != standing, -one.seq)):
            yield self._row(one, standing, link)

    def _untested(self, pair: _Pair) -> EdgeTest:
        test, parent, child = pair
        task = self.tasks.get(_key(pair))
        return EdgeTest(
            test=test,
            parent=parent,
            child=child,
            standing=Standing.UNTESTED,
            figures=self._by_record(parent, child) if test is TestKind.SAME_INIT else "",
            meaning=UNTESTED[test],
            owed=None if task is None else task.state,
        )

    def _by_record(self, one: ArtifactId, other: ArtifactId) -> str:
        """What is known of the initialisations of two models that were not compared themselves."""
        kin = self.kindred.kin(one, other)
        if kin is not None:
            by = "by record" if kin.measured is None else f"by the test of others, {kin.measured.id}"
            return f"they share their initialisation {by}, through {kin.through}"
        tests = ", ".join(test.id for test in self.kindred.independence(one, other))
        return f"they are independent by the tests of their families, {tests}" if tests else ""

    def _row(
        self, recorded: Recorded[Evidence], standing: Recorded[Evidence] | None, link: Link | None = None
    ) -> EdgeTest:
        fact, task = recorded.fact, self.tasks.get(_key(_pair_of(recorded.fact)))
        return EdgeTest(
            test=fact.test,
            parent=fact.parent,
            child=fact.child,
            standing=self._counts(recorded, standing, link),
            evidence=recorded.id,
            verdict=fact.verdict,
            figures=figures(fact),
            method=fact.method,
            tested_at=fact.tested_at,
            actor=recorded.actor,
            meaning=meaning(fact),
            owed=None if task is None else task.state,
        )

    def _counts(
        self, recorded: Recorded[Evidence], standing: Recorded[Evidence] | None, link: Link | None
    ) -> Standing:
        if recorded == standing:
            denied = None if link is None else self.kindred.contradiction(link)
            return Standing.DISPUTED if denied == recorded else Standing.STANDS
        if self.kindred.evidence.has_expired(recorded):
            return Standing.EXPIRED
        is_sound = all(self.kindred.evidence.is_of(recorded.fact, end) for end in recorded.fact.pair)
        return Standing.SUPERSEDED if is_sound else Standing.STALE

    def _standing(self, pair: _Pair) -> Recorded[Evidence] | None:
        test, parent, child = pair
        index = self.kindred.evidence
        return index.canary(parent, child) if test is TestKind.CANARY else index.same_init(parent, child)

    def _named(self, ids: Iterable[str]) -> list[Recorded[Evidence]]:
        wanted = frozenset(ids)
        return [one for one in self.kindred.lineage.snapshot.all(Evidence) if wanted and one.id in wanted]


_COUNTS = {
    standing: place
    for place, standing in enumerate(
        (
            Standing.DISPUTED,
            Standing.STANDS,
            Standing.UNTESTED,
            Standing.STALE,
            Standing.EXPIRED,
            Standing.SUPERSEDED,
            Standing.WITHDRAWN,
        )
    )
}
"""In which order tests are listed, by how they count."""


def _is_idle(test: Evidence) -> bool:
    """Whether a test is a canary that found nothing and would have found nothing in any case."""
    return test.verdict is Verdict.NOT_DETECTED and not has_power(test)


def _edge(link: Link) -> EdgeKey:
    return (link.parent, link.kind, link.child)


def _pair_of(evidence: Evidence) -> _Pair:
    return (evidence.test, evidence.parent, evidence.child)


def _key(pair: _Pair) -> object:
    """What a test is known by: a canary has a direction, a same-init test has none."""
    test, parent, child = pair
    return (test, (parent, child) if test is TestKind.CANARY else frozenset({parent, child}))
