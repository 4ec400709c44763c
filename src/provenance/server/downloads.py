"""Downloads: diagrams, reviews and pictures of tests as files, at the address of what they are about."""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from provenance.errors import UnknownReferenceError
from provenance.render import render
from provenance.render.drawing import laid_out_by
from provenance.render.evidence_pictures import picture
from provenance.review import Baseline, review
from provenance.review.documents import Form, written
from provenance.server.drawing import FILE
from provenance.server.pages.evidence import recorded_test
from provenance.server.parameters import AskedDrawing, Ref, Since, TraitName
from provenance.server.serving import AskedServed, AskedView

_LONGEST_NAME = 100


class Drawn(StrEnum):
    """A diagram's language or format, by extension."""

    SVG = "svg"
    PNG = "png"
    PDF = "pdf"
    DOT = "dot"
    MERMAID = "mmd"


_TYPES: Mapping[str, str] = {
    "svg": "image/svg+xml",
    "png": "image/png",
    "pdf": "application/pdf",
    "dot": "text/vnd.graphviz; charset=utf-8",
    "mmd": "text/plain; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "json": "application/json",
}
_SHOWN = ("png", "svg")
"""What a page may hold; all else is kept as a file: a review brings scripts of its own, which run nowhere but on the reader's disk."""
_LAID_OUT = frozenset({Drawn.SVG, Drawn.PNG, Drawn.PDF})

router = APIRouter()


def _answers(forms: Iterable[str]) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of the answer: bytes of these forms."""
    return {HTTPStatus.OK: {"content": {_TYPES[form].partition(";")[0]: {} for form in forms}}}


@router.get("/diagrams/{ref:path}.{form}", response_class=Response, responses=_answers(Drawn))
def diagram(
    served: AskedServed,
    view: AskedView,
    *,
    drawing: AskedDrawing,
    ref: Ref,
    form: Drawn,
    width: Annotated[int | None, Query(ge=100, le=10_000, description="Of a PNG, in dots.")] = None,
) -> Response:
    """The diagram around an artifact: `diagram`.

    Raises:
        TooMuchError: It is too large to be laid out.
        UsageError: A width is asked for where there is none.
    """
    artifact = view.resolve(ref)
    found = drawing.picture(view, [artifact])
    if form in _LAID_OUT:
        FILE.check(found)
    with laid_out_by(served.file_layout):
        return _file(render(found, form, width=width), f"{artifact}", form)


@router.get("/reports/{ref:path}.{form}", response_class=Response, responses=_answers(Form))
def report(
    served: AskedServed,
    view: AskedView,
    *,
    ref: Ref,
    form: Form,
    since: Since = None,
    trait: TraitName = None,
) -> Response:
    """The safety review of an artifact: `report`."""
    artifact = view.resolve(ref)
    baseline = None if since is None else Baseline(at=since, policy=view.policy)
    found = review(view, [artifact], trait=trait, since=baseline)
    with laid_out_by(served.file_layout):
        return _file(written(form, view, found).encode(), f"review-{artifact}", form)


@router.get("/evidence/{id}.{form}", response_class=Response, responses=_answers(_SHOWN))
def evidence_picture(view: AskedView, id: str, form: Literal["png", "svg"]) -> Response:  # noqa: A002 - its name in the address
    """The picture of a test.

    Raises:
        UnknownReferenceError: There is no such test, or its result holds nothing that could be drawn.
    """
    drawn = picture(recorded_test(view, id).fact, form)
    if drawn is None:
        raise UnknownReferenceError(f"the result of {id} holds nothing that could be drawn")
    return _file(drawn, id, form)


def _file(content: bytes, name: str, form: str) -> Response:
    plain = re.sub(r"[^A-Za-z0-9._@]+", "-", name)[:_LONGEST_NAME]
    kind = "inline" if form in _SHOWN else "attachment"
    disposition = f'{kind}; filename="{plain}.{form}"'
    return Response(content, media_type=_TYPES[form], headers={"Content-Disposition": disposition})
