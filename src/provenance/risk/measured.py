"""What was measured of a trait on the models that it may have come through.

It is told beside a standing and never moves one: standings follow from flags, decisions and tests of the edges.
"""

from collections.abc import Iterable

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.facts import Snapshot
from provenance.risk.report import Measured, RiskEntry


def measured_along(snapshot: Snapshot, artifacts: Iterable[ArtifactId], trait: str) -> tuple[Measured, ...]:
    """The latest measurement of a trait on each of some artifacts, in their order; datasets, on which none can be made, are left out."""
    return tuple(
        Measured(artifact=artifact, measurement=(snapshot.measurements.get((artifact, trait)) or (None,))[-1])
        for artifact in dict.fromkeys(artifacts)
        if artifact.kind is not ArtifactKind.DATASET
    )


def on_routes(entries: Iterable[RiskEntry]) -> Iterable[ArtifactId]:
    """The artifacts of some witness paths, each path from its origin on."""
    for entry in entries:
        yield entry.origin
        yield from (step.child for step in entry.route)
