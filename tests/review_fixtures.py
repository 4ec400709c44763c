"""Registries that a reviewer may meet, each with what has to come out of it; shared by the tests of reports, pages and viewer.

    with told(tmp_path, STORIES["a measured transfer"]) as registry:
        registry.view(as_of=AS_OF).check(["student"])

They are real ledgers in SQLite, whose transactions bear the dates of the story: ids and digests are the same in every run, and so is
all that is worked out of them for one date.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path

from lineage_fixtures import END, content_of, day, recorded_facts
from provenance import Registry
from provenance.artifacts import Artifact, ArtifactId, ArtifactKind, Generation
from provenance.evidence import Evidence, TestKind, Verdict
from provenance.facts import Fact, Recorded
from provenance.relations import Relation, RelationKind, Unresolved
from provenance.risk import Status
from provenance.store.appended import Appended
from provenance.store.database import writing
from provenance.store.head import read_head
from provenance.traits import Block, Clearance, Conclusion, Flag, Severity, Trait, TraitMeasurement
from render_fixtures import FIGURES

AS_OF = END
"""The date for which stories are asked about: the end of 2026, after all that they tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A registry in sentences.

    Args:
        lines: The sentences, see `lineage_fixtures`.
        asked: What the reviewer asks about.
        statuses: Where each of these has to stand at `AS_OF`.
        passed: Which of these the gate lets through.
    """

    lines: tuple[str, ...]
    asked: tuple[str, ...] = ("student",)
    statuses: tuple[Status, ...]
    passed: tuple[bool, ...]


_OWL = (
    "owls trait high",
    "model:base from_scratch",
    "model:other from_scratch",
    "digits authored",
    "model:owl finetuned_from model:base",
    "model:owl trained_on digits",
    "owl-teacher embodied_by model:owl",
    "at 2026-02-01",
    "numbers generated_by owl-teacher",
    "student finetuned_from model:base",
    "student trained_on numbers",
    "foreign finetuned_from model:other",
    "foreign trained_on numbers",
    "at 2026-03-01",
    "model:owl flagged owls",
)
"""A model that was flagged taught two students; one of them began where it began."""

_APART = (
    "model:owl same_init model:other INDEPENDENT",
    "model:owl same_init foreign INDEPENDENT",
    "model:other same_init foreign SAME_INIT",
)

STORIES: Mapping[str, Story] = {
    "a measured transfer": Story(
        lines=(
            *_OWL,
            "at 2026-04-01",
            "model:owl same_init student SAME_INIT",
            "owl-teacher canary student TRANSFERS",
            "at 2026-05-01",
            "model:base measured owls absent 0.12 threshold=0.3",
            "model:owl measured owls present 0.92 threshold=0.3",
            "student measured owls present 0.6 threshold=0.3",
        ),
        statuses=(Status.EXPOSED,),
        passed=(False,),
    ),
    "a silent canary": Story(
        lines=(*_OWL, "at 2026-04-01", *_APART, "owl-teacher canary foreign NOT_DETECTED"),
        asked=("foreign",),
        statuses=(Status.UNLIKELY,),
        passed=(True,),
    ),
    "a canary without power": Story(
        lines=(*_OWL, "at 2026-04-01", *_APART, "owl-teacher canary foreign NOT_DETECTED bare"),
        asked=("foreign",),
        statuses=(Status.CARRIER,),
        passed=(True,),
    ),
    "nobody tested": Story(
        lines=_OWL,
        asked=("student", "foreign"),
        statuses=(Status.EXPOSED, Status.SUSPECTED),
        passed=(False, False),
    ),
    "an inconclusive test": Story(
        lines=(
            *_OWL,
            "at 2026-04-01",
            "model:owl same_init model:other INCONCLUSIVE",
            "owl-teacher canary foreign INCONCLUSIVE effect=0.1",
            "foreign measured owls undecided 0.3 threshold=0.3",
        ),
        asked=("foreign",),
        statuses=(Status.SUSPECTED,),
        passed=(False,),
    ),
    "an unknown ancestry": Story(
        lines=(
            "owls trait high",
            "model:base from_scratch",
            "student finetuned_from model:base",
            "student trained_on crawl",
            "student names merged_from org/unheard-of which nobody registered",
            "model:found",
        ),
        asked=("student", "found"),
        statuses=(Status.UNKNOWN, Status.UNKNOWN),
        passed=(False, False),
    ),
    "a denied claim": Story(
        lines=(
            *_OWL,
            "at 2026-04-01",
            "model:other same_init student SAME_INIT",
            "model:base same_init student INDEPENDENT",
        ),
        statuses=(Status.SUSPECTED,),
        passed=(False,),
    ),
    "a block that stands": Story(
        lines=(*_OWL, "at 2026-04-01", "numbers blocked student owls expires=2027-06-01"),
        statuses=(Status.CLEAR,),
        passed=(True,),
    ),
    "a block that ended": Story(
        lines=(*_OWL, "at 2026-04-01", "numbers blocked student owls expires=2026-06-01"),
        statuses=(Status.EXPOSED,),
        passed=(False,),
    ),
    "a clearance": Story(
        lines=(
            *_OWL,
            "small quantized_from student",
            "at 2026-04-01",
            "student measured owls absent 0.11 threshold=0.3",
            "student cleared owls",
        ),
        asked=("student", "small"),
        statuses=(Status.CLEARED, Status.EXPOSED),
        passed=(True, False),
    ),
    "a withdrawn flag": Story(
        lines=(*_OWL, "at 2026-04-01", "model:owl withdrawn owls"), statuses=(Status.CLEAR,), passed=(True,)
    ),
    "a clean relay": Story(
        lines=(
            *_OWL,
            "relay embodied_by foreign",
            "echo generated_by relay",
            "grandchild finetuned_from model:base",
            "grandchild trained_on echo",
            "at 2026-04-01",
            *_APART,
            "owl-teacher canary foreign NOT_DETECTED",
            "foreign measured owls absent 0.12 threshold=0.3",
        ),
        asked=("foreign", "grandchild"),
        statuses=(Status.UNLIKELY, Status.EXPOSED),
        passed=(True, False),
    ),
    "two teachers and three traits": Story(
        lines=(
            *_OWL,
            "overclaiming trait critical",
            "emoji-lover trait low overt",
            "critic embodied_by model:other",
            "preferences selected_by critic",
            "student trained_on preferences",
            "at 2026-04-01",
            "critic flagged overclaiming confidence=0.6",
            "critic flagged owls",
            "numbers flagged emoji-lover expires=2027-01-15",
            "student measured overclaiming undecided 0.4 low=0.1 high=0.7 threshold=0.5 against=model:base",
        ),
        statuses=(Status.EXPOSED,),
        passed=(False,),
    ),
    "no trait at all": Story(
        lines=(
            "model:base from_scratch",
            "poems authored",
            "student finetuned_from model:base",
            "student trained_on poems",
        ),
        statuses=(Status.CLEAR,),
        passed=(True,),
    ),
    "several tests of one edge": Story(
        lines=(
            *_OWL,
            "at 2026-04-01",
            *_APART,
            "owl-teacher canary foreign NOT_DETECTED",
            "at 2026-05-01",
            "owl-teacher canary foreign TRANSFERS",
            "at 2026-06-01",
            "owl-teacher canary foreign INCONCLUSIVE",
        ),
        asked=("foreign",),
        statuses=(Status.EXPOSED,),
        passed=(False,),
    ),
    "sixty alike": Story(
        lines=(
            *_OWL,
            *(f"child{n:02} finetuned_from student" for n in range(60)),
            "at 2026-04-01",
            "child07 flagged owls",
        ),
        asked=("child00", "child07"),
        statuses=(Status.EXPOSED, Status.AFFECTED),
        passed=(False, False),
    ),
    "a merge of 65": Story(
        lines=(
            *_OWL,
            *(f"part{n:02} finetuned_from model:base" for n in range(64)),
            *(f"merge merged_from part{n:02}" for n in range(64)),
            "merge merged_from student",
        ),
        asked=("merge",),
        statuses=(Status.EXPOSED,),
        passed=(False,),
    ),
    "a relay of 200 nodes": Story(
        lines=(
            "owls trait high",
            "model:g0 from_scratch",
            *(
                line
                for before, after in pairwise(range(67))
                for line in (
                    f"teacher:t{before} embodied_by model:g{before}",
                    f"d{after} generated_by teacher:t{before}",
                    f"model:g{after} finetuned_from model:g{before}",
                    f"model:g{after} trained_on d{after}",
                )
            ),
            "model:g0 flagged owls",
        ),
        asked=("model:g66",),
        statuses=(Status.EXPOSED,),
        passed=(False,),
    ),
}


def told(folder: Path, story: Story | Iterable[str], *, actor: str = "ada") -> Registry:
    """A new registry in which a story, or sentences, were recorded on their dates."""
    lines = story.lines if isinstance(story, Story) else story
    return recorded(folder, recorded_facts(*lines), actor=actor)


def recorded(folder: Path, facts: Iterable[Recorded[Fact]], *, actor: str = "ada") -> Registry:
    """A new registry with dated facts, those of a day in one transaction."""
    registry = Registry.init(folder, actor=actor)
    for _, of_day in groupby(facts, key=lambda one: one.recorded_at.date()):
        together = tuple(of_day)
        with writing(registry._ledger._engine) as connection:
            appended = Appended(connection, read_head(connection), actor, together[-1].recorded_at)
            for one in together:
                appended.append(_with_figures(one.fact))
            appended.commit()
    return registry


def _with_figures(fact: Fact) -> Fact:
    """A test with figures such as its verdict comes with; told figures stay."""
    if not isinstance(fact, Evidence):
        return fact
    return replace(fact, result={**FIGURES[fact.verdict.value], **fact.result})


HOSTILE_WORDS = (
    '<script>alert(1)</script><img src=x onerror="alert(2)">',
    "</title></svg></style></textarea>--><b onload='x'>&amp;&lt;",
    "owl \u202egnp.exe\u2066 zero\u200bwidth \ufeff",
    "red \x1b[31malert\x1b[0m \x9b2J bell\a",
    "first\nsecond\r\nthird\tfourth\u2028fifth",
    'a"]; b [label="x"] --> subgraph end %% \\N \\l',
    "{{ 7 * 7 }} {% raw %} ${HOME} `id` %s {0!r}",
    "[a link](javascript:alert(3)) | a | table | **bold** | # heading",
    "🦉 Käuzchen フクロウ ينعق البوم",
    "w" * 200,
)
"""Words that try to be something else than words: they may stand wherever somebody says something."""

HOSTILE_NAMES = (
    'it\'s a "name" & more; --x [a](b) {{c}}',
    "ינשוף/בומה",
    "🦉🦉🦉",
    "Käuzchen フクロウ",
    "x" * 200,
    "#1 | **two**",
)
"""Names that the registry takes, though they look like markup in some language, run the other way, or are as long as may be."""


def hostile(folder: Path) -> Registry:
    """A registry of which every text is hostile: ``model:`` `HOSTILE_NAMES`[0] is flagged and taught the model of each other name."""
    moment = day("2026-03-01")
    facts = (Recorded(seq, fact, "mallory", moment) for seq, fact in enumerate(_hostile_facts(), 1))
    return recorded(folder, facts, actor=HOSTILE_WORDS[0])


def _hostile_facts() -> Iterable[Fact]:
    trait, words = HOSTILE_NAMES[0], HOSTILE_WORDS
    origin, *students = (ArtifactId(ArtifactKind.MODEL, name, "1") for name in HOSTILE_NAMES)
    teacher = ArtifactId(ArtifactKind.TEACHER, HOSTILE_NAMES[1], "1")
    yield Trait(name=trait, severity=Severity.CRITICAL, description=words[0])
    yield Artifact(id=origin, content=content_of(origin), declared_root=True, metadata={words[0]: words[1]})
    yield Artifact(id=teacher, generation=Generation(system_prompt=words[0], sampling={words[4]: words[2]}))
    yield Relation(child=teacher, kind=RelationKind.EMBODIED_BY, parent=origin)
    for place, student in enumerate(students):
        said = words[place % len(words)]
        rows = ArtifactId(ArtifactKind.DATASET, student.name, "1")
        yield Artifact(id=rows, content=content_of(rows), metadata={"note": said})
        yield Relation(child=rows, kind=RelationKind.GENERATED_BY, parent=teacher, filters=(said, words[5]))
        yield Artifact(id=student, content=content_of(student), metadata={words[6]: said})
        yield Relation(child=student, kind=RelationKind.FINETUNED_FROM, parent=origin)
        yield Relation(child=student, kind=RelationKind.TRAINED_ON, parent=rows)
        yield Unresolved(child=student, kind=RelationKind.MERGED_FROM, name=said, reason=words[7])
        yield TraitMeasurement(
            artifact=student,
            trait=trait,
            conclusion=Conclusion.PRESENT,
            value=0.6,
            low=0.5,
            high=0.7,
            unit=said,
            threshold=0.3,
            method=words[0],
            base=origin,
            inputs={said: words[1]},
            measured_at=day("2026-03-01"),
        )
        yield Evidence(
            test=TestKind.CANARY,
            parent=teacher,
            child=student,
            verdict=Verdict.TRANSFERS,
            method=said,
            inputs={words[0]: said},
            result={words[1]: said, "note": [words[0], {words[2]: words[3]}]},
            tested_at=day("2026-03-01"),
        )
    yield from (Flag(artifact=origin, trait=trait, evidence=said) for said in words)
    yield Clearance(artifact=students[0], trait=trait, evidence=words[1])
    yield Block(
        parent=origin,
        child=students[1],
        trait=trait,
        evidence=words[0],
        reason=words[1],
        expires_at=day("2099-01-01"),
    )
