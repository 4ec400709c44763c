"""Findings: what people record about traits, checked against what is recorded, and what each one changes downstream.

Each function appends to a transaction and returns the record. Saying the same thing twice is one record, where that is what
was meant: an equal flag that still stands, a second withdrawal of one flag, an equal trait.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from provenance.artifacts import ArtifactId
from provenance.errors import ConflictError, UnknownReferenceError, UsageError
from provenance.evidence import Evidence
from provenance.facts import Fact, Recorded, Snapshot
from provenance.lineage import Lineage
from provenance.risk import Change, Policy, assess, changes
from provenance.store import Transaction
from provenance.traits import Block, Clearance, Flag, Trait, Withdrawal

F = TypeVar("F", bound=Fact)
_MOST_DIGITS = 15  # of a position that a ledger may ever reach


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


def flag(transaction: Transaction, finding: Flag) -> Recorded[Flag]:
    """Records that an artifact was found to have a trait."""
    _require_trait(transaction, finding.trait)
    same = [one for one in transaction.about("flag", [str(finding.artifact)]) if one.fact == finding]
    standing = [one for one in same if not transaction.about("withdrawal", [one.id])]
    return standing[-1] if standing else transaction.append(finding)


def withdraw(transaction: Transaction, withdrawal: Withdrawal) -> Recorded[Withdrawal]:
    """Takes a flag back.

    Raises:
        UnknownReferenceError: There is no such flag.
    """
    digits = withdrawal.flag.removeprefix("flag-")
    found = (
        transaction.get(int(digits))
        if digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS
        else None
    )
    if found is None or found.id != withdrawal.flag:
        standing = ", ".join(one.id for one in transaction.snapshot().standing_flags)
        raise UnknownReferenceError(
            f"there is no flag {withdrawal.flag!r}",
            hint=f"Standing flags: {standing}." if standing else "No flag stands.",
        )
    known = transaction.about("withdrawal", [withdrawal.flag])
    return known[0] if known else transaction.append(withdrawal)


def clear(transaction: Transaction, clearance: Clearance) -> Recorded[Clearance]:
    """Records a test that found an artifact free of a trait."""
    _require_trait(transaction, clearance.trait)
    return transaction.append(clearance)


def block(transaction: Transaction, decision: Block) -> Recorded[Block]:
    """Records that the edges between two artifacts do not carry a trait.

    Raises:
        ConflictError: There is no such edge.
    """
    _require_trait(transaction, decision.trait)
    if decision.expires_at <= datetime.now(UTC):
        raise UsageError(f"the block would have ended already, at {decision.expires_at:%Y-%m-%d %H:%M} UTC")
    edges = transaction.relations_of([decision.child])
    if not any(relation.parent == decision.parent for relation in edges):
        parents = ", ".join(str(relation.parent) for relation in edges) or "none"
        raise ConflictError(
            f"no relation leads from {decision.parent} to {decision.child}",
            hint=f"The recorded parents of {decision.child}: {parents}.",
        )
    return transaction.append(decision)


def record(transaction: Transaction, evidence: Evidence) -> Recorded[Evidence]:
    """Records the result of a test.

    Raises:
        UnknownReferenceError: One of its two artifacts is not registered.
    """
    known = transaction.artifacts({evidence.parent, evidence.child})
    for end in (evidence.parent, evidence.child):
        if end not in known:
            raise UnknownReferenceError(f"{end} is not registered")
    return transaction.append(evidence)


def _require_trait(transaction: Transaction, trait: str) -> None:
    if not transaction.about("trait", [trait]):
        known = ", ".join(transaction.snapshot().traits) or "none"
        raise UnknownReferenceError(
            f"there is no trait {trait!r}",
            hint=f"Make it with `provenance trait add {trait} --severity ...`. Known: {known}.",
        )


def effects(
    before: Snapshot, after: Snapshot, recorded: Recorded[F], subject: ArtifactId | None
) -> Finding[F]:
    """What a finding changed, under the default policy.

    Args:
        before: What was known without it.
        after: What is known with it.
        recorded: The finding.
        subject: The artifact at and below which it can change anything; None for anywhere.
    """
    lineage, policy = Lineage.of(after), Policy.load()
    below = [one.artifact for one in lineage.descendants(subject)] if subject else sorted(after.artifacts)
    touched = [subject, *below] if subject else below
    then = assess(before, Lineage.of(before), policy, touched)
    now = assess(after, lineage, policy, touched)
    reached = [one.artifact for one in now.artifacts if any(risk.flag == recorded.id for risk in one.risks)]
    return Finding(
        recorded=recorded,
        created=all(one.seq != recorded.seq for one in before.all(type(recorded.fact))),
        changed=changes(then, now),
        reached=tuple(one for one in reached if one != subject),
    )
