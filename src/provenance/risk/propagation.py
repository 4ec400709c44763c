"""The spread of one trait from one artifact over the lineage.

A search over states, not over artifacts: what an artifact hands on depends on how the trait came to it (`conduction`). Every
factor lies in [0, 1] and every edge adds to the depth, so Dijkstra's search finds for each state the route with the highest
score, then the shortest, then the first by names read from the artifact back to the origin. There are finitely many states, so
cycles end by themselves, and nothing recurses.
"""

import heapq
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from provenance.artifacts import ArtifactId
from provenance.lineage.graph import Lineage
from provenance.risk.conduction import RANK, Conduction, Hop, State
from provenance.risk.report import Step, Stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A state and the best way found to it.

    Args:
        state: Where the way ends.
        score: Product of its factors.
        depth: Number of its edges.
        before: The state before; None at the origin.
        hop: The last edge; None at the origin.
    """

    state: State
    score: float = 1.0
    depth: int = 0
    before: State | None = None
    hop: Hop | None = None

    @property
    def order(self) -> tuple[object, ...]:
        """Places the ways to one state, best first."""
        if self.before is None or self.hop is None:
            return (-self.score, self.depth)
        step = self.hop.step
        return (-self.score, self.depth, str(step.parent), step.relation, self.before.order)


@dataclass(frozen=True, slots=True, kw_only=True)
class Barriers:
    """The recorded decisions that end routes of one trait.

    Args:
        edges: The blocks by parent and child.
        artifacts: The clearances that stop at their artifact.
    """

    edges: Mapping[tuple[ArtifactId, ArtifactId], Stopped]
    artifacts: Mapping[ArtifactId, Stopped]


@dataclass(frozen=True, eq=False, kw_only=True)
class Spread:
    """Everything that a trait reaches from one origin.

    Args:
        lineage: The graph.
        arrivals: By state, the origin's first.
        stops: The barriers that it ran into.
        within: What was looked at; None for everything.
    """

    lineage: Lineage
    arrivals: Mapping[State, Arrival]
    stops: tuple[Stopped, ...]
    within: Collection[ArtifactId] | None

    @cached_property
    def worst(self) -> Mapping[ArtifactId, Arrival]:
        """The worst arrival at each artifact: the worst standing, then the best way to it."""
        worst: dict[ArtifactId, Arrival] = {}
        for state, arrival in self.arrivals.items():
            other = worst.get(state.artifact)
            if other is None or _badness(arrival) < _badness(other):
                worst[state.artifact] = arrival
        return worst

    def route(self, arrival: Arrival) -> tuple[Step, ...]:
        """The way of an arrival, from the origin."""
        steps = []
        while arrival.before is not None and arrival.hop is not None:
            steps.append(arrival.hop.step)
            arrival = self.arrivals[arrival.before]
        return tuple(reversed(steps))

    def stopped_before(self, artifact: ArtifactId) -> Iterator[Stopped]:
        """The barriers that stand between the origin and an artifact."""
        return (stop for stop, shadow in self._shadows if artifact in shadow)

    @cached_property
    def _shadows(self) -> tuple[tuple[Stopped, frozenset[ArtifactId]], ...]:
        """The barriers, each with all that an open way would have led to."""
        shadows = []
        for stop in self.stops:
            below = {relative.artifact for relative in self.lineage.descendants(stop.child)}
            if stop.parent != stop.child:
                below.add(stop.child)
            shadows.append((stop, frozenset(below)))
        return tuple(shadows)


def spread(
    conduction: Conduction, barriers: Barriers, within: Collection[ArtifactId] | None = None
) -> Spread:
    """Spreads a trait from its origin.

    Args:
        conduction: The rules.
        barriers: What stops it.
        within: The artifacts to look at, closed under ancestry; None for all.
    """
    lineage = conduction.kindred.lineage
    start = Arrival(state=conduction.start())
    arrivals = {start.state: start}
    # The running number keeps the queue from comparing states.
    queue: list[tuple[float, int, int, State]] = [(-start.score, start.depth, 0, start.state)]
    pushed = 0
    settled: set[State] = set()
    stops: dict[Stopped, None] = {}
    while queue:
        state = heapq.heappop(queue)[-1]
        if state in settled:
            continue
        settled.add(state)
        if state.artifact in barriers.artifacts:
            stops[barriers.artifacts[state.artifact]] = None
            continue
        for relation in lineage.children(state.artifact):
            if within is not None and relation.child not in within:
                continue
            if (edge := (relation.parent, relation.child)) in barriers.edges:
                stops[barriers.edges[edge]] = None
                continue
            arrival = _onward(arrivals[state], conduction.hop(state, relation))
            known = arrivals.get(arrival.state)
            if known is None or arrival.order < known.order:
                arrivals[arrival.state] = arrival
                pushed += 1
                heapq.heappush(queue, (-arrival.score, arrival.depth, pushed, arrival.state))
    return Spread(lineage=lineage, arrivals=arrivals, stops=tuple(stops), within=within)


def _onward(arrival: Arrival, hop: Hop) -> Arrival:
    return Arrival(
        state=hop.state,
        score=arrival.score * hop.step.factor,
        depth=arrival.depth + 1,
        before=arrival.state,
        hop=hop,
    )


def _badness(arrival: Arrival) -> tuple[object, ...]:
    return (RANK[arrival.state.standing], arrival.order, arrival.state.order)
