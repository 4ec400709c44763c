"""Laws of time that hold for every registry, on registries that Hypothesis makes up."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from dated_registries import OF, dates, lifetimes, registries
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lineage_fixtures import model, recorded_facts
from provenance.artifacts import ArtifactId
from provenance.differences import Diff, Difference, History, How
from provenance.differences.standings import Standings, Subject
from provenance.evidence import Evidence
from provenance.facts import Fact, Recorded, Snapshot
from provenance.lineage import FOREVER, EvidenceIndex, Lifetimes, Lineage
from provenance.risk import Policy, RiskReport, Status, assess
from provenance.traits import Clearance

ASKED = tuple(map(model, OF))
DEFAULT = Policy.load()
INSTANT = timedelta(microseconds=1)
FAR = timedelta(days=1000)

many = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
some = settings(many, max_examples=60)


def policy_of(lasting: Lifetimes) -> Policy:
    return replace(DEFAULT, lifetimes=lasting)


def report(snapshot: Snapshot, lasting: Lifetimes = FOREVER) -> RiskReport:
    lineage = Lineage.of(snapshot)
    asked = [one for one in ASKED if lineage.recorded(one)]
    return assess(snapshot, lineage, policy_of(lasting), asked)


def statuses(snapshot: Snapshot, lasting: Lifetimes = FOREVER) -> dict[ArtifactId, Status]:
    return {one.artifact: one.status for one in report(snapshot, lasting).artifacts}


def diff(
    facts: Sequence[Recorded[Fact]], since: datetime, until: datetime, lasting: Lifetimes = FOREVER
) -> Diff:
    policy = policy_of(lasting)
    excerpt = Snapshot.of(facts, until)
    return History(excerpt=excerpt, asked=ASKED, since=since, before=policy, after=policy).diff()


def by_subject(found: Diff) -> dict[Subject, Difference]:
    return {Subject(one.artifact, one.trait): one for one in found.differences}


@many
@given(registries(), dates(), lifetimes())
def test_that_something_expires_never_improves_a_status(
    lines: list[str], date: datetime, lasting: Lifetimes
) -> None:
    state = Snapshot.of(recorded_facts(*lines), date)
    under_lifetimes, for_ever = statuses(state, lasting), statuses(state)
    assert all(under_lifetimes[one].rank <= for_ever[one].rank for one in for_ever)


@many
@given(registries(), dates(), lifetimes())
def test_what_has_expired_is_as_if_it_had_never_been_recorded(
    lines: list[str], date: datetime, lasting: Lifetimes
) -> None:
    state = Snapshot.of(recorded_facts(*lines), date)
    index = EvidenceIndex(Lineage.of(state), lasting)
    left = tuple(
        one
        for one in state.facts
        if not (isinstance(one.fact, Evidence) and index.has_expired(one))
        and not (isinstance(one.fact, Clearance) and lasting.has_ended(one, date))
    )
    # What denies a relation is left, so that its end still has to be heeded.
    assert statuses(state, lasting) == statuses(Snapshot(left, date), lasting)


@many
@given(registries(), dates(), lifetimes())
def test_a_test_that_has_ended_eases_nothing(lines: list[str], date: datetime, lasting: Lifetimes) -> None:
    state = Snapshot.of(recorded_facts(*lines), date)
    left = tuple(
        one for one in state.facts if not (isinstance(one.fact, Evidence) and lasting.has_ended(one, date))
    )
    under_lifetimes, without = statuses(state, lasting), statuses(Snapshot(left, date), lasting)
    assert all(under_lifetimes[one].rank <= without[one].rank for one in without)


@many
@given(registries(), dates(), dates(), lifetimes())
def test_an_answer_as_of_a_date_is_the_same_whenever_it_is_asked(
    lines: list[str], date: datetime, later: datetime, lasting: Lifetimes
) -> None:
    assume(date <= later)
    facts = recorded_facts(*lines)
    asked_then = tuple(one for one in facts if one.recorded_at <= date)
    known_later = tuple(one for one in facts if one.recorded_at <= later)
    assert report(Snapshot.of(known_later, date), lasting) == report(Snapshot(asked_then, date), lasting)


@some
@given(registries(), dates(), lifetimes())
def test_nothing_differs_between_a_date_and_itself(
    lines: list[str], date: datetime, lasting: Lifetimes
) -> None:
    assert diff(recorded_facts(*lines), date, date, lasting).differences == ()


@some
@given(registries(), st.lists(dates(), min_size=3, max_size=3, unique=True), lifetimes())
def test_differences_compose(lines: list[str], days: list[datetime], lasting: Lifetimes) -> None:
    first, middle, last = sorted(days)
    facts = recorded_facts(*lines)
    whole = by_subject(diff(facts, first, last, lasting))
    for since, until in ((first, middle), (middle, last)):
        part = by_subject(diff(facts, since, until, lasting))
        assert part.keys() <= whole.keys()
        for subject, one in part.items():
            within = [turn for turn in whole[subject].turns if since < turn.at <= until]
            assert within == list(one.turns)
            if since == first:
                assert one.before is whole[subject].before
            if until == last:
                assert one.after is whole[subject].after


@some
@given(registries(), dates(), dates(), lifetimes())
def test_what_is_told_of_both_dates_is_what_stands_at_them(
    lines: list[str], since: datetime, until: datetime, lasting: Lifetimes
) -> None:
    assume(since <= until)
    facts = recorded_facts(*lines)
    told = by_subject(diff(facts, since, until, lasting))
    then, now = (Standings.of(Snapshot.of(facts, date), policy_of(lasting), ASKED) for date in (since, until))
    for subject in {*then.told, *now.told, *told}:
        if subject in told:
            assert (told[subject].before, told[subject].after) == (then[subject].status, now[subject].status)
        else:
            assert then[subject] == now[subject]


@some
@given(registries(), dates(), dates(), lifetimes())
def test_turns_lead_from_the_standing_then_to_the_standing_now_and_each_has_a_cause(
    lines: list[str], since: datetime, until: datetime, lasting: Lifetimes
) -> None:
    assume(since <= until)
    facts = recorded_facts(*lines)
    told = diff(facts, since, until, lasting)
    assert not told.partial
    for one in told.differences:
        chain = [one.before, *(turn.after for turn in one.turns)]
        assert [turn.before for turn in one.turns] == chain[:-1]
        assert chain[-1] is one.after
        assert all(turn.causes for turn in one.turns)
        assert all(since < turn.at <= until for turn in one.turns)


@some
@given(registries(), dates(), dates(), lifetimes(), st.data())
def test_a_cause_that_is_taken_away_takes_its_turn_away(
    lines: list[str], since: datetime, until: datetime, lasting: Lifetimes, data: st.DataObject
) -> None:
    assume(since < until)
    facts = recorded_facts(*lines)
    turns = [
        (one, turn)
        for one in diff(facts, since, until, lasting).differences
        for turn in one.turns
        if len(turn.causes) == 1 and not str(turn.causes[0].record).startswith("artifact-")
    ]
    assume(turns)
    one, turn = data.draw(st.sampled_from(turns))
    (cause,) = turn.causes
    at = turn.at
    if cause.how is How.RECORDED:
        without = [fact for fact in facts if fact.id != cause.record]
    else:  # what lasts, where the cause is its end: as if it were found again at that moment, for as long
        without = [lasting_on(fact, at) if fact.id == cause.record else fact for fact in facts]
    again = [
        other
        for found in diff(without, since, until, lasting).differences
        if (found.artifact, found.trait) == (one.artifact, one.trait)
        for other in found.turns
    ]
    assert at not in [other.at for other in again]


def lasting_on(recorded: Recorded[Fact], end: datetime) -> Recorded[Fact]:
    """A record that does not end when it does."""
    fact = recorded.fact
    if isinstance(fact, Evidence):
        return replace(recorded, recorded_at=end - INSTANT, fact=replace(fact, tested_at=end - INSTANT))
    later = replace(recorded, fact=replace(fact, expires_at=end + FAR))  # type: ignore[type-var, call-arg]
    return replace(later, recorded_at=end - INSTANT) if isinstance(fact, Clearance) else later
