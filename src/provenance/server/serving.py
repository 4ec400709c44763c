"""What is served: a registry under a policy, and the view that each request gets of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query, Request

from provenance.errors import ContentError, UsageError
from provenance.moments import read_moment
from provenance.registry import Registry
from provenance.risk import Policy, RiskReport
from provenance.risk.survey import Survey
from provenance.server.caching import BeingWorkedOutError, WorkedOut
from provenance.view import Answer, View


@dataclass(frozen=True)
class ServedView(View):
    """A view that works out once, for all requests, what is asked of the whole registry."""

    worked_out: WorkedOut = field(kw_only=True)

    def survey(self, trait: str | None = None) -> Survey:
        """As `View.survey`.

        Raises:
            BeingWorkedOutError: The registry is large, and it is not there yet.
            UnknownReferenceError: There is no such trait.
        """
        self._require_trait(trait)
        return self.worked_out.once(self, ("survey", trait), lambda view: view.survey(trait))

    def _as_known(self, answer: Answer) -> Answer:
        """Told as of the date that was asked for, though it may have been worked out before."""
        known = super()._as_known(answer)
        return replace(known, as_of=self.reading.moment) if isinstance(known, RiskReport) else known


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What an app serves; it is ``app.state.served``.

    Args:
        registry: The registry.
        policy: The policy of its answers; None for the registry's own.
        worked_out: What was worked out of the whole registry.
    """

    registry: Registry
    policy: Policy | None = None
    worked_out: WorkedOut = field(default_factory=WorkedOut)

    def view(self, as_of: datetime | None = None) -> ServedView:
        """All that was known at a date (default: now); each request has a view of its own."""
        found = self.registry.view(as_of=as_of, policy=self.policy)
        return ServedView(
            found.reading, found.policy, unfinished=found.unfinished, worked_out=self.worked_out
        )

    def survey(self, view: View, trait: str | None = None) -> Survey | None:
        """Where every artifact stands with one trait, or with any; None while that is being worked out."""
        try:
            return view.survey(trait)
        except BeingWorkedOutError:
            return None

    def counts(self, view: View) -> Mapping[str, int]:
        """How many facts there are of each type, and artifacts of each kind; see `provenance.store.Reading.counts`."""
        return self.worked_out.counts(view)


def served_by(request: Request) -> Served:
    """What the app of a request serves."""
    served: Served = request.app.state.served
    return served


def asked_moment(
    as_of: Annotated[
        str | None, Query(description="Answer as of this date: only what was recorded by then.")
    ] = None,
) -> datetime | None:
    """The date that a request asks for; None for now, which an empty field of a form means too.

    Raises:
        UsageError: It is no date.
    """
    if not as_of:
        return None
    try:
        return read_moment(as_of)
    except ContentError as error:
        raise UsageError(error.message, hint=error.hint) from error


def asked_view(
    served: Annotated[Served, Depends(served_by)], as_of: Annotated[datetime | None, Depends(asked_moment)]
) -> View:
    """The view that a request asks for, by its ``as_of``."""
    return served.view(as_of)


AskedServed = Annotated[Served, Depends(served_by)]
"""A parameter of a route: what is served."""

AskedView = Annotated[View, Depends(asked_view)]
"""A parameter of a route: the view, as of the date in the query."""
