"""A timeline shows each flag from when it was raised to how it ended, and says the same in words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from lineage_fixtures import dataset, model, snapshot, teacher
from provenance.facts import Recorded, Snapshot
from provenance.lineage import Lifetimes
from provenance.render.timeline_picture import MOST_SPANS, spans, timeline, timeline_told
from provenance.traits import Flag

STORY = (
    "owls trait high",
    "owl embodied_by base",
    "numbers generated_by owl",
    "student trained_on numbers",
    "at 2026-02-01",
    "owl flagged owls",
    "student flagged vanity expires=2026-08-01",
    "numbers blocked student owls expires=2027-01-01",
    "at 2026-05-05",
    "owl withdrawn owls",
    "student cleared owls expires=2026-09-01",
    "owl flagged owls",
)
LINEAGE = (model("base"), teacher("owl"), dataset("numbers"), model("student"))


def _words(svg: bytes | None) -> str:
    assert svg is not None
    root = ET.fromstring(svg)
    return " ".join(" ".join(part.itertext()) for part in root.iter() if part.tag.endswith("text"))


def test_each_record_says_how_it_stands_at_the_date_asked_for() -> None:
    found = {span.record: span.outcome for span in spans(snapshot(*STORY), LINEAGE)}
    assert list(found.values()) == [
        "stands",
        "withdrawn 2026-05-05",
        "expired 2026-08-01",
        "expired 2026-09-01",
        "stands until 2027-01-01",
    ]
    earlier = spans(snapshot(*STORY, as_of="2026-04-01"), LINEAGE)
    assert [span.outcome for span in earlier] == [
        "stands",
        "stands until 2026-08-01",
        "stands until 2027-01-01",
    ]


def test_only_what_concerns_the_lineage_and_the_trait_is_drawn() -> None:
    state = snapshot(*STORY)
    assert [span.trait for span in spans(state, [model("student")])] == ["vanity", "owls", "owls"]
    assert [span.record for span in spans(state, LINEAGE, trait="vanity")] == [
        span.record for span in spans(state, LINEAGE) if span.trait == "vanity"
    ]
    assert timeline(state, [model("base")]) is None
    assert timeline_told(state, [model("base")]).startswith("No flags, as of 2026-12-31")


def test_a_policy_that_ends_clearances_ends_their_line() -> None:
    short = Lifetimes(clearances=timedelta(days=10))
    (clearance,) = (
        span for span in spans(snapshot(*STORY), LINEAGE, lifetimes=short) if "clear" in span.record
    )
    assert clearance.outcome == "expired 2026-05-15"


def test_the_same_records_give_the_same_bytes_and_nothing_in_them_is_fetched() -> None:
    state = snapshot(*STORY)
    svg = timeline(state, LINEAGE)
    assert svg == timeline(state, frozenset(LINEAGE))
    assert timeline(state, LINEAGE, form="png") == timeline(state, LINEAGE, form="png")
    assert svg is not None
    for fetched in (b"@import", b"url(http", b"<script", b"<image", b'href="http'):
        assert fetched not in svg


def test_picture_and_words_say_the_same() -> None:
    state = snapshot(*STORY)
    drawn, words = _words(timeline(state, LINEAGE)), timeline_told(state, LINEAGE)
    for span in spans(state, LINEAGE):
        assert f"{span.record}: {span.trait}" in drawn
        assert f"{span.record}, {span.trait} on " in words
        assert span.outcome in drawn
        assert f": {span.outcome}" in words
    assert "3 flags, 1 standing; 1 clearance, none standing; 1 block, 1 standing" in drawn
    assert "as of 2026-12-31 00:00 UTC" in drawn


def test_of_many_records_those_that_stand_come_first_and_the_rest_is_counted() -> None:
    lines = [f"m{number:02} flagged owls" for number in range(MOST_SPANS + 5)]
    state = snapshot(*lines, "m00 withdrawn owls")
    drawn = _words(timeline(state, state.artifacts))
    assert "the first 40; 5 more are not drawn" in drawn
    assert "withdrawn" not in drawn.partition("model:m39")[0]
    assert timeline_told(state, state.artifacts).endswith("; 5 more are not told.")


@pytest.mark.parametrize("moment", ["0001-01-02", "1969-12-31", "2026-11-22", "9999-12-31"])
def test_any_date_that_a_calendar_holds_can_be_asked_for(moment: str) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    flag = Flag(artifact=model("base"), trait="owls", evidence="seen", expires_at=at)
    for recorded_at in (at, at - timedelta(days=1)):
        state = Snapshot((Recorded(1, flag, "tester", recorded_at),), at)
        assert timeline(state, [model("base")], form="png")


def test_hostile_names_are_text() -> None:
    name = '$x^2$ <b a="1"> \u202egnp 梟'
    state = snapshot("base flagged owls")
    facts = tuple(
        replace(one, fact=replace(one.fact, trait=name)) if isinstance(one.fact, Flag) else one
        for one in state.facts
    )
    hostile = replace(state, facts=facts)
    assert 'flag-3: $x^2$ <b a="1"> \ufffdgnp \ufffd' in _words(timeline(hostile, [model("base")]))
    assert "\u202e" not in timeline_told(hostile, [model("base")])
