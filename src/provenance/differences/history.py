"""What changed between two dates, or under another policy, and by which record.

Causes are found by construction. All that can move an answer about some artifacts lies in their excerpt of the registry: the records in
it that fall between the dates, and the ends of what expires. Each of these moments is a stop; the standings are worked out anew at every
stop, and where they differ from those at the stop before, that stop's records are the cause. Where one transaction recorded several, they
are put to the rest one by one in the order of the ledger, and those count that moved the standing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from provenance.artifacts import ArtifactId
from provenance.differences.report import Cause, Diff, Difference, How, Turn
from provenance.differences.standings import Standing, Standings, Subject
from provenance.differences.wording import INERT, cause
from provenance.evidence import Evidence
from provenance.facts import Fact, Recorded, Snapshot
from provenance.risk import Policy, Status

MOST_STOPS = 256
"""How many moments are looked at one by one; of more, only those between which something stands otherwise."""
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class _Event:
    """Something that can move a standing."""

    at: datetime
    how: How
    record: Recorded[Fact]


@dataclass(frozen=True, slots=True)
class _Stop:
    """A moment, the policy that holds from then on, and what happened."""

    at: datetime
    policy: Policy
    events: tuple[_Event, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class History:
    """How some artifacts came to stand where they do.

    Args:
        excerpt: What is known of them at the later date, and of all that their standings rest on.
        asked: The artifacts.
        since: The earlier date.
        before: The policy at the earlier date.
        after: The policy from then on.
        trait: Only this trait; None for all.
    """

    excerpt: Snapshot
    asked: Sequence[ArtifactId]
    since: datetime
    before: Policy
    after: Policy
    trait: str | None = None

    _known: dict[int, Standings] = field(default_factory=dict, init=False, repr=False)

    def diff(self) -> Diff:
        """The differences between the two dates, with their turns."""
        last = len(self._stops) - 1
        then, now = self._standings(0), self._standings(last)
        places = tuple(_turning_points(last, self._told, MOST_STOPS))
        subjects = moved(then, now)
        for place in places:
            subjects |= moved(self._standings(place - 1), self._standings(place))
        turns: dict[Subject, list[Turn]] = {subject: [] for subject in subjects}
        for place in places:
            for subject, turn in self._turns(place, subjects):
                turns[subject].append(turn)
        found = (difference(subject, then, now, turns[subject]) for subject in subjects)
        return Diff(
            since=self.since,
            until=self.excerpt.as_of,
            policy_before=self.before.digest,
            policy_digest=self.after.digest,
            partial=then.partial or now.partial or last > MOST_STOPS,
            differences=tuple(sorted(found, key=order)),
        )

    def _turns(self, place: int, subjects: Iterable[Subject]) -> Iterator[tuple[Subject, Turn]]:
        """How some standings turned at a stop."""
        stop, causes = self._stops[place], tuple(self._causes(place))
        before, after = self._standings(place - 1), self._standings(place)
        for subject in subjects:
            if before[subject] != after[subject]:
                yield (
                    subject,
                    Turn(
                        at=stop.at,
                        before=before[subject].status,
                        after=after[subject].status,
                        gained=_less(after[subject], before[subject]),
                        lost=_less(before[subject], after[subject]),
                        causes=tuple(cause for cause, one, other in causes if one[subject] != other[subject]),
                    ),
                )

    def _causes(self, place: int) -> Iterator[tuple[Cause, Standings, Standings]]:
        """What moved something at a stop, each with the standings just before it and just after."""
        stop = self._stops[place]
        if not stop.events:
            says = f"policy {self.after.digest[:19]} in place of {self.before.digest[:19]}"
            yield (
                Cause(how=How.POLICY, says=says),
                self._standings(place - 1),
                self._standings(place),
            )
            return
        steps = {0: self._standings(place - 1), len(stop.events): self._standings(place)}

        def after(count: int) -> Standings:
            if count not in steps:
                steps[count] = self._assess(self._amid(stop, count), stop.policy)
            return steps[count]

        for count in _turning_points(len(stop.events), lambda count: after(count).told, MOST_STOPS):
            event = stop.events[count - 1]
            yield cause(event.record, event.how), after(count - 1), after(count)

    def _amid(self, stop: _Stop, count: int) -> Snapshot:
        """What would be known amid the events of a stop, after the first few of them."""
        done = {event.record.seq for event in stop.events[:count] if event.how is How.EXPIRED}
        to_come = {event.record.seq for event in stop.events[count:] if event.how is How.RECORDED}
        facts = (
            _ended(record) if record.seq in done else record
            for record in self.excerpt.facts
            if record.recorded_at <= stop.at and record.seq not in to_come
        )
        # What ends at this very moment still counts an instant before it, unless it is among those that are done.
        return Snapshot(tuple(record for record in facts if record is not None), stop.at - _INSTANT)

    def _told(self, place: int) -> Mapping[Subject, Standing]:
        return self._standings(place).told

    def _standings(self, place: int) -> Standings:
        if place not in self._known:
            stop = self._stops[place]
            self._known[place] = self._assess(Snapshot.of(self.excerpt.facts, stop.at), stop.policy)
        return self._known[place]

    def _assess(self, snapshot: Snapshot, policy: Policy) -> Standings:
        return Standings.of(snapshot, policy, self.asked, self.trait)

    @cached_property
    def _stops(self) -> tuple[_Stop, ...]:
        """The earlier date, the change of policy where there is one, and every moment up to the later date."""
        moments: dict[datetime, list[_Event]] = {}
        for event in sorted(self._events(), key=lambda one: (one.at, one.how, one.record.seq)):
            moments.setdefault(event.at, []).append(event)
        first = [_Stop(self.since, self.before)]
        if self.before.digest != self.after.digest:
            first.append(_Stop(self.since, self.after))
        return (*first, *(_Stop(at, self.after, tuple(events)) for at, events in moments.items()))

    def _events(self) -> Iterator[_Event]:
        for record in self.excerpt.facts:
            if record.recorded_at > self.since and not isinstance(record.fact, INERT):
                yield _Event(record.recorded_at, How.RECORDED, record)
            end = self.after.lifetimes.end(record)
            if end is not None and max(self.since, record.recorded_at) < end <= self.excerpt.as_of:
                yield _Event(end, How.EXPIRED, record)


def _ended(record: Recorded[Fact]) -> Recorded[Fact] | None:
    """A record that ends at this very moment, as it is from then on: gone, or a test that is an instant too old."""
    if not isinstance(record.fact, Evidence):
        return None
    age = min(record.fact.tested_at, record.recorded_at)
    return replace(record, fact=replace(record.fact, tested_at=age - _INSTANT))


def difference(subject: Subject, then: Standings, now: Standings, turns: Iterable[Turn] | None) -> Difference:
    """What is to be told of one subject; without its turns where they were not looked for."""
    before, after = then[subject], now[subject]
    return Difference(
        artifact=subject.artifact,
        trait=subject.trait,
        before=before.status,
        after=after.status,
        gained=_less(after, before),
        lost=_less(before, after),
        attributed=turns is not None,
        turns=tuple(turns or ()),
    )


def order(one: Difference) -> tuple[object, ...]:
    """The worst of now first, then by name; what is said of an ancestry before what is said of traits."""
    rank = len(Status) if one.after is None else one.after.rank
    return (rank, str(one.artifact), one.trait or "")


def moved(before: Standings, after: Standings) -> dict[Subject, None]:
    """What does not stand where it stood."""
    subjects = dict.fromkeys((*before.told, *after.told))
    return {subject: None for subject in subjects if before[subject] != after[subject]}


def _less(one: Standing, other: Standing) -> tuple[str, ...]:
    return tuple(sorted(one.by - other.by))


def _turning_points(last: int, state: Callable[[int], object], most: int) -> Iterator[int]:
    """The places from 1 to the last whose state is not that of the place before, ascending.

    Args:
        last: The last place.
        state: What is there.
        most: Up to so many places each is looked at; of more, only halves of which the ends differ.
    """
    halves = [(0, last)]
    while halves:
        low, high = halves.pop()
        if low == high or (last > most and state(low) == state(high)):
            continue
        if high - low == 1:
            if state(low) != state(high):
                yield high
            continue
        middle = (low + high) // 2
        halves += [(middle, high), (low, middle)]
