"""A picture marks every route by which a trait arrives, draws the routes that were stopped, and says of what it did not look at."""

import pytest

from lineage_fixtures import model, snapshot
from provenance.lineage import Lineage
from provenance.render import Picture, Scope, picture
from provenance.render.account import account
from provenance.risk import Policy
from provenance.risk.report import Status
from provenance.risk.survey import survey

OWLS = (
    "owls trait high",
    "base from_scratch",
    "poems authored",
    "owl finetuned_from base",
    "owl trained_on poems",
    "owl-teacher embodied_by owl",
    "numbers generated_by owl-teacher",
    "student finetuned_from base",
    "student trained_on numbers",
    "owl flagged owls",
)
MERGE = (
    *OWLS,
    "second finetuned_from base",
    "second trained_on numbers",
    "merge merged_from student",
    "merge merged_from second",
)


def drawn_of(sentences: tuple[str, ...], name: str, *, critical: bool = False) -> Picture:
    """The picture as the risk engine judges it, not as a fixture is told."""
    found = survey(Lineage.of(snapshot(*sentences)), Policy.load())
    scope = Scope(refs=(model(name),), critical=critical)
    return picture(found.terrain.kindred, found, scope, head=None)


def red(drawn: Picture) -> set[tuple[str, str]]:
    names = {node.id: node.name.split(":")[1].removesuffix("@1") for node in drawn.nodes}
    return {(names[edge.parent], names[edge.child]) for edge in drawn.edges if edge.on_route}


@pytest.mark.parametrize("critical", [True, False])
def test_both_parents_that_hand_on_a_trait_are_on_marked_routes(critical: bool) -> None:
    drawn = drawn_of(MERGE, "merge", critical=critical)
    assert red(drawn) == {
        ("owl", "owl-teacher"),
        ("owl-teacher", "numbers"),
        ("numbers", "student"),
        ("numbers", "second"),
        ("student", "merge"),
        ("second", "merge"),
    }
    assert "Flagged traits go along 2 more lines of the drawing, on other routes" in account(drawn)


def test_a_route_goes_no_further_than_a_block_or_a_clearance_that_stops_it() -> None:
    blocked = drawn_of((*MERGE, "numbers blocked second owls expires=2027-03-01"), "merge")
    assert red(blocked) == {
        ("owl", "owl-teacher"),
        ("owl-teacher", "numbers"),
        ("numbers", "student"),
        ("student", "merge"),
    }
    cleared = drawn_of((*MERGE, "second cleared owls stops_here"), "merge")
    assert ("second", "merge") not in red(cleared)
    assert ("student", "merge") in red(cleared)


def test_what_is_unlikely_is_reached_by_no_marked_route_and_by_a_drawn_one() -> None:
    lines = (
        *OWLS,
        "other from_scratch",
        "foreign finetuned_from other",
        "foreign trained_on numbers",
        "other same_init owl INDEPENDENT",
        "owl-teacher canary foreign NOT_DETECTED",
    )
    drawn = drawn_of(lines, "foreign", critical=True)
    (foreign,) = [node for node in drawn.nodes if node.asked]
    assert foreign.status is Status.UNLIKELY
    assert ("numbers", "foreign") not in red(drawn)
    assert "dataset numbers@1" in {edge.parent for edge in drawn.edges}


def test_a_cycle_above_ends() -> None:
    drawn = drawn_of((*OWLS, "base finetuned_from student"), "student")
    assert ("numbers", "student") in red(drawn)


def test_the_critical_path_shows_the_route_that_a_block_stops() -> None:
    lines = (*OWLS, "small quantized_from student", "numbers blocked student owls expires=2027-03-01")
    drawn = drawn_of(lines, "small", critical=True)
    assert {node.artifact.split(":")[1] for node in drawn.nodes if node.artifact} == {
        "owl@1", "owl-teacher@1", "numbers@1", "student@1", "small@1",
    }  # fmt: skip
    (stopped,) = [edge for edge in drawn.edges if edge.blocks]
    assert (stopped.parent, stopped.child) == ("dataset numbers@1", "model student@1")
    assert stopped.blocks == ("BLOCKED: owls until 2027-03-01, because: decided",)
    assert drawn.summary[0] == (
        "5 artifacts: only routes that were stopped; no other by which a flagged trait arrives is known"
    )
    assert drawn.summary[2].startswith("stopped by recorded decisions: owls by block-")
    (small,) = [node for node in drawn.nodes if node.asked]
    assert small.standing == ("CLEAR, 1 route stopped",)


def test_the_critical_path_shows_the_route_that_a_clearance_stops() -> None:
    lines = (*OWLS, "small quantized_from student", "student cleared owls stops_here")
    drawn = drawn_of(lines, "small", critical=True)
    (student,) = [node for node in drawn.nodes if node.name == "model:student@1"]
    assert any(note.startswith("owls stops here") and "because: " in note for note in student.notes)
    assert ("model student@1", "model small@1") in {(edge.parent, edge.child) for edge in drawn.edges}
    assert drawn.summary[2].startswith("stopped by recorded decisions: owls by clearance-")


def test_clear_means_no_route_that_is_not_stopped_and_exposed_may_rest_on_record() -> None:
    lines = (*MERGE, "numbers blocked second owls expires=2027-03-01")
    meanings = {entry.sign: entry.meaning for entry in drawn_of(lines, "merge").legend}
    assert meanings[Status.CLEAR] == "complete ancestry, no route that is not stopped"
    assert meanings[Status.EXPOSED].endswith("every edge is established, by test or by record")


def test_ten_flags_of_one_artifact_are_three_lines_and_a_count() -> None:
    drawn = drawn_of((*OWLS, *["owl flagged owls"] * 9), "student")
    (owl,) = [node for node in drawn.nodes if node.name == "model:owl@1"]
    flagged = [note for note in owl.notes if note.startswith("FLAGGED HERE")]
    assert len(flagged) == 4
    assert flagged[-1] == "FLAGGED HERE: and 7 more times"


def test_each_of_several_gaps_is_told_whole_or_shortened_by_itself() -> None:
    long = tuple(f"student names merged_from org/{letter * 60}-end" for letter in "abc")
    drawn = drawn_of((*OWLS, *long), "student")
    (box,) = [node for node in drawn.nodes if "org/" in node.name]
    told = "".join(box.label)
    assert told.count("…") == 3
    assert all(f"org/{letter}" in told.replace(" ", "") for letter in "abc")
