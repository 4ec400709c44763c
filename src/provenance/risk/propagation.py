"""The spread of one trait from one artifact over the lineage.

A search over states, not over artifacts: what an artifact hands on depends on the manner in which the trait came to it
(`conduction`). Every factor lies in [0, 1] and every edge adds to the depth, so Dijkstra's search finds for each state the route with the
highest score, then the shortest, then the first by names read from the artifact back to the origin. There are finitely many
states, so cycles end by themselves, and nothing recurses.

The search goes in waves: all nodes that are reached in one manner, with one score, over one number of edges. Within a wave what an
edge does is asked once for each sort of edge; only singular edges are asked one by one. Nodes and edges are those of `Lineage`, and
smaller where their names come first.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, TypeAlias

from provenance.risk.conduction import SINGULAR, Conduction, Hop, Manner
from provenance.risk.report import Step, Stopped

_Way: TypeAlias = tuple[int, Manner]
"""The last edge of a way, and the manner in which its parent had the trait."""


class Arrival(NamedTuple):
    """The best way found to one state; of two the smaller is the better.

    Args:
        loss: Product of its factors, negative.
        depth: Number of its edges.
        edge: The last of them; `ORIGIN` at the origin.
        before: The manner in which that edge's parent had the trait; None at the origin.
    """

    loss: float
    depth: int
    edge: int
    before: Manner | None


class Wave(NamedTuple):
    """All that is reached by equal ways; of two the smaller is the better.

    Args:
        loss: As in `Arrival`.
        depth: As in `Arrival`.
        manner: In which the trait comes.
    """

    loss: float
    depth: int
    manner: Manner


ORIGIN = -1
"""Stands for the edge by which a trait came to its origin: there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Barriers:
    """The recorded decisions that end routes of one trait.

    Args:
        edges: The blocks, by edge.
        nodes: The clearances that stop at their artifact, by node.
    """

    edges: Mapping[int, Stopped]
    nodes: Mapping[int, Stopped]


@dataclass(frozen=True, eq=False, kw_only=True)
class Spread:
    """Everything that a trait reaches from one origin.

    Args:
        conduction: The rules that it followed.
        arrivals: By manner and node.
        stops: The barriers that it ran into.
    """

    conduction: Conduction
    arrivals: Mapping[Manner, Mapping[int, Arrival]]
    stops: tuple[Stopped, ...]
    _told: dict[_Way, tuple[Hop, Step]] = field(default_factory=dict, init=False, repr=False)
    _handed: dict[tuple[Manner, int, bool], Manner] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def worst(self) -> Mapping[int, tuple[Manner, Arrival]]:
        """How the trait came to each node: the worst standing, and of the ways to that the best."""
        worst: dict[int, tuple[Manner, Arrival]] = {}
        for manner, reached in self.arrivals.items():
            for node, arrival in reached.items():
                other = worst.get(node)
                if other is None or (manner.rank, arrival, manner) < (other[0].rank, other[1], other[0]):
                    worst[node] = (manner, arrival)
        return worst

    def hop(self, arrival: Arrival) -> Hop | None:
        """What the last edge of a way did; None at the origin."""
        return None if arrival.before is None else self._taken(arrival.edge, arrival.before)[0]

    def route(self, arrival: Arrival) -> tuple[Step, ...]:
        """A way, from the origin."""
        parents, steps = self.conduction.kindred.lineage.table.parents, []
        while arrival.before is not None:
            steps.append(self._taken(arrival.edge, arrival.before)[1])
            arrival = self.arrivals[arrival.before][parents[arrival.edge]]
        return tuple(reversed(steps))

    def edges(self, ends: Iterable[tuple[int, Manner]], barriers: Barriers) -> set[int]:
        """The edges of all ways, not of the best alone, by which some nodes are reached in some manners.

        Args:
            ends: The nodes, each with a manner that it is reached in.
            barriers: What stopped the spread.
        """
        lineage, found = self.conduction.kindred.lineage, set[int]()
        start = (lineage.node(self.conduction.origin.artifact), self.conduction.start())
        seen = {start, *ends}
        open_ = list(seen - {start})
        while open_:
            node, manner = open_.pop()
            for edge in lineage.above(node):
                parent = lineage.table.parents[edge]
                if edge in barriers.edges or parent in barriers.nodes:
                    continue
                ways = {
                    (parent, one) for one in self._manners.get(parent, ()) if self._after(one, edge) == manner
                }
                if ways:
                    found.add(edge)
                    open_.extend(ways - seen)
                    seen |= ways
        return found

    @cached_property
    def _manners(self) -> Mapping[int, list[Manner]]:
        """The manners in which each node is reached."""
        manners: dict[int, list[Manner]] = {}
        for manner, reached in self.arrivals.items():
            for node in reached:
                manners.setdefault(node, []).append(manner)
        return manners

    def _after(self, before: Manner, edge: int) -> Manner:
        """The manner in which an edge hands on what came in some manner; asked once for each sort of edge."""
        sort = self.conduction.terrain.sorts[edge]
        key = (before, edge, True) if sort == SINGULAR else (before, sort, False)
        if key not in self._handed:
            self._handed[key] = self.conduction.hop(before, self.conduction.kindred.lineage.link(edge)).manner
        return self._handed[key]

    def _taken(self, edge: int, before: Manner) -> tuple[Hop, Step]:
        """What an edge did, and its step in words; worked out once, since many ways share their first steps."""
        if (edge, before) not in self._told:
            link = self.conduction.kindred.lineage.link(edge)
            hop = self.conduction.hop(before, link)
            self._told[edge, before] = (hop, hop.step(link))
        return self._told[edge, before]


def spread(
    conduction: Conduction, barriers: Barriers, below: Callable[[int], Iterable[int]] | None = None
) -> Spread:
    """Spreads a trait from its origin.

    Args:
        conduction: The rules.
        barriers: What stops it.
        below: The edges to follow down from a node; None for all.
    """
    lineage, sorts = conduction.kindred.lineage, conduction.terrain.sorts
    children, follow = lineage.table.children, below or lineage.below
    search = _Search(conduction)
    stops: dict[Stopped, None] = {}
    for wave, nodes in search.waves():
        ahead: dict[int, tuple[dict[int, _Way], Mapping[int, Arrival]]] = {}
        for node in nodes:
            if node in barriers.nodes:
                stops[barriers.nodes[node]] = None
                continue
            for edge in follow(node):
                if edge in barriers.edges:
                    stops[barriers.edges[edge]] = None
                    continue
                sort = sorts[edge]
                if sort not in ahead or sort == SINGULAR:
                    ahead[sort] = search.ahead(wave, edge, sort)
                ways, settled = ahead[sort]
                child = children[edge]
                if child not in settled:
                    way = (edge, wave.manner)
                    known = ways.get(child)
                    if known is None or way < known:
                        ways[child] = way
    return Spread(conduction=conduction, arrivals=search.arrivals, stops=tuple(stops))


class _Search:
    """What has been reached, and the waves that are still to come.

    Args:
        conduction: The rules.
    """

    def __init__(self, conduction: Conduction) -> None:
        self.arrivals: dict[Manner, dict[int, Arrival]] = {}
        self._conduction = conduction
        self._lineage = conduction.kindred.lineage
        self._hops: dict[tuple[Manner, int], Hop] = {}
        self._coming: dict[Wave, dict[int, _Way]] = {}
        self._queue: list[Wave] = []

    def waves(self) -> Iterator[tuple[Wave, Iterable[int]]]:
        """Each wave with the nodes that it is the first to reach in its manner, the best wave first."""
        origin = self._lineage.node(self._conduction.origin.artifact)
        start = self._conduction.start()
        self.arrivals[start] = {origin: Arrival(-1.0, 0, ORIGIN, None)}
        yield Wave(-1.0, 0, start), (origin,)
        while self._queue:
            wave = heapq.heappop(self._queue)
            settled = self.arrivals[wave.manner]
            fresh = {
                node: Arrival(wave.loss, wave.depth, edge, before)
                for node, (edge, before) in self._coming.pop(wave).items()
                if node not in settled
            }
            settled.update(fresh)
            yield wave, fresh

    def ahead(self, wave: Wave, edge: int, sort: int) -> tuple[dict[int, _Way], Mapping[int, Arrival]]:
        """The wave to which an edge leads on: the ways by which it comes to its nodes, and what was reached before in its manner."""
        hop = None if sort == SINGULAR else self._hops.get((wave.manner, sort))
        if hop is None:
            hop = self._conduction.hop(wave.manner, self._lineage.link(edge))
            if sort != SINGULAR:
                self._hops[wave.manner, sort] = hop
        next_ = Wave(wave.loss * hop.factor, wave.depth + 1, hop.manner)
        if next_ not in self._coming:
            self._coming[next_] = {}
            heapq.heappush(self._queue, next_)
        return self._coming[next_], self.arrivals.setdefault(hop.manner, {})
