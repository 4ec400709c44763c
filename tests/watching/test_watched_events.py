"""Events: what happened to flags since a place in the ledger, in order, each with what it changed by itself."""

import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from watching_fixtures import NAMES, OWL, tell

from lineage_fixtures import teacher
from provenance import Registry
from provenance.errors import UnknownReferenceError, UsageError
from provenance.flag_rows import FlagRow
from provenance.watching import Event, EventKind, Mark


def told(events: list[Event]) -> list[tuple[str, str]]:
    return [(str(one.event), one.flag) for one in events]


def changes(event: Event) -> dict[str, tuple[str, str]]:
    return {one.artifact.name: (str(one.before), str(one.after)) for one in event.changed}


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=2)


def wait_for(moment: datetime) -> None:
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()) + 0.01)


def test_flags_raised_withdrawn_and_ended_are_told_in_order_each_with_what_it_changed(
    opened: Registry,
) -> None:
    ends = soon()
    first = opened.flag("owl", "owls", evidence="seen", expires_at=ends).recorded
    second = opened.flag("base", "owls", evidence="seen").recorded
    third = opened.flag("owl", "cats", evidence="seen").recorded
    taken = opened.withdraw(second.id, reason="wrong").recorded
    wait_for(ends)
    events = list(opened.watch())
    assert told(events) == [
        ("flag_raised", first.id),
        ("flag_raised", second.id),
        ("flag_raised", third.id),
        ("flag_withdrawn", second.id),
        ("flag_expired", first.id),
    ]
    assert [one.position for one in events] == [first.seq, second.seq, third.seq, taken.seq, first.seq]
    assert [one.moment for one in events] == [
        first.recorded_at,
        second.recorded_at,
        third.recorded_at,
        taken.recorded_at,
        ends,
    ]
    affected = {
        "owl": ("clear", "affected"),
        "numbers": ("clear", "carrier"),
        "student": ("clear", "exposed"),
    }
    assert changes(events[0]) == affected | {"small": ("clear", "exposed")}
    assert changes(events[1]) == {"base": ("clear", "affected")}
    assert changes(events[3]) == {"base": ("affected", "clear")}
    assert changes(events[4]) == {
        name: (after, before) for name, (before, after) in changes(events[0]).items()
    }
    assert (events[0].artifact, events[0].trait, events[0].severity) == (teacher("owl"), "owls", "high")
    assert len({one.id for one in events}) == 5


def test_each_event_says_where_to_go_on_after_it(opened: Registry) -> None:
    ends = soon()
    flag = opened.flag("owl", "owls", evidence="seen", expires_at=ends).recorded.id
    opened.flag("other", "owls", evidence="seen")
    opened.flag("other", "cats", evidence="seen", expires_at=ends - timedelta(seconds=0.2))
    wait_for(ends)
    opened.withdraw(flag, reason="wrong")
    events = list(opened.watch())
    assert len(events) == 6
    for place, event in enumerate(events):
        assert list(opened.watch(after=event.mark)) == events[place + 1 :]
    ids = [one.id for one in events]
    assert [one.id for one in opened.watch(after=events[1].position)] == ids[2:]


def test_a_withdrawn_flag_does_not_end_and_an_ended_one_is_withdrawn_without_effect(opened: Registry) -> None:
    ends = soon()
    rows = [
        FlagRow(artifact="owl", trait=trait, evidence="seen", expires_at=ends) for trait in ("owls", "cats")
    ]
    early, late = (one.id for one in opened.flag_many(rows).recorded)
    opened.withdraw(early, reason="wrong")
    wait_for(ends)
    opened.withdraw(late, reason="wrong")
    events = list(opened.watch())
    assert told(events)[2:] == [("flag_withdrawn", early), ("flag_expired", late), ("flag_withdrawn", late)]
    assert [len(one.changed) for one in events[2:]] == [4, 4, 0]


def test_flags_that_end_at_the_same_moment_end_one_after_the_other(opened: Registry) -> None:
    ends = soon()
    rows = [
        FlagRow(artifact="owl", trait="owls", evidence=evidence, expires_at=ends)
        for evidence in ("seen", "seen by another")
    ]
    first, second = (one.id for one in opened.flag_many(rows).recorded)
    wait_for(ends)
    events = [one for one in opened.watch() if one.event is EventKind.EXPIRED]
    assert told(events) == [("flag_expired", first), ("flag_expired", second)]
    assert [len(one.changed) for one in events] == [0, 4]


def test_flags_of_one_transaction_are_told_one_after_the_other(opened: Registry) -> None:
    rows = [FlagRow(artifact=name, trait="owls", evidence="seen") for name in ("owl", "base")]
    opened.flag_many(rows)
    first, second = opened.watch()
    assert set(changes(first)) == {"owl", "numbers", "student", "small"}
    assert set(changes(second)) == {"base"}
    assert first.head == second.head == opened.head().digest


def test_of_named_artifacts_only_what_bears_on_them_or_what_is_below_is_told(opened: Registry) -> None:
    above = opened.flag("owl", "owls", evidence="seen").recorded.id
    elsewhere = opened.flag("cousin", "owls", evidence="seen").recorded.id
    below = opened.flag("small", "cats", evidence="seen").recorded.id
    nothing = opened.flag("small", "cats", evidence="seen twice").recorded.id
    events = list(opened.watch(["student"]))
    assert told(events) == [("flag_raised", above), ("flag_raised", below), ("flag_raised", nothing)]
    assert [set(changes(one)) for one in events] == [{"student", "small"}, {"small"}, set()]
    assert [one.flag for one in opened.watch(["student"], trait="cats")] == [below, nothing]
    assert [one.flag for one in opened.watch(trait="owls")] == [above, elsewhere]


def test_what_was_registered_later_is_not_told_to_have_changed(opened: Registry) -> None:
    opened.flag("owl", "owls", evidence="seen")
    opened.register_model(name="late")
    opened.relate("late", "trained_on", "numbers")
    (event,) = opened.watch()
    assert "late" not in changes(event)


def test_a_place_that_is_not_in_the_ledger_or_a_name_that_is_not_recorded_is_refused(
    opened: Registry,
) -> None:
    with pytest.raises(UsageError, match="no position 99 in the ledger"):
        opened.watch(after=99)
    with pytest.raises(UnknownReferenceError, match="there is no trait 'dogs'"):
        opened.watch(trait="dogs")
    with pytest.raises(UnknownReferenceError, match="'nobody' is registered"):
        opened.watch(["nobody"])


def test_the_end_of_a_flag_is_told_though_the_clock_of_who_raised_it_was_behind(opened: Registry) -> None:
    ends = soon()
    before = opened.head().entries
    flag = opened.flag("owl", "owls", evidence="seen", expires_at=ends).recorded.id
    wait_for(ends)
    ahead = Mark(position=before, moment=ends + timedelta(hours=1), flag=before)
    raised, expired = opened.watch(after=ahead)
    assert told([raised, expired]) == [("flag_raised", flag), ("flag_expired", flag)]
    assert [one.id for one in opened.watch(after=raised.mark)] == [expired.id]
    assert list(opened.watch(after=expired.mark)) == []


def test_a_long_story_is_read_in_parts(opened: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provenance.store.watch._AT_ONCE", 2)
    ends = soon()
    rows = [
        FlagRow(
            artifact="other", trait="owls", evidence=f"seen {number}", expires_at=ends if number % 2 else None
        )
        for number in range(5)
    ]
    flags = [one.id for one in opened.flag_many(rows).recorded]
    wait_for(ends)
    assert told(list(opened.watch())) == [
        *(("flag_raised", flag) for flag in flags),
        ("flag_expired", flags[1]),
        ("flag_expired", flags[3]),
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    acts=st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(("owls", "cats")), st.booleans()), max_size=8
    )
)
def test_what_events_tell_adds_up_to_where_everything_stands(
    template: Path, tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, str, bool]]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "adds-up"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(template, folder)
    with Registry.open(folder, actor="tester") as registry:
        standing = {one.artifact: one.status for one in registry.view().risks().artifacts}
        told = {trait: dict(standing) for trait in ("owls", "cats")}
        for number, (name, trait, taken) in enumerate(acts):
            flag = registry.flag(name, trait, evidence=f"seen {number}").recorded.id
            if taken:
                registry.withdraw(flag, reason="wrong")
        for event in registry.watch():
            for change in event.changed:
                assert told[change.trait][change.artifact] is change.before
                told[change.trait][change.artifact] = change.after
        for trait, stands in told.items():
            report = registry.view().risks(trait=trait)
            assert stands == {one.artifact: one.status for one in report.artifacts}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    with Registry.init(folder) as registry:
        tell(registry, *OWL)
    return folder
