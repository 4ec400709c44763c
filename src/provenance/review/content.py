"""What a safety review says: plain data in the order in which it is read, and the same as public JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from provenance.artifacts import ArtifactId
from provenance.audit import Task
from provenance.differences import Diff
from provenance.render import Picture
from provenance.review.records import (
    Chain,
    Contents,
    Decision,
    EdgeTest,
    EdgeTold,
    EdgeTotals,
    FlagTold,
    Listed,
)
from provenance.risk import Check, RiskEntry, Status, Step
from provenance.risk.policy_keys import Value
from provenance.shown import Shown
from provenance.traits import Trait


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """What the gate says of one artifact.

    Args:
        artifact: Which.
        outcome: In a word.
        sentence: In one sentence: which trait, from whom, through which data, on what evidence; or what a pass rests on.
        measured: What of traits was measured to be present in it, or above it and not flagged, a sentence each.
        check: The gate's own answer.
        reaching: The sentence of every other trait that holds it back or is remarked on, worst first; the first few.
    """

    artifact: ArtifactId
    outcome: Outcome
    sentence: str
    measured: Listed[str]
    check: Check
    reaching: Listed[str]


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
        entry: The same for machines, without its route.
        meaning: What the status means, in words.
        flag: The flag that it comes from.
        holds_back: Whether the gate holds the artifact back for it.
        steps: The witness path from the flagged artifact, of a long one both ends; none where the flag is on the artifact itself.
    """

    artifact: ArtifactId
    sentence: str
    entry: RiskEntry
    meaning: str
    flag: FlagTold
    holds_back: bool
    steps: Listed[StepTold]


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
        outcomes: What the gate said then of the listed artifacts that it says something else of now.
        diff: Which standings changed, and by which record; the first of them.
        total: How many standings changed.
    """

    since: datetime
    review: str | None
    policy: AppliedPolicy
    outcomes: tuple[Before, ...]
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
class Review(Shown):
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
        critical: The ways by which traits reach the artifacts, as a diagram without a format.
        picture: The whole lineage, the same; of many artifacts, of the first that are listed.
        edge_totals: How the tests stand on all edges.
        edges: Each edge with its tests: on witness paths first, then what is disputed, untested, inconclusive, settled.
        other_tests: Tests between artifacts of the lineage that no edge asked for.
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
    critical: Picture
    picture: Picture
    edge_totals: EdgeTotals
    edges: Listed[EdgeTold]
    other_tests: Listed[EdgeTest]
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
