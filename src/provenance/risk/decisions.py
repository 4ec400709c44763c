"""What people decided of one trait, where it bears on the spread: clearances and blocks."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from provenance.artifacts import ArtifactId
from provenance.facts import Recorded, Snapshot
from provenance.lineage.graph import Lineage
from provenance.risk.conduction import Manner
from provenance.risk.policy import Policy
from provenance.risk.propagation import Barriers
from provenance.risk.report import Status, Stopped
from provenance.traits import Clearance


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """The clearances and blocks of one trait that stand.

    Args:
        clearances: By node.
        barriers: What stops the trait on its way.
    """

    clearances: Mapping[int, Recorded[Clearance]]
    barriers: Barriers

    @classmethod
    def of(
        cls,
        snapshot: Snapshot,
        lineage: Lineage,
        policy: Policy,
        trait: str,
        flagged: Collection[ArtifactId] = (),
    ) -> "Decisions":
        """Gathers them; those who are flagged themselves, or are taken to be, can't be cleared at the same time."""
        blamed = {flag.fact.artifact for flag in snapshot.standing_flags if flag.fact.trait == trait}
        blamed.update(flagged)
        clearances: dict[int, Recorded[Clearance]] = {}
        for clearance in snapshot.standing_clearances:
            fact = clearance.fact
            if fact.trait != trait or fact.artifact in blamed:
                continue
            node = lineage.find(fact.artifact)
            if node is None or policy.lifetimes.has_ended(clearance, snapshot.as_of):
                continue
            known = clearances.setdefault(node, clearance)
            if fact.stops_here and not known.fact.stops_here:
                clearances[node] = clearance
        stopping = {
            node: _stop(clearance) for node, clearance in clearances.items() if clearance.fact.stops_here
        }
        return cls(
            clearances=clearances, barriers=Barriers(edges=_blocked(snapshot, lineage, trait), nodes=stopping)
        )

    def judge(self, node: int, manner: Manner, *, at_origin: bool) -> Status:
        """Where an artifact stands that a flag reaches, once its clearance is heard."""
        if at_origin:
            return Status.AFFECTED
        return Status.CLEARED if node in self.clearances else manner.standing


UNDECIDED = Decisions(clearances={}, barriers=Barriers(edges={}, nodes={}))
"""Nothing is decided."""


def _stop(clearance: Recorded[Clearance]) -> Stopped:
    fact = clearance.fact
    return Stopped(
        parent=fact.artifact, child=fact.artifact, trait=fact.trait, by=clearance.id, reason=fact.evidence
    )


def _blocked(snapshot: Snapshot, lineage: Lineage, trait: str) -> dict[int, Stopped]:
    """The edges that blocks end, each with the first block that does."""
    blocked: dict[int, Stopped] = {}
    for block in snapshot.standing_blocks:
        fact = block.fact
        parent, child = lineage.find(fact.parent), lineage.find(fact.child)
        if fact.trait != trait or parent is None or child is None:
            continue
        stop = Stopped(parent=fact.parent, child=fact.child, trait=trait, by=block.id, reason=fact.reason)
        for edge in lineage.above(child):
            if lineage.table.parents[edge] == parent:
                blocked.setdefault(edge, stop)
    return blocked
