"""What is served: a registry under a policy, and the view that each request gets of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query, Request

from provenance.errors import ContentError, UsageError
from provenance.moments import read_moment
from provenance.registry import Registry
from provenance.risk import Policy
from provenance.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What an app serves; it is ``app.state.served``.

    Args:
        registry: The registry.
        policy: The policy of its answers; None for the registry's own.
    """

    registry: Registry
    policy: Policy | None

    def view(self, as_of: datetime | None = None) -> View:
        """All that was known at a date (default: now); each request has a view of its own."""
        return self.registry.view(as_of=as_of, policy=self.policy)


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
