"""What changes where an artifact stands, and the part of a report that is asked for by status."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from provenance.artifacts import ArtifactId
from provenance.risk.report import RiskReport, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An artifact whose standing with a trait is not what it was.

    Args:
        artifact: Which.
        trait: The trait.
        before: Its status then.
        after: Its status now.
    """

    artifact: ArtifactId
    trait: str
    before: Status
    after: Status


def with_statuses(report: RiskReport, statuses: Collection[Status]) -> RiskReport:
    """A report's entries of some statuses (empty: all), and the artifacts that have such."""
    if not statuses:
        return report
    artifacts = []
    for one in report.artifacts:
        risks = tuple(risk for risk in one.risks if risk.status in statuses)
        if risks or (not one.risks and one.status in statuses):
            artifacts.append(replace(one, risks=risks))
    return replace(report, artifacts=tuple(artifacts))
