"""What an edge says of its tests: a test is missing where it is owed, and nowhere else."""

import pytest

from provenance.render import Picture
from render_fixtures import pictured

STUDENT = (
    "base from_scratch",
    "other from_scratch",
    "owl embodied_by base",
    "student finetuned_from base",
    "stranger finetuned_from other",
)


def said(drawn: Picture, child: str, kind: str) -> list[tuple[str, int]]:
    (edge,) = [edge for edge in drawn.edges if edge.child == f"model {child}@1" and edge.kind == kind]
    return [(found.text, found.missing) for found in edge.findings]


@pytest.mark.parametrize(
    ("hand", "student", "findings"),
    [
        ("generated_by", "student", [("same init by record", 0), ("canary untested", 1)]),
        ("rewritten_by", "student", [("same init by record", 0), ("canary untested", 1)]),
        ("selected_by", "student", [("same init by record", 0)]),
        ("generated_by", "stranger", [("untested", 2)]),
        ("selected_by", "stranger", [("untested", 1)]),
    ],
)
def test_a_canary_is_missing_where_a_teacher_wrote_and_not_where_it_chose(
    hand: str, student: str, findings: list[tuple[str, int]]
) -> None:
    drawn = pictured((*STUDENT, f"rows {hand} owl", f"{student} trained_on rows"), None, student)
    assert said(drawn, student, "trained_on") == findings


def test_no_canary_is_missing_where_a_teacher_is_imitated_directly() -> None:
    drawn = pictured((*STUDENT, "student distilled_from owl"), None, "student")
    assert said(drawn, "student", "distilled_from") == [("same init by record", 0)]


def test_an_exposure_shows_the_test_against_what_the_student_started_from() -> None:
    drawn = pictured(
        (
            *STUDENT, "tuned finetuned_from base", "tame embodied_by tuned", "rows generated_by tame", "student trained_on rows",
            "tuned same_init student INDEPENDENT", "base same_init tuned SAME_INIT",
        ),
        None,
        "student",
    )  # fmt: skip
    texts = [text for text, _ in said(drawn, "student", "trained_on")]
    assert texts[0] == "same init p<1e-300, cos 0.98"


def test_teachers_that_are_not_named_count_among_what_is_missing() -> None:
    teachers = tuple(
        sentence
        for number in range(5)
        for sentence in (f"teacher-{number} embodied_by other", f"rows generated_by teacher-{number}")
    )
    drawn = pictured((*STUDENT, *teachers, "student trained_on rows"), None, "student")
    findings = said(drawn, "student", "trained_on")
    assert findings[-1] == ("and 2 more teachers", 4)
    assert sum(missing for _, missing in findings) == 10
