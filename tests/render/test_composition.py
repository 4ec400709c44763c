"""What a picture shows, as literal cases."""

import pytest

from lineage_fixtures import model, snapshot
from provenance.errors import UnknownReferenceError, UsageError
from provenance.lineage import Kindred, Lineage
from provenance.relations import RelationKind
from provenance.render import Direction, Picture, Scope, picture
from provenance.render.pictures import Edge, Mark, Node, NodeKind, Tone
from provenance.risk.policy import Policy
from provenance.risk.report import Status
from provenance.risk.survey import survey
from render_fixtures import (
    DEMO,
    DEMO_STATUSES,
    HEAD,
    MERGE,
    MERGE_STATUSES,
    OWL,
    OWL_STATUSES,
    UNKNOWN,
    UNKNOWN_STATUSES,
    named,
    pictured,
    state,
)


def node(drawn: Picture, name: str) -> Node:
    (found,) = [one for one in drawn.nodes if one.id.split(" ", 1)[1] == f"{name}@1"]
    return found


def edge(drawn: Picture, parent: str, child: str) -> Edge:
    (found,) = [
        one
        for one in drawn.edges
        if (one.parent, one.child) == (node(drawn, parent).id, node(drawn, child).id)
    ]
    return found


def said(drawn: Picture, parent: str, child: str) -> list[str]:
    return [found.text for found in edge(drawn, parent, child).findings]


def test_the_owl_story_shows_who_is_flagged_what_inherited_and_how_sure_that_is() -> None:
    drawn = pictured(OWL, OWL_STATUSES, "student")
    assert node(drawn, "owl-teacher").kind is NodeKind.TEACHER
    assert node(drawn, "owl-teacher").standing == ("AFFECTED: owl-preference (high)",)
    assert node(drawn, "owl-teacher").notes == ("FLAGGED HERE: owl-preference, flag-10",)
    assert node(drawn, "numbers").standing == ("CARRIER: owl-preference (high)",)
    assert node(drawn, "student").standing == ("EXPOSED: owl-preference (high)",)
    assert node(drawn, "student").asked
    assert node(drawn, "base").standing == ("CLEAR",)
    assert node(drawn, "base").notes == ("⌂ trusted root",)
    assert said(drawn, "base", "student") == ["same init p<1e-300, cos 0.98"]
    assert said(drawn, "numbers", "student") == [
        "same init p<1e-300, cos 0.98",
        "canary TRANSFERS +3.1 [2.8, 3.4]",
    ]
    assert said(drawn, "owl-teacher", "numbers") == []
    assert drawn.footer == (
        "as of 2026-12-31 00:00 UTC · ledger head blake3:0123456789ab · policy blake3:fedcba987654"
    )


def test_the_route_by_which_the_trait_arrives_is_marked_and_no_other_edge() -> None:
    drawn = pictured(OWL, OWL_STATUSES, "student")
    assert {(one.parent, one.child) for one in drawn.edges if one.on_route} == {
        ("teacher owl-teacher@1", "dataset numbers@1"),
        ("dataset numbers@1", "model student@1"),
    }


def test_each_status_of_the_demo_has_its_word_and_each_exposure_its_verdict() -> None:
    drawn = pictured(DEMO, DEMO_STATUSES, "base-a", "base-b", "digits", direction=Direction.DOWN)
    assert {node(drawn, name).status for name in DEMO_STATUSES} == {
        Status.AFFECTED, Status.EXPOSED, Status.SUSPECTED, Status.CARRIER, Status.UNLIKELY,
    }  # fmt: skip
    assert said(drawn, "noise-outputs", "student-same") == [
        "same init p<1e-300, cos 0.98",
        "canary TRANSFERS +3.1 [2.8, 3.4]",
    ]
    assert said(drawn, "noise-outputs", "student-foreign") == [
        "independent init p=0.43, detects cos 0.02",
        "canary NOT_DETECTED +0.04 [-0.2, 0.3], detects 0.5",
    ]
    assert said(drawn, "noise-outputs", "student-untested") == ["untested"]
    assert said(drawn, "relay-outputs", "grandchild-distilled") == ["canary INCONCLUSIVE"]
    assert edge(drawn, "relay-outputs", "grandchild-distilled").label == "trained_on (25% clean)"
    assert said(drawn, "digits", "control") == []


def test_a_shared_start_on_record_is_said_where_it_was_not_measured() -> None:
    drawn = pictured(
        tuple(line for line in OWL if "SAME_INIT" not in line and "TRANSFERS" not in line), None, "student"
    )
    assert said(drawn, "base", "student") == ["untested"]
    assert said(drawn, "numbers", "student") == ["same init by record", "canary untested"]


def test_a_merge_shows_each_parents_share_and_which_were_tested() -> None:
    drawn = pictured(MERGE, MERGE_STATUSES, "merged", collapse=None)
    assert len(drawn.edges) == 12
    assert edge(drawn, "parent-05", "merged").label == "merged_from 0.064"
    assert said(drawn, "parent-06", "merged") == ["untested"]
    assert drawn.summary[1].endswith("11 tests missing, no gaps in the ancestry")


def test_unknown_ancestry_is_a_node_of_its_own_where_it_comes_in() -> None:
    drawn = pictured(UNKNOWN, UNKNOWN_STATUSES, "assistant-tuned")
    gaps = {one.id: " ".join(one.label) for one in drawn.nodes if one.kind is NodeKind.UNKNOWN}
    joined = {(gaps[one.parent], one.child) for one in drawn.edges if one.kind is None}
    assert ("unknown ancestry: nobody says who wrote it", "dataset web@1") in joined
    assert ("unknown ancestry: no training data declared", "model assistant-tuned@1") in joined
    (named_gap,) = [words for words, child in joined if child == "model merged-base@1"]
    assert "meta/llama-" in named_gap
    assert len(joined) == len(gaps) == 5


def test_a_gap_inside_a_cycle_is_still_drawn() -> None:
    cycle = ("a finetuned_from b", "b finetuned_from a")
    drawn = pictured(cycle, {}, "a")
    words = {
        edge.child: one.name
        for one in drawn.nodes
        for edge in drawn.edges
        if edge.parent == one.id and edge.kind is None
    }
    assert words.keys() == {"model a@1", "model b@1"}
    assert "model:a@1: recorded as its own ancestor" in words["model a@1"]


def test_a_block_and_a_contradicted_relation_stand_on_their_edges() -> None:
    drawn = pictured(UNKNOWN, UNKNOWN_STATUSES, "assistant-tuned")
    assert edge(drawn, "mixed", "assistant").blocks == (
        "BLOCKED: insecure-code until 2027-03-01, because: decided",
    )
    (found,) = edge(drawn, "merged-base", "assistant").findings
    assert found.tone is Tone.DISPUTES
    assert found.text.startswith("DISPUTED: independent init")


def test_a_withdrawn_flag_and_an_expired_block_leave_no_trace() -> None:
    sentences = (
        *OWL,
        "numbers blocked student owl-preference expires=2026-06-01",
        "owl-teacher withdrawn owl-preference",
    )
    drawn = pictured(sentences, OWL_STATUSES, "student")
    assert {one.status for one in drawn.nodes} == {Status.CLEAR}
    assert not any("FLAGGED" in note for one in drawn.nodes for note in one.notes)
    assert not any(one.blocks or one.on_route for one in drawn.edges)


def test_a_trait_that_was_not_asked_for_is_not_shown() -> None:
    sentences = (*OWL, "base flagged insecure-code", "numbers blocked student insecure-code")
    drawn = pictured(sentences, OWL_STATUSES | {"base": "affected"}, "student", trait="owl-preference")
    assert node(drawn, "base").standing == ("CLEAR of owl-preference",)
    assert not any("insecure-code" in text for one in drawn.nodes for text in (*one.standing, *one.notes))
    assert not any(one.blocks for one in drawn.edges)
    assert drawn.title == "Lineage of model:student@1, owl-preference alone"
    assert drawn.summary[-1] == "owl-preference alone: other traits were not looked at"
    assert "1 clear of owl-preference" in drawn.summary[1]
    (clear,) = [entry for entry in drawn.legend if entry.sign is Status.CLEAR]
    assert clear.meaning.endswith("for owl-preference alone")


def test_the_worst_of_several_traits_colours_the_node_and_each_has_its_line() -> None:
    traits = ("mild trait low", "grave trait critical")
    sentences = (
        *OWL,
        *traits,
        "owl-teacher flagged mild",
        "owl-teacher flagged grave",
        "owl-teacher flagged fourth",
    )
    drawn = pictured(sentences, OWL_STATUSES, "student")
    assert node(drawn, "student").standing == (
        "EXPOSED: grave (critical)",
        "EXPOSED: fourth (high)",
        "EXPOSED: owl-preference (high)",
        "and 1 more trait",
    )


def test_without_a_report_the_flags_and_gaps_still_show_and_no_status_does() -> None:
    drawn = pictured((*OWL, "student names finetuned_from org/other"), None, "student")
    assert {one.status for one in drawn.nodes} == {None}
    assert node(drawn, "owl-teacher").notes == ("FLAGGED HERE: owl-preference, flag-10",)
    assert any("org/other" in one.name for one in drawn.nodes if one.kind is NodeKind.UNKNOWN)
    assert drawn.summary[1].startswith("risk not assessed")
    assert "policy" not in drawn.footer


def test_a_depth_cuts_the_picture_and_the_border_says_so() -> None:
    drawn = pictured(DEMO, DEMO_STATUSES, "student-same", depth=1)
    assert {one.id for one in drawn.nodes} == {
        "model base-a@1", "dataset noise-outputs@1", "model student-same@1", "model grandchild-tuned@1",
    }  # fmt: skip
    assert node(drawn, "noise-outputs").notes == (
        "from teacher:owl-teacher@1, not drawn",
        "↑ 1 parent not drawn",
    )
    assert node(drawn, "grandchild-tuned").notes == (
        "from teacher:owl-teacher@1, not drawn",
        "↑ 1 parent not drawn",
    )
    assert drawn.summary[0] == "4 artifacts: ancestors and descendants, 1 relation away at most"


def test_the_lower_border_counts_the_children_left_out() -> None:
    drawn = pictured(DEMO, None, "owl-teacher", direction=Direction.DOWN, depth=1)
    assert node(drawn, "noise-outputs").notes == ("↓ 3 children not drawn",)


def test_several_teachers_behind_one_dataset_are_told_apart_the_most_worrying_first() -> None:
    written = tuple(f"numbers generated_by teacher:t{number}" for number in range(1, 6))
    sentences = (*written, "student trained_on numbers", "teacher:t4 canary student TRANSFERS")
    drawn = pictured(sentences, None, "student")
    assert said(drawn, "numbers", "student") == [
        "t4: canary TRANSFERS +3.1 [2.8, 3.4]",
        "t1: untested",
        "t2: untested",
        "and 2 more teachers",
    ]


def test_a_second_dataset_of_the_same_teacher_shows_the_same_exposure() -> None:
    more = ("letters generated_by owl-teacher", "student trained_on letters")
    drawn = pictured((*OWL, *more), OWL_STATUSES, "student")
    assert said(drawn, "letters", "student") == said(drawn, "numbers", "student")


def test_the_legend_explains_what_occurs_and_nothing_else() -> None:
    drawn = pictured(MERGE, MERGE_STATUSES, "merged", collapse=None)
    signs = [str(entry.sign) for entry in drawn.legend]
    assert signs == ["model", "affected", "exposed", "clear", "weights", "asked", "route", "trusted root"]
    assert Mark.BLOCKED in {entry.sign for entry in pictured(UNKNOWN, UNKNOWN_STATUSES, "assistant").legend}


def test_an_ancestor_known_by_a_relation_only_is_said_to_be_unregistered() -> None:
    snap = snapshot("student finetuned_from base")
    facts = tuple(one for one in snap.facts if getattr(one.fact, "id", None) != model("base"))
    bare = Kindred.of(Lineage.of(type(snap)(facts, snap.as_of)))
    drawn = picture(bare, None, Scope(refs=(model("student"),)), head=HEAD)
    assert node(drawn, "base").notes[0] == "named, not registered"


def test_an_artifact_that_is_not_registered_is_not_shown_as_clear() -> None:
    snap = snapshot("student finetuned_from base")
    facts = tuple(one for one in snap.facts if getattr(one.fact, "id", None) != model("base"))
    found = survey(Lineage.of(type(snap)(facts, snap.as_of)), Policy.load())
    drawn = picture(found.terrain.kindred, found, Scope(refs=(model("student"),)), head=HEAD)
    assert node(drawn, "base").status is None
    assert "risk not assessed" in node(drawn, "base").notes
    assert "1 not assessed" in drawn.summary[2]


def test_a_partial_answer_says_so_first() -> None:
    whole, partial = (pictured(OWL, OWL_STATUSES, "student", partial=one) for one in (False, True))
    assert partial.summary == ("PARTIAL: something could not be looked at", *whole.summary)


def test_the_risk_engine_and_the_picture_agree_on_the_owl_story() -> None:
    snap = state(*OWL)
    found = survey(Lineage.of(snap), Policy.load())
    scope = Scope(refs=(named(snap, "student"),))
    drawn = picture(found.terrain.kindred, found, scope, head=HEAD)
    assert {name: node(drawn, name).status.value for name in OWL_STATUSES} == OWL_STATUSES
    assert [one.kind for one in drawn.edges if one.on_route] == [
        RelationKind.TRAINED_ON,
        RelationKind.GENERATED_BY,
    ]


def test_a_picture_of_what_could_not_all_be_looked_at_says_so_in_the_footer() -> None:
    assert "PARTIAL" in pictured(OWL, OWL_STATUSES, "student", partial=True).footer
    assert "PARTIAL" not in pictured(OWL, OWL_STATUSES, "student").footer


def test_an_artifact_that_is_not_recorded_is_an_error() -> None:
    kindred = Kindred.of(Lineage.of(state(*OWL)))
    with pytest.raises(UnknownReferenceError, match="model:stranger@1 is not recorded"):
        picture(kindred, None, Scope(refs=(model("stranger"),)), head=HEAD)


def test_a_negative_depth_is_an_error() -> None:
    with pytest.raises(UsageError, match="depth of -1"):
        pictured(OWL, None, "student", depth=-1)
