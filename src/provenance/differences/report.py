"""What a question about differences is answered with: which standings are not what they were, since when, and by which record."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from provenance.artifacts import ArtifactId
from provenance.risk import Status
from provenance.shown import Shown


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
class Diff(Shown):
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """An artifact of one registry and what it is in another.

    Args:
        here: Its identity in the one.
        there: Its identity in the other.
        by_content: Whether the names differ and the content is the same; else the identities are equal.
    """

    here: ArtifactId
    there: ArtifactId
    by_content: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """A standing that is another in another registry.

    Args:
        artifact: Whose.
        trait: With which trait; None for its ancestry, as in `Difference`.
        here: The status in the one registry.
        there: The status in the other.
        facts_here: What only the one knows of the artifact and of all that its standing rests on.
        facts_there: What only the other knows.
        attributed: Whether these facts were looked for.
    """

    artifact: Match
    trait: str | None
    here: Status
    there: Status
    facts_here: tuple[Cause, ...] = ()
    facts_there: tuple[Cause, ...] = ()
    attributed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryDiff:
    """The answer to `diff` of two registries.

    Args:
        as_of: The date asked for, aware, UTC.
        policy_digest: Digest of the policy that was applied to both.
        partial: Whether something could not be looked at.
        only_here: Artifacts that the other does not know, by identity or by content.
        only_there: Artifacts that the one does not know.
        renamed: Artifacts that bear other names in the other.
        facts_here: What only the one says of the artifacts and of all that their standings rest on.
        facts_there: What only the other says.
        divergences: The standings that are others there, the worst first.
    """

    as_of: datetime
    policy_digest: str
    partial: bool
    only_here: tuple[ArtifactId, ...]
    only_there: tuple[ArtifactId, ...]
    renamed: tuple[Match, ...]
    facts_here: tuple[Cause, ...]
    facts_there: tuple[Cause, ...]
    divergences: tuple[Divergence, ...]
