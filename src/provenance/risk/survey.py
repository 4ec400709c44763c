"""A survey: where every artifact of a lineage stands, in one pass for each flag and one for all gaps.

Routes are worked out only for the artifacts of which a report is asked for.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.facts import Snapshot
from provenance.lineage.gaps import Gaps
from provenance.lineage.graph import Lineage
from provenance.lineage.kinship import Kindred
from provenance.relations import Link
from provenance.risk.conduction import Terrain
from provenance.risk.engine import Source, named_trait, report, sources
from provenance.risk.policy import Policy
from provenance.risk.report import RiskReport, Status

_STATUSES = tuple(Status)


@dataclass(frozen=True, eq=False, kw_only=True)
class Survey:
    """Where every artifact stands with one trait, or with the worst of all; made by `survey`.

    Args:
        terrain: The lineage and the policy.
        trait: The trait; None for all.
        ranks: Rank of the status of each node.
    """

    terrain: Terrain
    trait: str | None
    ranks: bytes

    @cached_property
    def counts(self) -> Mapping[Status, int]:
        """How many recorded artifacts have each status, worst first."""
        counts = dict.fromkeys(Status, 0)
        for rank, recorded in zip(self.ranks, self._lineage.table.recorded, strict=True):
            if recorded:
                counts[_STATUSES[rank]] += 1
        return counts

    @property
    def partial(self) -> bool:
        """Whether something could not be looked at."""
        return not all(self._lineage.table.recorded)

    def status(self, artifact: ArtifactId) -> Status:
        """Where an artifact stands.

        Raises:
            UnknownReferenceError: The artifact is not recorded.
        """
        return _STATUSES[self.ranks[self._lineage.node(artifact)]]

    def artifacts(
        self,
        *,
        statuses: Collection[Status] = (),
        kinds: Collection[ArtifactKind] = (),
        after: ArtifactId | None = None,
        limit: int | None = None,
    ) -> tuple[ArtifactId, ...]:
        """Recorded artifacts in order of their names.

        Args:
            statuses: Only with one of these; empty for all.
            kinds: Only of one of these kinds; empty for all.
            after: Only those whose names come later; it need not be recorded itself.
            limit: At most so many.
        """
        return tuple(map(self._lineage.artifact, islice(self._nodes(statuses, kinds, after), limit)))

    def report(self, artifacts: Iterable[ArtifactId]) -> RiskReport:
        """The entries of some artifacts with their routes, as `assess` gives them.

        Raises:
            UnknownReferenceError: One of them is not recorded.
        """
        return report(self._lineage.snapshot, self.terrain, artifacts, self.trait)

    def ways(self, artifacts: Iterable[ArtifactId], statuses: Collection[Status]) -> frozenset[Link]:
        """The relations on all ways by which a flagged trait puts some artifacts where one of some statuses is, not on witness paths alone.

        Raises:
            UnknownReferenceError: One of the artifacts is not recorded.
        """
        nodes = set(map(self._lineage.node, artifacts))
        edges: set[int] = set()
        for source in sources(self._lineage.snapshot, self.terrain, self.trait):
            reached, judge = source.spread(self.terrain), source.decisions.judge
            ends = (
                (node, manner)
                for manner, there in reached.arrivals.items()
                for node in nodes.intersection(there)
                if judge(node, manner, at_origin=node == source.node) in statuses
            )
            edges |= reached.edges(ends, source.decisions.barriers)
        return frozenset(map(self._lineage.link, edges))

    def _nodes(
        self, statuses: Collection[Status], kinds: Collection[ArtifactKind], after: ArtifactId | None
    ) -> Iterator[int]:
        table, wanted = self._lineage.table, {status.rank for status in statuses or Status}
        of_kinds = tuple(f"{kind}:" for kind in kinds or ArtifactKind)
        first = 0 if after is None else bisect_right(table.keys, str(after))
        return (
            node
            for node in range(first, len(table.keys))
            if self.ranks[node] in wanted and table.recorded[node] and table.keys[node].startswith(of_kinds)
        )

    @property
    def _lineage(self) -> Lineage:
        return self.terrain.kindred.lineage


def survey(lineage: Lineage, policy: Policy, *, trait: str | None = None) -> Survey:
    """Where every artifact of a lineage stands.

    Args:
        lineage: The graph, with what is known of it.
        policy: The policy to apply.
        trait: Only this trait; None for all.

    Raises:
        UnknownReferenceError: The trait is not recorded.
    """
    snapshot: Snapshot = lineage.snapshot
    if trait is not None:
        named_trait(snapshot, trait)
    terrain = Terrain(kindred=Kindred.of(lineage, policy.lifetimes), policy=policy)
    ranks = bytearray([Status.CLEAR.rank]) * len(lineage.table.keys)
    for node in Gaps(terrain.kindred, policy.trust).incomplete():
        ranks[node] = Status.UNKNOWN.rank
    for source in sources(snapshot, terrain, trait):
        _mark(ranks, source, terrain)
    return Survey(terrain=terrain, trait=trait, ranks=bytes(ranks))


def _mark(ranks: bytearray, source: Source, terrain: Terrain) -> None:
    """Lowers the rank of what a flag reaches to where it puts it."""
    cleared = source.decisions.clearances
    for manner, reached in source.spread(terrain).arrivals.items():
        for node in reached:
            rank = Status.CLEARED.rank if node in cleared else manner.rank
            ranks[node] = min(ranks[node], rank)
    ranks[source.node] = Status.AFFECTED.rank
