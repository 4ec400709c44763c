"""Reporting: what a registry writes for those who decide on a release, and whether it still says so; a part of `provenance.registry.Registry`."""

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.examination import Ref
from provenance.projection import Projection

if TYPE_CHECKING:
    from provenance.review import Review
    from provenance.review.question import Question
    from provenance.review.verifying import ReportVerification
    from provenance.risk import Policy


class Reporting(Projection):
    """The reports of a registry."""

    def report(
        self,
        refs: Iterable[Ref],
        *,
        trait: str | None = None,
        since: "datetime | Review | Question | None" = None,
        as_of: datetime | None = None,
        policy: "Policy | None" = None,
        progress: Callable[[str], None] | None = None,
    ) -> "Review":
        """What there is to say before some artifacts ship; `provenance.review.documents` writes and reads it.

        Args:
            refs: The artifacts.
            trait: Restricts everything but the gate's verdict to one trait; None for all.
            since: Tells what changed since a date, or since an earlier report; None for nothing.
            as_of: The date; default: now.
            policy: The policy; default: the registry's own.
            progress: Told what is looked at next.

        Raises:
            ConflictError: The earlier report is of another registry.
            LedgerError: The ledger does not hold the earlier report's head.
            UnknownReferenceError: An artifact or the trait is not recorded.
            UsageError: No artifact is named, or the earlier date is the later one.
        """
        from provenance.review import review
        from provenance.review.question import baseline

        view = self.view(as_of=as_of, policy=policy)
        before = None if since is None else baseline(self._ledger, since, view.policy)
        return review(view, refs, trait=trait, since=before, progress=progress or _silent)

    def verify_report(
        self, path: str | Path, *, content: bool = False, progress: Callable[[str], None] | None = None
    ) -> "ReportVerification":
        """Whether the registry says what a report says that it said; see `provenance.review.verifying`."""
        from provenance.review.verifying import verify_report

        return verify_report(self._ledger, Path(path), content=content, progress=progress or _silent)


def _silent(_what: str) -> None:
    """Tells nobody."""
