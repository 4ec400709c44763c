"""Traits; what was measured of them; and what people find and decide about them: flags, withdrawals, clearances, blocks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from math import isfinite

from provenance.artifacts import ArtifactId, ArtifactKind, check_name
from provenance.errors import ContentError
from provenance.shown import Shown


class Severity(StrEnum):
    """How bad it would be to ship the trait; `rank` orders them."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for low to 3 for critical."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trait:
    """A named property that may be inherited.

    Args:
        name: Its name.
        severity: How bad it would be to ship it.
        description: What it is, for people.
        overt: Whether its content stands in the data itself, so that it carries whatever the initialisation.
    """

    name: str
    severity: Severity
    description: str = ""
    overt: bool = False

    def __post_init__(self) -> None:
        check_name(self.name, "trait name")


class Conclusion(StrEnum):
    """What a measurement says of a trait. It is no verdict: those speak of a pair of models."""

    PRESENT = "present"
    ABSENT = "absent"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraitMeasurement(Shown):
    """How much of a trait was measured on a model or a teacher. It is shown, and moves no standing.

    Args:
        artifact: What was measured.
        trait: Name of the trait.
        conclusion: What it comes to: `PRESENT` and `ABSENT` only where the whole interval lies on one side of the threshold.
        value: The figure, or the difference from that of the base towards the trait, in the unit.
        low: Lower bound of its 95 % interval.
        high: Upper bound.
        unit: Of all four figures: ``nats``, or the name of a metric.
        threshold: The size that matters; None where nobody named one.
        method: Name and version of the method with every parameter that changes its value.
        base: What it was compared with; None where the value stands alone, or nobody said whose figures it was compared with.
        inputs: Role to content digest of everything that went in.
        measured_at: When, aware, UTC; of a file that does not say, when it was read.
    """

    artifact: ArtifactId
    trait: str
    conclusion: Conclusion
    value: float
    low: float
    high: float
    unit: str
    threshold: float | None
    method: str
    base: ArtifactId | None = None
    inputs: Mapping[str, str] = field(default_factory=dict, hash=False)
    measured_at: datetime

    def __post_init__(self) -> None:
        for one in (self.artifact, self.base):
            if one is not None and one.kind is ArtifactKind.DATASET:
                raise ContentError(f"{one} is no model: a trait is measured on models and teachers")
        if self.base == self.artifact:
            raise ContentError(f"{self._of} compares it with itself")
        for name in ("unit", "method"):
            if not getattr(self, name).strip():
                raise ContentError(f"{self._of} needs a {name}")
        if self.measured_at.tzinfo is None:
            raise ContentError(f"the time of {self._of} needs a time zone: {self.measured_at.isoformat()}")
        self._check_figures()

    def _check_figures(self) -> None:
        for name in ("value", "low", "high", "threshold"):
            figure = getattr(self, name)
            if figure is not None and not isfinite(figure):
                raise ContentError(f"{self._of} has {figure} as its {name}, which is no finite number")
        interval = f"[{self.low:g}, {self.high:g}]"
        if not self.low <= self.value <= self.high:
            raise ContentError(f"{self._of} gives {self.value:g}, outside its interval {interval}")
        if self.conclusion is Conclusion.UNDECIDED:
            return
        if self.threshold is None or self.low <= self.threshold <= self.high:
            limit = "a threshold" if self.threshold is None else f"{self.threshold:g}"
            raise ContentError(
                f"{self._of} says {self.conclusion}, and {interval} does not lie on one side of {limit}",
                hint="Name the size that matters; an interval that holds it is undecided.",
            )

    @property
    def _of(self) -> str:
        return f"the measurement of {self.trait} on {self.artifact}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A finding that an artifact has a trait; who and when stand with its record in the ledger.

    Args:
        artifact: Where it was found.
        trait: Name of the trait.
        evidence: What was seen, in words.
        confidence: The finder's, in (0, 1].
        expires_at: When it ends unless it is raised anew, aware; None for never.
    """

    artifact: ArtifactId
    trait: str
    evidence: str
    confidence: float = 1.0
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        _require(self.evidence, f"a flag on {self.artifact} needs evidence")
        if not 0.0 < self.confidence <= 1.0:
            raise ContentError(
                f"the confidence {self.confidence} of a flag on {self.artifact} is outside (0, 1]"
            )
        _require_zone(self.expires_at, "a flag")


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """Takes a flag back. The flag stays on record, and counts no longer from here on.

    Args:
        flag: Id of the flag.
        reason: Why.
    """

    flag: str
    reason: str

    def __post_init__(self) -> None:
        _require(self.reason, f"withdrawing {self.flag} needs a reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """A test that found an artifact free of a trait.

    Args:
        artifact: What was tested.
        trait: Name of the trait.
        evidence: What was done and what power it had, in words.
        stops_here: Whether its descendants are taken to be free of what would come through it.
        expires_at: When it ends, aware; None for never.
    """

    artifact: ArtifactId
    trait: str
    evidence: str
    stops_here: bool = False
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        _require(self.evidence, f"a clearance of {self.artifact} needs evidence")
        _require_zone(self.expires_at, "a clearance")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A decision that the edges from one artifact to another do not carry a trait.

    Args:
        parent: Where the edge begins.
        child: Where it ends.
        trait: Name of the trait.
        evidence: What the decision rests on.
        reason: Why it was taken.
        expires_at: When it ends, aware, UTC.
    """

    parent: ArtifactId
    child: ArtifactId
    trait: str
    evidence: str
    reason: str
    expires_at: datetime

    def __post_init__(self) -> None:
        _require(self.evidence, f"a block between {self.parent} and {self.child} needs evidence")
        _require(self.reason, f"a block between {self.parent} and {self.child} needs a reason")
        _require_zone(self.expires_at, "a block")


def _require(text: str, message: str) -> None:
    if not text.strip():
        raise ContentError(message, hint="Say in words what was seen and where it can be found.")


def _require_zone(moment: datetime | None, of: str) -> None:
    if moment is not None and moment.tzinfo is None:
        raise ContentError(f"the expiry of {of} needs a time zone: {moment.isoformat()}")
