"""Traits, and what people find and decide about them: flags, withdrawals, clearances, blocks."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from provenance.artifacts import ArtifactId, check_name
from provenance.errors import ContentError


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
