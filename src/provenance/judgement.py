"""Judgement: what people find about traits and decide about them; the part of `provenance.registry.Registry` that flags.

Each method records in one transaction, and says what that changes at and below its subject; what is checked first is `provenance.findings`.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from provenance.artifacts import ArtifactId
from provenance.errors import UsageError
from provenance.examination import Examination, Ref
from provenance.facts import Fact, Recorded
from provenance.traits import Block, Clearance, Flag, Severity, Trait, Withdrawal

if TYPE_CHECKING:
    from provenance.findings import Finding
    from provenance.probing import ByBank, ByResults, Entry, Probe
    from provenance.store import Transaction

F = TypeVar("F", bound=Fact)


class Judgement(Examination):
    """The findings that a registry records."""

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
        self, ref: Ref, trait: str, *, evidence: str, confidence: float = 1.0, dry_run: bool = False
    ) -> "Finding[Flag]":
        """Records that an artifact was found to have a trait; all its descendants hear of it."""
        from provenance import findings

        flag = Flag(artifact=self.resolve(ref), trait=trait, evidence=evidence, confidence=confidence)
        return self._find(findings.flag, flag, flag.artifact, dry_run=dry_run)

    def withdraw(self, flag: str, *, reason: str, dry_run: bool = False) -> "Finding[Withdrawal]":
        """Takes a flag back; what derived from it is gone, unless another source or route remains."""
        from provenance import findings

        return self._find(findings.withdraw, Withdrawal(flag=flag, reason=reason), None, dry_run=dry_run)

    def clear(
        self, ref: Ref, trait: str, *, evidence: str, stops_here: bool = False, dry_run: bool = False
    ) -> "Finding[Clearance]":
        """Records a test that found an artifact free of a trait."""
        from provenance import findings

        clearance = Clearance(
            artifact=self.resolve(ref), trait=trait, evidence=evidence, stops_here=stops_here
        )
        return self._find(findings.clear, clearance, clearance.artifact, dry_run=dry_run)

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
    ) -> "Finding[Block]":
        """Records that the edges from ``parent`` to ``child`` do not carry a trait, until a date."""
        from provenance import findings

        block = Block(
            parent=self.resolve(parent),
            child=self.resolve(child),
            trait=trait,
            evidence=evidence,
            reason=reason,
            expires_at=expires_at,
        )
        return self._find(findings.block, block, block.child, dry_run=dry_run)

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
        """Measures a trait on a model or a teacher, see `provenance.probing.probe`; records it if told to, and if the figures support it."""
        from provenance import probing

        holdings, subject = self._inspection.holdings, self.resolve(ref)
        found = probing.probe(holdings, subject, trait, by, threshold=threshold, record=record, told=told)
        if record is None or not found.supports(record):
            return found
        write = self.flag if record is probing.Entry.FLAG else self.clear
        return replace(found, recorded=write(subject, trait, evidence=found.evidence).recorded.id)

    def _find(
        self,
        append: "Callable[[Transaction, F], Recorded[F]]",
        fact: F,
        subject: ArtifactId | None,
        *,
        dry_run: bool,
    ) -> "Finding[F]":
        """Appends a finding, and says what it changes: at its subject and below, or anywhere."""
        from provenance.findings import effects

        with self._ledger.transaction(self.actor) as transaction:
            before = transaction.snapshot()
            recorded = append(transaction, fact)
            after = transaction.snapshot()
            if dry_run:
                transaction.discard()
        return effects(before, after, recorded, subject)
