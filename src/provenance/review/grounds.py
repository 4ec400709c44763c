"""Grounds: what every part of a review rests on, worked out once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from provenance.artifacts import ArtifactId
from provenance.facts import Snapshot
from provenance.lineage import Kindred, Lineage
from provenance.review.edges import Edges
from provenance.review.on_record import OnRecord
from provenance.review.records import EdgeTotals, Seen, Standing
from provenance.review.verdicts import Case
from provenance.risk import ArtifactRisks, Check, Policy, RiskEntry, RiskReport, Status, assess, check


@dataclass(frozen=True, eq=False, kw_only=True)
class Grounds:
    """What is known of some artifacts at a date, and what the gate says of it under a policy.

    Args:
        kindred: Their lineage, and what tests say of it.
        policy: The policy.
        asked: The artifacts.
        trait: The one trait that is asked about; None for all.
        unfinished: Whether an import was begun and not finished.
    """

    kindred: Kindred
    policy: Policy
    asked: tuple[ArtifactId, ...]
    trait: str | None = None
    unfinished: bool = False

    @property
    def lineage(self) -> Lineage:
        """The lineage."""
        return self.kindred.lineage

    @property
    def snapshot(self) -> Snapshot:
        """All that is known."""
        return self.lineage.snapshot

    @cached_property
    def members(self) -> frozenset[ArtifactId]:
        """The artifacts and all their ancestors."""
        return self.lineage.line(self.asked)

    @cached_property
    def report(self) -> RiskReport:
        """What the artifacts may have inherited, whatever the trait."""
        found = self.assess(self.asked)
        return replace(found, partial=found.partial or self.unfinished)

    def assess(self, artifacts: Sequence[ArtifactId]) -> RiskReport:
        """What some members may have inherited."""
        return assess(self.snapshot, self.lineage, self.policy, artifacts)

    @cached_property
    def entries(self) -> tuple[tuple[ArtifactId, RiskEntry], ...]:
        """Each risk of each artifact, of the traits asked about."""
        return tuple(
            (risks.artifact, entry)
            for risks in self.report.artifacts
            for entry in risks.risks
            if self.trait in {None, entry.trait}
        )

    @cached_property
    def on_record(self) -> OnRecord:
        """What people recorded of the members."""
        return OnRecord(self.lineage, self.members, self.policy.lifetimes, self.trait)

    @cached_property
    def edges(self) -> Edges:
        """The relations between the members, and their tests."""
        routes = {
            (step.parent, step.relation, step.child): step.evidence
            for _, entry in reversed(self.entries)
            for step in entry.route
        }
        return Edges(self.kindred, self.asked, routes)

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """What the gate says of each artifact, in the order asked for."""
        checks = check(self.report, self.policy, self.lineage)
        return tuple(map(self._case, checks, self.report.artifacts))

    def _case(self, found: Check, risks: ArtifactRisks) -> Case:
        return Case(
            check=found,
            risks=risks,
            flags=self.on_record.flags,
            decided=self.on_record.decided,
            tests=self.on_record.tests,
            totals=partial(self._totals, found.artifact),
            seen=self._seen(risks),
            past_flags=self._past_flags(found.artifact),
            partial=self.report.partial,
        )

    def _past_flags(self, artifact: ArtifactId) -> int:
        past = [one for one in self.on_record.flags.values() if one.standing is not Standing.STANDS]
        line = self.lineage.line([artifact]) if past else ()
        return sum(one.artifact in line for one in past)

    def _totals(self, artifact: ArtifactId) -> EdgeTotals:
        return self.edges.totals(self.lineage.line([artifact]))

    def _seen(self, risks: ArtifactRisks) -> tuple[Seen, ...]:
        """What was measured to be present in the artifact itself, then above it where no flag that reaches it says so already."""
        artifact, seen = risks.artifact, self.on_record.seen
        line = self.lineage.line([artifact]) if seen else frozenset()
        own = tuple(one for one in seen if one.artifact == artifact)
        above = tuple(one for one in seen if one.artifact in line and one.artifact != artifact)
        told = self._told(risks, tuple(dict.fromkeys(one.artifact for one in above)))
        return (*own, *(one for one in above if (one.artifact, one.trait) not in told))

    def _told(self, risks: ArtifactRisks, above: tuple[ArtifactId, ...]) -> frozenset[tuple[ArtifactId, str]]:
        """Which of some ancestors are known to have which trait by a flag that reaches the artifact, too, or that is their own."""
        reaching = {entry.flag for entry in risks.risks}
        return frozenset(
            (one.artifact, entry.trait)
            for one in (self.assess(above).artifacts if above else ())
            for entry in one.risks
            if entry.status is Status.AFFECTED or (entry.status is Status.EXPOSED and entry.flag in reaching)
        )
