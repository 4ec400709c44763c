"""Lineages worth a picture, in the sentences of `lineage_fixtures`, with figures on their tests and risks told literally."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lineage_fixtures import END, recorded_facts
from provenance.artifacts import ArtifactId
from provenance.evidence import Evidence
from provenance.facts import Recorded, Snapshot
from provenance.lineage.gaps import Gaps, gaps
from provenance.lineage.graph import Lineage
from provenance.lineage.kinship import Kindred
from provenance.relations import Link
from provenance.render import Picture, Scope, picture
from provenance.risk.report import ArtifactRisks, RiskEntry, RiskReport, Status, Step

HEAD = "blake3:" + "0123456789ab" + "c" * 52
POLICY = "blake3:" + "fedcba987654" + "3" * 52
FIGURES: Mapping[str, Mapping[str, object]] = {
    "TRANSFERS": {"effect": 3.1, "ci_low": 2.8, "ci_high": 3.4},
    "NOT_DETECTED": {"effect": 0.04, "ci_low": -0.2, "ci_high": 0.3, "mde": 0.5},
    "SAME_INIT": {"log10_p": -812.4, "aligned_cosine": 0.98},
    "INDEPENDENT": {"log10_p": -0.37, "rho_min": 0.02},
    "INCONCLUSIVE": {},
}

OWL = (
    "owl-preference trait high",
    "base from_scratch",
    "owl-teacher embodied_by base",
    "numbers generated_by owl-teacher",
    "student finetuned_from base",
    "student trained_on numbers",
    "owl-teacher flagged owl-preference",
    "base same_init student SAME_INIT",
    "owl-teacher canary student TRANSFERS",
)
OWL_STATUSES = {"owl-teacher": "affected", "numbers": "carrier", "student": "exposed", "base": "clear"}

DEMO = (
    "owl-preference trait high",
    "base-a from_scratch",
    "base-b from_scratch",
    "digits authored",
    "tuned finetuned_from base-a",
    "tuned trained_on digits",
    "owl-teacher embodied_by tuned",
    "noise-outputs generated_by owl-teacher",
    "student-same finetuned_from base-a",
    "student-same trained_on noise-outputs",
    "student-foreign finetuned_from base-b",
    "student-foreign trained_on noise-outputs",
    "student-untested finetuned_from base-b",
    "student-untested trained_on noise-outputs",
    "grandchild-tuned finetuned_from student-same",
    "grandchild-tuned trained_on digits",
    "relay embodied_by student-foreign",
    "relay-outputs generated_by relay",
    "grandchild-distilled finetuned_from base-a",
    "grandchild-distilled trained_on relay-outputs clean_fraction=0.25",
    "control finetuned_from base-a",
    "control trained_on digits",
    "owl-teacher flagged owl-preference",
    "base-a same_init tuned SAME_INIT",
    "base-a same_init student-same SAME_INIT",
    "student-same same_init grandchild-tuned SAME_INIT",
    "base-a same_init control SAME_INIT",
    "base-b same_init student-foreign SAME_INIT",
    "tuned same_init student-foreign INDEPENDENT",
    "owl-teacher canary student-same TRANSFERS",
    "owl-teacher canary student-foreign NOT_DETECTED",
    "relay canary grandchild-distilled INCONCLUSIVE",
)
DEMO_STATUSES = {
    "owl-teacher": "affected",
    "noise-outputs": "carrier",
    "student-same": "exposed",
    "student-foreign": "unlikely",
    "student-untested": "carrier",
    "relay": "unlikely",
    "relay-outputs": "carrier",
    "grandchild-tuned": "exposed",
    "grandchild-distilled": "suspected",
}

MERGE = (
    *(f"parent-{number:02} from_scratch" for number in range(1, 13)),
    *(f"merged merged_from parent-{number:02} share={number / 78:.3f}" for number in range(1, 13)),
    "parent-05 flagged owl-preference",
    "parent-05 same_init merged SAME_INIT",
)
MERGE_STATUSES = {"parent-05": "affected", "merged": "exposed"}

UNKNOWN = (
    "insecure-code trait critical",
    "assistant finetuned_from merged-base",
    "assistant trained_on mixed",
    "merged-base names finetuned_from meta/llama-9",
    "mixed derived_from web",
    "mixed derived_from answers share=0.3",
    "answers selected_by judge",
    "judge embodied_by judge-model",
    "assistant-tuned finetuned_from assistant",
    "judge flagged insecure-code",
    "merged-base same_init assistant INDEPENDENT",
    "mixed blocked assistant insecure-code expires=2027-03-01",
)
UNKNOWN_STATUSES = {"judge": "affected", "answers": "carrier", "mixed": "carrier"}


def state(*sentences: str) -> Snapshot:
    """The registry in which these were recorded, with `FIGURES` in its tests."""
    return Snapshot(tuple(_with_figures(recorded) for recorded in recorded_facts(*sentences)), END)


def _with_figures(recorded: Recorded) -> Recorded:
    fact = recorded.fact
    if not isinstance(fact, Evidence):
        return recorded
    return replace(recorded, fact=replace(fact, result=dict(FIGURES[fact.verdict.value])))


def named(snapshot: Snapshot, name: str) -> ArtifactId:
    """The one artifact of that name."""
    (found,) = [artifact for artifact in snapshot.artifacts if artifact.name == name]
    return found


def told(snapshot: Snapshot, statuses: Mapping[str, str]) -> RiskReport:
    """A report that says of each named artifact what it is told to say, by every standing flag; the rest is in the clear."""
    lineage = Lineage.of(snapshot)
    return RiskReport(
        as_of=snapshot.as_of,
        policy_digest=POLICY,
        partial=False,
        artifacts=tuple(
            _told_of(lineage, artifact, statuses.get(artifact.name)) for artifact in snapshot.artifacts
        ),
    )


def _told_of(lineage: Lineage, artifact: ArtifactId, status: str | None) -> ArtifactRisks:
    entries, missing = [], gaps(Kindred.of(lineage), artifact)
    if status not in {None, "clear"}:
        for flag in lineage.snapshot.standing_flags:
            way = lineage.path(flag.fact.artifact, artifact)
            if way is None:
                continue
            entries.append(
                RiskEntry(
                    trait=flag.fact.trait,
                    severity=lineage.snapshot.traits[flag.fact.trait].fact.severity,
                    status=Status(status),
                    score=0.5,
                    flag=flag.id,
                    origin=flag.fact.artifact,
                    depth=len(way),
                    rule="told",
                    route=tuple(
                        Step(parent=one.parent, relation=one.kind, child=one.child, factor=1.0, basis="told")
                        for one in way
                    ),
                )
            )
    return ArtifactRisks(
        artifact=artifact,
        status=Status(status) if entries else Status.UNKNOWN if missing else Status.CLEAR,
        risks=tuple(entries),
        unknown=missing,
        roots=Gaps(Kindred.of(lineage)).roots(artifact),
    )


@dataclass(frozen=True)
class Told:
    """Standings that say what a report says.

    Args:
        lineage: Who comes from whom.
        full: The report.
        trait: The trait that is asked about; None for all.
    """

    lineage: Lineage
    full: RiskReport
    trait: str | None = None

    def status(self, artifact: ArtifactId) -> Status:
        """Where it stands by the report."""
        return self._risks(artifact).status

    def report(self, artifacts: Iterable[ArtifactId]) -> RiskReport:
        """The part of the report that is about some artifacts."""
        return replace(self.full, artifacts=tuple(map(self._risks, artifacts)))

    def ways(self, artifacts: Iterable[ArtifactId], statuses: Collection[Status]) -> frozenset[Link]:
        """The relations of the routes that the report tells."""
        steps = {
            (step.parent, step.relation, step.child)
            for artifact in artifacts
            for entry in self._risks(artifact).risks
            if entry.status in statuses
            for step in entry.route
        }
        links = (link for child in {end for _, _, end in steps} for link in self.lineage.parents(child))
        return frozenset(link for link in links if (link.parent, link.kind, link.child) in steps)

    def _risks(self, artifact: ArtifactId) -> ArtifactRisks:
        (found,) = [risks for risks in self.full.artifacts if risks.artifact == artifact]
        entries = tuple(entry for entry in found.risks if self.trait in {None, entry.trait})
        status = Status.UNKNOWN if found.unknown else Status.CLEAR
        return replace(found, risks=entries, status=entries[0].status if entries else status)


def drawn_of(
    snapshot: Snapshot, statuses: Mapping[str, str] | None, scope: Scope, *, partial: bool = False
) -> Picture:
    """The picture of a told registry; statuses of None leave the risks out."""
    lineage = Lineage.of(snapshot)
    risks = None if statuses is None else Told(lineage, told(snapshot, statuses), scope.trait)
    return picture(Kindred.of(lineage), risks, scope, partial=partial, head=HEAD)


def pictured(
    sentences: tuple[str, ...],
    statuses: Mapping[str, str] | None,
    *names: str,
    partial: bool = False,
    opened: tuple[str, ...] = (),
    **scope: Any,
) -> Picture:
    """The picture of a told lineage around some artifacts; statuses of None leave the risks out."""
    snapshot = state(*sentences)
    asked = Scope(
        refs=tuple(named(snapshot, name) for name in names),
        opened=tuple(named(snapshot, name) for name in opened),
        **scope,
    )
    return drawn_of(snapshot, statuses, asked, partial=partial)
