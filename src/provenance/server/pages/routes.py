"""The routes: which page stands at which address."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.errors import BusyError, UnknownReferenceError
from provenance.render import Direction, Picture, render
from provenance.render.apart import TooMuchError
from provenance.render.selection import COLLAPSE
from provenance.review.records import Standing
from provenance.risk import Status
from provenance.server.caching import BeingWorkedOutError
from provenance.server.drawing import PAGE
from provenance.server.pages import (
    artifact,
    audit,
    catalogue,
    evidence,
    flags,
    home,
    impact,
    lineage,
    risks,
    why,
)
from provenance.server.pages.assets import assets
from provenance.server.pages.owing import Owing, owing
from provenance.server.pages.showing import DIAGRAMS, Asked, Page
from provenance.server.pages.timelines import Timeline
from provenance.server.parameters import number_or_all
from provenance.status import WORKED_OUT_UP_TO
from provenance.traits import Severity

router = APIRouter(include_in_schema=False)

Start = Annotated[int, Query(ge=0, le=10**9)]
"""How many rows to pass over."""
Choice = Annotated[str | None, Query()]
"""One of a list, where the empty text means any."""
_MOST_OPENED = 100
"""Nodes of a lineage that one address unfolds."""
_RELOAD = 10
"""Seconds between two looks at an audit."""


@router.get("/static/{name}")
def serve_asset(name: str) -> Response:
    """The style sheet, the script and the icon; their addresses name their content, so that browsers may keep them."""
    asset = assets().get(name)
    if asset is None:
        raise UnknownReferenceError(f"there is no file {name!r}")
    kept = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(asset.content, media_type=asset.media_type, headers=kept)


@router.get("/")
def show_home(asked: Page) -> HTMLResponse:
    """What is recorded, and what wants a look."""
    counts = asked.worked_out("counts", lambda view: view.reading.counts())
    survey = asked.served.survey(asked.view)
    return asked.show("home.html", "Home", page=home.page(asked.view, counts, survey, _owing(asked)))


@router.get("/artifacts")
def show_catalogue(
    asked: Page,
    *,
    q: str = "",
    kind: Annotated[tuple[ArtifactKind, ...], Query()] = (),
    status: Annotated[tuple[Status, ...], Query()] = (),
    trait: Choice = None,
    after: Choice = None,
) -> HTMLResponse:
    """What a search finds."""
    sought = catalogue.Sought(text=q.strip(), kinds=kind, statuses=status, trait=trait or None)
    traits = tuple(one.fact for one in asked.view.reading.traits())
    try:
        page = catalogue.page(asked.view, sought, after or None)
    except BeingWorkedOutError:  # who has which status
        page = None
    return asked.show("catalogue.html", "Artifacts", page=page, sought=sought, traits=traits)


@router.get("/artifacts/{ref:path}")
def show_artifact(asked: Page, ref: str, parents: Start = 0, children: Start = 0) -> HTMLResponse:
    """One artifact."""
    page = artifact.page(asked.view, ref, parents=parents, children=children)
    subject = page.described.artifact.id
    drawing = _drawn(asked, page.picture)
    return asked.show("artifact.html", str(subject), page=page, subject=subject, drawing=drawing)


@router.get("/lineage/{ref:path}")
def show_lineage(
    asked: Page,
    ref: str,
    *,
    direction: Direction = Direction.BOTH,
    depth: str = str(lineage.DEPTH),
    trait: Choice = None,
    collapse: str = str(COLLAPSE),
    critical: bool = False,
    opened: Annotated[tuple[str, ...], Query(alias="open", max_length=_MOST_OPENED)] = (),
) -> HTMLResponse:
    """The diagram around an artifact."""
    shown = lineage.Shown(
        direction=direction,
        depth=number_or_all("depth", depth),
        trait=trait or None,
        collapse=number_or_all("collapse", collapse),
        critical=critical,
        opened=opened,
    )
    page = lineage.page(asked.view, ref, shown)
    return asked.show(
        "lineage.html",
        f"Lineage of {page.artifact}",
        page=page,
        drawing=_drawn(asked, page.picture, unfolding=True),
        openers={node.id: lineage.opener(node, asked.here) for node in page.nodes},
        downloads={
            form: replace(asked.here, path=asked.links.file("diagrams", page.artifact, form).path).having(
                depth=depth, collapse=collapse
            )
            for form in DIAGRAMS
        },
    )


@router.get("/risks")
def show_risks(
    asked: Page,
    *,
    trait: Choice = None,
    status: Annotated[tuple[Status, ...], Query()] = (),
    severity: Annotated[tuple[Severity, ...], Query()] = (),
    kind: Annotated[tuple[ArtifactKind, ...], Query()] = (),
    after: Choice = None,
    form: Annotated[Literal["page", "csv"], Query(alias="as")] = "page",
) -> Response:
    """The risks of the whole registry."""
    wanted = risks.Filter(trait=trait or None, statuses=status, severities=severity, kinds=kind)
    if form == "csv":
        return _as_csv("risks.csv", risks.as_csv(asked.view.survey(wanted.trait), wanted))
    survey = asked.served.survey(asked.view, wanted.trait)
    page = None if survey is None else risks.page(survey, wanted, _behind(asked, after))
    traits = tuple(one.fact for one in asked.view.reading.traits())
    return asked.show("risks.html", "Risks", page=page, wanted=wanted, traits=traits)


@router.get("/impact/{ref:path}")
def show_impact(
    asked: Page,
    ref: str,
    *,
    trait: Choice = None,
    status: Annotated[tuple[Status, ...], Query()] = (),
    start: Start = 0,
    form: Annotated[Literal["page", "csv"], Query(alias="as")] = "page",
) -> Response:
    """What is downstream of an artifact."""
    if form == "csv":
        return _as_csv("impact.csv", impact.as_csv(asked.view.impact(ref, trait or None)))
    page = impact.page(asked.view, ref, trait or None, statuses=status, start=start)
    return asked.show("impact.html", f"Impact of {page.source}", page=page)


@router.get("/why/{ref:path}")
def show_why(asked: Page, ref: str, trait: Choice = None) -> HTMLResponse:
    """The witness paths of one trait to an artifact."""
    page = why.page(asked.view, ref, trait or None)
    return asked.show("why.html", f"Why {page.artifact}", page=page)


@router.get("/flags")
def show_flags(
    asked: Page,
    *,
    trait: Choice = None,
    state: Annotated[tuple[Standing, ...], Query()] = (),
    flag: Choice = None,
    start: Start = 0,
) -> HTMLResponse:
    """Every flag that was ever raised."""
    page = flags.page(asked.view, trait or None, states=state, flag=flag or None, start=start)
    return asked.show("flags.html", "Flags", page=page, states=flags.STATES)


@router.get("/timeline.svg")
def draw_timeline(asked: Page, ref: Choice = None, trait: Choice = None) -> Response:
    """When flags and decisions came and ended, in a lineage or in the whole registry."""
    subject = asked.view.resolve(ref) if ref else None
    drawing = Timeline.of(asked.view, subject, trait or None).drawn()
    if drawing is None:
        raise UnknownReferenceError("no flag and no decision is on record here")
    return Response(drawing, media_type="image/svg+xml")


@router.get("/evidence/{id_}")
def show_evidence(asked: Page, id_: str) -> HTMLResponse:
    """One test."""
    page = evidence.page(asked.view, id_)
    return asked.show("evidence.html", f"Test {id_}", page=page)


@router.get("/audit")
def show_audit(asked: Page, ref: Choice = None, start: Start = 0, watch: bool = False) -> HTMLResponse:
    """What is owed, and how far the testing has come."""
    subject = asked.view.resolve(ref) if ref else None
    owed = _owing(asked) if subject is None else owing(asked.view, [subject])
    page = audit.page(asked.view, owed, subject, start)
    # A header and no element: whoever reads with a screen reader turned it on, and turns it off by a link.
    headers = {"Refresh": str(_RELOAD)} if watch else None
    return asked.show("audit.html", "Audit", headers=headers, page=page, watch=watch, seconds=_RELOAD)


def _owing(asked: Asked) -> Owing | None:
    """What the whole registry is owed; None where it is so large that this is worked out for single artifacts alone."""
    if asked.view.reading.head.entries > WORKED_OUT_UP_TO:
        return None
    return asked.worked_out("owing", owing)


def _behind(asked: Asked, after: str | None) -> ArtifactId | None:
    return asked.view.resolve(after) if after else None


def _drawn(asked: Asked, picture: Picture, *, unfolding: bool = False) -> str | None:
    """A diagram as SVG for a page, its nodes linked: to where more is drawn around them, or else to their own pages.

    None where it is too large, or would take too long just now: the page lists all that it shows.
    """
    if not PAGE.holds(picture):
        return None
    more = {}
    if unfolding:
        found = ((node.artifact, lineage.opener(node, asked.here)) for node in picture.nodes)
        more = {artifact: str(address) for artifact, address in found if artifact and address}

    def linked(identity: str) -> str:
        return more.get(identity) or str(asked.links.to("artifacts", identity))

    try:
        return render(picture, "svg", links=linked).decode()
    except (TooMuchError, BusyError):
        asked.request.state.tag = None  # asked again, it may be drawn
        return None


def _as_csv(name: str, lines: Iterator[str]) -> StreamingResponse:
    disposition = f'attachment; filename="{name}"'
    return StreamingResponse(lines, media_type="text/csv", headers={"Content-Disposition": disposition})
