"""Paths: every way down from one artifact to another, the shortest first, each found only when it is asked for.

A ladder of k rungs has 2^k paths, so nobody may list them all first and cut afterwards. The search opens ways in the order of
the length that they will have at the end: what is walked already, and the distance that is left. As every way that it opens
can be finished at that length, n paths of length l cost no more than n times l openings, however many paths there are.

Where relations go in a circle, what is left to walk depends on what was walked, since a path visits nothing twice. So inside a
circle the distance is measured anew around the way so far.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count

from provenance.artifacts import ArtifactId
from provenance.lineage.graph import Lineage
from provenance.relations import Link


@dataclass(frozen=True, slots=True)
class _Way:
    """A way from the upper end as far as a node: by which edge, and what came before."""

    node: int
    edge: int | None = None
    before: "_Way | None" = None
    length: int = 0

    def back(self) -> "Iterator[_Way]":
        way: _Way | None = self
        while way is not None:
            yield way
            way = way.before


def paths(lineage: Lineage, upper: ArtifactId, lower: ArtifactId) -> Iterator[tuple[Link, ...]]:
    """The simple paths down from one artifact to another, shortest first; the empty one from an artifact to itself.

    Two relations between the same two artifacts make two paths. Paths of one length come in an order that depends on the
    lineage alone.

    Raises:
        UnknownReferenceError: One of the two is not recorded.
    """
    start, end = lineage.node(upper), lineage.node(lower)
    distances = _distances(lineage, end)
    circles = _in_circles(lineage, distances)
    opened = count()
    waiting: list[tuple[int, int, int, _Way]] = []
    if start in distances:
        heappush(waiting, (distances[start], 0, next(opened), _Way(start)))
    while waiting:
        *_, way = heappop(waiting)
        if way.node == end:
            edges = [one.edge for one in way.back() if one.edge is not None]
            yield tuple(map(lineage.link, reversed(edges)))
            continue
        left = distances
        if way.node in circles:
            left = _distances(lineage, end, {one.node for one in way.back()})
        length = way.length + 1
        for edge in lineage.below(way.node):
            child = lineage.table.children[edge]
            if child in left:
                # Of ways of one length the farthest goes on, so that a path is finished before the next is begun.
                further = _Way(child, edge, way, length)
                heappush(waiting, (length + left[child], -length, next(opened), further))


def _distances(lineage: Lineage, end: int, without: Collection[int] = ()) -> dict[int, int]:
    """The number of relations down to a node from all that lies above it, on ways that avoid some nodes."""
    parents = lineage.table.parents
    found, frontier = {end: 0}, [end]
    while frontier:
        level = found[frontier[0]] + 1
        above = {parents[edge] for node in frontier for edge in lineage.above(node)}
        frontier = [node for node in above if node not in found and node not in without]
        found.update(dict.fromkeys(frontier, level))
    return found


def _in_circles(lineage: Lineage, nodes: Mapping[int, int]) -> set[int]:
    """Those of the nodes that are their own ancestors."""
    import networkx as nx

    children = lineage.table.children
    graph = nx.DiGraph((node, children[edge]) for node in nodes for edge in lineage.below(node))
    circles = (
        circle
        for circle in nx.strongly_connected_components(graph)
        if len(circle) > 1 or graph.has_edge(*circle, *circle)
    )
    return set().union(*circles)
