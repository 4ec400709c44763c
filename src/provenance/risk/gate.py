"""The release gate: what in a report holds an artifact back."""

from collections.abc import Iterator

from provenance.lineage.graph import Lineage
from provenance.lineage.kinship import Kindred
from provenance.risk.policy import Policy
from provenance.risk.report import ArtifactRisks, Check, RiskReport, Violation


def check(report: RiskReport, policy: Policy, lineage: Lineage) -> tuple[Check, ...]:
    """Judges each artifact of a report, in the report's order.

    Args:
        report: What the artifacts may have inherited.
        policy: The policy that the report was made with.
        lineage: The graph that it was made from.
    """
    kindred = Kindred.of(lineage)
    checks = []
    for risks in report.artifacts:
        violations = (
            *_refused(risks, policy),
            *_contradicted(risks, policy, kindred),
            *_unknown(risks, policy),
            *_partial(report, policy),
        )
        checks.append(
            Check(
                artifact=risks.artifact,
                as_of=report.as_of,
                policy_digest=report.policy_digest,
                passed=not violations,
                violations=violations,
            )
        )
    return tuple(checks)


def _refused(risks: ArtifactRisks, policy: Policy) -> Iterator[Violation]:
    for entry in risks.risks:
        if entry.status in policy.refuse[entry.severity]:
            yield Violation(
                kind="risk",
                message=f"{entry.status}: {entry.trait} ({entry.severity}) from {entry.origin}: {entry.rule}",
                trait=entry.trait,
                status=entry.status,
                severity=entry.severity,
                flag=entry.flag,
            )


def _contradicted(risks: ArtifactRisks, policy: Policy, kindred: Kindred) -> Iterator[Violation]:
    if not policy.refuse_contradictions:
        return
    for member in sorted(kindred.lineage.line([risks.artifact]), key=str):
        for relation in kindred.lineage.parents(member):
            test = kindred.contradiction(relation)
            if test is not None:
                yield Violation(
                    kind="contradiction", message=f"{relation}: the weights say otherwise ({test.id})"
                )


def _unknown(risks: ArtifactRisks, policy: Policy) -> Iterator[Violation]:
    if policy.refuse_unknown:
        for gap in risks.unknown:
            yield Violation(kind="unknown", message=gap)


def _partial(report: RiskReport, policy: Policy) -> Iterator[Violation]:
    if policy.refuse_partial and report.partial:
        yield Violation(kind="partial", message="part of the ancestry could not be looked at")
