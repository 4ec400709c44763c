"""What changed between two dates, and why: named cases, each with the answer written down first."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lineage_fixtures import day, model, recorded_facts
from provenance.differences import Diff, History, How
from provenance.facts import Snapshot
from provenance.lineage import FOREVER, Lifetimes
from provenance.risk import Policy

YEAR = timedelta(days=365)
STORY = (
    "base from_scratch",
    "other from_scratch",
    "owl embodied_by base",
    "numbers generated_by owl",
    "student finetuned_from base",
    "student trained_on numbers",
    "foreign finetuned_from other",
    "foreign trained_on numbers",
    "owls trait high",
    "at 2026-02-01",
)


def diff(
    *lines: str,
    of: str = "student",
    since: str = "2026-01-15",
    until: str = "2026-12-31",
    lifetimes: Lifetimes = FOREVER,
    before: Policy | None = None,
) -> Diff:
    policy = replace(Policy.load(), lifetimes=lifetimes)
    excerpt = Snapshot.of(recorded_facts(*lines), day(until))
    return History(
        excerpt=excerpt, asked=[model(of)], since=day(since), before=before or policy, after=policy
    ).diff()


def told(found: Diff, trait: str | None = "owls") -> list[tuple[object, ...]]:
    """Each turn of a trait as (day, before, after, how and which record)."""
    return [
        (
            f"{turn.at:%m-%d}",
            turn.before and str(turn.before),
            turn.after and str(turn.after),
            *(f"{cause.how}: {cause.says}" for cause in turn.causes),
        )
        for one in found.differences
        if one.trait == trait
        for turn in one.turns
    ]


CASES: dict[str, tuple[tuple[str, ...], list[tuple[object, ...]]]] = {
    "a flag": (
        ("owl flagged owls",),
        [("02-01", "clear", "exposed", "recorded: owls flagged on teacher:owl@1")],
    ),
    "a flag that was withdrawn again": (
        ("owl flagged owls", "at 2026-03-01", "owl withdrawn owls"),
        [
            ("02-01", "clear", "exposed", "recorded: owls flagged on teacher:owl@1"),
            ("03-01", "exposed", "clear", "recorded: flag-14 withdrawn: retracted"),
        ],
    ),
    "a flag that ended": (
        ("owl flagged owls expires=2026-07-01",),
        [
            ("02-01", "clear", "exposed", "recorded: owls flagged on teacher:owl@1"),
            ("07-01", "exposed", "clear", "expired: owls flagged on teacher:owl@1"),
        ],
    ),
    "a block and its end": (
        ("numbers blocked student owls expires=2026-05-01", "at 2026-03-01", "owl flagged owls"),
        [
            ("05-01", "clear", "exposed", "expired: owls blocked from dataset:numbers@1 to model:student@1"),
        ],
    ),
    "a clearance and its end": (
        ("owl flagged owls", "at 2026-03-01", "student cleared owls expires=2026-04-01"),
        [
            ("02-01", "clear", "exposed", "recorded: owls flagged on teacher:owl@1"),
            ("03-01", "exposed", "cleared", "recorded: model:student@1 cleared of owls"),
            ("04-01", "cleared", "exposed", "expired: model:student@1 cleared of owls"),
        ],
    ),
    "a relation to what is flagged already": (
        ("base flagged owls", "at 2026-03-01", "student finetuned_from base", "student merged_from other"),
        [
            ("02-01", "clear", "exposed", "recorded: owls flagged on model:base@1"),
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_turn_is_told_with_its_cause(case: str) -> None:
    lines, expected = CASES[case]
    assert told(diff(*STORY, *lines)) == expected


def test_evidence_that_is_recorded_and_evidence_that_expires_are_causes() -> None:
    lines = (*STORY, "owl flagged owls", "at 2026-03-01", "base same_init other INDEPENDENT")
    found = diff(*lines, of="foreign", lifetimes=Lifetimes(same_init=timedelta(days=30)))
    test = "same-init of model:base@1 and model:other@1: INDEPENDENT"
    assert told(found) == [
        ("02-01", "clear", "suspected", "recorded: owls flagged on teacher:owl@1"),
        ("03-01", "suspected", "carrier", f"recorded: {test}"),
        ("03-31", "carrier", "suspected", f"expired: {test}"),
    ]


def test_an_artifact_that_was_not_recorded_had_no_status() -> None:
    lines = (*STORY, "base flagged owls", "at 2026-03-01", "heir finetuned_from student")
    found = diff(*lines, of="heir")
    (trait,) = (one for one in found.differences if one.trait == "owls")
    assert (trait.before, trait.after, trait.gained) == (None, "exposed", ("flag-14",))
    assert told(found) == [
        ("03-01", None, "unknown", "recorded: model:heir@1 registered"),
        ("03-01", "unknown", "exposed", "recorded: model:heir@1 finetuned_from model:student@1"),
    ]


def test_another_flag_is_told_though_the_status_stays() -> None:
    found = diff(*STORY, "owl flagged owls", "at 2026-03-01", "base flagged owls", since="2026-02-15")
    (one,) = found.differences
    assert (one.before, one.after, len(one.gained), one.lost) == ("exposed", "exposed", 1, ())


def test_a_gap_in_the_ancestry_is_told_apart_from_traits() -> None:
    found = diff(*STORY, "student names merged_from org/llama")
    (one,) = found.differences
    assert (one.trait, one.before, one.after) == (None, "clear", "unknown")
    assert one.gained == ("model:student@1: merged_from 'org/llama', which is not registered",)
    assert told(found, None) == [
        (
            "02-01",
            "clear",
            "unknown",
            "recorded: model:student@1 merged_from 'org/llama', which is not registered",
        )
    ]


def test_another_policy_is_a_cause_at_the_beginning() -> None:
    lines = (*STORY, "owl flagged owls", "base same_init other INDEPENDENT")
    strict = Policy.load()
    lax = replace(strict, digest="blake3:lax", any_init=strict.any_init)
    doubting = replace(strict, lifetimes=Lifetimes(same_init=timedelta(days=1)), digest="blake3:doubting")
    excerpt = Snapshot.of(recorded_facts(*lines), day("2026-06-01"))
    found = History(
        excerpt=excerpt,
        asked=[model("foreign")],
        since=day("2026-06-01"),
        before=lax,
        after=doubting,
    ).diff()
    (turn,) = found.differences[0].turns
    assert (turn.before, turn.after, turn.at) == ("carrier", "suspected", day("2026-06-01"))
    assert [(one.how, one.record) for one in turn.causes] == [(How.POLICY, None)]


def test_nothing_changes_between_a_date_and_itself() -> None:
    found = diff(*STORY, "owl flagged owls", since="2026-06-01", until="2026-06-01")
    assert found.differences == ()
    assert not found.partial


def test_records_of_other_lineages_are_no_moments() -> None:
    found = diff(*STORY, "stranger from_scratch", "stranger flagged owls")
    assert found.differences == ()


def test_the_end_of_a_test_whose_denial_stays_is_no_cause() -> None:
    lines = (*STORY, "owl flagged owls", "at 2026-02-10", "other same_init foreign INDEPENDENT")
    lines = (
        *lines,
        "at 2026-03-01",
        "base same_init other INDEPENDENT",
        "at 2026-03-12",
        "base flagged owls",
        "other flagged owls",
    )
    found = diff(
        *lines,
        of="foreign",
        since="2026-03-10",
        until="2026-03-20",
        lifetimes=Lifetimes(same_init=timedelta(days=30)),
    )
    assert [turn[3:] for turn in told(found)] == [
        ("recorded: owls flagged on model:base@1",),
        ("recorded: owls flagged on model:other@1",),
    ]


def test_what_ends_and_what_is_recorded_at_one_moment_are_both_causes() -> None:
    lines = (*STORY, "numbers blocked student owls expires=2026-03-01", "owl flagged owls")
    found = diff(*lines, "at 2026-03-01", "base flagged owls")
    assert told(found) == [
        (
            "03-01",
            "clear",
            "exposed",
            "expired: owls blocked from dataset:numbers@1 to model:student@1",
            "recorded: owls flagged on model:base@1",
        )
    ]


def test_of_one_moment_only_the_records_that_moved_it_are_causes() -> None:
    written = recorded_facts(*STORY, "owl flagged owls", "other flagged owls", "stranger finetuned_from base")
    moment = day("2026-02-01")
    together = tuple(replace(one, recorded_at=min(one.recorded_at, moment)) for one in written)
    policy = Policy.load()
    found = History(
        excerpt=Snapshot(together, day("2026-12-31")),
        asked=[model("student")],
        since=day("2026-01-15"),
        before=policy,
        after=policy,
    ).diff()
    assert told(found) == [("02-01", "clear", "exposed", "recorded: owls flagged on teacher:owl@1")]
