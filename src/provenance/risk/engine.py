"""Answers about inherited risk: `assess`, `explain`, `impact`.

Nothing here is stored. Each answer is worked out from the facts recorded up to its date, so what is withdrawn is gone, and any past
date can be asked for. Only flags on the asked artifacts and their ancestors are spread, and only over those ancestors.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from provenance.artifacts import ArtifactId
from provenance.errors import UnknownReferenceError
from provenance.facts import Recorded, Snapshot
from provenance.lineage.gaps import gaps, trust_roots
from provenance.lineage.graph import Lineage
from provenance.lineage.kinship import Kindred
from provenance.risk.compatibility import Origin
from provenance.risk.conduction import Conduction
from provenance.risk.policy import Policy
from provenance.risk.propagation import Arrival, Barriers, Spread, spread
from provenance.risk.report import (
    ArtifactRisks,
    Impact,
    ImpactItem,
    RiskEntry,
    RiskReport,
    Status,
    Stopped,
)
from provenance.traits import Block, Clearance, Flag, Severity, Trait


def assess(
    snapshot: Snapshot,
    lineage: Lineage,
    policy: Policy,
    artifacts: Iterable[ArtifactId],
    *,
    trait: str | None = None,
) -> RiskReport:
    """What artifacts may have inherited.

    Args:
        snapshot: What is known.
        lineage: The graph of the same snapshot.
        policy: The policy to apply.
        artifacts: Which to look at.
        trait: Only this trait; None for all.

    Raises:
        UnknownReferenceError: One of them, or the trait, is not recorded.
    """
    if trait is not None:
        _trait(snapshot, trait)
    asked = tuple(dict.fromkeys(artifacts))
    within = lineage.line(asked)
    kindred = Kindred.of(lineage, policy.lifetimes)
    flags = [
        flag
        for flag in snapshot.standing_flags
        if flag.fact.artifact in within and trait in {None, flag.fact.trait}
    ]
    decisions = {name: _Decisions.of(snapshot, policy, name) for name in {flag.fact.trait for flag in flags}}
    spreads = tuple(
        _Source(flag, _trait(snapshot, flag.fact.trait), decisions[flag.fact.trait]).spread(
            kindred, policy, within
        )
        for flag in flags
    )
    return RiskReport(
        as_of=snapshot.as_of,
        policy_digest=policy.digest,
        partial=not all(map(lineage.recorded, within)),
        artifacts=tuple(_risks(kindred, policy, artifact, spreads) for artifact in asked),
    )


def explain(
    snapshot: Snapshot, lineage: Lineage, policy: Policy, artifact: ArtifactId, trait: str
) -> ArtifactRisks:
    """Why an artifact stands where it does with one trait: its entries with their routes, and what was stopped.

    Raises:
        UnknownReferenceError: The artifact or the trait is not recorded.
    """
    return assess(snapshot, lineage, policy, [artifact], trait=trait).artifacts[0]


def impact(
    snapshot: Snapshot, lineage: Lineage, policy: Policy, source: ArtifactId, trait: str | None = None
) -> Impact:
    """What is downstream of an artifact, were it flagged.

    Args:
        snapshot: What is known.
        lineage: The graph of the same snapshot.
        policy: The policy to apply.
        source: The artifact in question.
        trait: The trait, with what was decided of it; None for a covert one of which nothing is decided.

    Raises:
        UnknownReferenceError: The source or the trait is not recorded.
    """
    if trait is None:
        decisions, found = _NO_DECISIONS, _ANY_TRAIT
    else:
        decisions, found = _Decisions.of(snapshot, policy, trait, [source]), _trait(snapshot, trait)
    kindred = Kindred.of(lineage, policy.lifetimes)
    conduction = Conduction(kindred=kindred, policy=policy, origin=Origin.of(kindred, source), trait=found)
    reached = spread(conduction, decisions.barriers())
    items = [
        ImpactItem(
            artifact=artifact,
            status=decisions.judge(arrival)[0],
            score=arrival.score,
            depth=arrival.depth,
            via=arrival.before.artifact,
        )
        for artifact, arrival in reached.worst.items()
        if arrival.before is not None
    ]
    items.sort(key=lambda item: (item.status.rank, item.depth, -item.score, str(item.artifact)))
    partial = not all(lineage.recorded(item.artifact) for item in items)
    return Impact(source=source, trait=trait, partial=partial, items=tuple(items))


def _trait(snapshot: Snapshot, name: str) -> Trait:
    recorded = snapshot.traits.get(name)
    if recorded is None:
        raise UnknownReferenceError(
            f"there is no trait {name!r}", hint="`provenance trait add NAME --severity S` records one."
        )
    return recorded.fact


_ANY_TRAIT = Trait(name="any covert trait", severity=Severity.CRITICAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decisions:
    """The clearances and blocks of one trait.

    Args:
        clearances: By artifact.
        blocks: By parent and child; standing ones only.
    """

    clearances: Mapping[ArtifactId, Recorded[Clearance]]
    blocks: Mapping[tuple[ArtifactId, ArtifactId], Recorded[Block]]

    @classmethod
    def of(
        cls, snapshot: Snapshot, policy: Policy, trait: str, flagged: Collection[ArtifactId] = ()
    ) -> "_Decisions":
        """Gathers them; those who are flagged themselves, or are taken to be, can't be cleared at the same time."""
        blamed = {flag.fact.artifact for flag in snapshot.standing_flags if flag.fact.trait == trait}
        blamed.update(flagged)
        clearances: dict[ArtifactId, Recorded[Clearance]] = {}
        for clearance in snapshot.standing_clearances:
            artifact = clearance.fact.artifact
            if policy.lifetimes.has_ended(clearance, snapshot.as_of):
                continue
            if clearance.fact.trait == trait and artifact not in blamed:
                known = clearances.setdefault(artifact, clearance)
                if clearance.fact.stops_here and not known.fact.stops_here:
                    clearances[artifact] = clearance
        blocks: dict[tuple[ArtifactId, ArtifactId], Recorded[Block]] = {}
        for block in snapshot.standing_blocks:
            if block.fact.trait == trait:
                blocks.setdefault((block.fact.parent, block.fact.child), block)
        return cls(clearances=clearances, blocks=blocks)

    def barriers(self) -> Barriers:
        """What stops the trait on its way."""
        return Barriers(
            edges={
                edge: Stopped(
                    parent=edge[0],
                    child=edge[1],
                    trait=block.fact.trait,
                    by=block.id,
                    reason=block.fact.reason,
                )
                for edge, block in self.blocks.items()
            },
            artifacts={
                artifact: Stopped(
                    parent=artifact,
                    child=artifact,
                    trait=clearance.fact.trait,
                    by=clearance.id,
                    reason=clearance.fact.evidence,
                )
                for artifact, clearance in self.clearances.items()
                if clearance.fact.stops_here
            },
        )

    def judge(self, arrival: Arrival) -> tuple[Status, str]:
        """Where an artifact stands that a flag reaches, and by which rule, once its clearance is heard."""
        if arrival.hop is None:
            return Status.AFFECTED, "flagged itself"
        standing, rule = arrival.state.standing, arrival.hop.rule
        clearance = self.clearances.get(arrival.state.artifact)
        if clearance is None:
            return standing, rule
        return Status.CLEARED, f"cleared by {clearance.id}; otherwise {standing}: {rule}"


_NO_DECISIONS = _Decisions(clearances={}, blocks={})


@dataclass(frozen=True, slots=True)
class _Source:
    """A standing flag with its trait and what was decided of that trait."""

    flag: Recorded[Flag]
    trait: Trait
    decisions: _Decisions

    def spread(self, kindred: Kindred, policy: Policy, within: Collection[ArtifactId]) -> "_Flagged":
        artifact = self.flag.fact.artifact
        conduction = Conduction(
            kindred=kindred, policy=policy, origin=Origin.of(kindred, artifact), trait=self.trait
        )
        return _Flagged(self, spread(conduction, self.decisions.barriers(), within))


@dataclass(frozen=True, slots=True)
class _Flagged:
    """A flag and everything that it reaches."""

    source: _Source
    reached: Spread

    def entry(self, artifact: ArtifactId) -> RiskEntry | None:
        flag, trait = self.source.flag, self.source.trait
        arrival = self.reached.worst.get(artifact)
        if arrival is None:
            return None
        status, rule = self.source.decisions.judge(arrival)
        return RiskEntry(
            trait=trait.name,
            severity=trait.severity,
            status=status,
            score=arrival.score,
            flag=flag.id,
            origin=flag.fact.artifact,
            depth=arrival.depth,
            rule=rule,
            route=self.reached.route(arrival),
        )


def _risks(
    kindred: Kindred, policy: Policy, artifact: ArtifactId, spreads: tuple[_Flagged, ...]
) -> ArtifactRisks:
    entries = [entry for flagged in spreads if (entry := flagged.entry(artifact)) is not None]
    entries.sort(
        key=lambda entry: (entry.status.rank, -entry.severity.rank, -entry.score, entry.depth, entry.flag)
    )
    unknown = gaps(kindred, artifact, policy.trust)
    unreached = Status.UNKNOWN if unknown else Status.CLEAR
    return ArtifactRisks(
        artifact=artifact,
        status=entries[0].status if entries else unreached,
        risks=tuple(entries),
        unknown=unknown,
        roots=trust_roots(kindred.lineage, artifact, policy.trust),
        stopped=tuple(
            dict.fromkeys(stop for flagged in spreads for stop in flagged.reached.stopped_before(artifact))
        ),
    )
