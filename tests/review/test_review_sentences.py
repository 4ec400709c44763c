"""What a review says of the stories that a reviewer may meet, in the words that it says it in."""

from pathlib import Path

import pytest

from lineage_fixtures import day
from provenance.render.styles import PAINTS
from provenance.review import Outcome, Review, review
from provenance.risk import Status
from provenance.store import Begun
from review_fixtures import AS_OF, HOSTILE_NAMES, STORIES, hostile, told

_HEADLINES = {
    "a measured transfer": "model:student@1 MAY NOT SHIP: it may have inherited owls from teacher:owl-teacher@1 through dataset:numbers@1, "
    "and owls was measured PRESENT in it.",
    "a silent canary": "model:foreign@1 MAY SHIP: owls reaches it, and it is unlikely to have it.",
    "a canary without power": "model:foreign@1 MAY SHIP, WITH REMARKS: it is a carrier of owls, which the policy lets through.",
    "nobody tested": "Both artifacts MAY NOT SHIP: model:student@1 and model:foreign@1.",
    "an unknown ancestry": "Both artifacts MAY NOT SHIP: model:student@1 and model:found@1, both because too little is known.",
    "a block that stands": "model:student@1 MAY SHIP, on what people decided: owls is taken not to pass from dataset:numbers@1 to "
    "model:student@1 (block-19 of ada, until 2027-06-01: “decided”).",
    "a block that ended": "model:student@1 MAY NOT SHIP: it may have inherited owls from teacher:owl-teacher@1 through dataset:numbers@1.",
    "a clearance": "1 of 2 artifacts MAY NOT SHIP: model:small@1.",
    "a withdrawn flag": "model:student@1 MAY SHIP: no standing flag reaches it; no test settles any of the 3 relations above it that a "
    "test can settle.",
    "no trait at all": "model:student@1 MAY SHIP: no standing flag reaches it; no test settles the one relation above it that a test can "
    "settle.",
    "a relay of 200 nodes": "model:g66@1 MAY NOT SHIP: it may have inherited owls through its weights, from model:g0@1.",
}


def _review(folder: Path, name: str, **options: object) -> Review:
    story = STORIES[name]
    with told(folder, story) as registry:
        return review(registry.view(as_of=AS_OF), options.pop("asked", story.asked), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", _HEADLINES)
def test_the_headline_says_who_may_ship_and_who_is_the_reason(name: str, tmp_path: Path) -> None:
    assert _review(tmp_path, name).headline == _HEADLINES[name]


def test_a_model_that_is_held_back_is_told_with_trait_teacher_data_evidence_and_how_sure_that_is(
    tmp_path: Path,
) -> None:
    (ruled,) = _review(tmp_path, "a measured transfer").ruled.items
    assert ruled.outcome is Outcome.HELD_BACK
    assert ruled.sentence == (
        "model:student@1 may not ship: it is exposed to owls (high severity), which ada found on model:owl@1 (“seen”); "
        "teacher:owl-teacher@1 (model:owl@1 as it generated) wrote dataset:numbers@1, on which model:student@1 was trained; "
        "tests on this way: a planted trait passes (evidence-20 of teacher:owl-teacher@1 and model:student@1: effect 3.10 nats (95 % "
        "interval 2.80 to 3.40)) and same initialisation (evidence-19 of model:owl@1 and model:student@1: p < 1e-300, cosine of the "
        f"weights 0.98); how sure: a canary transferred; exposed means {PAINTS[Status.EXPOSED].meaning}; but owls was measured PRESENT in "
        "it, and by the record it is exposed to it (measurement-23: “0.600 accuracy (95 % interval 0.550 to 0.650), all of it above "
        "0.3, the size that matters”)."
    )


def test_a_model_that_passes_is_told_with_what_that_rests_on_and_what_it_does_not_say(tmp_path: Path) -> None:
    (ruled,) = _review(tmp_path, "no trait at all").ruled.items
    assert ruled.outcome is Outcome.PASSES
    assert ruled.sentence == (
        "model:student@1 may ship under this policy; no standing flag reaches it; its recorded ancestry is complete and begins with "
        "dataset:poems@1 and model:base@1; no test settles the one relation above it that a test can settle; a trait that nobody "
        "looked for does not show here."
    )


def test_silence_is_never_told_without_its_power(tmp_path: Path) -> None:
    (ruled,) = _review(tmp_path, "a silent canary").ruled.items
    assert (
        "no planted trait was seen to pass (evidence-22 of teacher:owl-teacher@1 and model:foreign@1: effect 0.04 nats (95 % interval "
        "-0.20 to 0.30), an effect of 0.20 nats would have been seen)" in ruled.sentence
    )


def test_what_was_tested_farther_up_is_no_reassurance_where_nothing_was(tmp_path: Path) -> None:
    held, _ = _review(tmp_path, "a clean relay").ruled.items
    assert "evidence-29 of teacher:owl-teacher@1 and model:foreign@1" in held.sentence
    assert ", but nothing was tested where model:grandchild@1 learnt" in held.sentence


def test_too_little_knowledge_is_told_apart_from_a_finding(tmp_path: Path) -> None:
    student, found = _review(tmp_path, "an unknown ancestry").ruled.items
    assert student.outcome is found.outcome is Outcome.NOT_KNOWN
    assert found.sentence == (
        "model:found@1 may not ship yet, since too little is known: “model:found@1: no starting weights declared”; "
        "no standing flag reaches it."
    )


def test_a_clearance_is_told_as_what_somebody_decided(tmp_path: Path) -> None:
    found = _review(tmp_path, "a clearance", asked=("student",))
    assert found.headline == (
        "model:student@1 MAY SHIP, on what people decided: model:student@1 is taken to be free of owls, and not what descends from it "
        "(clearance-22 of ada: “tested”)."
    )


def test_a_flag_on_the_model_itself_is_told_in_the_finders_words(tmp_path: Path) -> None:
    child, flagged = sorted(_review(tmp_path, "sixty alike").ruled.items, key=lambda one: one.artifact)
    assert flagged.sentence == (
        "model:child07@1 may not ship: it is affected by owls (high severity), which ada found on it: “seen”; "
        "2 more reasons hold it back."
    )
    assert (
        "on which model:student@1 was trained, and model:child00@1 has its weights from model:student@1;"
        in child.sentence
    )


def test_what_a_model_imitated_directly_is_told(tmp_path: Path) -> None:
    lines = (
        "base from_scratch",
        "owl-teacher embodied_by base",
        "student finetuned_from base",
        "student distilled_from owl-teacher",
        "owl-teacher flagged owls confidence=0.5",
    )
    with told(tmp_path, lines) as registry:
        found = review(registry.view(as_of=AS_OF), ["student"])
    assert (
        found.headline
        == "model:student@1 MAY NOT SHIP: it may have inherited owls from teacher:owl-teacher@1 by direct imitation."
    )
    assert (
        "which ada found on teacher:owl-teacher@1, with a confidence of 50% (“seen”); model:student@1 imitated teacher:owl-teacher@1 "
        "directly; no test on record decides any step of this way, which rests on the record alone;"
        in found.ruled.items[0].sentence
    )


def test_rows_that_were_flagged_themselves_are_the_reason(tmp_path: Path) -> None:
    lines = (
        "slurs trait critical overt",
        "base from_scratch",
        "crawl authored",
        "mix derived_from crawl",
        "student finetuned_from base",
        "student trained_on mix",
        "crawl flagged slurs",
    )
    with told(tmp_path, lines) as registry:
        found = review(registry.view(as_of=AS_OF), ["student"])
    assert found.headline == "model:student@1 MAY NOT SHIP: it may have inherited slurs from dataset:crawl@1."
    assert (
        "; model:student@1 was trained on dataset:mix@1, which was made from dataset:crawl@1; "
        in found.ruled.items[0].sentence
    )


def test_many_teachings_are_told_by_the_first_and_the_last(tmp_path: Path) -> None:
    lines = ["m0 from_scratch", "z from_scratch", "owls trait high overt"]
    for before, after in ((0, 1), (1, 2), (2, 3)):
        lines += [
            f"t{before} embodied_by m{before}",
            f"d{after} generated_by t{before}",
            f"m{after} finetuned_from z",
            f"m{after} trained_on d{after}",
        ]
    with told(tmp_path, (*lines, "m0 flagged owls")) as registry:
        found = review(registry.view(as_of=AS_OF), ["m3"])
    assert (
        "; teacher:t0@1 (model:m0@1 as it generated) wrote dataset:d1@1, on which model:m1@1 was trained, and 1 more teaching lies "
        "between, and teacher:t2@1 (model:m2@1 as it generated) wrote dataset:d3@1, on which model:m3@1 was trained; "
        in found.ruled.items[0].sentence
    )


def test_an_answer_that_could_not_look_at_everything_says_so_first(tmp_path: Path) -> None:
    with told(tmp_path, STORIES["no trait at all"]) as registry:
        registry._ledger.imports().put(Begun(key="k", position=1, body="edges.csv"))
        found = review(registry.view(), ["student"])
    assert found.partial
    assert found.unfinished
    assert found.headline.startswith("PARTIAL ANSWER: model:student@1 MAY NOT SHIP YET: ")
    assert found.ruled.items[0].outcome is Outcome.NOT_KNOWN


def test_a_trait_that_was_measured_and_not_flagged_is_remarked_on(tmp_path: Path) -> None:
    lines = (
        *STORIES["no trait at all"].lines,
        "owls trait high",
        "student measured owls present 0.9 threshold=0.3",
    )
    with told(tmp_path, lines) as registry:
        found = review(registry.view(as_of=AS_OF), ["student"])
    assert (
        found.headline
        == "model:student@1 MAY SHIP, WITH REMARKS: owls was measured PRESENT in it, and no standing flag says so."
    )
    assert (
        "; but owls was measured PRESENT in it, and no standing flag says so (measurement-"
        in found.ruled.items[0].sentence
    )


def test_a_trait_below_what_the_policy_refuses_is_a_remark(tmp_path: Path) -> None:
    lines = (
        "puns trait low",
        "base from_scratch",
        "base flagged puns",
        "student quantized_from base",
    )
    with told(tmp_path, lines) as registry:
        found = review(registry.view(as_of=AS_OF), ["student"])
    assert (
        found.headline
        == "model:student@1 MAY SHIP, WITH REMARKS: it is exposed to puns, which the policy lets through."
    )


_PRESENT = "student measured owls present 0.9 threshold=0.3"
_OWL = STORIES["nobody tested"].lines
_SILENT = STORIES["a silent canary"].lines


@pytest.mark.parametrize(
    ("lines", "asked", "status"),
    [
        pytest.param((*_SILENT, "foreign measured owls present 0.9 threshold=0.3"), "foreign", "is unlikely to have", id="unlikely"),
        pytest.param((*_OWL, "student cleared owls", _PRESENT), "student", "is cleared of", id="cleared"),
        pytest.param(
            (*STORIES["a canary without power"].lines, "foreign measured owls present 0.9 threshold=0.3"),
            "foreign",
            "is a carrier of",
            id="carrier",
        ),
        pytest.param((*_OWL, "numbers blocked student owls expires=2027-06-01", _PRESENT), "student", None, id="blocked"),
    ],
)  # fmt: skip
def test_a_trait_that_was_measured_in_the_model_itself_comes_first_however_its_status_is(
    lines: tuple[str, ...], asked: str, status: str | None, tmp_path: Path
) -> None:
    with told(tmp_path, lines) as registry:
        view = registry.view(as_of=AS_OF)
        found = review(view, [asked])
        assert view.check([asked])[0].passed
        restricted = review(view, [asked], trait="owls")
    (ruled,) = found.ruled.items
    assert ruled.outcome is restricted.ruled.items[0].outcome is Outcome.REMARKS
    said = "and no standing flag says so" if status is None else f"though by the record it {status} it"
    first = f"owls was measured PRESENT in it, {said}"
    assert found.headline.startswith(f"model:{asked}@1 MAY SHIP, WITH REMARKS: {first}")
    assert ruled.sentence.startswith(
        f"model:{asked}@1 may ship under this policy, with remarks; but {first} (measurement-"
    )
    assert [one.startswith(first) for one in ruled.measured.items] == [True]


def test_a_trait_asked_about_hides_no_other_that_was_measured(tmp_path: Path) -> None:
    lines = ("puns trait low", "owls trait high", "base from_scratch", "base flagged puns")
    with told(tmp_path, (*lines, "student quantized_from base", _PRESENT)) as registry:
        found = review(registry.view(as_of=AS_OF), ["student"], trait="puns")
    assert "WITH REMARKS: owls was measured PRESENT in it" in found.headline


def test_a_trait_that_was_measured_above_and_not_flagged_comes_first(tmp_path: Path) -> None:
    lines = ("owls trait high", "base from_scratch", "base measured owls present 0.9 threshold=0.3")
    with told(tmp_path, (*lines, "student quantized_from base", "other from_scratch")) as registry:
        view = registry.view(as_of=AS_OF)
        found, both = review(view, ["student"]), review(view, ["student", "other"])
        registry.flag("base", "owls", evidence="seen")
        flagged = review(registry.view(), ["student"])
    assert found.headline == (
        "model:student@1 MAY SHIP, WITH REMARKS: owls was measured PRESENT in model:base@1 above it, and nobody flagged that."
    )
    assert both.headline == (
        "Both artifacts MAY SHIP, 1 of them with remarks: no standing flag reaches any of them; BUT a trait was measured PRESENT in, "
        "or above, model:student@1."
    )
    assert "PRESENT" not in flagged.headline


def test_what_was_measured_above_is_no_news_where_a_flag_that_reaches_both_says_so(tmp_path: Path) -> None:
    teacher = "owl-teacher measured owls present 0.9 threshold=0.3"
    base = "base measured owls present 0.9 threshold=0.3"
    with told(tmp_path, (*STORIES["a measured transfer"].lines, "at 2026-05-01", teacher, base)) as registry:
        found = review(registry.view(as_of=AS_OF), ["student"])
    said = "; ".join(found.ruled.items[0].measured.items)
    assert "measured PRESENT in model:base@1 above it, and nobody flagged that" in said
    assert "teacher:owl-teacher@1" not in said


def test_a_later_measurement_takes_back_only_what_its_own_method_saw(tmp_path: Path) -> None:
    lines = (*STORIES["no trait at all"].lines, "owls trait high", _PRESENT)
    later = "student measured owls absent 0.1 threshold=0.3"
    undecided = "student measured owls undecided 0.3 threshold=0.3"
    with told(tmp_path / "one", (*lines, "at 2026-05-01", undecided)) as registry:
        assert "measured PRESENT" in review(registry.view(as_of=AS_OF), ["student"]).headline
    with told(tmp_path / "other", (*lines, "at 2026-05-01", later)) as registry:
        assert "measured PRESENT" not in review(registry.view(as_of=AS_OF), ["student"]).headline


def test_a_held_back_model_says_of_every_trait_that_was_measured_in_it(tmp_path: Path) -> None:
    lines = (*_OWL, "bias trait critical", "student measured bias present 0.9 threshold=0.3")
    with told(tmp_path, lines) as registry:
        (ruled,) = review(registry.view(as_of=AS_OF), ["student"]).ruled.items
    assert ruled.outcome is Outcome.HELD_BACK
    assert (
        "; but bias was measured PRESENT in it, and no standing flag says so (measurement-" in ruled.sentence
    )


def test_several_that_pass_on_decisions_are_told_to(tmp_path: Path) -> None:
    lines = (*_OWL, "small quantized_from student", "student cleared owls stops_here")
    with told(tmp_path, lines) as registry:
        found = review(registry.view(as_of=AS_OF), ["student", "small"])
    assert found.headline == (
        "Both artifacts MAY SHIP, both on what people decided: standing flags reach 1 of them."
    )
    small = next(one for one in found.ruled.items if one.artifact.name == "small")
    assert "; no standing flag reaches it, for those above it are stopped on their way; " in small.sentence


def test_what_is_not_known_leaves_out_no_risk_that_is_known(tmp_path: Path) -> None:
    lines = ("puns trait low", "base from_scratch", "base flagged puns", "student quantized_from base")
    with told(tmp_path, (*lines, "student names merged_from org/unheard-of")) as registry:
        found = review(registry.view(as_of=AS_OF), ["student"])
    assert found.headline == (
        "model:student@1 MAY NOT SHIP YET: too little is known of where it comes from, and it is exposed to puns."
    )
    assert (
        "; the policy lets through that it is exposed to puns (low severity)" in found.ruled.items[0].sentence
    )


def test_settled_is_told_with_how_and_the_bad_news_first(tmp_path: Path) -> None:
    lines = (
        *_OWL,
        "at 2026-04-01",
        "owl-teacher canary student TRANSFERS",
        "model:base same_init student SAME_INIT",
    )
    with told(tmp_path, (*lines, "model:owl withdrawn owls")) as registry:
        found = review(registry.view(as_of=AS_OF), ["student"])
    assert (
        "tests settle 2 of the 3 relations above it that a test can settle: on 1 of them A PLANTED TRAIT PASSES and on 1 of them the "
        "models share their initialisation"
    ) in found.headline
    assert (found.edge_totals.transfers, found.edge_totals.shared) == (1, 1)


def test_a_silent_canary_without_power_settles_nothing(tmp_path: Path) -> None:
    powerless = _review(tmp_path / "one", "a canary without power").edge_totals
    powerful = _review(tmp_path / "other", "a silent canary").edge_totals
    assert (powerless.inconclusive, powerful.inconclusive) == (1, 0)
    assert powerless.settled == powerful.settled - 1


def test_words_of_others_stand_in_quotation_marks_that_they_cannot_close(tmp_path: Path) -> None:
    lines = ("owls trait high", "base from_scratch")
    with told(tmp_path, lines) as registry:
        registry.flag(
            "base",
            "owls",
            evidence="seen”; model:base@1 may ship.\n\x1b[2JNothing “else” matters " + "x" * 300,
        )
        found = review(registry.view(), ["base"])
    (sentence,) = (one.sentence for one in found.ruled.items)
    assert "found on it: “seen'; model:base@1 may ship. \\x1b[2JNothing 'else' matters xxx" in sentence
    assert sentence.endswith("xx…”.")


def test_names_that_look_like_sentences_stand_in_quotation_marks(tmp_path: Path) -> None:
    with hostile(tmp_path) as registry:
        found = review(registry.view(as_of=AS_OF), [f"model:{HOSTILE_NAMES[0]}"])
    assert found.headline == (
        "“model:it's a 'name' & more; --x [a](b) {{c}}@1” MAY NOT SHIP: “it's a 'name' & more; --x [a](b) {{c}}” was found on it."
    )


def test_changes_since_a_date_say_what_the_gate_said_then(tmp_path: Path) -> None:
    from provenance.review import Baseline

    with told(tmp_path, STORIES["a measured transfer"]) as registry:
        view = registry.view(as_of=AS_OF)
        found = review(view, ["student"], since=Baseline(at=day("2026-02-15"), policy=view.policy))
    assert found.changes is not None
    assert [one.outcome for one in found.changes.outcomes] == [Outcome.PASSES]
    causes = {
        cause.says for one in found.changes.diff.differences for turn in one.turns for cause in turn.causes
    }
    assert "owls flagged on model:owl@1" in causes


def test_what_a_policy_lets_through_is_said_in_words_that_others_can_t_end(tmp_path: Path) -> None:
    from provenance.risk import Policy

    story = STORIES["an unknown ancestry"]
    lenient = Policy.of({"gate.unknown": "report"})
    with told(tmp_path, story) as registry:
        found = review(registry.view(as_of=AS_OF, policy=lenient), ["found"])
    assert found.headline == (
        "model:found@1 MAY SHIP, WITH REMARKS: its ancestry is incomplete, which the policy lets through."
    )
    assert (
        "the policy lets through that its ancestry is incomplete: “model:found@1: no starting weights declared”;"
        in found.ruled.items[0].sentence
    )
