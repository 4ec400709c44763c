"""Which answers a stretch of the ledger bears on: the artifacts whose excerpt (see `provenance.store.excerpt`) has something new in it.

An excerpt is an artifact's line and, where a test joins what no relation does, the lines of that test's ends. So a fact bears on what it
is about, on all that lies below that, and on all below the lines of a test's ends where it is about one of those. What is found may be
more than what changed, and is never less.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Integer, and_, bindparam, case, cast, func, or_, select, union

from provenance.artifacts import ArtifactId
from provenance.fact_text import read_id
from provenance.facts import Recorded
from provenance.store.excerpt import Apart
from provenance.store.rows import FACTS, listed, positions, read_facts
from provenance.store.tables import ARTIFACT, EVIDENCE, FACT, RELATION
from provenance.store.walks import UNTIL, closure, recorded_as

_AFTER: Any = bindparam("after", type_=Integer)
# Another name, a place and a measurement move no standing, and a trait is recorded before anything is said of it.
_ABOUT_ONE = ("unresolved", "resolution", "flag", "clearance", "block")
_FLAG_ID = len("flag-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """What a stretch of the ledger bears on.

    Args:
        artifacts: The artifacts of which any answer may be another than before it.
        tests: The ids of the tests that were recorded in it, in order.
    """

    artifacts: tuple[ArtifactId, ...]
    tests: tuple[str, ...]


def _touched() -> Any:  # noqa: ANN401 - SQLAlchemy's select
    """The positions of the artifacts that the facts after a position are about, and of those in the listed parameter ``ids``."""

    def new(table: Any, column: Any) -> Any:  # noqa: ANN401 - SQLAlchemy's table, column and select
        return select(column.label("seq")).where(table.c.seq > _AFTER, table.c.seq <= UNTIL)

    about_one = (
        new(FACT, ARTIFACT.c.seq)
        .join(ARTIFACT, ARTIFACT.c.key == FACT.c.subject)
        .where(FACT.c.type.in_(_ABOUT_ONE))
    )
    flag = FACT.alias("flag")
    # What is no withdrawal has no number there, and a server may look at it all the same.
    number = case((FACT.c.type == "withdrawal", func.substr(FACT.c.subject, _FLAG_ID + 1)))
    taken_back = (
        new(FACT, ARTIFACT.c.seq)
        .join(flag, flag.c.seq == cast(number, Integer))
        .join(ARTIFACT, ARTIFACT.c.key == flag.c.subject)
        .where(FACT.c.type == "withdrawal")
    )
    return union(
        new(ARTIFACT, ARTIFACT.c.seq),
        new(RELATION, RELATION.c.child),
        new(EVIDENCE, EVIDENCE.c.parent),
        new(EVIDENCE, EVIDENCE.c.child),
        about_one,
        taken_back,
        recorded_as("ids"),
    )


_TOUCHED = _touched()
_TESTS = (
    select(EVIDENCE.c.seq)
    .where(
        or_(
            EVIDENCE.c.seq > _AFTER,
            EVIDENCE.c.parent.in_(recorded_as("ids")),
            EVIDENCE.c.child.in_(recorded_as("ids")),
        ),
        EVIDENCE.c.seq <= UNTIL,
    )
    .order_by(EVIDENCE.c.seq)
)
_BELOW = select(ARTIFACT.c.key).join(
    below := closure(positions("starts"), "below", up=False), below.c.seq == ARTIFACT.c.seq
)


def affected(
    connection: Connection, until: int, after: int, ids: Iterable[ArtifactId], apart: Apart
) -> Affected:
    """What the facts after a position bear on, and what rests on some artifacts besides.

    Args:
        connection: Sees one state of the database.
        until: The last position that the date asked for knows of.
        after: The position.
        ids: These artifacts; with them come the tests that have one of them at an end.
        apart: The tests that join what the record does not.
    """
    values = {"until": until, "after": after, "ids": listed(map(str, ids))}
    touched = set(connection.execute(_TOUCHED, values).scalars())
    touched |= apart.lines_through(touched)
    found = connection.execute(_BELOW, {"starts": listed(sorted(touched)), "until": until}).scalars()
    tests = connection.execute(_TESTS, values).scalars()
    return Affected(
        artifacts=tuple(sorted(map(read_id, found), key=str)),
        tests=tuple(f"evidence-{seq}" for seq in tests),
    )


_PERISHABLE = FACTS.where(
    or_(
        # A field that says nothing isn't written (see `facts.to_json`), and quotes within a text stand escaped.
        and_(FACT.c.type.in_(("flag", "clearance", "block")), FACT.c.body.contains('"expires_at":"')),
        FACT.c.type.in_(bindparam("lasting", expanding=True)),
    ),
    FACT.c.seq <= UNTIL,
).order_by(FACT.c.seq)


def perishable(connection: Connection, until: int, lasting: Collection[str]) -> tuple[Recorded[Any], ...]:
    """The findings that name their own end, and all facts of some types, in the order of the ledger."""
    return tuple(read_facts(connection, _PERISHABLE, until=until, lasting=list(lasting)))


def _with_ends(asked: Any) -> Any:  # noqa: ANN401 - SQLAlchemy's selects
    """Some tests, of which ``asked`` selects all columns, and the artifacts at their ends."""
    tests = asked.where(EVIDENCE.c.seq <= UNTIL).cte("tests")
    wanted = union(select(tests.c.seq), select(tests.c.parent), select(tests.c.child)).subquery()
    return FACTS.where(FACT.c.seq.in_(select(wanted.c.seq))).order_by(FACT.c.seq)


TESTS = _with_ends(select(EVIDENCE).where(EVIDENCE.c.seq.in_(positions("tests"))))
"""The tests at the listed positions ``tests``, and the artifacts at their ends."""

TESTS_OF = _with_ends(select(EVIDENCE).where(EVIDENCE.c.child.in_(recorded_as("ids"))))
"""The tests of the listed ``ids`` as the younger of two, and the artifacts at their ends."""
