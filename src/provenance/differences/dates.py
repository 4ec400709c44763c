"""What changed in a registry between two dates: of some artifacts, or of all."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from provenance.artifacts import ArtifactId
from provenance.differences.history import History, difference, moved, order
from provenance.differences.report import Diff
from provenance.differences.standings import compared, require_trait
from provenance.errors import UsageError
from provenance.risk import Policy

if TYPE_CHECKING:
    from provenance.store import Reading

MOST_WALKED = 200
"""Of how many artifacts at once every moment is looked at."""


def between_dates(
    then: "Reading",
    now: "Reading",
    before: Policy,
    after: Policy,
    *,
    asked: Sequence[ArtifactId] | None = None,
    trait: str | None = None,
) -> Diff:
    """What changed between two dates.

    Of some artifacts, and of all in a small registry, every moment between the dates is looked at. Of all in a large one the statuses at
    the two dates are compared, and then the moments of the artifacts that stand worst now, as many as `MOST_WALKED`: of the others
    no cause is looked for, and what came and went in between, or changed no status, is not seen. The answer says that it is partial.

    Args:
        then: The registry at the earlier date.
        now: The registry at the later date.
        before: The policy at the earlier date.
        after: The policy from then on.
        asked: Which artifacts; None for all.
        trait: Only this trait; None for all.

    Raises:
        UnknownReferenceError: The trait is not recorded.
        UsageError: The earlier date is not the earlier one.
    """
    require_trait(now, trait)
    if then.moment > now.moment:
        raise UsageError(
            f"{then.moment:%Y-%m-%d %H:%M} UTC, where it begins, is after {now.moment:%Y-%m-%d %H:%M} UTC, where it ends",
            hint="A date without a time means the end of that day.",
        )

    def walked(artifacts: Sequence[ArtifactId]) -> Diff:
        excerpt = now.line(artifacts)
        return History(
            excerpt=excerpt, asked=artifacts, since=then.moment, before=before, after=after, trait=trait
        ).diff()

    artifacts = now.names() if asked is None else asked
    if asked is not None or len(artifacts) <= MOST_WALKED:
        return walked(artifacts)
    earlier, later = compared((then, before), (now, after), trait)
    found = sorted(
        (difference(subject, earlier, later, None) for subject in moved(earlier, later)), key=order
    )
    first = tuple(dict.fromkeys(one.artifact for one in found))[:MOST_WALKED]
    told = walked(first)
    looked_at = frozenset(first)
    rest = [one for one in found if one.artifact not in looked_at]
    return replace(told, partial=True, differences=tuple(sorted((*told.differences, *rest), key=order)))
