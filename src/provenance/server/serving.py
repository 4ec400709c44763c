"""What is served: a registry under a policy, and the view that each request gets of it."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Annotated

from fastapi import Depends, Query, Request

from provenance.errors import ContentError, UsageError
from provenance.facts import canonical_json
from provenance.moments import read_moment
from provenance.registry import Registry
from provenance.render.apart import Apart
from provenance.risk import Policy, RiskReport
from provenance.risk.survey import Survey
from provenance.server.caching import BeingWorkedOutError, WorkedOut
from provenance.view import Answer, View

PAGE_SECONDS = 8
"""For which a page waits for its diagram; it comes without one then."""
FILE_SECONDS = 20
"""For which a download of a diagram, or of a report, waits for one."""


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
        return self.worked_out.once(self, *_survey_of(trait))

    def _as_known(self, answer: Answer) -> Answer:
        """Told as of the date that was asked for, though it may have been worked out before."""
        known = super()._as_known(answer)
        return replace(known, as_of=self.reading.moment) if isinstance(known, RiskReport) else known


def _survey_of(trait: str | None) -> tuple[Hashable, Callable[[View], Survey]]:
    """The question where every artifact stands, and how a view that keeps nothing answers it."""
    return ("survey", trait), lambda view: View.survey(view, trait)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What an app serves; it is ``app.state.served``.

    Args:
        registry: The registry.
        policy_file: The file of the policy; None where it is the one that ships.
        policy: The policy of its answers.
        worked_out: What was worked out of the whole registry.
        page_layout: Lays out the diagrams of pages.
        file_layout: Lays out diagrams to download, for which somebody may wait longer; pages don't wait for them.
        started: Tells this server from one that was started at another time, from other code.
    """

    registry: Registry
    policy_file: Path | None = None
    policy: Policy
    worked_out: WorkedOut = field(default_factory=WorkedOut)
    page_layout: Apart = field(default_factory=partial(Apart, seconds=PAGE_SECONDS))
    file_layout: Apart = field(default_factory=partial(Apart, seconds=FILE_SECONDS))
    started: str = field(default_factory=partial(token_hex, 8))

    def close(self) -> None:
        """Ends what was begun: drawings at once, and what is worked out of the whole registry when it is there."""
        self.page_layout.close()
        self.file_layout.close()
        self.worked_out.close()

    def view(self, as_of: datetime | None = None) -> ServedView:
        """All that was known at a date (default: now); each request has a view of its own."""
        found = self.registry.view(as_of=as_of, policy=self.policy)
        return ServedView(
            found.reading, found.policy, unfinished=found.unfinished, worked_out=self.worked_out
        )

    def begin(self) -> None:
        """Begins what the first page will ask for."""
        self.worked_out.begin(self.view(), *_survey_of(None))

    def survey(self, view: View, trait: str | None = None) -> Survey | None:
        """Where every artifact stands with one trait, or with any; None while that is being worked out."""
        try:
            return view.survey(trait)
        except BeingWorkedOutError:
            return None

    def tag(self, view: View, address: str) -> str:
        """What an answer is a function of, as HTTP's ``ETag``; weak, since the date that it tells is not among it.

        Args:
            view: What is known at the date that is asked about.
            address: What is asked.
        """
        state = self.worked_out.state(view)
        # Pages say what was recorded after the date that they are about, and what is not worked out yet.
        present = self.registry.head().digest
        parts = (self.started, address, present, *astuple(state), *self.worked_out.known(state))
        return f'W/"{sha256(canonical_json(parts).encode()).hexdigest()[:32]}"'

    def counts(self, view: View) -> Mapping[str, int]:
        """How many facts there are of each type, and artifacts of each kind; see `provenance.store.Reading.counts`."""
        return self.worked_out.counts(view)


class UnchangedError(Exception):
    """An answer would be the one that whoever asks has already; told by no words."""


def read_date(text: str | None) -> datetime | None:
    """A date in an address; None where there is none, or a form's empty field.

    Raises:
        UsageError: It is no date.
    """
    if not text:
        return None
    try:
        return read_moment(text)
    except ContentError as error:
        raise UsageError(error.message, hint=error.hint) from error


def served_by(request: Request) -> Served:
    """What the app of a request serves."""
    served: Served = request.app.state.served
    return served


def asked_moment(
    as_of: Annotated[
        str | None, Query(description="Answer as of this date: only what was recorded by then.")
    ] = None,
) -> datetime | None:
    """The date that a request asks for; None for now.

    Raises:
        UsageError: It is no date.
    """
    return read_date(as_of)


AskedServed = Annotated[Served, Depends(served_by)]
"""A parameter of a route: what is served."""

AskedMoment = Annotated[datetime | None, Depends(asked_moment)]
"""A parameter of a route: the date in the query; None for now."""


def asked_view(request: Request, served: AskedServed, as_of: AskedMoment) -> View:
    """The view that a request asks for, by its ``as_of``.

    Raises:
        UnchangedError: Whoever asks has the answer already.
    """
    view = served.view(as_of)
    request.state.tag = tag = served.tag(view, str(request.url))
    if tag in map(str.strip, request.headers.get("if-none-match", "").split(",")):
        raise UnchangedError(tag)
    return view


AskedView = Annotated[View, Depends(asked_view)]
"""A parameter of a route: the view, as of the date in the query."""
