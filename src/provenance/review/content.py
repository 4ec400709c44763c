"""What a safety review says: plain data in the order in which it is read, and the same as public JSON.

Whatever may grow with the lineage is `Listed`: the first of it, and how much there is, so that nothing is cut in silence.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from provenance.artifacts import ArtifactId
from provenance.audit import Task
from provenance.differences import Diff
from provenance.evidence import TestKind, Verdict
from provenance.meanings import Meaning
from provenance.relations import RelationKind
from provenance.render import Picture
from provenance.risk import Check, RiskEntry, Status, Step
from provenance.risk.policy_keys import Value
from provenance.traits import Trait

T_co = TypeVar("T_co", covariant=True)


class Outcome(StrEnum):
    """What the gate says of an artifact, worst first."""

    HELD_BACK = "held back"
    """Something on record holds it back."""
    NOT_KNOWN = "not known"
    """Too little is known for it to pass: it is held back."""
    REMARKS = "passes with remarks"
    """The policy lets it through, and wants something to be said."""
    PASSES = "passes"
    """Nothing on record holds it back."""

    @property
    def may_ship(self) -> bool:
        """Whether the gate lets it through."""
        return self in {Outcome.REMARKS, Outcome.PASSES}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """What the gate says of one artifact.

    Args:
        artifact: Which.
        outcome: In a word.
        sentence: In one sentence: which trait, from whom, through which data, on what evidence; or what a pass rests on.
        check: The gate's own answer.
        reaching: The sentence of every other trait that holds it back or is remarked on, worst first; the first few.
    """

    artifact: ArtifactId
    outcome: Outcome
    sentence: str
    check: Check
    reaching: Listed[str]


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
class StepTold:
    """One step of a witness path.

    Args:
        words: The step as a sentence, with what it rests on.
        step: The same for machines.
    """

    words: str
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """What an artifact may have inherited from one flag, with the witness path.

    Args:
        artifact: Who may have inherited it.
        sentence: The same in one sentence.
        entry: The same for machines.
        meaning: What the status means, in words.
        flag: The flag that it comes from.
        holds_back: Whether the gate holds the artifact back for it.
        steps: The witness path from the flagged artifact; none where the flag is on the artifact itself.
    """

    artifact: ArtifactId
    sentence: str
    entry: RiskEntry
    meaning: str
    flag: FlagTold
    holds_back: bool
    steps: tuple[StepTold, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of a trait on one model.

    Args:
        id: Id of the record.
        conclusion: ``present``, ``absent`` or ``undecided``.
        words: The figures in words, with units.
        value: The figure.
        low: Lower end of its interval.
        high: Upper end.
        unit: What it is measured in.
        threshold: From where on the trait counts as present.
        method: How it was measured.
        actor: Who recorded it.
        measured_at: When it was measured, aware, UTC.
        standing: `STANDS`, or `STALE` where it was measured on other content.
    """

    id: str
    conclusion: str
    words: str
    value: float
    low: float | None
    high: float | None
    unit: str
    threshold: float | None
    method: str
    actor: str
    measured_at: datetime
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainMember:
    """One artifact of the witness paths of a trait, and what was measured there.

    Args:
        artifact: Which; models and teachers, since datasets can't be asked.
        status: Where it stands with the trait.
        measured: Newest first; none where it was not measured.
    """

    artifact: ArtifactId
    status: Status
    measured: tuple[Measured, ...]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeTold:
    """A relation of the lineage with its tests.

    Args:
        parent: The earlier artifact.
        relation: By which relation.
        child: The later artifact.
        words: The relation as a sentence.
        on_route: Whether a trait's witness path to an artifact that was asked about goes along it.
        testable: Whether a test can say anything of it; data always carry what is in them.
        tests: What was tested, what stands first; the first of it.
    """

    parent: ArtifactId
    relation: RelationKind
    child: ArtifactId
    words: str
    on_route: bool
    testable: bool
    tests: Listed[EdgeTest]


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeTotals:
    """How the tests stand on all edges, listed or not.

    Args:
        edges: All edges of the lineage.
        testable: Those of which a test can say something.
        settled: Those with a conclusion that stands for every pair that is to be tested.
        inconclusive: Those where at best an inconclusive test stands for some pair.
        untested: Those where none stands for some pair.
        disputed: Those whose record the weights contradict.
        stale: Tests that were measured on other content.
        expired: Tests that count no longer.
    """

    edges: int
    testable: int
    settled: int
    inconclusive: int
    untested: int
    disputed: int
    stale: int
    expired: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Something that is missing in an ancestry.

    Args:
        gap: What, in words.
        concerns: The artifacts asked about that it leaves incomplete; the first of them.
        closes: What would close it, in words.
    """

    gap: str
    concerns: Listed[ArtifactId]
    closes: str


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
class Before:
    """What the gate said of an artifact at the earlier date.

    Args:
        artifact: Which.
        outcome: In a word; None where it was not recorded yet.
    """

    artifact: ArtifactId
    outcome: Outcome | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedPolicy:
    """The policy that was applied.

    Args:
        digest: Its digest.
        settings: Every key with its value.
        changed: The keys whose values are not those of the policy that ships.
        text: The same as a policy file.
    """

    digest: str
    settings: Mapping[str, Value] = field(hash=False)
    changed: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What changed since a date or since an earlier review.

    Args:
        since: The earlier date, aware, UTC.
        review: Digest of the earlier review; None where a date was given.
        policy: The policy at the earlier date.
        outcomes: What the gate said then of the artifacts that it says something else of now; the first of them.
        diff: Which standings changed, and by which record; the first of them.
        total: How many standings changed.
    """

    since: datetime
    review: str | None
    policy: AppliedPolicy
    outcomes: Listed[Before]
    diff: Diff
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerMark:
    """Where in which ledger the review was made.

    Args:
        head: Digest of the last transaction that it knows of.
        number: Number of transactions.
        entries: Number of facts.
        first: Digest of the first transaction, by which registries are told apart.
        recorded_at: When the last transaction was recorded, aware, UTC; None for an empty ledger.
    """

    head: str
    number: int
    entries: int
    first: str
    recorded_at: datetime | None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What there is to say before an artifact ships, in the order in which it is read.

    Args:
        headline: The whole in one sentence: may they ship.
        asked: The artifacts asked about.
        trait: The one trait that it is restricted to, the gate's verdict apart; None for all.
        as_of: The date that it is made for, aware, UTC.
        partial: Whether something could not be looked at.
        unfinished: Whether an import was begun and not finished when it was made.
        counts: Of all artifacts asked about, how many the gate says what of.
        ruled: What the gate says of each, worst first.
        risks: What they may have inherited, what holds back first, then worst first.
        risk_counts: How many risks there are of each status, listed or not.
        chains: Each trait at risk, measured along the chain.
        picture: The lineage, as a diagram without a format.
        edge_totals: How the tests stand on all edges.
        edges: Each edge with its tests: on witness paths first, then what is disputed, untested, inconclusive, settled.
        unknowns: What is missing in the ancestry.
        decisions: Blocks and clearances within the lineage.
        owed: The tests that are owed, where the most may be inherited first.
        flags: Every flag that was ever raised within the lineage, oldest first.
        traits: What the traits are that occur here.
        changes: What changed since an earlier date, where that was asked for.
        policy: The policy that was applied.
        ledger: Where in which ledger it was made.
        contents: Every artifact of the lineage with its content digest.
        software: Version of the program that made it.
        digest: BLAKE3 over all of the above as canonical JSON.
    """

    headline: str
    asked: tuple[ArtifactId, ...]
    trait: str | None
    as_of: datetime
    partial: bool
    unfinished: bool
    counts: Mapping[Outcome, int] = field(hash=False)
    ruled: Listed[Ruled]
    risks: Listed[Risk]
    risk_counts: Mapping[Status, int] = field(hash=False)
    chains: Listed[Chain]
    picture: Picture
    edge_totals: EdgeTotals
    edges: Listed[EdgeTold]
    unknowns: Listed[Unknown]
    decisions: Listed[Decision]
    owed: Listed[Task]
    flags: Listed[FlagTold]
    traits: tuple[Trait, ...]
    changes: Changes | None
    policy: AppliedPolicy
    ledger: LedgerMark
    contents: Contents
    software: str
    digest: str
