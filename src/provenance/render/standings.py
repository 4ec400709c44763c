"""Standings: what a diagram asks of the risk engine. A `provenance.risk.survey.Survey` answers it."""

from collections.abc import Collection, Iterable
from typing import Protocol

from provenance.artifacts import ArtifactId
from provenance.relations import Link
from provenance.risk.report import RiskReport, Status

ROUTE_STATUSES = frozenset({Status.EXPOSED, Status.SUSPECTED, Status.CARRIER})
"""The statuses of an artifact at which a trait arrives: all routes to these are marked."""


class Standings(Protocol):
    """Where the artifacts of a lineage stand with the traits that a diagram is about; each of them recorded."""

    def status(self, artifact: ArtifactId) -> Status:
        """Where an artifact stands."""

    def report(self, artifacts: Iterable[ArtifactId]) -> RiskReport:
        """The entries of some artifacts with their routes."""

    def ways(self, artifacts: Iterable[ArtifactId], statuses: Collection[Status]) -> frozenset[Link]:
        """The relations on all ways by which a flagged trait puts some artifacts where one of some statuses is."""
