"""What a question about differences is answered with: which standings are not what they were, since when, and by which record."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from provenance.artifacts import ArtifactId
from provenance.risk import Status


class How(StrEnum):
    """How something came to move a standing."""

    RECORDED = "recorded"
    EXPIRED = "expired"
    POLICY = "policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What moved a standing, or may have.

    Args:
        how: Whether it was recorded then, expired then, or is another policy.
        record: Id of the record; None for a policy.
        says: What it says, in words.
        actor: Who recorded it; None for a policy.
    """

    how: How
    record: str | None = None
    says: str
    actor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A moment at which a standing changed.

    Args:
        at: When, aware, UTC; of another policy, the beginning of the time that is looked at.
        before: The status until then; None for an artifact that was not recorded.
        after: The status from then on.
        gained: What came with it: ids of flags that reach the artifact since, or gaps in its ancestry.
        lost: What went with it.
        causes: The records of that moment that moved the standing, each put to those before it in the order of the ledger.
    """

    at: datetime
    before: Status | None
    after: Status | None
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A standing that is not what it was, or was something else in between.

    Args:
        artifact: Whose.
        trait: With which trait; None for what is known of its ancestry whatever the trait: `CLEAR`, or `UNKNOWN` where there are gaps.
        before: The status at the earlier date; None for an artifact that was not recorded.
        after: The status at the later date.
        gained: Ids of the flags that reach it now and did not; where the trait is None, gaps in its ancestry, in words.
        lost: Those that did and do not.
        attributed: Whether its turns were looked for.
        turns: How it came from the one to the other, oldest first.
    """

    artifact: ArtifactId
    trait: str | None
    before: Status | None
    after: Status | None
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    attributed: bool = True
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """The answer to `diff`.

    Args:
        since: The earlier date, aware, UTC.
        until: The later date, aware, UTC.
        policy_before: Digest of the policy that was applied at the earlier date.
        policy_digest: Digest of the policy that was applied after it.
        partial: Whether something could not be looked at: part of an ancestry, the turns of a difference, or what came and went
            within a time too full of records to look at each.
        differences: The worst of now first.
    """

    since: datetime
    until: datetime
    policy_before: str
    policy_digest: str
    partial: bool
    differences: tuple[Difference, ...]
