"""Notebooks: what an answer looks like where a notebook displays it.

Each class that is shown has a macro of its name in ``templates/shown.html``, written with the macros of the pages, so that a status
or a test looks and reads as in the report and in the viewer. What is shown is bounded, whatever the size of the answer, and says
what it leaves out. Names of others are text here, too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from provenance.evidence import Evidence
from provenance.lineage import Kindred, Lineage
from provenance.meanings import MEASURED, measured, p_value
from provenance.pages import environment
from provenance.render import Direction, Picture, Scope, picture, render
from provenance.render.account import account
from provenance.render.styles import PAINTS, TONES
from provenance.risk import ArtifactRisks

if TYPE_CHECKING:
    from jinja2 import Template

ROWS = 50
"""How many rows a table has at most."""
_ENTRIES = 5
"""How many risks of one artifact are listed."""
_DRAWN = 60
"""How large a lineage is drawn; of a larger one, the artifacts are listed."""


def html(shown: object) -> str:
    """An object as HTML that needs nothing beside it.

    Args:
        shown: An object of a class that has a macro, or derives from one that has.
    """
    template, macros = _template(), _macros()
    name = next(one.__name__ for one in type(shown).__mro__ if hasattr(macros, one.__name__))
    return template.render(style=_style(), body=getattr(macros, name)(shown))


def svg(shown: Picture) -> str:
    """A picture as a drawing, which stands in a page as it is."""
    text = render(shown, "svg").decode()
    return text[text.index("<svg") :]


@cache
def _template() -> "Template":
    made = environment("provenance.notebooks")
    made.globals |= {
        "ROWS": ROWS,
        "MEASURED": MEASURED,
        "as_measured": measured,
        "as_p_value": p_value,
        "lineage_drawn": _lineage_drawn,
        "lineage_listed": _lineage_listed,
        "shortened": _shortened,
        "left_out": _left_out,
        "test_drawn": _test_drawn,
        "test_told": _test_told,
    }
    return made.get_template("page.html")


@cache
def _macros() -> Any:  # noqa: ANN401 - a module of macros, whose names the template says
    return _template().environment.get_template("shown.html").make_module({"href": _nowhere})


def _nowhere(_: str) -> None:
    """A notebook has no page of an artifact to link to."""


@cache
def _style() -> str:
    """The style sheet: every rule of it is about what stands within our own box."""
    box = ".provenance-shown"
    statuses = [
        f"{box} .status-{status} {{ background: {paint.fill}; color: {paint.text}; }}"
        for status, paint in PAINTS.items()
    ]
    tones = [f"{box} .tone-{tone} {{ color: {colour}; }}" for tone, colour in TONES.items()]
    sheet = files("provenance.notebooks").joinpath("static", "shown.css").read_text(encoding="utf-8")
    return "\n".join([sheet, *statuses, *tones])


# --- risks -------------------------------------------------------------------------------------------------------------


def _shortened(found: Sequence[ArtifactRisks]) -> list[ArtifactRisks]:
    """The first artifacts, each with the worst of its risks."""
    return [replace(one, risks=one.risks[:_ENTRIES]) for one in found[:ROWS]]


def _left_out(found: Iterable[ArtifactRisks]) -> int:
    """How many risks of the first artifacts are not listed."""
    return sum(max(0, len(one.risks) - _ENTRIES) for one in tuple(found)[:ROWS])


# --- tests -------------------------------------------------------------------------------------------------------------


def _test_drawn(test: Evidence) -> str | None:
    """The address of a test's picture, which holds the picture itself; None where there is nothing to draw."""
    from base64 import b64encode

    from provenance.render.evidence_pictures import picture as drawn

    found = drawn(test, "svg")
    return None if found is None else f"data:image/svg+xml;base64,{b64encode(found).decode()}"


def _test_told(test: Evidence) -> str:
    from provenance.render.evidence_pictures import told

    return told(test)


# --- lineage -----------------------------------------------------------------------------------------------------------


def _lineage_drawn(lineage: Lineage) -> Mapping[str, str] | None:
    """The drawing of a small lineage and the same in words; None for one that is large or empty."""
    artifacts = tuple(lineage.artifacts)
    if not artifacts or len(artifacts) > _DRAWN:
        return None
    kindred = Kindred.of(lineage)
    roots = tuple(one for one in artifacts if not lineage.parents(one)) or artifacts
    drawn = picture(kindred, None, Scope(refs=roots, direction=Direction.DOWN), head=None)
    return {"svg": svg(drawn), "told": account(drawn)}


def _lineage_listed(lineage: Lineage) -> Mapping[str, Any]:
    """The first artifacts of a lineage with the number of their parents and children, and how many there are."""
    first = [
        (artifact, len(lineage.parents(artifact)), len(lineage.children(artifact)))
        for artifact, _ in zip(lineage.artifacts, range(ROWS), strict=False)
    ]
    return {"first": first, "artifacts": sum(lineage.table.recorded), "relations": len(lineage.table.kinds)}
