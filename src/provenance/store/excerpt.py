"""Excerpts: the facts that an answer about some artifacts rests on, and no others.

What an artifact may have inherited, what is missing in its ancestry and whom of its line it is kin to depends on its ancestors and on
what is recorded of these. One thing reaches further: a test that found two models to share an initialisation which no relation joins. It
makes kin of two members of a line where each end of it is one of them or descends, by weights, from one; and it leaves an
ancestry incomplete where one end is a member, unless the record explains it after all. So an excerpt holds such tests too, with their ends
and what these have their weights from. Of tests whose ends a weights relation joins, it needs those within the line only: they join nothing
that the relation does not.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, String, bindparam, cast, func, literal, select, true, union

from provenance.artifacts import ArtifactId
from provenance.evidence import TestKind
from provenance.relations import WEIGHT_KINDS
from provenance.store.rows import FACTS, Subject, listed, positions
from provenance.store.tables import ARTIFACT, EVIDENCE, FACT, RELATION
from provenance.store.walks import UNTIL, closure, recorded_as

_ABOUT = ("unresolved", "resolution", "flag", "clearance", "block", "location", "measurement")
"""Facts whose subject is one artifact: what bears on what it may have inherited, where its content is, and what was measured on it."""


_TYPE = FACT.c.type.concat("")
"""The type of a fact where its subject is to find it: a database that believes a type to be rare would find all of that type first."""


_OF_STANDING = tuple(name for name in _ABOUT if name not in {"location", "measurement"})
"""The same without what is known of an artifact and moves no standing."""


def _line_of(starts: Any) -> Any:  # noqa: ANN401 - SQLAlchemy's select
    return select(closure(starts, "line", up=True).c.seq)


_LINE = _line_of(recorded_as("ids"))
_LINE_OF_BELOW = _line_of(select(closure(recorded_as("ids"), "below", up=False).c.seq))
_LINE_OF_MEMBERS = _line_of(positions("members"))


def line(connection: Connection, until: int, ids: Iterable[ArtifactId], *, below: bool) -> set[int]:
    """The positions of artifacts and of all their ancestors; with ``below``, of all their descendants and the ancestors of these."""
    query = _LINE_OF_BELOW if below else _LINE
    return set(connection.execute(query, {"ids": listed(map(str, ids)), "until": until}).scalars())


def line_of(connection: Connection, until: int, members: Iterable[int]) -> set[int]:
    """Some positions and those of all ancestors of what stands there."""
    found = connection.execute(_LINE_OF_MEMBERS, {"members": listed(sorted(members)), "until": until})
    return set(found.scalars())


_APART = select(EVIDENCE.c.parent, EVIDENCE.c.child).where(EVIDENCE.c.apart, EVIDENCE.c.seq <= UNTIL)


def _weights_above_apart() -> Any:  # noqa: ANN401 - SQLAlchemy's select
    apart = _APART.cte("apart")
    ends = union(select(apart.c.parent.label("seq")), select(apart.c.child)).subquery()
    above = closure(select(ends.c.seq), "above", up=True, filtered=True)
    return (
        select(RELATION.c.child, RELATION.c.parent)
        .join(above, above.c.seq == RELATION.c.child)
        .where(RELATION.c.kind.in_(sorted(WEIGHT_KINDS)), RELATION.c.seq <= UNTIL)
    )


_WEIGHTS_ABOVE_APART = _weights_above_apart()


class Apart:
    """The tests that join what the record does not, and the weights relations above their ends.

    Args:
        connection: Sees one state of the database.
        until: The last position that the date asked for knows of.
    """

    def __init__(self, connection: Connection, until: int) -> None:
        self._pairs = [tuple(row) for row in connection.execute(_APART, {"until": until})]
        self._parents: dict[int, list[int]] = {}
        self._children: dict[int, list[int]] = {}
        if self._pairs:
            values = {"until": until, "kinds": sorted(WEIGHT_KINDS)}
            for child, parent in connection.execute(_WEIGHTS_ABOVE_APART, values):
                self._parents.setdefault(child, []).append(parent)
                self._children.setdefault(parent, []).append(child)

    def joined_to(self, members: set[int]) -> set[int]:
        """What these tests add to a line: the ends of those that bear on it, with all that these have their weights from."""
        touched = _walk(members, self._children)
        bearing = [pair for pair in self._pairs if touched.issuperset(pair) or not members.isdisjoint(pair)]
        return _walk((end for pair in bearing for end in pair), self._parents) - members

    def kin_of(self, positions: set[int]) -> set[int]:
        """The ends of those of these tests that have one of some positions as an end."""
        return {end for pair in self._pairs if not positions.isdisjoint(pair) for end in pair}

    def lines_through(self, positions: set[int]) -> set[int]:
        """The lines, by weights, of both ends of each test that has one of some positions in them."""
        below = _walk(positions, self._children)
        bearing = (pair for pair in self._pairs if not below.isdisjoint(pair))
        return _walk((end for pair in bearing for end in pair), self._parents)


def _walk(starts: Iterable[int], steps: Mapping[int, Iterable[int]]) -> set[int]:
    """Some positions and all that steps lead to from there."""
    reached = set(starts)
    frontier = list(reached)
    while frontier:
        frontier = list({end for one in frontier for end in steps.get(one, ())} - reached)
        reached.update(frontier)
    return reached


def _withdrawals(flags: Any) -> Any:  # noqa: ANN401 - SQLAlchemy's select
    """The positions of the withdrawals among facts about flags, of which ``flags`` holds ``seq`` and ``type``."""
    return (
        select(FACT.c.seq)
        .select_from(flags)
        .join(FACT, FACT.c.subject == literal("flag-") + cast(flags.c.seq, String))
        .where(flags.c.type == "flag", _TYPE == "withdrawal")
    )


def _facts_at(*wanted: Any) -> Any:  # noqa: ANN401 - SQLAlchemy's select
    """The facts at some positions, and all traits: they are few, and any may be asked about."""
    found = union(*wanted, select(FACT.c.seq).where(FACT.c.type == "trait")).subquery()
    # The date is asked of what was found: asked of the facts, it would have SQLite look at all of them.
    known = select(found.c.seq).where(found.c.seq <= UNTIL)
    return FACTS.where(FACT.c.seq.in_(known)).order_by(FACT.c.seq)


def _resting_on(types: Iterable[str], *, lineage: bool) -> Any:  # noqa: ANN401 - SQLAlchemy's select
    """The facts that the standing of the artifacts at the listed positions ``members`` rests on.

    Args:
        types: The types of the facts about one artifact.
        lineage: Whether the artifacts and their relations are among them.
    """
    members = positions("members").cte("members")
    within = select(members.c.seq)
    subjects = (
        select(FACT.c.seq, FACT.c.type)
        .select_from(members)
        .join(ARTIFACT, ARTIFACT.c.seq == members.c.seq)
        .join(FACT, FACT.c.subject == Subject(ARTIFACT.c.key))
        .where(_TYPE.in_(types))
        .cte("subjects")
    )
    canaries = (
        select(EVIDENCE.c.seq, EVIDENCE.c.child)
        .join(members, members.c.seq == EVIDENCE.c.parent)
        .where(EVIDENCE.c.test == TestKind.CANARY.value, EVIDENCE.c.seq <= UNTIL)
        .cte("canaries")
    )
    # IS TRUE has PostgreSQL look each parent up among the members, where it would compare every one with every other.
    inner = (
        select(edge.c.seq)
        .join(members, members.c.seq == edge.c.child)
        .where(edge.c.parent.in_(within).is_(true()))
        for edge in ((RELATION, EVIDENCE) if lineage else (EVIDENCE,))
    )
    artifacts = (within, select(canaries.c.child)) if lineage else ()
    return _facts_at(
        *artifacts, *inner, select(subjects.c.seq), _withdrawals(subjects), select(canaries.c.seq)
    )


RESTING_ON = _resting_on(_ABOUT, lineage=True)
"""The facts of the excerpt whose artifacts stand at the listed positions ``members``."""

BESIDE_THE_LINEAGE = _resting_on(_OF_STANDING, lineage=False)
"""The same without the artifacts, their relations, and what moves no standing."""

TRIED_ON = (
    select(EVIDENCE.c.child)
    .where(EVIDENCE.c.test == TestKind.CANARY.value, EVIDENCE.c.seq <= UNTIL)
    .where(EVIDENCE.c.parent.in_(positions("members")))
    .distinct()
)
"""The positions of the students on which canaries of teachers at the listed positions ``members`` ran."""


def _about() -> Any:  # noqa: ANN401 - SQLAlchemy's select
    shown = select(ARTIFACT.c.seq, ARTIFACT.c.key).where(ARTIFACT.c.key == bindparam("key")).cte("shown")
    subjects = (
        select(FACT.c.seq, FACT.c.type).join(shown, FACT.c.subject == Subject(shown.c.key)).cte("subjects")
    )
    edges = (
        select(edge.c.seq).join(shown, shown.c.seq == end)
        for edge in (RELATION, EVIDENCE)
        for end in (edge.c.child, edge.c.parent)
    )
    # An alias is found by its name alone; what it stands for is a part of its text.
    named = FACT.c.type == "alias", func.replace(FACT.c.body, bindparam("meaning"), "") != FACT.c.body
    return _facts_at(
        select(shown.c.seq),
        *edges,
        select(subjects.c.seq),
        _withdrawals(subjects),
        select(FACT.c.seq).where(*named),
    )


ABOUT = _about()
"""The facts about the artifact of the identity ``key``; ``meaning`` is what the text of an alias holds that stands for it."""
