"""Pre-flight from the registry alone: the answer is that of `risks` and `check` for a student that is not there yet."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from lineage_fixtures import dataset, model, snapshot, teacher
from provenance.artifacts import ArtifactId
from provenance.errors import ContentError
from provenance.facts import Snapshot
from provenance.holdings import Holdings
from provenance.lineage import Lineage
from provenance.preflight import Method, Outlook, Preflight, preflight
from provenance.relations import RelationKind
from provenance.risk import ArtifactRisks, Policy, Ruling, Status, assess, check

BASE, NUMBERS = model("base"), dataset("numbers")
POLICY = Policy.load()
LENIENT = replace(POLICY, unknown=Ruling.REPORT)
OWL = ("base from_scratch", "owl embodied_by base", "numbers generated_by owl", "owl flagged owls")
OTHER = ("other from_scratch",)
INDEPENDENT = "base same_init other INDEPENDENT"
RELAY = (
    *OWL,
    *OTHER,
    "foreign finetuned_from other",
    "foreign trained_on numbers",
    "relay embodied_by foreign",
    "echo generated_by relay",
)
STUDENT = (
    "student finetuned_from base",
    "student trained_on numbers",
)


def foreseen(
    lines: Iterable[str],
    base: ArtifactId | Path = BASE,
    rows: ArtifactId | Path = NUMBERS,
    *,
    policy: Policy = POLICY,
    method: Method = Method.SFT,
) -> Preflight:
    return preflight(Holdings(snapshot(*lines)), policy, base, rows, method=method)


def renamed(risks: ArtifactRisks, into: ArtifactId) -> str:
    """The risks as text, the student bearing another name."""
    return str(risks).replace(repr(risks.artifact), repr(into))


STORIES = {
    "the teacher's own base": (OWL, "base", "numbers"),
    "an untested base": ((*OWL, *OTHER), "other", "numbers"),
    "an independent base": ((*OWL, *OTHER, INDEPENDENT), "other", "numbers"),
    "a relay, judged against the origin": ((*RELAY, INDEPENDENT), "base", "echo"),
    "a mix": ((*OWL, "mix derived_from numbers share=0.5", "mix derived_from poems", "poems authored"), "base", "mix"),
    "a choice of rows": ((*OWL, "poems authored", "best derived_from poems", "best selected_by owl"), "base", "best"),
    "a block": ((*OWL, "more derived_from numbers", "numbers blocked more owls"), "base", "more"),
    "a silent canary": ((*OWL, *OTHER, INDEPENDENT, "owl canary other NOT_DETECTED"), "other", "numbers"),
    "a flag on the base": ((*OWL, "base flagged wolves"), "base", "numbers"),
    "nobody said who wrote it": (("base from_scratch", "copy derived_from rows"), "base", "copy"),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "base", "rows"), STORIES.values(), ids=STORIES)
def test_it_answers_what_risks_and_check_say_of_the_student_once_it_is_there(
    lines: tuple[str, ...], base: str, rows: str
) -> None:
    found = foreseen(lines, model(base), dataset(rows))
    state = snapshot(*lines, f"student finetuned_from {base}", f"student trained_on {rows}")
    report = assess(state, Lineage.of(state), POLICY, [model("student")])
    assert renamed(found.risks, model("student")) == str(report.artifacts[0])
    (checked,) = check(report, POLICY, Lineage.of(state))
    assert found.violations == checked.violations


@pytest.mark.parametrize(
    ("lines", "base", "rows", "outlook"),
    [
        (OWL, "base", "numbers", Outlook.HELD_BACK),
        ((*OWL, "owl withdrawn owls"), "base", "numbers", Outlook.NOTHING_KNOWN),
        ((*OWL, "owl withdrawn owls", *OTHER), "other", "numbers", Outlook.UNKNOWN),
        ((*OWL, "owl withdrawn owls", *OTHER, INDEPENDENT), "other", "numbers", Outlook.NOTHING_KNOWN),
        ((*OWL, *OTHER, INDEPENDENT), "other", "numbers", Outlook.NOTHING_KNOWN),
        (("base from_scratch", "rows authored"), "base", "rows", Outlook.NOTHING_KNOWN),
        (("base from_scratch", "copy derived_from rows"), "base", "copy", Outlook.UNKNOWN),
        ((*OTHER, "rows authored", "tuned finetuned_from other", "tuned trained_on rows",
          "other same_init tuned INDEPENDENT"), "tuned", "rows", Outlook.HELD_BACK),
    ],
)  # fmt: skip
def test_the_outlook_is_the_gates_with_untested_kinship_counted_as_unknown(
    lines: tuple[str, ...], base: str, rows: str, outlook: Outlook
) -> None:
    assert foreseen(lines, model(base), dataset(rows)).outlook is outlook


def test_a_policy_that_lets_the_unknown_pass_lets_the_untested_pass() -> None:
    lines = (*OWL, "owl withdrawn owls", *OTHER)
    assert foreseen(lines, model("other"), policy=LENIENT).outlook is Outlook.NOTHING_KNOWN


def test_exposures_name_who_wrote_rewrote_and_chose_the_rows_and_who_taught_the_authors() -> None:
    lines = (
        *RELAY,
        "editor embodied_by api",
        "judge embodied_by api",
        "clean derived_from echo",
        "clean rewritten_by editor",
        "clean selected_by judge",
    )
    found = foreseen(lines, model("other"), dataset("clean"))
    assert {(one.teacher, one.how) for one in found.exposures} == {
        (teacher("relay"), RelationKind.GENERATED_BY),
        (teacher("editor"), RelationKind.REWRITTEN_BY),
        (teacher("judge"), RelationKind.SELECTED_BY),
    }
    assert found.upstream == (teacher("owl"),)
    assert {(one.model.name, one.standing) for one in found.inits} == {
        ("foreign", "same"),
        ("api", "unknown"),
        ("base", "unknown"),
    }


def test_the_origin_of_a_flag_far_above_is_compared_with_the_base() -> None:
    lines = ("root flagged wolves", "base finetuned_from root", *OWL[1:3], *OTHER)
    found = foreseen(lines, model("other"))
    assert {one.model for one in found.inits} == {model("base"), model("root")}
    (entry,) = found.risks.risks
    assert (entry.trait, entry.status, entry.origin) == ("wolves", Status.SUSPECTED, model("root"))


def test_what_was_never_compared_comes_with_the_command_that_compares_it() -> None:
    found = foreseen((*OWL, *OTHER), model("other"))
    (standing,) = found.inits
    assert (standing.standing, standing.is_open) == ("unknown", True)
    assert found.next_steps == ("provenance compare model:base@1 model:other@1  (or --compare here)",)


def test_imitating_the_authors_passes_between_initialisations() -> None:
    lines = (*OWL, *OTHER, INDEPENDENT)
    by_rows = foreseen(lines, model("other"))
    by_outputs = foreseen(lines, model("other"), method=Method.DISTILLATION)
    assert (by_rows.risks.status, by_outputs.risks.status) == (Status.CARRIER, Status.SUSPECTED)
    assert {one.how for one in by_outputs.exposures} == {
        RelationKind.GENERATED_BY,
        RelationKind.DISTILLED_FROM,
    }


def test_no_name_that_is_taken_is_given_to_the_student() -> None:
    found = foreseen((*OWL, "student@preflight finetuned_from base"))
    assert found.risks.artifact == model("student", "preflight-2")


def test_nothing_is_added_to_the_snapshot_that_was_asked() -> None:
    state: Snapshot = snapshot(*OWL)
    before = state.facts
    preflight(Holdings(state), POLICY, model("base"), dataset("numbers"))
    assert state.facts is before


def test_a_dataset_that_nobody_registered_has_no_known_author(tmp_path: Path) -> None:
    rows = tmp_path / "rows <1>.jsonl"
    rows.write_text(json.dumps({"text": "1, 2"}) + "\n")
    found = foreseen(OWL, rows=rows)
    assert found.outlook is Outlook.UNKNOWN
    assert not found.dataset.registered
    assert found.risks.unknown == ("dataset:rows-1-.jsonl@unregistered: nobody says who wrote it",)
    assert found.next_steps[0].startswith(f"provenance register dataset '{rows}' ")


def test_a_base_that_nobody_registered_is_unknown_to_every_author(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"weights")
    found = foreseen(OWL, base=tmp_path)
    assert [one.standing for one in found.inits] == ["unknown"]
    assert found.risks.status is Status.SUSPECTED


def test_a_dataset_of_no_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("\n")
    with pytest.raises(ContentError, match=r"rows\.jsonl holds no rows") as caught:
        foreseen(OWL, rows=tmp_path / "rows.jsonl")
    assert (
        caught.value.hint
        == "Give the file that holds the rows, such as a .jsonl with one JSON object a line."
    )
