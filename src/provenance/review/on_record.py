"""On record: the flags, decisions, measurements and contents of a lineage, as a review tells them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.digests import digest_bytes
from provenance.evidence import Evidence
from provenance.facts import Recorded, Snapshot
from provenance.lineage import Lineage
from provenance.lineage.evidence_index import Lifetimes
from provenance.meanings import MEASURED, measured
from provenance.review.records import (
    Contents,
    Decision,
    FlagTold,
    Listed,
    MeasurementTold,
    Member,
    Seen,
    Standing,
)
from provenance.review.wording import name
from provenance.traits import Block, Clearance, Conclusion, Flag, TraitMeasurement, Withdrawal

T = TypeVar("T")
MOST_MEMBERS = 500
MOST_FLAGS = 200
MOST_DECISIONS = 100


@dataclass(frozen=True, eq=False)
class OnRecord:
    """What people recorded of a lineage's artifacts.

    Args:
        lineage: The lineage, and all that is known of it.
        members: The artifacts that the review is about.
        lifetimes: How long what exonerates counts.
        trait: Only what is said of this trait; None for all.
    """

    lineage: Lineage
    members: frozenset[ArtifactId]
    lifetimes: Lifetimes
    trait: str | None = None

    @property
    def snapshot(self) -> Snapshot:
        """All that is known."""
        return self.lineage.snapshot

    @cached_property
    def flags(self) -> Mapping[str, FlagTold]:
        """Every flag ever raised on a member, by id, oldest first."""
        withdrawals = {one.fact.flag: one for one in self.snapshot.all(Withdrawal)}
        standing = {one.id for one in self.snapshot.standing_flags}
        return {
            one.id: _flag(one, withdrawals.get(one.id), stands=one.id in standing)
            for one in self.snapshot.all(Flag)
            if one.fact.artifact in self.members
        }

    def flags_told(self) -> Listed[FlagTold]:
        """The flags of the traits that are asked for."""
        return cut([one for one in self.flags.values() if self._concerns(one.trait)], MOST_FLAGS)

    @cached_property
    def decided(self) -> Mapping[str, Decision]:
        """Every block and clearance on a member, by id."""
        blocks = (one for one in self.snapshot.all(Block) if one.fact.child in self.members)
        clearances = (one for one in self.snapshot.all(Clearance) if one.fact.artifact in self.members)
        found = (
            *(_block(one, *self._end(one)) for one in blocks),
            *(_clearance(one, *self._end(one)) for one in clearances),
        )
        return {one.id: one for one in found}

    def decisions(self) -> Listed[Decision]:
        """The blocks and clearances of the traits that are asked for, what stands first, then the newest."""
        concerned = [one for one in self.decided.values() if self._concerns(one.trait)]
        concerned.sort(key=lambda one: (one.decided_at, one.id), reverse=True)
        concerned.sort(key=lambda one: one.standing is not Standing.STANDS)
        return cut(concerned, MOST_DECISIONS)

    @cached_property
    def tests(self) -> Mapping[str, Recorded[Evidence]]:
        """The tests on record, by id."""
        return {one.id: one for one in self.snapshot.all(Evidence)}

    @cached_property
    def measured_traits(self) -> Mapping[str, tuple[ArtifactId, ...]]:
        """The members on which each trait was measured, by name."""
        found: dict[str, list[ArtifactId]] = {}
        for artifact, trait in self.snapshot.measurements:
            if artifact in self.members and self._concerns(trait):
                found.setdefault(trait, []).append(artifact)
        return {trait: tuple(sorted(found[trait])) for trait in sorted(found)}

    def measurements(self, artifact: ArtifactId, trait: str) -> tuple[MeasurementTold, ...]:
        """What was measured of a trait on an artifact, newest first."""
        found = self.snapshot.measurements.get((artifact, trait), ())
        return tuple(self._measured(one) for one in reversed(found))

    @cached_property
    def seen(self) -> tuple[Seen, ...]:
        """Each trait that was measured to be present in a member, whichever trait is asked about, by artifact."""
        found = (
            Seen(trait=trait, artifact=artifact, measurement=one)
            for artifact, trait in self.snapshot.measurements
            if artifact in self.members and (one := self._present(artifact, trait)) is not None
        )
        return tuple(sorted(found, key=lambda one: (one.artifact, one.trait)))

    def _present(self, artifact: ArtifactId, trait: str) -> MeasurementTold | None:
        """A later measurement by another method takes nothing back: it may not see what the first one saw."""
        by_method: dict[str, MeasurementTold] = {}
        for one in self.measurements(artifact, trait):
            if one.standing is Standing.STANDS and one.conclusion is not Conclusion.UNDECIDED:
                by_method.setdefault(one.method, one)
        return next((one for one in by_method.values() if one.conclusion is Conclusion.PRESENT), None)

    def contents(self) -> Contents:
        """Every member with its content."""
        in_order = sorted(self.members, key=str)
        lines = "".join(f"{one} {self.lineage.digest(one) or '-'}\n" for one in in_order)
        return Contents(
            digest=str(digest_bytes(lines.encode())),
            members=Listed(total=len(in_order), items=tuple(map(self._member, in_order[:MOST_MEMBERS]))),
            without=sum(
                one.kind is not ArtifactKind.TEACHER and self.lineage.digest(one) is None for one in in_order
            ),
        )

    def _concerns(self, trait: str) -> bool:
        return self.trait in {None, trait}

    def _end(self, recorded: Recorded[Block] | Recorded[Clearance]) -> tuple[datetime | None, Standing]:
        """When a decision ends, and whether it has."""
        end = self.lifetimes.end(recorded)
        ended = end is not None and end <= self.snapshot.as_of
        return end, Standing.EXPIRED if ended else Standing.STANDS

    def _measured(self, recorded: Recorded[TraitMeasurement]) -> MeasurementTold:
        fact = recorded.fact
        present = self.lineage.digest(fact.artifact)
        is_sound = present in {None, fact.inputs.get(str(fact.artifact), present)}
        return MeasurementTold(
            id=recorded.id,
            conclusion=fact.conclusion,
            meaning=MEASURED[fact.conclusion],
            words=measured(fact),
            value=fact.value,
            low=fact.low,
            high=fact.high,
            unit=fact.unit,
            threshold=fact.threshold,
            method=fact.method,
            base=fact.base,
            actor=recorded.actor,
            measured_at=fact.measured_at,
            standing=Standing.STANDS if is_sound else Standing.STALE,
        )

    def _member(self, artifact: ArtifactId) -> Member:
        recorded = self.snapshot.artifacts.get(artifact)
        content = None if recorded is None else recorded.fact.content
        return Member(
            artifact=artifact,
            digest=None if content is None else str(content.digest),
            sha256=None if content is None or content.sha256 is None else str(content.sha256),
            format=None if content is None else content.format,
            size_bytes=None if content is None else content.size_bytes,
            root=recorded is not None and recorded.fact.declared_root,
            actor=None if recorded is None else recorded.actor,
            registered_at=None if recorded is None else recorded.recorded_at,
        )


def cut(found: Sequence[T], most: int) -> Listed[T]:
    """The first of something, and how much there is."""
    return Listed(total=len(found), items=tuple(found[:most]))


def _flag(recorded: Recorded[Flag], withdrawal: Recorded[Withdrawal] | None, *, stands: bool) -> FlagTold:
    fact = recorded.fact
    ended = Standing.EXPIRED if withdrawal is None else Standing.WITHDRAWN
    return FlagTold(
        id=recorded.id,
        trait=fact.trait,
        artifact=fact.artifact,
        evidence=fact.evidence,
        confidence=fact.confidence,
        actor=recorded.actor,
        flagged_at=recorded.recorded_at,
        expires_at=fact.expires_at,
        standing=Standing.STANDS if stands else ended,
        withdrawn_by=None if withdrawal is None else withdrawal.actor,
        withdrawn_at=None if withdrawal is None else withdrawal.recorded_at,
        reason=None if withdrawal is None else withdrawal.fact.reason,
    )


def _block(recorded: Recorded[Block], end: datetime | None, standing: Standing) -> Decision:
    fact = recorded.fact
    trait = name(fact.trait)
    return Decision(
        id=recorded.id,
        kind="block",
        trait=fact.trait,
        parent=fact.parent,
        artifact=fact.child,
        words=f"{trait} is taken not to pass from {name(fact.parent)} to {name(fact.child)}",
        evidence=fact.evidence,
        reason=fact.reason,
        actor=recorded.actor,
        decided_at=recorded.recorded_at,
        expires_at=end,
        standing=standing,
    )


def _clearance(recorded: Recorded[Clearance], end: datetime | None, standing: Standing) -> Decision:
    fact = recorded.fact
    below = "what descends from it, too" if fact.stops_here else "not what descends from it"
    return Decision(
        id=recorded.id,
        kind="clearance",
        trait=fact.trait,
        parent=None,
        artifact=fact.artifact,
        words=f"{name(fact.artifact)} is taken to be free of {name(fact.trait)}, and {below}",
        evidence=fact.evidence,
        reason=None,
        actor=recorded.actor,
        decided_at=recorded.recorded_at,
        expires_at=end,
        standing=standing,
    )
