"""What differs between two answers about risk."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from provenance.artifacts import ArtifactId
from provenance.risk.report import ArtifactRisks, RiskReport, Status


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


def changes(before: RiskReport, after: RiskReport) -> tuple[Change, ...]:
    """The standings that differ between two reports on the same artifacts, the worst of now first."""
    earlier = {one.artifact: one for one in before.artifacts}
    found = [
        change
        for now in after.artifacts
        if now.artifact in earlier
        for change in _differences(earlier[now.artifact], now)
    ]
    return tuple(sorted(found, key=lambda one: (one.after.rank, str(one.artifact), one.trait)))


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


def _differences(before: ArtifactRisks, after: ArtifactRisks) -> Iterator[Change]:
    then, now = _standings(before), _standings(after)
    for trait in sorted(then.keys() | now.keys()):
        old, new = then.get(trait, _base(before)), now.get(trait, _base(after))
        if old is not new:
            yield Change(artifact=after.artifact, trait=trait, before=old, after=new)


def _standings(risks: ArtifactRisks) -> dict[str, Status]:
    worst: dict[str, Status] = {}
    for entry in risks.risks:
        known = worst.get(entry.trait)
        worst[entry.trait] = (
            entry.status if known is None else min(known, entry.status, key=lambda one: one.rank)
        )
    return worst


def _base(risks: ArtifactRisks) -> Status:
    """Where the artifact stands with a trait that does not reach it."""
    return Status.UNKNOWN if risks.unknown else Status.CLEAR
