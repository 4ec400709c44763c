"""Walks over the lineage in the database: one recursive query each, whatever their depth and size.

Each looks at positions up to a date only, on every step of its way, so that a relation that was recorded later is not followed. What
was reached before is not looked at again, so that cycles end.
"""

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Integer, and_, bindparam, literal, select, true

from provenance.artifacts import ArtifactId
from provenance.collector import at_rest
from provenance.lineage_table import LineageTable
from provenance.relations import RelationKind
from provenance.store.rows import listed, positions, read_rows, texts
from provenance.store.tables import ARTIFACT, RELATION

UNTIL: Any = bindparam("until", type_=Integer)
"""The last position that the date asked for knows of."""

_NODE = (ARTIFACT.c.key, ARTIFACT.c.seq, ARTIFACT.c.declared_root, ARTIFACT.c.digest)
_EDGE = tuple(RELATION.c[name] for name in ("parent", "child", "kind", "share", "clean_fraction"))
_KINDS = sorted(RelationKind)
_PLACES = {kind.value: place for place, kind in enumerate(_KINDS)}


def closure(starts: Any, name: str, *, up: bool, filtered: bool = False, bounded: bool = False) -> Any:  # noqa: ANN401 - SQLAlchemy's select and common table expression
    """What some positions and all that lies above (or below) them are, as the column ``seq`` of a recursive query.

    Args:
        starts: Selects the positions where the walk begins.
        name: What the query calls it.
        up: Whether it leads to the parents; else to the children.
        filtered: Whether it follows only the relations of the kinds in the parameter ``kinds``.
        bounded: Whether it ends after so many relations as the parameter ``depth`` says; it has the column ``level`` then.
    """
    here, there = (RELATION.c.child, RELATION.c.parent) if up else (RELATION.c.parent, RELATION.c.child)
    walk = (starts.add_columns(literal(0).label("level")) if bounded else starts).cte(name, recursive=True)
    step = select(there, *([walk.c.level + 1] if bounded else ())).where(
        here == walk.c.seq, RELATION.c.seq <= UNTIL
    )
    if filtered:
        step = step.where(RELATION.c.kind.in_(bindparam("kinds", expanding=True)))
    if bounded:
        step = step.where(walk.c.level < bindparam("depth", type_=Integer))
    return walk.union(step)


def recorded_as(parameter: str) -> Any:  # noqa: ANN401 - SQLAlchemy's select
    """The positions of the artifacts whose identities a listed parameter holds."""
    return select(ARTIFACT.c.seq).where(ARTIFACT.c.key.in_(texts(parameter)), ARTIFACT.c.seq <= UNTIL)


@cache
def _subtable(*, up: bool, filtered: bool, bounded: bool) -> Any:  # noqa: ANN401 - SQLAlchemy's select
    """Every artifact of a closure, once for each relation to a parent, and once where it has none."""
    walk = closure(recorded_as("ids"), "walk", up=up, filtered=filtered, bounded=bounded)
    reached = select(walk.c.seq).distinct().subquery() if bounded else walk
    arrives = and_(RELATION.c.child == ARTIFACT.c.seq, RELATION.c.seq <= UNTIL)
    if filtered:
        arrives = and_(arrives, RELATION.c.kind.in_(bindparam("kinds", expanding=True)))
    return (
        select(*_NODE, *_EDGE)
        .select_from(reached)
        .join(ARTIFACT, ARTIFACT.c.seq == reached.c.seq)
        .outerjoin(RELATION, arrives)
    )


@at_rest()
def subtable(
    connection: Connection,
    until: int,
    ids: Iterable[ArtifactId],
    *,
    up: bool,
    relations: Collection[RelationKind] | None = None,
    depth: int | None = None,
) -> LineageTable:
    """Artifacts, all that lies above (or below) them, and the relations between these, by one query.

    Args:
        connection: Sees one state of the database.
        until: The last position that the date asked for knows of.
        ids: Where to begin; what is not recorded by then is left out.
        up: Whether to look at ancestors; else at descendants.
        relations: Which relations to follow; None for all.
        depth: How far to go, in relations; None for all the way.
    """
    query = _subtable(up=up, filtered=relations is not None, bounded=depth is not None)
    values: dict[str, object] = {"ids": listed(map(str, ids)), "until": until}
    if relations is not None:
        values["kinds"] = [kind.value for kind in relations]
    if depth is not None:
        values["depth"] = depth
    nodes, edges = {}, []
    for key, position, root, digest, *edge in read_rows(connection, query, **values):
        nodes[position] = (key, position, root, digest)
        edges.append(edge)
    # Of what was reached downwards, a parent may lie outside; what has no parent has None there.
    return _in_columns(nodes.values(), (edge for edge in edges if edge[0] in nodes))


def part_below(table: LineageTable, upper: ArtifactId) -> LineageTable:
    """The part of a lineage that begins at one of its artifacts: that artifact, and all that descends from it there."""
    children: dict[int, list[int]] = {}
    for parent, child in zip(table.parents, table.children, strict=True):
        children.setdefault(parent, []).append(child)
    reached = {node for node, key in enumerate(table.keys) if key == str(upper)}
    frontier = list(reached)
    while frontier:
        frontier = list({child for node in frontier for child in children.get(node, ())} - reached)
        reached.update(frontier)
    return _part(table, sorted(reached))


def _part(table: LineageTable, nodes: Sequence[int]) -> LineageTable:
    """Some nodes of a table, and the edges between them."""
    place = {node: place for place, node in enumerate(nodes)}
    edges = [
        edge
        for edge, (parent, child) in enumerate(zip(table.parents, table.children, strict=True))
        if parent in place and child in place
    ]
    return LineageTable(
        keys=[table.keys[node] for node in nodes],
        recorded=[table.recorded[node] for node in nodes],
        declared_roots=[table.declared_roots[node] for node in nodes],
        digests=[table.digests[node] for node in nodes],
        parents=[place[table.parents[edge]] for edge in edges],
        children=[place[table.children[edge]] for edge in edges],
        kinds=[table.kinds[edge] for edge in edges],
        shares=[table.shares[edge] for edge in edges],
        clean_fractions=[table.clean_fractions[edge] for edge in edges],
    )


_NODES = select(*_NODE).where(ARTIFACT.c.seq <= UNTIL)
_EDGES = select(*_EDGE).where(RELATION.c.seq <= UNTIL)


@at_rest()
def table(connection: Connection, until: int) -> LineageTable:
    """All artifacts and relations recorded up to a position."""
    return _in_columns(*(read_rows(connection, query, until=until) for query in (_NODES, _EDGES)))


def _among(parameter: str, *columns: Any) -> Any:  # noqa: ANN401 - SQLAlchemy's columns and select
    """The artifacts at listed positions."""
    given = positions(parameter).cte(parameter)
    return select(*columns).select_from(given).join(ARTIFACT, ARTIFACT.c.seq == given.c.seq)


def _edges_within(parameter: str) -> Any:  # noqa: ANN401 - SQLAlchemy's select
    """The relations whose two ends stand at listed positions."""
    given = positions(parameter).cte(parameter)
    inside = RELATION.c.parent.in_(select(given.c.seq)).is_(true())
    arrives = RELATION.c.child == given.c.seq
    return select(*_EDGE).select_from(given).join(RELATION, arrives).where(inside, RELATION.c.seq <= UNTIL)


_NODES_AMONG = _among("nodes", *_NODE)
_EDGES_AMONG = _edges_within("members")


@at_rest()
def table_of(
    connection: Connection, until: int, members: Iterable[int], beside: Iterable[int] = ()
) -> LineageTable:
    """The artifacts at some positions with the relations between them; and others, whose relations are left out.

    Args:
        connection: Sees one state of the database.
        until: The last position that the date asked for knows of: no position lies behind it.
        members: Positions of artifacts.
        beside: Positions of the others.
    """
    within = set(members)
    nodes = read_rows(connection, _NODES_AMONG, nodes=listed(sorted(within.union(beside))))
    edges = read_rows(connection, _EDGES_AMONG, members=listed(sorted(within)), until=until)
    return _in_columns(nodes, edges)


def _in_columns(nodes: Iterable[Any], edges: Iterable[Any]) -> LineageTable:
    """Rows as columns, in the order of names.

    Half a million rows are read here, one at a time: neither they nor anything made of a single one stays in memory.

    Args:
        nodes: Identity, position, whether it is a declared root, and content digest of each artifact.
        edges: Positions of parent and child, kind, share and fraction of clean rows of each relation.
    """
    positions, roots, digests = {}, set(), {}
    for key, position, root, digest in nodes:
        positions[key] = position
        if root:
            roots.add(position)
        if digest is not None:
            digests[position] = digest
    keys = sorted(positions)
    in_order = [positions[key] for key in keys]
    node = {position: place for place, position in enumerate(in_order)}
    size, ranks, shares, clean = len(keys), [], [], []
    for parent, child, kind, share, fraction in edges:
        ranks.append((node[parent] * size + node[child]) * len(_KINDS) + _PLACES[kind])
        shares.append(share)
        clean.append(fraction)
    order = sorted(range(len(ranks)), key=ranks.__getitem__)
    ranks.sort()
    return LineageTable(
        keys=keys,
        recorded=[True] * size,
        declared_roots=[position in roots for position in in_order],
        digests=[digests.get(position) for position in in_order],
        parents=[rank // (size * len(_KINDS)) for rank in ranks],
        children=[rank // len(_KINDS) % size for rank in ranks],
        kinds=[_KINDS[rank % len(_KINDS)] for rank in ranks],
        shares=[shares[edge] for edge in order],
        clean_fractions=[clean[edge] for edge in order],
    )
