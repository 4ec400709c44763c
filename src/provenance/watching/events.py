"""Events: what happened to flags after a place in the ledger, each with the artifacts whose standing it changed.

A flag is raised and withdrawn by a record, and ends by itself at its date; so a mark in this story has two hands, one on the ledger and
one on the clock. Each event tells what changed by it alone: where artifacts stood just before and just after, as of its moment.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from provenance.artifacts import ArtifactId
from provenance.digests import digest_bytes
from provenance.effects import changed
from provenance.errors import UsageError
from provenance.facts import Recorded, Snapshot, canonical_json, to_json, utc_text
from provenance.lineage import Lineage
from provenance.risk import Change, Policy
from provenance.store import Ledger
from provenance.store.watch import News
from provenance.traits import Flag, Severity, Withdrawal


class EventKind(StrEnum):
    """What happened to a flag."""

    RAISED = "flag_raised"
    WITHDRAWN = "flag_withdrawn"
    EXPIRED = "flag_expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far the story was told.

    Args:
        position: All that was recorded up to this position in the ledger.
        moment: All that ended by itself before this moment, aware, UTC,
        flag: and at this very moment, of the flags up to this position.
    """

    position: int
    moment: datetime
    flag: int

    @property
    def ended(self) -> tuple[datetime, int]:
        """The hand on the clock, for comparing."""
        return self.moment, self.flag


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a flag.

    Args:
        id: The same whenever and to whomever this event is told; who hears it twice may drop it.
        event: What happened.
        flag: Id of the flag.
        artifact: The flagged artifact.
        trait: The trait.
        severity: The trait's severity.
        position: Position in the ledger of what was recorded: the flag, or its withdrawal.
        moment: When it was recorded, or when the flag ended; aware, UTC.
        head: Digest of the last transaction of the ledger at that moment.
        policy_digest: Digest of the policy that was applied.
        changed: The artifacts whose standing with the trait it changed, worst first.
        mark: Where the story goes on after this event.
    """

    id: str
    event: EventKind
    flag: str
    artifact: ArtifactId
    trait: str
    severity: Severity
    position: int
    moment: datetime
    head: str
    policy_digest: str
    changed: tuple[Change, ...]
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class _Happening:
    """An event of which is not known yet what it changed."""

    event: EventKind
    moment: datetime
    record: Recorded[Any]
    flag: Recorded[Flag]

    @property
    def order(self) -> tuple[datetime, bool, int]:
        """What is recorded comes before what ends at the same moment."""
        return self.moment, self.event is EventKind.EXPIRED, self.record.seq


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is watched: the flags of a registry, or of those what bears on some artifacts or one trait.

    Args:
        ledger: The registry's record.
        policy: The policy that applies.
        artifacts: Only what happens to these and to all below them; none for everything.
        trait: Only this trait; None for any.
    """

    ledger: Ledger
    policy: Policy
    artifacts: frozenset[ArtifactId] = frozenset()
    trait: str | None = None

    def now(self) -> Mark:
        """The mark of one who needs not be told anything of before."""
        head = self.ledger.flag_feed().head()
        return Mark(position=head.entries, moment=head.now, flag=head.entries)

    def at(self, position: int) -> Mark:
        """The mark of one who knows all that was recorded up to a position, and what ended until then.

        Raises:
            UsageError: The ledger ends before it.
        """
        if position == 0:
            return BEGINNING
        recorded_at = self.ledger.flag_feed().recorded_at(position)
        if recorded_at is None:
            raise UsageError(
                f"there is no position {position} in the ledger",
                hint=f"It ends at {self.ledger.head().entries}; 0 is before its beginning.",
            )
        return Mark(position=position, moment=recorded_at, flag=position)

    def events(self, after: Mark) -> Iterator[Event]:
        """What happened since a mark, up to now, in order."""
        return (event for _, event in self.steps(after) if event is not None)

    def steps(self, after: Mark) -> Iterator[tuple[Mark, Event | None]]:
        """What happened since a mark, up to now, in order, each with the mark after it; None for what this watch does not tell of."""
        mark = after
        while happenings := _happenings(self.ledger.flag_feed().news(mark.position), mark):
            for one in happenings:
                mark = _after(one, mark)
                yield mark, self._event(one, mark)

    def _event(self, one: _Happening, mark: Mark) -> Event | None:
        flag = one.flag.fact
        if self.trait not in {None, flag.trait}:
            return None
        reading = self.ledger.at(one.moment)
        before, after = _around(one, reading.below([flag.artifact]))
        found = changed(before, after, self.policy, flag.trait)
        if self.artifacts:
            scope = _at_and_below(Lineage.of(after), self.artifacts)
            found = tuple(change for change in found if change.artifact in scope)
            if not found and flag.artifact not in scope:
                return None
        return Event(
            id=_identify(one),
            event=one.event,
            flag=one.flag.id,
            artifact=flag.artifact,
            trait=flag.trait,
            severity=after.traits[flag.trait].fact.severity,
            position=one.record.seq,
            moment=one.moment,
            head=reading.head.digest,
            policy_digest=self.policy.digest,
            changed=found,
            mark=mark,
        )


BEGINNING = Mark(position=0, moment=datetime.min.replace(tzinfo=UTC), flag=0)
"""Before everything."""


def _happenings(news: News, mark: Mark) -> list[_Happening]:
    """What is news after a mark, in order."""
    found = [
        _Happening(
            event=EventKind.WITHDRAWN if isinstance(record.fact, Withdrawal) else EventKind.RAISED,
            moment=record.recorded_at,
            record=record,
            flag=news.flags[record.id],
        )
        for record in news.records
    ]
    for flag in news.ended:
        moment = flag.fact.expires_at
        # A flag that was not told of is not told to have ended, whatever the clock of whoever raised it said.
        if moment is not None and ((moment, flag.seq) > mark.ended or flag.seq > mark.position):
            found.append(_Happening(event=EventKind.EXPIRED, moment=moment, record=flag, flag=flag))
    return sorted(found, key=lambda one: one.order)


def _after(one: _Happening, mark: Mark) -> Mark:
    """The mark once something is told."""
    if one.event is EventKind.EXPIRED:
        return replace(mark, moment=one.moment, flag=one.record.seq)
    mark = replace(mark, position=one.record.seq)
    ends = one.flag.fact.expires_at
    if one.event is EventKind.RAISED and ends is not None and (ends, one.flag.seq) <= mark.ended:
        # Raised by a clock behind ours: the hand on the clock goes back, so that its end is told as well.
        return replace(mark, moment=ends, flag=one.flag.seq - 1)
    return mark


def _around(one: _Happening, known: Snapshot) -> tuple[Snapshot, Snapshot]:
    """What was known just before something happened, and just after; flags that end at the same moment end one after the other."""
    if one.event is EventKind.EXPIRED:
        later = {
            flag.seq
            for flag in known.all(Flag)
            if flag.fact.expires_at == one.moment and flag.seq > one.flag.seq
        }
        return _lasting(known, later | {one.flag.seq}), _lasting(known, later)
    return _recorded(known, one.record.seq - 1), _recorded(known, one.record.seq)


def _lasting(known: Snapshot, flags: Collection[int]) -> Snapshot:
    """The same, were some flags without an end."""
    return Snapshot(
        tuple(
            replace(one, fact=replace(one.fact, expires_at=None))
            if one.seq in flags and isinstance(one.fact, Flag)
            else one
            for one in known.facts
        ),
        known.as_of,
    )


def _recorded(known: Snapshot, position: int) -> Snapshot:
    """The same without the flags and withdrawals after a position."""
    return Snapshot(
        tuple(
            one for one in known.facts if one.seq <= position or not isinstance(one.fact, Flag | Withdrawal)
        ),
        known.as_of,
    )


def _at_and_below(lineage: Lineage, artifacts: Iterable[ArtifactId]) -> frozenset[ArtifactId]:
    known = [one for one in artifacts if one in lineage]
    return frozenset(known) | {relative.artifact for one in known for relative in lineage.descendants(one)}


def _identify(one: _Happening) -> str:
    told = {
        "event": one.event.value,
        "record": one.record.id,
        "fact": to_json(one.record.fact),
        "recorded_at": utc_text(one.record.recorded_at),
    }
    return str(digest_bytes(canonical_json(told).encode()))
