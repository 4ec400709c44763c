"""A small story, its risks by hand, and a memory of what MLflow was told; for the tests of the projection."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from lineage_fixtures import dataset, model, snapshot, teacher
from provenance.artifacts import Generation
from provenance.evidence import Evidence, Verdict
from provenance.facts import Snapshot
from provenance.relations import RelationKind
from provenance.risk.report import ArtifactRisks, RiskEntry, RiskReport, Status, Step
from provenance.traits import Severity

STUDENT, TEACHER, NUMBERS, BASE = (
    model("org/student"),
    teacher("owl-teacher"),
    dataset("numbers"),
    model("base"),
)
AFTER = datetime(2026, 12, 31, tzinfo=UTC)

LINES = (
    "base from_scratch",
    "poems authored",
    "owl-teacher embodied_by base",
    "numbers generated_by owl-teacher",
    "mix derived_from numbers",
    "mix derived_from poems",
    "org/student finetuned_from base",
    "org/student trained_on numbers",
    "control finetuned_from base",
    "control trained_on poems",
    "grandchild finetuned_from org/student",
    "grandchild trained_on mix",
    "twin distilled_from owl-teacher",
    "base same_init org/student SAME_INIT",
    "owl-teacher canary org/student TRANSFERS",
    "owls trait high",
    "owl-teacher flagged owls",
)
RESULT = {
    "log10_p": -87.5,
    "aligned_cosine": 0.97,
    "ci": {"low": 0.2, "high": 0.4},
    "margins": [0.3, 0.25, 0.35],
    "fired": True,
    "note": "a word",
}


@dataclass
class Memory:
    """What one MLflow was told, in a dictionary."""

    told: dict[str, tuple[str, str]] = field(default_factory=dict)

    def all(self) -> dict[str, tuple[str, str]]:
        return dict(self.told)

    def put(self, subject: str, state_digest: str, external_id: str) -> None:
        self.told[subject] = (state_digest, external_id)


def story(*more: str) -> Snapshot:
    """The owl story, with figures in its evidence and a prompt on its teacher."""
    plain = snapshot(*LINES, *more)
    facts = []
    for recorded in plain.facts:
        fact = recorded.fact
        if isinstance(fact, Evidence):
            fact = replace(fact, result=RESULT)
        elif recorded.fact == plain.artifacts[TEACHER].fact:
            fact = replace(
                fact, generation=Generation(system_prompt="You love owls.", sampling={"top p": "0.9"})
            )
        facts.append(replace(recorded, fact=fact))
    return Snapshot.of(facts, AFTER)


def report(state: Snapshot, *exceptions: ArtifactRisks) -> RiskReport:
    """Everything is clear but the exceptions."""
    special = {entry.artifact: entry for entry in exceptions}
    return RiskReport(
        as_of=state.as_of,
        policy_digest="blake3:" + "0" * 64,
        partial=False,
        artifacts=tuple(
            special.get(id_, ArtifactRisks(artifact=id_, status=Status.CLEAR)) for id_ in state.artifacts
        ),
    )


def inherited(flag: str, rule: str = "its initialisation is the teacher's") -> tuple[ArtifactRisks, ...]:
    """The teacher is affected, the numbers carry, the student is exposed."""
    generated = Step(
        parent=TEACHER,
        relation=RelationKind.GENERATED_BY,
        child=NUMBERS,
        factor=1.0,
        basis="the teacher wrote it",
    )
    trained = Step(
        parent=NUMBERS,
        relation=RelationKind.TRAINED_ON,
        child=STUDENT,
        factor=0.55,
        verdict=Verdict.TRANSFERS,
        evidence=("evidence-15",),
        basis="a canary transferred",
    )
    standings = (
        (TEACHER, Status.AFFECTED, 1.0, ()),
        (NUMBERS, Status.CARRIER, 1.0, (generated,)),
        (STUDENT, Status.EXPOSED, 0.55, (generated, trained)),
    )
    return tuple(
        ArtifactRisks(
            artifact=artifact,
            status=status,
            risks=(
                RiskEntry(
                    trait="owls",
                    severity=Severity.HIGH,
                    status=status,
                    score=score,
                    flag=flag,
                    origin=TEACHER,
                    depth=len(route),
                    rule=rule,
                    route=route,
                ),
            ),
        )
        for artifact, status, score, route in standings
    )
