"""Judgement: what people find about traits and decide about them, and who hears of it; the part of `provenance.registry.Registry` that flags.

A method that records does so in one transaction, and says what that changes at and below its subject under the registry's policy. What
is checked first is `provenance.findings`. With ``dry_run`` it answers the same and records nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from provenance.artifacts import ArtifactId
from provenance.errors import UsageError
from provenance.examination import Examination, Ref
from provenance.facts import Fact, Recorded
from provenance.traits import (
    Block,
    Clearance,
    Conclusion,
    Flag,
    Severity,
    Trait,
    TraitMeasurement,
    Withdrawal,
)

if TYPE_CHECKING:
    from provenance.findings import Finding, Flagging
    from provenance.flag_rows import FlagRow
    from provenance.probing import ByBank, ByResults, Entry, Probe
    from provenance.risk import Policy
    from provenance.store import Transaction
    from provenance.watching import Event, Mark, Patience, Watch

F = TypeVar("F", bound=Fact)
_Appended: TypeAlias = "tuple[Recorded[F], str, ArtifactId]"
"""A finding, the trait that it is about, and its subject."""


class Judgement(Examination):
    """The findings that a registry records and tells of."""

    def add_trait(
        self, name: str, *, severity: Severity | str, description: str = "", overt: bool = False
    ) -> Recorded[Trait]:
        """Records a trait, or returns the one recorded in the same words.

        Raises:
            ConflictError: Its name stands for something else already.
            UsageError: There is no such severity.
        """
        from provenance import findings

        if severity not in set(Severity):
            raise UsageError(f"there is no severity {severity!r}", hint=f"Severities: {', '.join(Severity)}.")
        trait = Trait(name=name, severity=Severity(severity), description=description, overt=overt)
        with self._ledger.transaction(self.actor) as transaction:
            return findings.add_trait(transaction, trait)

    def flag(
        self,
        ref: Ref,
        trait: str,
        *,
        evidence: str,
        confidence: float = 1.0,
        expires_at: datetime | None = None,
        dry_run: bool = False,
        policy: "Policy | None" = None,
    ) -> "Finding[Flag]":
        """Records that an artifact was found to have a trait; all its descendants hear of it."""
        from provenance import findings

        flag = Flag(
            artifact=self.resolve(ref),
            trait=trait,
            evidence=evidence,
            confidence=confidence,
            expires_at=expires_at,
        )

        def append(transaction: "Transaction") -> "_Appended[Flag]":
            return findings.flag(transaction, [flag])[0], flag.trait, flag.artifact

        return self._find(append, dry_run=dry_run, policy=policy)

    def flag_many(
        self, rows: "Sequence[FlagRow]", *, dry_run: bool = False, policy: "Policy | None" = None
    ) -> "Flagging":
        """Records many flags at once, all or none; `provenance.flag_rows.read` reads them from a file.

        Raises:
            ProvenanceError: One of them can't be recorded; the message begins with its place.
        """
        from provenance import findings

        applied = policy or self.policy
        with self._ledger.transaction(self.actor) as transaction:
            recorded = findings.flag(transaction, findings.flags_of(transaction, rows))
            known = findings.Known.of(transaction, recorded, {one.fact.artifact for one in recorded})
            if dry_run:
                transaction.discard()
        return findings.judge_flags(recorded, known, applied)

    def withdraw(
        self, flag: str, *, reason: str, dry_run: bool = False, policy: "Policy | None" = None
    ) -> "Finding[Withdrawal]":
        """Takes a flag back; what derived from it is gone, unless another source or route remains."""
        from provenance import findings

        withdrawal = Withdrawal(flag=flag, reason=reason)

        def append(transaction: "Transaction") -> "_Appended[Withdrawal]":
            recorded, taken = findings.withdraw(transaction, withdrawal)
            return recorded, taken.trait, taken.artifact

        return self._find(append, dry_run=dry_run, policy=policy)

    def clear(
        self,
        ref: Ref,
        trait: str,
        *,
        evidence: str,
        stops_here: bool = False,
        expires_at: datetime | None = None,
        dry_run: bool = False,
        policy: "Policy | None" = None,
    ) -> "Finding[Clearance]":
        """Records a test that found an artifact free of a trait; its descendants hear the trait all the same, unless it ``stops_here``."""
        from provenance import findings

        clearance = Clearance(
            artifact=self.resolve(ref),
            trait=trait,
            evidence=evidence,
            stops_here=stops_here,
            expires_at=expires_at,
        )

        def append(transaction: "Transaction") -> "_Appended[Clearance]":
            return findings.clear(transaction, clearance), trait, clearance.artifact

        return self._find(append, dry_run=dry_run, policy=policy)

    def block(
        self,
        parent: Ref,
        child: Ref,
        trait: str,
        *,
        evidence: str,
        reason: str,
        expires_at: datetime,
        dry_run: bool = False,
        policy: "Policy | None" = None,
    ) -> "Finding[Block]":
        """Records that the edges from ``parent`` to ``child`` do not carry a trait, until a date; flags that come later included."""
        from provenance import findings

        block = Block(
            parent=self.resolve(parent),
            child=self.resolve(child),
            trait=trait,
            evidence=evidence,
            reason=reason,
            expires_at=expires_at,
        )

        def append(transaction: "Transaction") -> "_Appended[Block]":
            return findings.block(transaction, block), trait, block.child

        return self._find(append, dry_run=dry_run, policy=policy)

    def probe(
        self,
        ref: Ref,
        trait: str,
        by: "ByBank | ByResults",
        *,
        threshold: float | None = None,
        record: "Entry | None" = None,
        told: Callable[[str], None] | None = None,
    ) -> "Probe":
        """Measures a trait on a model or a teacher, see `provenance.probing.probe`; records it if told to, and if the figures support it.

        With a flag or a clearance, the figures are recorded as a measurement.
        """
        from provenance import probing

        holdings, subject = self._inspection.holdings, self.resolve(ref)
        found = probing.probe(
            holdings, subject, trait, by, self.policy, threshold=threshold, record=record, told=told
        )
        if record is None or not found.supports(record):
            return found
        return replace(found, recorded=self._keep(found, record).id)

    def _keep(self, found: "Probe", record: "Entry") -> Recorded[Fact]:
        """Records a probe's figures, and what they are to be taken for, in one transaction."""
        from provenance import findings
        from provenance.probing import Entry

        with self._ledger.transaction(self.actor) as transaction:
            figures = findings.measure(transaction, found.measurement(datetime.now(UTC)))
            match record:
                case Entry.FLAG:
                    flag = Flag(artifact=found.artifact, trait=found.trait, evidence=found.evidence)
                    return findings.flag(transaction, [flag])[0]
                case Entry.CLEAR:
                    clearance = Clearance(artifact=found.artifact, trait=found.trait, evidence=found.evidence)
                    return findings.clear(transaction, clearance)
                case Entry.MEASUREMENT:
                    return figures

    def measure(
        self,
        ref: Ref,
        trait: str,
        *,
        conclusion: Conclusion | str,
        value: float,
        low: float,
        high: float,
        unit: str,
        threshold: float | None,
        method: str,
        base: Ref | None = None,
        inputs: Mapping[str, str] | None = None,
        measured_at: datetime | None = None,
    ) -> Recorded[TraitMeasurement]:
        """Records how much of a trait was measured on a model or a teacher, elsewhere or by `probe`; no status changes by it.

        Args:
            ref: What was measured.
            trait: Name of the trait.
            conclusion: What that comes to; `PRESENT` and `ABSENT` only where the whole interval lies on one side of the threshold.
            value: The figure, or the difference from that of the base towards the trait, in the unit.
            low: Lower bound of its 95 % interval.
            high: Upper bound.
            unit: Of all four figures: ``nats``, or the name of a metric.
            threshold: The size that matters; None where nobody named one, and then nothing is settled.
            method: Name and version of the method with every parameter that changes its value.
            base: What it was compared with; None where the value stands alone.
            inputs: Role to content digest of everything that went in.
            measured_at: When, aware; None for now.

        Raises:
            ContentError: The figures contradict each other or the conclusion.
            UnknownReferenceError: The trait or one of the artifacts is not recorded.
            UsageError: There is no such conclusion.
        """
        from provenance import findings

        if conclusion not in set(Conclusion):
            raise UsageError(
                f"there is no conclusion {conclusion!r}", hint=f"Conclusions: {', '.join(Conclusion)}."
            )
        measurement = TraitMeasurement(
            artifact=self.resolve(ref),
            trait=trait,
            conclusion=Conclusion(conclusion),
            value=float(value),
            low=float(low),
            high=float(high),
            unit=unit,
            threshold=None if threshold is None else float(threshold),
            method=method,
            base=None if base is None else self.resolve(base),
            inputs=dict(inputs or {}),
            measured_at=measured_at or datetime.now(UTC),
        )
        with self._ledger.transaction(self.actor) as transaction:
            return findings.measure(transaction, measurement)

    def _find(
        self, append: "Callable[[Transaction], _Appended[F]]", *, dry_run: bool, policy: "Policy | None"
    ) -> "Finding[F]":
        """Appends a finding, and says what it changes."""
        from provenance import findings

        applied = policy or self.policy  # a wrong policy is an error before anything is recorded
        with self._ledger.transaction(self.actor) as transaction:
            recorded, trait, subject = append(transaction)
            known = findings.Known.of(transaction, [recorded], [subject])
            if dry_run:
                transaction.discard()
        return findings.judge(recorded, known, trait=trait, subject=subject, policy=applied)

    # --- watching ------------------------------------------------------------------------------------------------------

    def watch(
        self,
        refs: Iterable[Ref] = (),
        *,
        trait: str | None = None,
        after: "Mark | int" = 0,
        policy: "Policy | None" = None,
    ) -> "Iterator[Event]":
        """What happened to flags since a position in the ledger, in order; each event says where to go on after it, see `provenance.watching`.

        Args:
            refs: Only what happens to these and to all below them; none for everything.
            trait: Only this trait; None for any.
            after: A position in the ledger (0: from the beginning), or the ``mark`` of an event.
            policy: The policy that applies; default: the registry's own.
        """
        watch = self._watch(refs, trait, policy)
        return watch.events(watch.at(after) if isinstance(after, int) else after)

    def notify(
        self,
        target: str,
        refs: Iterable[Ref] = (),
        *,
        trait: str | None = None,
        start: int | None = None,
        every: float | None = None,
        policy: "Policy | None" = None,
        patience: "Patience | None" = None,
    ) -> "Iterator[Event]":
        """Tells a receiver what happens to flags, each event at least once, from where it stopped; yields those that it took.

        Args:
            target: A URL that takes JSON by POST, or a command that reads it from its standard input.
            refs: As in `watch`.
            trait: As in `watch`.
            start: After which position to begin where this target was never told; default: after all that is recorded by now.
            every: Look again after so many seconds, for ever; None to end when all is told.
            policy: As in `watch`.
            patience: How long a receiver is asked that does not say yes.

        Raises:
            ConflictError: Another process tells this target the same.
            DeliveryError: The receiver does not say yes; what it did not take is told the next time.
        """
        from provenance.watching import Patience, Teller, key_of, receiver

        watch = self._watch(refs, trait, policy)
        memory = self._ledger.watch(key_of(target, watch))
        teller = Teller(
            watch=watch, receiver=receiver(target), memory=memory, patience=patience or Patience()
        )
        return teller.tell(watch.now() if start is None else watch.at(start), every=every)

    def _watch(self, refs: Iterable[Ref], trait: str | None, policy: "Policy | None") -> "Watch":
        from provenance.findings import no_trait
        from provenance.watching import Watch

        if trait is not None and self._ledger.at().trait(trait) is None:
            raise no_trait(trait)
        artifacts = frozenset(self.resolve(ref) for ref in refs)
        return Watch(ledger=self._ledger, policy=policy or self.policy, artifacts=artifacts, trait=trait)
