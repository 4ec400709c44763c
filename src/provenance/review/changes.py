"""Changes: what stands otherwise than at an earlier date or in an earlier review, and by which record."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from provenance.artifacts import ArtifactId
from provenance.differences.history import History
from provenance.errors import UsageError
from provenance.facts import Snapshot
from provenance.lineage import Kindred, Lineage
from provenance.moments import told
from provenance.review.content import Before, Changes, Outcome, Ruled
from provenance.review.grounds import Grounds
from provenance.review.policies import applied
from provenance.risk import Policy

MOST_CHANGES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What a review is compared with.

    Args:
        at: The earlier date, aware, UTC.
        policy: The policy at that date.
        review: Digest of the earlier review; None where it is only a date.
    """

    at: datetime
    policy: Policy
    review: str | None = None


def changes(grounds: Grounds, ruled: Sequence[Ruled], baseline: Baseline) -> Changes:
    """What changed between a baseline and a review.

    Args:
        grounds: What the review rests on.
        ruled: What the gate says of the artifacts now.
        baseline: What it is compared with.

    Raises:
        UsageError: The baseline is later than the review.
    """
    excerpt = grounds.snapshot
    if baseline.at > excerpt.as_of:
        raise UsageError(
            f"{told(baseline.at)}, since which changes are asked for, is after {told(excerpt.as_of)}, the date of the report",
            hint="A date without a time means the end of that day.",
        )
    diff = History(
        excerpt=excerpt,
        asked=[one.artifact for one in ruled],
        since=baseline.at,
        before=baseline.policy,
        after=grounds.policy,
        trait=grounds.trait,
    ).diff()
    before = _outcomes(grounds, baseline)
    moved = [
        Before(artifact=one.artifact, outcome=before.get(one.artifact))
        for one in ruled
        if before.get(one.artifact) is not one.outcome
    ]
    return Changes(
        since=baseline.at,
        review=baseline.review,
        policy=applied(baseline.policy),
        outcomes=tuple(moved),
        diff=replace(diff, differences=diff.differences[:MOST_CHANGES]),
        total=len(diff.differences),
    )


def _outcomes(grounds: Grounds, baseline: Baseline) -> dict[ArtifactId, Outcome]:
    """What the gate said at the earlier date of those that were recorded then."""
    then = Lineage.of(Snapshot.of(grounds.snapshot.facts, baseline.at))
    recorded = tuple(one for one in grounds.asked if then.recorded(one))
    kindred = Kindred.of(then, baseline.policy.lifetimes)
    earlier = Grounds(kindred=kindred, policy=baseline.policy, asked=recorded, trait=grounds.trait)
    return {case.artifact: case.outcome for case in earlier.cases}
