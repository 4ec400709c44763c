"""Layout: what a picture draws one by one, and what it draws as groups."""

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property

from provenance.artifacts import ArtifactId
from provenance.lineage.graph import Lineage
from provenance.lineage.kinship import Kindred
from provenance.render.collapse import Ties, alike
from provenance.render.records import Records, blocked
from provenance.render.selection import Scope, drawn, neighbours
from provenance.render.standings import ROUTE_STATUSES, Standings

PAGE = 24
"""How many members of a group are drawn one by one when the artifact beside it is opened once more."""


@dataclass(frozen=True, eq=False)
class Layout:
    """What is drawn, and as what; made by `arranged`.

    Args:
        singles: Artifacts drawn one by one, in order of their names.
        groups: The members of each group, the worst first, then in order of their names; groups in order of their first names.
    """

    singles: tuple[ArtifactId, ...]
    groups: tuple[tuple[ArtifactId, ...], ...]

    @cached_property
    def places(self) -> Mapping[ArtifactId, str]:
        """The id of the node at which each drawn artifact is."""
        places = {artifact: node_id(artifact) for artifact in self.singles}
        for number, members in enumerate(self.groups, 1):
            places.update(dict.fromkeys(members, group_id(number)))
        return places

    @property
    def drawn(self) -> tuple[ArtifactId, ...]:
        """All of them, in order of their names."""
        return tuple(sorted(self.places, key=str))


def node_id(artifact: ArtifactId) -> str:
    """An artifact's id in a picture: readable and unique, and without the colon that stands for a port in DOT."""
    return f"{artifact.kind} {artifact.name}@{artifact.version}"


def group_id(number: int) -> str:
    """A group's id in a picture; no artifact has it, since it names no version."""
    return f"group {number}"


def arranged(kindred: Kindred, records: Records, standings: Standings | None) -> Layout:
    """Says what is drawn one by one and what as groups.

    Args:
        kindred: Who comes from whom, and who is kin.
        records: What was recorded of these, and what is asked.
        standings: Where artifacts stand; None where that was not assessed.

    Raises:
        UnknownReferenceError: An artifact is not recorded.
        UsageError: The depth is negative.
    """
    scope = records.scope
    routes = _routes(kindred.lineage, scope, standings)
    others = _other_routes(kindred.lineage, scope, standings) if scope.critical else frozenset()
    near, shown = drawn(kindred, scope, routes | others)
    sorting = _Sorting(kindred, records, standings)
    alone = frozenset(scope.refs) | routes
    if scope.opened:
        alone |= sorting.opened(near, shown, alone)
    groups = sorting.groups(shown, alone)
    grouped = {member for members in groups for member in members}
    return Layout(tuple(sorted(shown - grouped, key=str)), groups)


def _routes(lineage: Lineage, scope: Scope, standings: Standings | None) -> frozenset[ArtifactId]:
    """What lies on the witness paths of the risks of the artifacts asked about, whatever their status."""
    if standings is None:
        return frozenset()
    asked = [one for one in dict.fromkeys(scope.refs) if lineage.recorded(one)]
    entries = (entry for risks in standings.report(asked).artifacts for entry in risks.risks)
    steps = (step for entry in entries if scope.concerns(entry.trait) for step in entry.route)
    return frozenset(end for step in steps for end in (step.parent, step.child))


def _other_routes(lineage: Lineage, scope: Scope, standings: Standings | None) -> frozenset[ArtifactId]:
    """What lies on all other routes by which traits come to those asked about, and on those that a recorded decision stops.

    Of a stopped route that is the way to where it is stopped, and from there a shortest way on to who was asked about.
    """
    if standings is None:
        return frozenset()
    asked = [one for one in dict.fromkeys(scope.refs) if lineage.recorded(one)]
    found = {end for link in standings.ways(asked, ROUTE_STATUSES) for end in (link.parent, link.child)}
    stops = [
        (stop, risks.artifact)
        for risks in standings.report(asked).artifacts
        for stop in risks.stopped
        if scope.concerns(stop.trait)
    ]
    places = filter(lineage.recorded, dict.fromkeys(stop.parent for stop, _ in stops))
    before = {risks.artifact: risks.risks for risks in standings.report(places).artifacts}
    for stop, end in stops:
        entries = (entry for entry in before.get(stop.parent, ()) if entry.trait == stop.trait)
        found.update(one for entry in entries for step in entry.route for one in (step.parent, step.child))
        found.update(one for link in lineage.path(stop.child, end) or () for one in (link.parent, link.child))
        found.update((stop.parent, stop.child))
    return frozenset(found)


@dataclass(frozen=True, eq=False)
class _Sorting:
    """Tells artifacts apart by what a picture shows of them.

    Args:
        kindred: Who comes from whom, and who is kin.
        records: What was recorded of these, and what is asked.
        standings: Where artifacts stand; None where that was not assessed.
    """

    kindred: Kindred
    records: Records
    standings: Standings | None

    def groups(
        self, shown: frozenset[ArtifactId], alone: frozenset[ArtifactId]
    ) -> tuple[tuple[ArtifactId, ...], ...]:
        """The groups of alike artifacts among those shown; those that are flagged are never in one."""
        above, lineage = self.records.scope.collapse, self.kindred.lineage
        if above is None:
            return ()
        nodes = {lineage.node(artifact): artifact for artifact in shown}
        classes = alike(
            {node: self._sort(artifact) for node, artifact in nodes.items()},
            self._ties(nodes),
            alone=(
                node
                for node, artifact in nodes.items()
                if artifact in alone or artifact in self.records.flags
            ),
            above=above,
        )
        return tuple(tuple(sorted((nodes[one] for one in members), key=self._rank)) for members in classes)

    def opened(
        self, near: frozenset[ArtifactId], shown: frozenset[ArtifactId], alone: frozenset[ArtifactId]
    ) -> frozenset[ArtifactId]:
        """What was opened, and the members of groups that are drawn one by one since what they hang on was opened again.

        An artifact beside a group was opened once when its group was drawn: opening it then shows the group's first page. For another,
        opening it draws what is beside it, and only opening it again shows the first page of a group among that.
        """
        times = Counter(self.records.scope.opened)
        alone |= frozenset(times)
        before = {one for members in self.groups(near, alone) for one in members}
        lineage, groups = self.kindred.lineage, self.groups(shown, alone)
        found = set(times)
        for artifact, count in times.items():
            beside = frozenset(neighbours(lineage, artifact))
            pages = count if artifact in near and not before.isdisjoint(beside) else count - 1
            for members in groups:
                found.update([one for one in members if one in beside][: pages * PAGE])
        return frozenset(found)

    def _rank(self, artifact: ArtifactId) -> tuple[int, str]:
        """Places the worst first."""
        if self.standings is None or not self.kindred.lineage.recorded(artifact):
            return (0, str(artifact))
        return (self.standings.status(artifact).rank, str(artifact))

    def _sort(self, artifact: ArtifactId) -> Hashable:
        stops = frozenset(stop.fact.trait for stop in self.records.stops.get(artifact, ()))
        return (artifact.kind, stops)

    def _ties(self, nodes: Mapping[int, ArtifactId]) -> Ties:
        """The relations and the measured kinship between artifacts, with what is decided of them."""
        lineage, contradicted = self.kindred.lineage, self.kindred.contradicted
        ties: dict[int, set[tuple[Hashable, int]]] = {node: set() for node in nodes}
        for child in nodes:
            for edge in lineage.above(child):
                parent = lineage.table.parents[edge]
                if parent in nodes:
                    blocks = self.records.blocks.get((nodes[parent], nodes[child]), ())
                    what = (lineage.table.kinds[edge], frozenset(map(blocked, blocks)), edge in contradicted)
                    ties[child].add((("from", *what), parent))
                    ties[parent].add((("to", *what), child))
        for node, artifact in nodes.items():
            for test in self.kindred.undeclared.get(artifact, ()):
                ends = map(lineage.find, test.fact.pair - {artifact})
                ties[node].update(("measured", end) for end in ends if end is not None and end in nodes)
        return {node: frozenset(told) for node, told in ties.items()}
