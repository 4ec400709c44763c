"""What a question about inherited risk is answered with."""

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum

from provenance.artifacts import ArtifactId
from provenance.evidence import Verdict
from provenance.facts import Recorded
from provenance.relations import RelationKind
from provenance.shown import Shown
from provenance.traits import Severity, TraitMeasurement


class Status(StrEnum):
    """Where an artifact stands with a trait, worst first; the first of several counts."""

    AFFECTED = "affected"
    EXPOSED = "exposed"
    SUSPECTED = "suspected"
    CARRIER = "carrier"
    UNLIKELY = "unlikely"
    CLEARED = "cleared"
    UNKNOWN = "unknown"
    CLEAR = "clear"

    @property
    def rank(self) -> int:
        """0 for the worst to 7 for the best."""
        return _RANKS[self]

    @property
    def words(self) -> str:
        """How a sentence says of an artifact that it stands so with a trait, whose name comes next."""
        return _WORDS[self]


_RANKS = {status: rank for rank, status in enumerate(Status)}
_WORDS = {
    Status.AFFECTED: "is affected by",
    Status.EXPOSED: "is exposed to",
    Status.SUSPECTED: "is suspected of",
    Status.CARRIER: "is a carrier of",
    Status.UNLIKELY: "is unlikely to have",
    Status.CLEARED: "is cleared of",
    Status.UNKNOWN: "may or may not have inherited",
    Status.CLEAR: "is clear of",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One of the numbers that a factor is the product of, and where it is from.

    Args:
        name: The policy's key (``exposure.prior.generated_by``), or what was measured or recorded.
        value: The number, in [0, 1].
        evidence: Id of the evidence that it was measured by; None where nothing was measured.
    """

    name: str
    value: float
    evidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One edge of a witness path.

    Args:
        parent: Where the trait comes from.
        relation: By which relation.
        child: Where it goes.
        factor: What the edge multiplies the score by, in [0, 1]: the product of its terms.
        verdict: What was measured that decided the edge, or None where nothing was.
        evidence: Ids of that evidence.
        basis: In a few words, what the factor and the standing rest on (``same initialisation by record: model:base@1``).
        terms: What the factor is the product of; none where the edge hands on the whole.
    """

    parent: ArtifactId
    relation: RelationKind
    child: ArtifactId
    factor: float
    verdict: Verdict | None = None
    evidence: tuple[str, ...] = ()
    basis: str
    terms: tuple[Term, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskEntry:
    """What an artifact may have inherited from one flag.

    Args:
        trait: Name of the trait.
        severity: Its severity.
        status: Where the artifact stands with it, by this flag.
        score: Product of the route's factors, in [0, 1]; only for ranking review work.
        flag: Id of the flag.
        origin: The flagged artifact.
        depth: Number of edges from the origin.
        rule: The rule that decided the status, in words.
        route: The witness path from the origin; empty when the flag is on the artifact itself.
    """

    trait: str
    severity: Severity
    status: Status
    score: float
    flag: str
    origin: ArtifactId
    depth: int
    rule: str
    route: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A route that a recorded decision ends: the edge (or the artifact, for a clearance), and by which record.

    Args:
        parent: Where the stopped edge begins.
        child: Where it ends.
        trait: Name of the trait.
        by: Id of the block or clearance.
        reason: Its reason, in words.
    """

    parent: ArtifactId
    child: ArtifactId
    trait: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of a trait on an artifact.

    Args:
        artifact: Which.
        measurement: The latest measurement; None where it was not measured.
    """

    artifact: ArtifactId
    measurement: Recorded[TraitMeasurement] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactRisks(Shown):
    """All that one artifact may have inherited.

    Args:
        artifact: Which.
        status: The worst over its entries; `UNKNOWN` or `CLEAR` where there are none.
        risks: One entry for each (flag, source), worst first.
        unknown: What is missing in its ancestry, in words; always listed beside the status.
        roots: Where its ancestry ends and trust begins, in words.
        stopped: Routes to it that blocks or clearances end.
    """

    artifact: ArtifactId
    status: Status
    risks: tuple[RiskEntry, ...] = ()
    unknown: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    stopped: tuple[Stopped, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedRisks(ArtifactRisks):
    """The answer to `why`.

    Args:
        measured: What was measured of the trait on each model and teacher of its witness paths, the origins first, and on itself. It
            moves no status.
    """

    measured: tuple[Measured, ...] = ()

    @classmethod
    def of(cls, risks: ArtifactRisks, measured: tuple[Measured, ...]) -> "ExplainedRisks":
        """What one artifact may have inherited, with what was measured."""
        told = {one.name: getattr(risks, one.name) for one in fields(ArtifactRisks)}
        return cls(**told, measured=measured)


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskReport(Shown):
    """The answer to `risks`.

    Args:
        as_of: The date asked for, aware, UTC.
        policy_digest: Digest of the policy that was applied.
        partial: Whether something could not be looked at.
        artifacts: In the order asked for.
    """

    as_of: datetime
    policy_digest: str
    partial: bool
    artifacts: tuple[ArtifactRisks, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactItem:
    """One artifact downstream of a source.

    Args:
        artifact: Which.
        status: Where it stands (for the trait asked for, or the source's own standing were it flagged).
        score: As in `RiskEntry`.
        depth: Number of edges from the source.
        via: The artifact just before it on the witness path.
    """

    artifact: ArtifactId
    status: Status
    score: float
    depth: int
    via: ArtifactId


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact(Shown):
    """The answer to `impact`: what is downstream of an artifact.

    Args:
        source: The artifact asked about.
        trait: The trait asked about, or None for any (judged as a covert trait found on the source).
        partial: Whether something could not be looked at.
        items: Worst first, then nearest.
    """

    source: ArtifactId
    trait: str | None
    partial: bool
    items: tuple[ImpactItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """Why a gate holds an artifact back, or what it reports of one that it lets through.

    Args:
        kind: ``risk``, ``contradiction``, ``unknown`` or ``partial``.
        message: One sentence for people.
        trait: The trait, for a risk.
        status: Its status, for a risk.
        severity: Its severity, for a risk.
        flag: Id of the flag, for a risk.
    """

    kind: str
    message: str
    trait: str | None = None
    status: Status | None = None
    severity: Severity | None = None
    flag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Shown):
    """The answer to `check`, for one artifact.

    Args:
        artifact: Which.
        as_of: The date asked for, aware, UTC.
        policy_digest: Digest of the policy that was applied.
        passed: Whether nothing holds it back.
        violations: What does.
        reported: What the policy lets through, and wants to be said.
        roots: Where its ancestry ends and trust begins, in words.
    """

    artifact: ArtifactId
    as_of: datetime
    policy_digest: str
    passed: bool
    violations: tuple[Violation, ...]
    reported: tuple[Violation, ...] = ()
    roots: tuple[str, ...] = ()
