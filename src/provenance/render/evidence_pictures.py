"""Pictures of evidence: what a reviewer looks at before the figures.

Each says its verdict in words, between whom, and shows the null (and what would have been found) as lines or bands. It can be read in
grey: what is told apart differs in shape and place, never in colour alone. The same evidence gives the same bytes wherever matplotlib
is the same.
"""

import io
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache, partial
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Literal

from provenance.artifacts import ArtifactId
from provenance.evidence import Evidence, TestKind
from provenance.meanings import figures, meaning
from provenance.render.canary_picture import draw_canary, rows_of
from provenance.render.depth_picture import draw_depth, points_of
from provenance.render.styles import FAINT, INK
from provenance.render.wording import shortened, visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.ft2font import FT2Font

Form = Literal["png", "svg"]

_WIDTH, _DPI = 8.0, 120
"""Inches, and dots per inch: 960 dots, which fit a page and a browser's column."""
_FONT = "DejaVu Sans"  # matplotlib brings it along
_NAME_COLUMNS, _LINE_COLUMNS = 44, 72
_METADATA: Mapping[Form, Mapping[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """What a test's picture shows.

    Args:
        file: Its name as a file.
        parts: What is drawn, read from the result; nothing where the result holds no such figures.
        height: Of the picture with so many parts, in inches.
        draw: Draws them.
    """

    file: str
    parts: Callable[[Evidence], tuple[object, ...]]
    height: Callable[[int], float]
    draw: "Callable[[Figure, Evidence], None]"


_SUBJECTS: Mapping[TestKind, _Subject] = {
    TestKind.CANARY: _Subject(
        file="effect.png", parts=rows_of, height=lambda rows: 1.9 + 0.62 * rows, draw=draw_canary
    ),
    TestKind.SAME_INIT: _Subject(
        file="along-depth.png", parts=points_of, height=lambda _: 5.4, draw=draw_depth
    ),
}


def pictures(evidence: Evidence) -> Mapping[str, Callable[[], bytes]]:
    """What there is to see of a test: file name to what draws the PNG. Asking costs little; drawing loads matplotlib."""
    subject = _SUBJECTS[evidence.test]
    return {subject.file: partial(_drawn, evidence, "png")} if subject.parts(evidence) else {}


def picture(evidence: Evidence, form: Form = "png") -> bytes | None:
    """The picture of a test, or None where its result holds nothing that could be drawn.

    Args:
        evidence: The test.
        form: ``png``, 960 dots wide, or ``svg``.
    """
    return _drawn(evidence, form) if _SUBJECTS[evidence.test].parts(evidence) else None


def _drawn(evidence: Evidence, form: Form) -> bytes:
    from matplotlib.figure import Figure

    subject = _SUBJECTS[evidence.test]
    with _style():
        height = subject.height(len(subject.parts(evidence)))
        figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, layout="constrained")
        subject.draw(figure, evidence)
        _entitle(figure, evidence)
        file = io.BytesIO()
        figure.savefig(file, format=form, metadata=dict(_METADATA[form]))
    return file.getvalue()


def _style() -> AbstractContextManager[None]:
    """Matplotlib's own defaults whatever its user has set, and no markup in names."""
    from matplotlib import style

    ours = {
        "font.family": _FONT,
        "font.size": 9.0,
        "text.color": INK,
        "text.parse_math": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "provenance",
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    found: AbstractContextManager[None] = style.context(["default", ours])
    return found


def _entitle(figure: "Figure", evidence: Evidence) -> None:
    """The verdict in words, between whom, and the figures that matter most."""
    title = f"{meaning(evidence).headline} ({evidence.verdict.value})"
    parent, child = _name(evidence.parent), _name(evidence.child)
    ends = f"from {parent} to {child}" if evidence.test is TestKind.CANARY else f"{parent} and {child}"
    figure.suptitle(title, fontsize=12, fontweight="bold", x=0.01, ha="left")
    lines = (f"{evidence.test}: {ends}", *wrap(figures(evidence), _LINE_COLUMNS))
    figure.axes[0].set_title("\n".join(lines), fontsize=9, color=FAINT, loc="left", pad=10)


def _name(artifact: ArtifactId) -> str:
    """A name as the picture's font can write it."""
    font = _font()
    text = shortened(visible(str(artifact)), _NAME_COLUMNS)
    return "".join(sign if font.get_char_index(ord(sign)) else "\ufffd" for sign in text)


@lru_cache(maxsize=1)
def _font() -> "FT2Font":
    from matplotlib import font_manager

    return font_manager.get_font(font_manager.findfont(_FONT))
