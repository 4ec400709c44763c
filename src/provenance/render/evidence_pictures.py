"""Pictures of evidence: what a reviewer looks at before the figures.

Each says its verdict in words, between whom, and shows the null (and what would have been found) as lines or bands. It can be read in
grey: what is told apart differs in shape and place, never in colour alone. The same evidence gives the same bytes wherever matplotlib
is the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from textwrap import wrap
from typing import TYPE_CHECKING

from provenance.evidence import Evidence, TestKind
from provenance.meanings import figures, meaning
from provenance.render.canary_picture import canary_told, draw_canary, rows_of
from provenance.render.depth_picture import depth_told, draw_depth, points_of
from provenance.render.plots import Form, entitle, figure, glyphs, style, written
from provenance.render.styles import FAINT
from provenance.render.wording import visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LINE_COLUMNS = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """What a test's picture shows.

    Args:
        file: Its name as a file.
        parts: What is drawn, read from the result; nothing where the result holds no such figures.
        height: Of the picture with so many parts, in inches.
        draw: Draws them.
        told: The same in words, for who does not see the picture.
    """

    file: str
    parts: Callable[[Evidence], tuple[object, ...]]
    height: Callable[[int], float]
    draw: "Callable[[Figure, Evidence], None]"
    told: Callable[[Evidence], str]


_SUBJECTS: Mapping[TestKind, _Subject] = {
    TestKind.CANARY: _Subject(
        file="effect.png",
        parts=rows_of,
        height=lambda rows: 1.9 + 0.62 * rows,
        draw=draw_canary,
        told=canary_told,
    ),
    TestKind.SAME_INIT: _Subject(
        file="along-depth.png", parts=points_of, height=lambda _: 5.4, draw=draw_depth, told=depth_told
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


def told(evidence: Evidence) -> str:
    """What the picture of a test shows, in words: its text alternative. Names stand as they are, save for signs without a glyph."""
    subject = _SUBJECTS[evidence.test]
    shown = subject.told(evidence) if subject.parts(evidence) else ""
    title, ends = _title(evidence), visible(_ends(evidence, str(evidence.parent), str(evidence.child)))
    return " ".join(f"{part}." for part in (title, ends, figures(evidence), shown) if part)


def _drawn(evidence: Evidence, form: Form) -> bytes:
    subject = _SUBJECTS[evidence.test]
    with style():
        drawn = figure(subject.height(len(subject.parts(evidence))))
        subject.draw(drawn, evidence)
        entitle(drawn, _title(evidence))
        ends = _ends(evidence, glyphs(evidence.parent), glyphs(evidence.child))
        lines = (ends, *wrap(figures(evidence), _LINE_COLUMNS))
        drawn.axes[0].set_title("\n".join(lines), fontsize=9, color=FAINT, loc="left", pad=10)
        return written(drawn, form)


def _title(evidence: Evidence) -> str:
    return f"{meaning(evidence).headline} ({evidence.verdict.value})"


def _ends(evidence: Evidence, parent: str, child: str) -> str:
    """Which test it was, and between whom."""
    ends = f"from {parent} to {child}" if evidence.test is TestKind.CANARY else f"{parent} and {child}"
    return f"{evidence.test}: {ends}"
