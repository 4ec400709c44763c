"""The release gate: what in a report holds an artifact back, and what is said of those that pass."""

from collections.abc import Iterator

from provenance.artifacts import ArtifactId
from provenance.evidence import Evidence, TestKind, Verdict
from provenance.lineage.graph import Lineage
from provenance.lineage.kinship import Kindred
from provenance.relations import WEIGHT_KINDS, Link
from provenance.risk.policy import Policy
from provenance.risk.policy_keys import Ruling
from provenance.risk.report import ArtifactRisks, Check, RiskReport, Violation


def check(report: RiskReport, policy: Policy, lineage: Lineage) -> tuple[Check, ...]:
    """Judges each artifact of a report, in the report's order.

    Args:
        report: What the artifacts may have inherited.
        policy: The policy that the report was made with.
        lineage: The graph that it was made from.
    """
    contradicted = _contradicted(Kindred.of(lineage, policy.lifetimes))
    return tuple(_judged(risks, report, policy, lineage, contradicted) for risks in report.artifacts)


def is_only_unknown(checks: tuple[Check, ...]) -> bool:
    """Whether nothing holds any of the artifacts back but that too little is known."""
    return all(one.kind in _NOT_KNOWN for check in checks for one in check.violations)


_NOT_KNOWN = frozenset({"unknown", "partial"})


def _judged(
    risks: ArtifactRisks,
    report: RiskReport,
    policy: Policy,
    lineage: Lineage,
    contradicted: dict[ArtifactId, tuple[Violation, ...]],
) -> Check:
    found = (
        *_risks(risks, policy),
        *((policy.contradictions, one) for one in _contradictions(risks.artifact, lineage, contradicted)),
        *((policy.unknown, Violation(kind="unknown", message=gap)) for gap in risks.unknown),
        *([(policy.partial, _PARTIAL)] if report.partial else []),
    )
    violations = tuple(one for ruling, one in found if ruling is Ruling.REFUSE)
    return Check(
        artifact=risks.artifact,
        as_of=report.as_of,
        policy_digest=report.policy_digest,
        passed=not violations,
        violations=violations,
        reported=tuple(one for ruling, one in found if ruling is Ruling.REPORT),
        roots=risks.roots,
    )


_PARTIAL = Violation(
    kind="partial",
    message="part of the ancestry could not be looked at; `provenance status` says whether an import is not finished",
)


def _risks(risks: ArtifactRisks, policy: Policy) -> Iterator[tuple[Ruling, Violation]]:
    for entry in risks.risks:
        yield (
            policy.ruling(entry.severity, entry.status),
            Violation(
                kind="risk",
                message=f"{entry.status}: {entry.trait} ({entry.severity}) from {entry.origin}: {entry.rule}",
                trait=entry.trait,
                status=entry.status,
                severity=entry.severity,
                flag=entry.flag,
            ),
        )


def _contradicted(kindred: Kindred) -> dict[ArtifactId, tuple[Violation, ...]]:
    """What is to be said of each artifact with a weights relation to a parent that the weights contradict.

    Such tests are few, so it is they that are gone through, and no lineage.
    """
    found: dict[ArtifactId, dict[Violation, None]] = {}
    for link in _denied(kindred.lineage):
        test = kindred.contradiction(link)
        if test is not None:
            message = f"{link}: the weights say otherwise ({test.id})"
            found.setdefault(link.child, {})[Violation(kind="contradiction", message=message)] = None
    return {child: tuple(violations) for child, violations in found.items()}


def _denied(lineage: Lineage) -> Iterator[Link]:
    """The weights relations whose two ends some test, standing or not, found to be independent."""
    for recorded in lineage.snapshot.all(Evidence):
        pair = recorded.fact.pair
        if recorded.fact.test is TestKind.SAME_INIT and recorded.fact.verdict is Verdict.INDEPENDENT:
            for end in sorted(pair, key=str):
                above = lineage.parents(end) if lineage.find(end) is not None else ()
                yield from (link for link in above if link.kind in WEIGHT_KINDS and link.parent in pair)


def _contradictions(
    artifact: ArtifactId, lineage: Lineage, contradicted: dict[ArtifactId, tuple[Violation, ...]]
) -> Iterator[Violation]:
    """What is to be said of an artifact and its ancestors, in order of their names."""
    if contradicted:
        for member in sorted(contradicted.keys() & lineage.line([artifact]), key=str):
            yield from contradicted[member]
