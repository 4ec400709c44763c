"""Findings: what people record about traits, checked against what is recorded, and what each one changes downstream.

The functions that record append to a transaction and return the record. Saying the same thing twice is one record, where that is what
was meant: an equal flag that still stands, a second withdrawal of one flag, an equal trait.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from provenance.artifacts import Artifact, ArtifactId, Reference
from provenance.effects import changed
from provenance.errors import ConflictError, ContentError, UnknownReferenceError, UsageError
from provenance.evidence import Evidence
from provenance.facts import Fact, Recorded, Snapshot
from provenance.flag_rows import FlagRow
from provenance.lineage import Lineage
from provenance.references import choose, is_digest
from provenance.request import at
from provenance.risk import Change, Policy, impact
from provenance.store import Transaction
from provenance.traits import Block, Clearance, Flag, Trait, TraitMeasurement, Withdrawal

F = TypeVar("F", bound=Fact)
_CLOCKS_DIFFER = timedelta(days=1)  # at most, between a machine that ran a test and the one that records it
_MOST_DIGITS = 15  # of a position that a ledger may ever reach
_MOST_UNKNOWN = 50  # names that are told of a file; a file of another registry holds thousands
_MOST_PLACES = 5  # told of each of them
_MOST_PARENTS = 5  # named in a hint; a merge may have a thousand


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding(Generic[F]):
    """A recorded finding, and what came of it.

    Args:
        recorded: The record.
        created: Whether it is new; False where the same stood already.
        changed: The artifacts whose status it changed, worst first.
        reached: Of a flag, the artifacts downstream that it reaches.
    """

    recorded: Recorded[F]
    created: bool
    changed: tuple[Change, ...]
    reached: tuple[ArtifactId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagging:
    """Flags that were recorded together, and what came of them.

    Args:
        recorded: Their records, in the order asked for.
        created: How many of them are new; the others stood already.
        changed: The artifacts whose status they changed, trait by trait, worst first.
    """

    recorded: tuple[Recorded[Flag], ...]
    created: int
    changed: tuple[Change, ...]


def add_trait(transaction: Transaction, trait: Trait) -> Recorded[Trait]:
    """Records a trait.

    Raises:
        ConflictError: Its name stands for something else already.
    """
    known = transaction.about("trait", [trait.name])
    if known and known[0].fact != trait:
        recorded = known[0].fact
        raise ConflictError(
            f"the trait {trait.name} is recorded with severity {recorded.severity}, "
            f"{'overt' if recorded.overt else 'covert'} and the description {recorded.description!r}",
            hint="What is recorded stays; give the other trait another name.",
        )
    return known[0] if known else transaction.append(trait)


def flag(transaction: Transaction, flags: Sequence[Flag]) -> tuple[Recorded[Flag], ...]:
    """Records that artifacts were found to have traits.

    Raises:
        UnknownReferenceError: There is no such trait.
        UsageError: A flag would have ended already.
    """
    require_traits(transaction, {one.trait for one in flags})
    for one in flags:
        require_future(one.expires_at, "flag")
    wanted = set(flags)
    found = transaction.about("flag", {str(one.artifact) for one in flags})
    equal = [one for one in found if one.fact in wanted]
    withdrawn = {one.fact.flag for one in transaction.about("withdrawal", [one.id for one in equal])}
    standing = {one.fact: one for one in equal if one.id not in withdrawn}
    for one in flags:
        if one not in standing:
            standing[one] = transaction.append(one)
    return tuple(standing[one] for one in flags)


def flags_of(transaction: Transaction, rows: Sequence[FlagRow]) -> tuple[Flag, ...]:
    """The flags that the rows of a file mean.

    Raises:
        UnknownReferenceError: Some name artifacts or traits that are not recorded; the message has each with its place.
        ProvenanceError: One means none that could be recorded; the message begins with its place.
    """
    names = {}
    for row in rows:
        with at(row.place):
            names[row.artifact] = (
                row.artifact if is_digest(row.artifact) else Reference.parse(row.artifact).name
            )
    named = transaction.named(set(names.values()))
    traits = {one.fact.name for one in transaction.about("trait", {row.trait for row in rows})}
    unknown = _Unknown()
    meant: dict[str, ArtifactId | UnknownReferenceError] = {}
    flags = []
    for row in rows:
        if row.trait not in traits:
            unknown.add(no_trait(row.trait), row.place)
        if row.artifact not in meant:
            candidates = named[names[row.artifact]] or transaction.find(row.artifact)
            meant[row.artifact] = _meant(
                row.artifact, candidates, transaction.names if unknown.is_empty else _nobody
            )
        artifact = meant[row.artifact]
        if isinstance(artifact, UnknownReferenceError):
            unknown.add(artifact, row.place)
            continue
        with at(row.place):
            require_future(row.expires_at, "flag")
            flags.append(
                Flag(
                    artifact=artifact,
                    trait=row.trait,
                    evidence=row.evidence,
                    confidence=row.confidence,
                    expires_at=row.expires_at,
                )
            )
    unknown.require_none()
    return tuple(flags)


def _nobody(_text: str) -> tuple[ArtifactId, ...]:
    """No names that a mistyped one comes near: looking for them takes its time in a large registry, and a file may hold thousands."""
    return ()


def _meant(
    text: str, candidates: Iterable[Artifact], near: Callable[[str], Iterable[ArtifactId]]
) -> ArtifactId | UnknownReferenceError:
    """The artifact that a reference means, or why it means none."""
    try:
        return choose(text, candidates, near)
    except UnknownReferenceError as error:
        return error


class _Unknown:
    """What the rows of a file name and is not recorded: every error with the places that led to it."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[UnknownReferenceError, list[str]]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing was noted."""
        return not self._found

    def add(self, error: UnknownReferenceError, place: str) -> None:
        """Notes an error of a row."""
        self._found.setdefault(error.message, (error, []))[1].append(place)

    def require_none(self) -> None:
        """Raises one error that tells of all.

        Raises:
            UnknownReferenceError: There were any.
        """
        lines = [
            f"{places[0]}: {message}{_elsewhere(places)}" for message, (_, places) in self._found.items()
        ]
        if len(lines) > 1:
            hint = "`provenance ls` lists artifacts, `provenance trait ls` traits. Nothing was recorded."
            told = "\n".join(lines[:_MOST_UNKNOWN])
            left = len(lines) - _MOST_UNKNOWN
            raise UnknownReferenceError(f"{told}\n{left} more" if left > 0 else told, hint=hint)
        for error, _ in self._found.values():
            raise UnknownReferenceError(lines[0], hint=error.hint)


def _elsewhere(places: Sequence[str]) -> str:
    others = [place.rpartition(":")[2] for place in places[1 : _MOST_PLACES + 1]]
    more = f" and {len(places) - 1 - _MOST_PLACES} more" if len(places) - 1 > _MOST_PLACES else ""
    return f" (also in {', '.join(others)}{more})" if others else ""


def withdraw(transaction: Transaction, withdrawal: Withdrawal) -> tuple[Recorded[Withdrawal], Flag]:
    """Takes a flag back; beside the record stands the flag.

    Raises:
        UnknownReferenceError: There is no such flag.
    """
    digits = withdrawal.flag.removeprefix("flag-")
    found = (
        transaction.get(int(digits))
        if digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS
        else None
    )
    if found is None or found.id != withdrawal.flag or not isinstance(found.fact, Flag):
        raise UnknownReferenceError(
            f"there is no flag {withdrawal.flag!r}",
            hint="`provenance show REF` lists the flags on an artifact, `provenance risks --all` all that reach any.",
        )
    known = transaction.about("withdrawal", [withdrawal.flag])
    return known[0] if known else transaction.append(withdrawal), found.fact


def clear(transaction: Transaction, clearance: Clearance) -> Recorded[Clearance]:
    """Records a test that found an artifact free of a trait.

    Raises:
        UnknownReferenceError: There is no such trait.
        UsageError: The clearance would have ended already.
    """
    require_traits(transaction, {clearance.trait})
    require_future(clearance.expires_at, "clearance")
    return transaction.append(clearance)


def block(transaction: Transaction, decision: Block) -> Recorded[Block]:
    """Records that the edges between two artifacts do not carry a trait.

    Raises:
        ConflictError: There is no such edge.
        UnknownReferenceError: There is no such trait.
        UsageError: The block would have ended already.
    """
    require_traits(transaction, {decision.trait})
    require_future(decision.expires_at, "block")
    edges = transaction.relations_of([decision.child])
    if not any(relation.parent == decision.parent for relation in edges):
        parents = [str(relation.parent) for relation in edges]
        more = f" and {len(parents) - _MOST_PARENTS} more" if len(parents) > _MOST_PARENTS else ""
        raise ConflictError(
            f"no relation leads from {decision.parent} to {decision.child}",
            hint=f"The recorded parents of {decision.child}: {', '.join(parents[:_MOST_PARENTS]) or 'none'}{more}.",
        )
    return transaction.append(decision)


def record(transaction: Transaction, evidence: Evidence) -> Recorded[Evidence]:
    """Records the result of a test.

    Raises:
        ContentError: It claims to have run in the future.
        UnknownReferenceError: One of its two artifacts is not registered.
    """
    test = f"{evidence.test} test of {evidence.parent} and {evidence.child}"
    _require_past(evidence.tested_at, test)
    _require_artifacts(transaction, (evidence.parent, evidence.child))
    return transaction.append(evidence)


def measure(transaction: Transaction, measurement: TraitMeasurement) -> Recorded[TraitMeasurement]:
    """Records how much of a trait was measured on an artifact, or returns the record of that very measurement.

    Raises:
        ContentError: It claims to have been made in the future.
        UnknownReferenceError: The trait or one of the artifacts is not recorded.
    """
    subject = measurement.artifact
    _require_past(measurement.measured_at, f"measurement of {measurement.trait} on {subject}")
    require_traits(transaction, {measurement.trait})
    _require_artifacts(transaction, (subject, measurement.base))
    known = (one for one in transaction.about("measurement", [str(subject)]) if one.fact == measurement)
    return next(known, None) or transaction.append(measurement)


def _require_past(moment: datetime, what: str) -> None:
    if moment > datetime.now(UTC) + _CLOCKS_DIFFER:
        raise ContentError(
            f"the {what} claims to have run in the future, at {moment:%Y-%m-%d %H:%M} UTC",
            hint="Is the clock right of the machine that ran it?",
        )


def _require_artifacts(transaction: Transaction, ids: Iterable[ArtifactId | None]) -> None:
    wanted = [one for one in ids if one is not None]
    known = transaction.artifacts(set(wanted))
    for one in wanted:
        if one not in known:
            raise UnknownReferenceError(f"{one} is not registered")


def require_traits(transaction: Transaction, names: Collection[str]) -> None:
    """Raises when one of some names stands for no trait.

    Raises:
        UnknownReferenceError: It does.
    """
    missing = sorted(set(names) - {one.fact.name for one in transaction.about("trait", names)})
    if missing:
        raise no_trait(missing[0])


def no_trait(name: str) -> UnknownReferenceError:
    """The error that says that a name stands for no trait."""
    return UnknownReferenceError(
        f"there is no trait {name!r}",
        hint=f"Make it with `provenance trait add {name} --severity ...`; `provenance trait ls` lists those there are.",
    )


def require_future(expires_at: datetime | None, of: str) -> None:
    """Raises when what is about to be recorded would have ended already.

    Raises:
        UsageError: It would.
    """
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise UsageError(f"the {of} would have ended already, at {expires_at:%Y-%m-%d %H:%M} UTC")


@dataclass(frozen=True, slots=True)
class Known:
    """All that answers at and below the subjects of some findings rest on.

    Args:
        before: Without what was appended.
        after: With it; the same object where everything stood already.
    """

    before: Snapshot
    after: Snapshot

    @classmethod
    def of(
        cls,
        transaction: Transaction,
        recorded: Sequence[Recorded[Fact]],
        subjects: Iterable[ArtifactId],
    ) -> "Known":
        """Fetches it, while the transaction is open: what the findings change is worked out when it no longer keeps others waiting."""
        reading = transaction.reading()
        before = reading.below(subjects)
        fresh = dict.fromkeys(one for one in recorded if one.seq > reading.head.entries)
        return cls(before, Snapshot((*before.facts, *fresh), before.as_of) if fresh else before)


def judge(
    recorded: Recorded[F], known: Known, *, trait: str, subject: ArtifactId, policy: Policy
) -> Finding[F]:
    """What came of a finding about a trait, which can change something at and below its subject."""
    reached: list[ArtifactId] = []
    if isinstance(recorded.fact, Flag):
        items = impact(known.after, Lineage.of(known.after), policy, subject, trait).items
        reached = sorted(item.artifact for item in items)
    return Finding(
        recorded=recorded,
        created=known.before is not known.after,
        changed=changed(known.before, known.after, policy, trait),
        reached=tuple(reached),
    )


def judge_flags(recorded: Sequence[Recorded[Flag]], known: Known, policy: Policy) -> Flagging:
    """What came of flags that were appended together."""
    return Flagging(
        recorded=tuple(recorded),
        created=len(known.after.facts) - len(known.before.facts),
        changed=tuple(
            change
            for trait in sorted({one.fact.trait for one in recorded})
            for change in changed(known.before, known.after, policy, trait)
        ),
    )
