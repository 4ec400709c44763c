"""Answers about inherited risk: `assess`, `explain`, `impact`.

Nothing here is stored. Each answer is worked out from the facts recorded up to its date, so what is withdrawn is gone, and any past
date can be asked for. Only flags on the asked artifacts and their ancestors are spread, and only over those ancestors.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from provenance.artifacts import ArtifactId
from provenance.errors import UnknownReferenceError
from provenance.facts import Recorded, Snapshot
from provenance.lineage.gaps import Gaps
from provenance.lineage.graph import Lineage
from provenance.lineage.kinship import Kindred
from provenance.risk.compatibility import Origin
from provenance.risk.conduction import Conduction, Terrain
from provenance.risk.decisions import UNDECIDED, Decisions
from provenance.risk.measured import measured_along, on_routes
from provenance.risk.policy import Policy
from provenance.risk.propagation import Spread, spread
from provenance.risk.report import (
    ArtifactRisks,
    ExplainedRisks,
    Impact,
    ImpactItem,
    RiskEntry,
    RiskReport,
    Status,
    Stopped,
)
from provenance.traits import Flag, Severity, Trait


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
        named_trait(snapshot, trait)
    terrain = Terrain(kindred=Kindred.of(lineage, policy.lifetimes), policy=policy)
    return report(snapshot, terrain, artifacts, trait)


def explain(
    snapshot: Snapshot, lineage: Lineage, policy: Policy, artifact: ArtifactId, trait: str
) -> ExplainedRisks:
    """Why an artifact stands where it does with one trait: its entries with their routes, what was stopped, and what was measured.

    Raises:
        UnknownReferenceError: The artifact or the trait is not recorded.
    """
    found = assess(snapshot, lineage, policy, [artifact], trait=trait).artifacts[0]
    along = (*on_routes(found.risks), artifact)
    return ExplainedRisks.of(found, measured_along(snapshot, along, trait))


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
        decisions, found = UNDECIDED, _ANY_TRAIT
    else:
        decisions = Decisions.of(snapshot, lineage, policy, trait, [source])
        found = named_trait(snapshot, trait)
    terrain = Terrain(kindred=Kindred.of(lineage, policy.lifetimes), policy=policy)
    origin = Origin.of(terrain.kindred, source)
    reached = spread(Conduction(terrain=terrain, origin=origin, trait=found), decisions.barriers)
    downstream = [
        (decisions.judge(node, manner, at_origin=False), arrival, node)
        for node, (manner, arrival) in reached.worst.items()
        if arrival.before is not None
    ]
    downstream.sort(key=lambda one: (one[0].rank, one[1].depth, one[1].loss, one[2]))
    return Impact(
        source=source,
        trait=trait,
        partial=not all(lineage.table.recorded[node] for _, _, node in downstream),
        items=tuple(
            ImpactItem(
                artifact=lineage.artifact(node),
                status=status,
                score=-arrival.loss,
                depth=arrival.depth,
                via=lineage.artifact(lineage.table.parents[arrival.edge]),
            )
            for status, arrival, node in downstream
        ),
    )


def named_trait(snapshot: Snapshot, name: str) -> Trait:
    """The trait of this name.

    Raises:
        UnknownReferenceError: There is none.
    """
    recorded = snapshot.traits.get(name)
    if recorded is None:
        raise UnknownReferenceError(
            f"there is no trait {name!r}", hint="`provenance trait add NAME --severity S` records one."
        )
    return recorded.fact


_ANY_TRAIT = Trait(name="any covert trait", severity=Severity.CRITICAL)


@dataclass(frozen=True, slots=True)
class Source:
    """A standing flag with its node, its trait, and what was decided of that trait."""

    flag: Recorded[Flag]
    node: int
    trait: Trait
    decisions: Decisions

    def spread(self, terrain: Terrain, below: Callable[[int], Iterable[int]] | None = None) -> Spread:
        """Everything that the flag reaches, over some edges or all."""
        origin = Origin.of(terrain.kindred, self.flag.fact.artifact)
        conduction = Conduction(terrain=terrain, origin=origin, trait=self.trait)
        return spread(conduction, self.decisions.barriers, below)


def sources(snapshot: Snapshot, terrain: Terrain, trait: str | None) -> Iterator[Source]:
    """The standing flags of a trait, or of all, on what the lineage holds."""
    lineage = terrain.kindred.lineage
    decisions: dict[str, Decisions] = {}
    for flag in snapshot.standing_flags:
        name, node = flag.fact.trait, lineage.find(flag.fact.artifact)
        if node is None or trait not in {None, name}:
            continue
        if name not in decisions:
            decisions[name] = Decisions.of(snapshot, lineage, terrain.policy, name)
        yield Source(flag, node, named_trait(snapshot, name), decisions[name])


@dataclass(frozen=True, slots=True)
class Flagged:
    """A flag and everything that it reaches."""

    source: Source
    reached: Spread

    def entry(self, node: int) -> RiskEntry | None:
        """What a node may have inherited from the flag; None where it does not reach it."""
        if node not in self.reached.worst:
            return None
        manner, arrival = self.reached.worst[node]
        flag, trait, decisions = self.source.flag, self.source.trait, self.source.decisions
        hop, clearance = self.reached.hop(arrival), decisions.clearances.get(node)
        rule = "flagged itself" if hop is None else hop.rule
        if hop is not None and clearance is not None:
            rule = f"cleared by {clearance.id}; otherwise {manner.standing}: {rule}"
        return RiskEntry(
            trait=trait.name,
            severity=trait.severity,
            status=decisions.judge(node, manner, at_origin=hop is None),
            score=-arrival.loss,
            flag=flag.id,
            origin=flag.fact.artifact,
            depth=arrival.depth,
            rule=rule,
            route=self.reached.route(arrival),
        )


def report(
    snapshot: Snapshot, terrain: Terrain, artifacts: Iterable[ArtifactId], trait: str | None
) -> RiskReport:
    """What artifacts may have inherited of a trait, or of any, where the terrain is known already."""
    lineage, policy = terrain.kindred.lineage, terrain.policy
    asked = tuple(dict.fromkeys(artifacts))
    line = lineage.lines(map(lineage.node, asked))
    above = [source for source in sources(snapshot, terrain, trait) if source.node in line]
    below = lineage.within(line) if above else None
    flagged = tuple(Flagged(source, source.spread(terrain, below)) for source in above)
    gaps = Gaps(terrain.kindred, policy.trust)
    return RiskReport(
        as_of=snapshot.as_of,
        policy_digest=policy.digest,
        partial=not all(lineage.table.recorded[node] for node in line),
        artifacts=tuple(_risks(gaps, artifact, flagged) for artifact in asked),
    )


def _risks(gaps: Gaps, artifact: ArtifactId, flagged: tuple[Flagged, ...]) -> ArtifactRisks:
    lineage = gaps.kindred.lineage
    node = lineage.node(artifact)
    entries = [entry for one in flagged if (entry := one.entry(node)) is not None]
    entries.sort(
        key=lambda entry: (entry.status.rank, -entry.severity.rank, -entry.score, entry.depth, entry.flag)
    )
    unknown = gaps.above(artifact)
    unreached = Status.UNKNOWN if unknown else Status.CLEAR
    return ArtifactRisks(
        artifact=artifact,
        status=entries[0].status if entries else unreached,
        risks=tuple(entries),
        unknown=unknown,
        roots=gaps.roots(artifact),
        stopped=_stopped_above(lineage, artifact, flagged),
    )


def _stopped_above(
    lineage: Lineage, artifact: ArtifactId, flagged: tuple[Flagged, ...]
) -> tuple[Stopped, ...]:
    """The barriers that the traits ran into and behind which an artifact lies."""
    stops = tuple(dict.fromkeys(stop for one in flagged for stop in one.reached.stops))
    if not stops:
        return ()
    line = lineage.line([artifact])
    # What stops at an artifact stops behind it.
    return tuple(stop for stop in stops if stop.child in line and not stop.parent == stop.child == artifact)
