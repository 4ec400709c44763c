"""What is on record within a lineage, as a review tells it: flags, decisions, tests, measurements, contents.

Whatever may grow with the lineage is `Listed`: the first of it, and how much there is, so that nothing is cut in silence.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from provenance.artifacts import ArtifactId
from provenance.audit import State
from provenance.evidence import TestKind, Verdict
from provenance.meanings import Meaning
from provenance.relations import RelationKind
from provenance.risk import Status
from provenance.traits import Conclusion

T_co = TypeVar("T_co", covariant=True)


class Standing(StrEnum):
    """How a test, a flag or a decision on record counts at the date of the review."""

    STANDS = "stands"
    DISPUTED = "disputed"
    """It stands, and contradicts what the record says of the edge."""
    SUPERSEDED = "superseded"
    """Another test of the same pair weighs more, or as much and is newer."""
    EXPIRED = "expired"
    STALE = "stale"
    """It was measured on other content than what is recorded now."""
    WITHDRAWN = "withdrawn"
    UNTESTED = "untested"
    """There is no test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed(Generic[T_co]):
    """The first of something, and how much of it there is.

    Args:
        total: How many there are.
        items: The first of them, in the order that the field says.
    """

    total: int
    items: tuple[T_co, ...]

    @property
    def left_out(self) -> int:
        """How many are not listed."""
        return self.total - len(self.items)

    def first(self, most: int) -> "Listed[T_co]":
        """The same with at most so many listed."""
        return Listed(total=self.total, items=self.items[:most])


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagTold:
    """A flag that was ever raised on an artifact of the lineage.

    Args:
        id: Its id.
        trait: Name of the trait.
        artifact: Where it was found.
        evidence: What was seen, in the finder's words.
        confidence: The finder's, in (0, 1].
        actor: Who raised it.
        flagged_at: When, aware, UTC.
        expires_at: When it ends; None for never.
        standing: `STANDS`, `WITHDRAWN` or `EXPIRED`.
        withdrawn_by: Who withdrew it.
        withdrawn_at: When, aware, UTC.
        reason: Why, in the words of who did.
    """

    id: str
    trait: str
    artifact: ArtifactId
    evidence: str
    confidence: float
    actor: str
    flagged_at: datetime
    expires_at: datetime | None
    standing: Standing
    withdrawn_by: str | None = None
    withdrawn_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementTold:
    """What was measured of a trait on one model.

    Args:
        id: Id of the record.
        conclusion: What it comes to.
        meaning: How that is to be read.
        words: The figures in words, with units.
        value: The figure.
        low: Lower end of its interval.
        high: Upper end.
        unit: What it is measured in.
        threshold: The size that matters; None where nobody named one.
        method: Name and version of the method with every parameter that changes its value.
        base: What it was compared with; None where the value stands alone.
        actor: Who recorded it.
        measured_at: When it was measured, aware, UTC.
        standing: `STANDS`, or `STALE` where it was measured on other content.
    """

    id: str
    conclusion: Conclusion
    meaning: Meaning
    words: str
    value: float
    low: float
    high: float
    unit: str
    threshold: float | None
    method: str
    base: ArtifactId | None
    actor: str
    measured_at: datetime
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A trait that was measured to be present, in an artifact that is asked about or in one above it.

    Args:
        trait: Its name.
        artifact: In which.
        measurement: The newest sound measurement that says so, and that no newer one by the same method denies.
    """

    trait: str
    artifact: ArtifactId
    measurement: MeasurementTold


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainMember:
    """One artifact of the witness paths of a trait, and what was measured there.

    Args:
        artifact: Which; models and teachers, since datasets can't be asked.
        status: Where it stands with the trait.
        on_route: Whether a witness path leads over it; else it was measured beside them, such as a base.
        measured: Newest first; none where it was not measured.
    """

    artifact: ArtifactId
    status: Status
    on_route: bool
    measured: tuple[MeasurementTold, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A trait measured on each model along the witness paths, and not on the last alone.

    Args:
        trait: Which trait.
        members: From the origins down; the first of them.
        unmeasured: How many of all of them were never measured.
    """

    trait: str
    members: Listed[ChainMember]
    unmeasured: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeTest:
    """What was tested on an edge, or that nothing was.

    Args:
        test: Which test.
        parent: The earlier artifact of the tested pair, which need not be the edge's own end.
        child: The later one.
        standing: How it counts.
        evidence: Id of the evidence; None where nothing was tested.
        verdict: What it says; None where nothing was tested.
        figures: The figures that matter most, in words and with units.
        method: Name and version of the method with every parameter that changes its value.
        tested_at: When it ran, aware, UTC.
        actor: Who recorded it.
        meaning: How it is to be read.
        owed: Why a test is owed here all the same, such as that this one has expired; None where none is.
    """

    test: TestKind
    parent: ArtifactId
    child: ArtifactId
    standing: Standing
    evidence: str | None = None
    verdict: Verdict | None = None
    figures: str = ""
    method: str = ""
    tested_at: datetime | None = None
    actor: str = ""
    meaning: Meaning
    owed: State | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeTold:
    """A relation of the lineage with its tests.

    Args:
        parent: The earlier artifact.
        relation: By which relation.
        child: The later artifact.
        words: The relation as a sentence.
        on_route: Whether a trait's witness path to an artifact that was asked about goes along it.
        untestable: Why no test can say anything of it; empty where one can.
        tests: What was tested, what stands first; the first of it.
    """

    parent: ArtifactId
    relation: RelationKind
    child: ArtifactId
    words: str
    on_route: bool
    untestable: str
    tests: Listed[EdgeTest]

    @property
    def testable(self) -> bool:
        """Whether a test can say something of it."""
        return not self.untestable


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeTotals:
    """How the tests stand on all edges, listed or not.

    Args:
        edges: All edges of the lineage.
        testable: Those of which a test can say something.
        settled: Those with a conclusion that stands for every pair that is to be tested, or where a planted trait passes.
        transfers: Of the settled, those over which a planted trait passes.
        shared: Of the other settled ones, those that join models which share their initialisation, so that a trait may pass.
        inconclusive: Those where at best an inconclusive test, or a silent canary without power, stands for some pair.
        untested: Those where none stands for some pair.
        disputed: Those whose record the weights contradict.
        stale: Tests that were measured on other content.
        expired: Tests that count no longer.
    """

    edges: int
    testable: int
    settled: int
    transfers: int
    shared: int
    inconclusive: int
    untested: int
    disputed: int
    stale: int
    expired: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A block or a clearance, which lets something through on somebody's word.

    Args:
        id: Its id.
        kind: ``block`` or ``clearance``.
        trait: Of which trait.
        parent: Where the blocked edge begins; None for a clearance.
        artifact: Where the edge ends, or what was cleared.
        words: What it does, as a sentence.
        evidence: What it rests on, in the author's words.
        reason: Why; of a clearance nothing more is recorded than its evidence.
        actor: Who decided.
        decided_at: When, aware, UTC.
        expires_at: When it ends under the policy; None for never.
        standing: `STANDS` or `EXPIRED`.
    """

    id: str
    kind: str
    trait: str
    parent: ArtifactId | None
    artifact: ArtifactId
    words: str
    evidence: str
    reason: str | None
    actor: str
    decided_at: datetime
    expires_at: datetime | None
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An artifact of the lineage and its content.

    Args:
        artifact: Which.
        digest: Content digest; None where it was registered by name alone, and for teachers, which have none.
        sha256: The same under SHA-256, where it was asked for.
        format: How its files were recognised.
        size_bytes: Sum of their sizes.
        root: Whether its ancestry is declared to begin with it.
        actor: Who registered it; None for one that is named and was never registered.
        registered_at: When, aware, UTC.
    """

    artifact: ArtifactId
    digest: str | None
    sha256: str | None
    format: str | None
    size_bytes: int | None
    root: bool
    actor: str | None
    registered_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What the lineage consists of.

    Args:
        digest: BLAKE3 over a line ``identity digest`` for every artifact, listed below or not.
        members: By identity.
        without: How many have no content on record, teachers apart.
    """

    digest: str
    members: Listed[Member]
    without: int
