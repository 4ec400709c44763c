"""Scene: all that the nodes and edges of one picture are made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from provenance.artifacts import ArtifactId
from provenance.lineage.gaps import Gaps
from provenance.lineage.graph import Lineage
from provenance.lineage.kinship import Kindred
from provenance.relations import Link
from provenance.render.layout import Layout
from provenance.render.records import TRAIT_COLUMNS, Records
from provenance.render.selection import Border, Direction, Scope, selected
from provenance.render.standings import ROUTE_STATUSES, Standings
from provenance.render.unknown_ancestry import UnknownAncestry, unknown_ancestry
from provenance.render.wording import shortened
from provenance.risk.report import ArtifactRisks, RiskEntry, RiskReport, Status, Stopped

NAMED = 3
"""How many members of a group are named, the worst first."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Scene:
    """What the nodes and edges of one picture are made from.

    Args:
        records: What was recorded, and what is asked.
        gaps: Who comes from whom, who is kin, and what is missing.
        standings: Where artifacts stand; None where that was not assessed.
        border: What is recorded beyond the picture.
        layout: What is drawn, and as what.
    """

    records: Records
    gaps: Gaps
    standings: Standings | None
    border: Border
    layout: Layout

    @property
    def scope(self) -> Scope:
        """What is asked."""
        return self.records.scope

    @property
    def kindred(self) -> Kindred:
        """Who is kin to whom."""
        return self.gaps.kindred

    @property
    def lineage(self) -> Lineage:
        """Who comes from whom."""
        return self.gaps.kindred.lineage

    @cached_property
    def drawn(self) -> frozenset[ArtifactId]:
        """The artifacts that are drawn, one by one or in groups."""
        return frozenset(self.layout.drawn)

    @cached_property
    def downstream(self) -> frozenset[ArtifactId]:
        """Those of whom it is asked what comes from them: descendants, where the picture shows any."""
        if self.scope.direction is Direction.UP:
            return frozenset()
        return frozenset(selected(self.lineage, self.scope.refs, direction=Direction.DOWN))

    @cached_property
    def missing(self) -> UnknownAncestry:
        """What is not known of their ancestry."""
        return unknown_ancestry(self.gaps, self.layout, self.scope.collapse)

    @cached_property
    def incomplete(self) -> frozenset[ArtifactId]:
        """Those of whose ancestry something is not known."""
        return self.drawn.intersection(map(self.lineage.artifact, self.gaps.incomplete()))

    @cached_property
    def report(self) -> RiskReport | None:
        """The risks of what is drawn one by one, and of the members of groups that are named."""
        if self.standings is None:
            return None
        named = (member for members in self.layout.groups for member in members[:NAMED])
        return self.standings.report(filter(self.lineage.recorded, (*self.layout.singles, *named)))

    @cached_property
    def risks(self) -> Mapping[ArtifactId, ArtifactRisks]:
        """The same by artifact."""
        return {} if self.report is None else {risks.artifact: risks for risks in self.report.artifacts}

    @cached_property
    def routes(self) -> frozenset[Link]:
        """The relations along which a trait reaches what is drawn."""
        if self.standings is None:
            return frozenset()
        return self.standings.ways(filter(self.lineage.recorded, self.layout.drawn), ROUTE_STATUSES)

    def entries(self, artifact: ArtifactId) -> list[RiskEntry]:
        """The artifact's risks that the picture is about, worst first."""
        risks = self.risks.get(artifact)
        entries = () if risks is None else risks.risks
        return sorted(
            (entry for entry in entries if self.scope.concerns(entry.trait)),
            key=lambda entry: (
                entry.status.rank,
                -entry.severity.rank,
                entry.trait,
                -entry.score,
                entry.flag,
            ),
        )

    def stopped(self, artifact: ArtifactId) -> tuple[Stopped, ...]:
        """The decisions behind which an artifact lies that ended the way of a trait."""
        risks = self.risks.get(artifact)
        return () if risks is None else tuple(one for one in risks.stopped if self.scope.concerns(one.trait))

    def word(self, status: Status) -> str:
        """A status as a word; clear is of the one trait that was looked at."""
        if status is not Status.CLEAR or self.scope.trait is None:
            return status.value
        return f"{status.value} of {shortened(self.scope.trait, TRAIT_COLUMNS)}"

    def status(self, artifact: ArtifactId) -> Status | None:
        """Where an artifact stands; None where that was not assessed."""
        if self.standings is None or not self.lineage.recorded(artifact):
            return None
        return self.standings.status(artifact)
