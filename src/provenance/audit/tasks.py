"""What an audit is about: tests that are owed, what speaks for each, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from provenance.artifacts import ArtifactId
from provenance.evidence import Evidence, TestKind
from provenance.facts import Recorded
from provenance.risk import Status
from provenance.traits import Severity


class State(StrEnum):
    """How it stands with the evidence of an edge that a test is owed for."""

    MISSING = "missing"
    """It was never tested."""

    STALE = "stale"
    """It was tested on something else than what is recorded now."""

    EXPIRED = "expired"
    """What exonerated has expired under the policy, and nothing else came to a conclusion."""

    SCREENED = "screened"
    """Of its canaries only a quick one was run, which settles nothing."""

    INCONCLUSIVE = "inconclusive"
    """Its tests came to no conclusion; owed again only where that is asked for."""

    OUTDATED = "outdated"
    """It was tested by an older version of the method; owed again only where that is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stake:
    """What may be inherited along an edge: the gravest that one flag means to both its ends.

    Args:
        model: Who may inherit.
        trait: Which trait.
        severity: Of the trait.
        status: Where the model stands with it, by that flag.
        score: Of that, in [0, 1].
        flag: Id of the flag.
    """

    model: ArtifactId
    trait: str
    severity: Severity
    status: Status
    score: float
    flag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A test that is owed.

    Args:
        test: Which test.
        parent: The earlier artifact: a model, or the teacher of a canary.
        child: The later one: a model, or the student of a canary.
        because: The edge or exposure that asks for it, and what its evidence lacks, in words.
        state: How it stands with the evidence.
        concerns: The models whose standing the test bears on.
        stake: What may be inherited; None where no flag reaches both ends, or nobody has looked yet.
    """

    test: TestKind
    parent: ArtifactId
    child: ArtifactId
    because: str
    state: State = State.MISSING
    concerns: tuple[ArtifactId, ...] = ()
    stake: Stake | None = None

    def __str__(self) -> str:
        return f"{self.test} {self.parent} -> {self.child}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the testing of some edges has come.

    Args:
        asked: How many tests the edges ask for.
        settled: How many of these have evidence that came to a conclusion and still counts.
        lacking: How many of the others are in which state; a state that none is in is left out.
    """

    asked: int
    settled: int
    lacking: Mapping[State, int] = field(hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTestable:
    """Why a test could not run.

    Args:
        reason: In words.
    """

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a task.

    Args:
        task: Which.
        recorded: The evidence, where the test ran.
        reason: Why it could not, where it did not.
    """

    task: Task
    recorded: Recorded[Evidence] | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What an audit came to.

    Args:
        outcomes: Of every test that ran or could not, in the order in which they ended.
        left: What the budget left undone, the most urgent first.
    """

    outcomes: tuple[Outcome, ...]
    left: tuple[Task, ...]
