"""Showing: from a page's data and its template to an answer, with what stands around every page."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse

from provenance.artifacts import ArtifactKind
from provenance.facts import utc_text
from provenance.meanings import measured
from provenance.pages import environment
from provenance.server.caching import BeingWorkedOutError
from provenance.server.pages import lineage
from provenance.server.pages.addresses import Address, Links
from provenance.server.pages.assets import assets
from provenance.server.pages.frame import Frame
from provenance.server.pages.wording import COUNTS, LACKS
from provenance.server.serving import AskedServed, AskedView, Served
from provenance.traits import Severity
from provenance.view import View

if TYPE_CHECKING:
    from jinja2 import Environment

T = TypeVar("T")
_NAVIGATION = (
    ("Artifacts", "artifacts"),
    ("Risks", "risks"),
    ("Flags", "flags"),
    ("Audit", "audit"),
)
DIAGRAMS = ("svg", "png", "pdf", "dot", "mmd")
"""The endings of diagrams to download."""
REPORTS = ("html", "md", "json")
"""The endings of reports to download."""


@cache
def _templates() -> "Environment":
    made = environment("provenance.server")
    made.filters |= {"second": _second, "instant": utc_text}
    made.globals |= _GLOBALS
    return made


def prepare() -> None:
    """Reads the templates, so that the first reader does not wait for it."""
    for name in _templates().list_templates(["html"]):
        _templates().get_template(name)


def _second(moment: datetime) -> str:
    """A moment for people, to the second: records often follow each other within a minute."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


_GLOBALS: Mapping[str, Any] = {
    "collapses": lineage.COLLAPSES,
    "counts_how": COUNTS,
    "depths": lineage.DEPTHS,
    "diagram_forms": DIAGRAMS,
    "kinds": tuple(ArtifactKind),
    "lacks": LACKS,
    "measured": measured,
    "report_forms": REPORTS,
    "severities": tuple(Severity),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for, and how it is answered.

    Args:
        request: The request.
        served: What is served.
        view: What is known at the date that it asks about.
    """

    request: Request
    served: Served
    view: View

    @property
    def here(self) -> Address:
        """The address that was asked for."""
        return _here(self.request)

    @property
    def links(self) -> Links:
        """Links that keep the date."""
        return _links(self.request)

    def worked_out(self, question: str, work: Callable[[View], T]) -> T | None:
        """What is worked out once of a state of the whole registry; None while that goes on."""
        try:
            return self.served.worked_out.once(self.view, question, work)
        except BeingWorkedOutError:
            return None

    def show(
        self, template: str, title: str, *, headers: Mapping[str, str] | None = None, **data: object
    ) -> HTMLResponse:
        """A page.

        Args:
            template: File name of its template.
            title: What it is called.
            headers: Of the answer.
            data: What the template shows.
        """
        present = self.view if self.view.reading.as_of is None else self.served.view()
        frame = Frame.of(self.view, present)
        text = (
            _templates()
            .get_template(template)
            .render(**data, **_around(self.links, self.here), frame=frame, title=title)
        )
        return HTMLResponse(text, headers=headers)


def _asked(request: Request, served: AskedServed, view: AskedView) -> Asked:
    return Asked(request, served, view)


Page = Annotated[Asked, Depends(_asked)]
"""A parameter of a route: what the request asks for."""


def bare_page(
    request: Request,
    template: str,
    title: str,
    *,
    status: int = HTTPStatus.OK,
    **data: Any,  # noqa: ANN401 - whatever a template shows
) -> HTMLResponse:
    """A page that is about nothing recorded, and so is as of no date."""
    around = _around(_links(request), _here(request))
    text = _templates().get_template(template).render(**around, **data, frame=None, title=title)
    return HTMLResponse(text, status_code=status)


def error_page(request: Request, status: int, message: str, hint: str | None) -> HTMLResponse:
    """An error, for people: what is wrong, what to do next, and a way on."""
    said = {"message": message, "hint": hint}
    return bare_page(request, "error.html", HTTPStatus(status).phrase, status=status, **said)


def _here(request: Request) -> Address:
    """The address of a request, its path as it came: decoded, a name with a question mark would end it."""
    path, prefix = request.scope["raw_path"].decode("ascii"), request.scope.get("root_path", "")
    whole = path if path.startswith(f"{prefix}/") else f"{prefix}{path}"
    return Address(whole, tuple(request.query_params.multi_items()))


def _links(request: Request) -> Links:
    return Links(prefix=request.scope.get("root_path", ""), as_of=request.query_params.get("as_of") or None)


def _around(links: Links, here: Address) -> dict[str, Any]:
    """What every template is given."""
    return {
        "links": links,
        "here": here,
        "href": links.href,
        "navigation": _NAVIGATION,
        "assets": {name: f"{links.prefix}/static/{name}?v={one.version}" for name, one in assets().items()},
    }
