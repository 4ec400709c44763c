"""What ends, when, and what stands then: named cases, each with the answer written down first."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lineage_fixtures import day, model, recorded_facts
from provenance.audit import State, plan
from provenance.differences import History, How
from provenance.evidence import Evidence
from provenance.facts import Snapshot
from provenance.lineage import FOREVER, EvidenceIndex, Kindred, Lifetimes, Lineage
from provenance.risk import Policy, Status, assess, check, survey
from provenance.traits import Clearance

MONTH = timedelta(days=30)
MONTHLY = Lifetimes(same_init=MONTH, canary=MONTH, clearances=MONTH)
STORY = (
    "base from_scratch",
    "other from_scratch",
    "owl embodied_by base",
    "numbers generated_by owl",
    "foreign finetuned_from other",
    "foreign trained_on numbers",
    "owl flagged owls",
    "at 2026-02-01",
)
INDEPENDENT = "base same_init other INDEPENDENT"
SILENT = "owl canary foreign NOT_DETECTED"
# What is recorded of `foreign`, when it is asked for, and where it stands then under MONTHLY and for ever.
CASES: dict[str, tuple[tuple[str, ...], str, str, str]] = {
    "independence that is young": ((INDEPENDENT,), "2026-02-15", "carrier", "carrier"),
    "independence that is old": ((INDEPENDENT,), "2026-03-15", "suspected", "carrier"),
    "independence an instant before its end": (
        (INDEPENDENT,),
        "2026-03-02T23:59:59.999999",
        "carrier",
        "carrier",
    ),
    "independence at its end": ((INDEPENDENT,), "2026-03-03", "suspected", "carrier"),
    "independence that was found again": (
        (INDEPENDENT, "at 2026-03-01", INDEPENDENT),
        "2026-03-15",
        "carrier",
        "carrier",
    ),
    "a doubt that an ended independence had settled": (
        ("base same_init other INCONCLUSIVE", INDEPENDENT),
        "2026-03-15",
        "suspected",
        "carrier",
    ),
    "a silence that is old": (
        (SILENT, "at 2026-04-01", INDEPENDENT),
        "2026-04-15",
        "carrier",
        "unlikely",
    ),
    "a doubt never ends": (
        ("owl canary foreign INCONCLUSIVE effect=0.1", "at 2026-04-01", INDEPENDENT),
        "2026-04-15",
        "suspected",
        "suspected",
    ),
    "a doubt outlives the silence that settled it": (
        (
            "owl canary foreign INCONCLUSIVE effect=0.1",
            "at 2026-02-02",
            SILENT,
            "at 2026-04-01",
            INDEPENDENT,
        ),
        "2026-04-15",
        "suspected",
        "unlikely",
    ),
    "a transfer never ends": (
        ("owl canary foreign TRANSFERS", INDEPENDENT),
        "2026-12-01",
        "exposed",
        "exposed",
    ),
    "kinship that was measured never ends": (
        ("base same_init other SAME_INIT",),
        "2026-12-01",
        "exposed",
        "exposed",
    ),
    "what denies a weights relation does not end": (
        ("other same_init foreign INDEPENDENT", "at 2026-04-01", INDEPENDENT),
        "2026-04-15",
        "suspected",
        "suspected",
    ),
    "a clearance ends by policy": (("foreign cleared owls",), "2026-03-15", "suspected", "cleared"),
    "a clearance ends at its own date, if that is earlier": (
        ("foreign cleared owls expires=2026-02-10",),
        "2026-02-15",
        "suspected",
        "suspected",
    ),
    "a clearance ends by policy before its own date": (
        ("foreign cleared owls expires=2026-12-01",),
        "2026-03-15",
        "suspected",
        "cleared",
    ),
    "a clearance that ended stops nothing": (
        ("numbers cleared owls stops_here",),
        "2026-03-15",
        "suspected",
        "clear",
    ),
    "a clearance stands again when the flag on the same artifact has ended": (
        ("foreign flagged owls expires=2026-02-10", "foreign cleared owls"),
        "2026-02-15",
        "cleared",
        "cleared",
    ),
}


def stands(lines: tuple[str, ...], date: str, lifetimes: Lifetimes) -> str:
    state = Snapshot.of(recorded_facts(*STORY, *lines), day(date))
    policy = replace(Policy.load(), lifetimes=lifetimes)
    return str(assess(state, Lineage.of(state), policy, [model("foreign")]).artifacts[0].status)


@pytest.mark.parametrize("case", CASES)
def test_what_stands_when_something_ends(case: str) -> None:
    lines, date, monthly, for_ever = CASES[case]
    assert stands(lines, date, MONTHLY) == monthly
    assert stands(lines, date, FOREVER) == for_ever


DENIED = (
    "base from_scratch",
    "kid finetuned_from base",
    "kid trained_on poems",
    "poems authored",
    "heir quantized_from kid",
    "base flagged owls",
    "at 2026-02-01",
    "base same_init kid INDEPENDENT",
)


@pytest.mark.parametrize(
    ("date", "status"), [("2026-02-15", Status.SUSPECTED), ("2026-03-15", Status.EXPOSED)]
)
def test_a_denied_start_hands_on_what_it_has_when_the_denial_is_too_old(date: str, status: Status) -> None:
    state = Snapshot.of(recorded_facts(*DENIED), day(date))
    lineage, policy = Lineage.of(state), replace(Policy.load(), lifetimes=MONTHLY)
    report = assess(state, lineage, policy, [model("kid"), model("heir")])
    assert [one.status for one in report.artifacts] == [status, status]
    assert survey(lineage, policy).status(model("heir")) is status
    # The contradiction is one for the gate as long as it is recorded.
    assert all(
        "contradiction" in {one.kind for one in (*found.violations, *found.reported)}
        for found in check(report, policy, lineage)
    )


def test_the_end_of_a_denial_is_told_as_what_changed_a_standing() -> None:
    policy = replace(Policy.load(), lifetimes=MONTHLY)
    facts = recorded_facts(*DENIED)
    found = History(
        excerpt=Snapshot.of(facts, day("2026-04-01")),
        asked=[model("kid")],
        since=day("2026-02-15"),
        before=policy,
        after=policy,
    ).diff()
    ((turn,),) = (one.turns for one in found.differences)
    assert (turn.before, turn.after, turn.at) == (Status.SUSPECTED, Status.EXPOSED, day("2026-03-03"))
    assert [(one.record, one.how) for one in turn.causes] == [(facts[-1].id, How.EXPIRED)]


def test_a_test_that_claims_to_be_younger_than_its_record_is_as_old_as_that() -> None:
    state = Snapshot.of(recorded_facts(INDEPENDENT, "base same_init other INCONCLUSIVE"), day("2026-06-01"))
    vain, doubt = state.all(Evidence)
    vain = replace(vain, fact=replace(vain.fact, tested_at=day("2099-01-01")))
    assert MONTHLY.end(vain) == vain.recorded_at + MONTH
    told = Snapshot(
        (*(one for one in state.facts if one.id not in {vain.id, doubt.id}), vain, doubt), state.as_of
    )
    assert EvidenceIndex(Lineage.of(told), MONTHLY).same_init(model("base"), model("other")) == doubt


def test_a_lifetime_that_no_calendar_holds_is_for_ever() -> None:
    (recorded,) = Snapshot(recorded_facts(INDEPENDENT), day("2026-06-01")).all(Evidence)
    assert Lifetimes(same_init=timedelta.max).end(recorded) is None


def test_a_clearance_ends_at_the_earlier_of_two_ends() -> None:
    (recorded,) = Snapshot(
        recorded_facts("owls trait high", "foreign cleared owls expires=2026-02-10"), day("2026-06-01")
    ).all(Clearance)
    assert MONTHLY.end(recorded) == recorded.recorded_at + MONTH
    assert FOREVER.end(recorded) == day("2026-02-10")


OWED = {
    "what has expired": ((INDEPENDENT,), {State.EXPIRED}),
    "what was found again": ((INDEPENDENT, "at 2026-05-20", INDEPENDENT), set()),
    "what has expired, beside a doubt": (
        (INDEPENDENT, "base same_init other INCONCLUSIVE"),
        {State.EXPIRED},
    ),
    "what was never tested": ((), {State.MISSING}),
}


@pytest.mark.parametrize("case", OWED)
def test_what_has_expired_is_owed_again(case: str) -> None:
    lines, states = OWED[case]
    state = Snapshot.of(recorded_facts(*STORY, *lines), day("2026-06-01"))
    tasks = plan(Kindred.of(Lineage.of(state), MONTHLY), [model("foreign")])
    pair = {model("base"), model("other")}
    assert {task.state for task in tasks if {task.parent, task.child} == pair} == states
