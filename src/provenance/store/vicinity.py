"""Vicinities: what a diagram shows around some artifacts, with what the standing of all that rests on, and no more.

However many descend from what is shown, they are not read, only counted, and not even that without an end. All ancestors are
read: what may have come from them is the question.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from provenance.artifacts import ArtifactId
from provenance.collector import at_rest
from provenance.facts import Snapshot
from provenance.lineage_table import LineageTable
from provenance.store.excerpt import BESIDE_THE_LINEAGE, TRIED_ON, Apart, line_of
from provenance.store.rows import listed, positions, read_facts
from provenance.store.tables import ARTIFACT, RELATION
from provenance.store.walks import UNTIL, closure, recorded_as, table_of

_COUNTED = 10_000
"""How many descendants are counted; of a lineage that has more, it is said that there are more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Which artifacts a diagram is about.

    Args:
        asked: The artifacts asked about.
        opened: Those whose direct neighbours are shown besides.
        up: Whether it shows ancestors.
        down: Whether it shows descendants.
        depth: How far away from those asked about, in relations; None for all the way.
        routes: Whether it shows by which routes something comes to those asked about, from however far away.
    """

    asked: tuple[ArtifactId, ...]
    opened: tuple[ArtifactId, ...] = ()
    up: bool
    down: bool
    depth: int | None
    routes: bool = False

    @property
    def ways(self) -> tuple[bool, ...]:
        """Upwards, downwards, or both: for each whether it is up."""
        return tuple(up for up, goes in ((True, self.up), (False, self.down)) if goes)


@dataclass(frozen=True, eq=False, kw_only=True)
class Vicinity:
    """What lies within a reach, and what its standing rests on.

    Args:
        table: All that lies within the reach or was measured to be kin to something there, all ancestors of these, and what else their
            kinship rests on.
        findings: All that is known of these.
        children: How many children each of these has, whether they are among these or not; what has none is left out.
        lineage: Which of them belong to the lineage of those asked about: to their ancestors, to their descendants, or to both.
        size: How many artifacts that lineage has.
        uncounted: Whether it has more than that.
    """

    table: LineageTable
    findings: Snapshot
    children: Mapping[str, int]
    lineage: frozenset[str]
    size: int
    uncounted: bool


@cache
def _walk(*, up: bool, bounded: bool, counted: bool) -> Any:  # noqa: ANN401 - SQLAlchemy's select
    """The positions that a walk meets; where they are only counted, no more than ``most``."""
    walk = closure(recorded_as("ids"), "walk", up=up, bounded=bounded)
    met = select(walk.c.seq)
    return met.limit(bindparam("most")) if counted else met


_MEMBERS = positions("members").cte("members")
_CHILDREN = (
    select(ARTIFACT.c.key, func.count(RELATION.c.child.distinct()))
    .select_from(_MEMBERS)
    .join(RELATION, RELATION.c.parent == _MEMBERS.c.seq)
    .join(ARTIFACT, ARTIFACT.c.seq == _MEMBERS.c.seq)
    .where(RELATION.c.seq <= UNTIL)
    .group_by(ARTIFACT.c.key)
)
_KEYS = select(ARTIFACT.c.key).join(_MEMBERS, _MEMBERS.c.seq == ARTIFACT.c.seq)


@at_rest()
def vicinity(connection: Connection, until: int, reach: Reach, apart: Apart, moment: datetime) -> Vicinity:
    """The vicinity of some artifacts, by a number of statements that neither its size nor the registry's changes.

    Args:
        connection: Sees one state of the database.
        until: The last position that the date asked for knows of.
        reach: Which artifacts.
        apart: The tests that join what the record does not.
        moment: The date asked for.
    """
    near, whole, uncounted = _lineage(connection, until, reach)
    shown = set(near)
    for up in (True, False) if reach.opened else ():
        shown |= _met(connection, until, reach.opened, up=up, depth=1)
    if reach.routes:
        shown |= line_of(connection, until, shown)
    line = line_of(connection, until, shown | apart.kin_of(shown))
    members = line | apart.joined_to(line)
    here: dict[str, Any] = {"members": listed(sorted(members)), "until": until}
    tried = connection.execute(TRIED_ON, here).scalars()
    belonging = connection.execute(_KEYS, {"members": listed(sorted(whole & members))}).scalars()
    children = connection.execute(_CHILDREN, here)
    return Vicinity(
        table=table_of(connection, until, members, tried),
        findings=Snapshot(tuple(read_facts(connection, BESIDE_THE_LINEAGE, **here)), moment),
        children={key: int(count) for key, count in children},
        lineage=frozenset(belonging),
        size=len(whole),
        uncounted=uncounted,
    )


def _lineage(connection: Connection, until: int, reach: Reach) -> tuple[set[int], set[int], bool]:
    """What of the lineage lies near enough, as much of it all as is counted, and whether there is more."""
    near: set[int] = set()
    whole: set[int] = set()
    uncounted = False
    for up in reach.ways:
        met = _met(connection, until, reach.asked, up=up, depth=reach.depth)
        counted = (
            met if reach.depth is None else _met(connection, until, reach.asked, up=up, most=_COUNTED + 1)
        )
        uncounted = uncounted or (reach.depth is not None and len(counted) > _COUNTED)
        near |= met
        whole |= counted
    return near, whole, uncounted


def _met(
    connection: Connection,
    until: int,
    ids: Iterable[ArtifactId],
    *,
    up: bool,
    depth: int | None = None,
    most: int | None = None,
) -> set[int]:
    """The positions of some artifacts and of what a walk from them meets."""
    query = _walk(up=up, bounded=depth is not None, counted=most is not None)
    given = {"ids": listed(map(str, ids)), "until": until}
    given |= {name: value for name, value in (("depth", depth), ("most", most)) if value is not None}
    return set(connection.execute(query, given).scalars())
