"""Plots: what all pictures drawn by matplotlib have in common, so that they look alike and are the same bytes every time.

They stand by themselves: nothing in them is fetched, no text is markup, and an SVG may be shown by ``<img>``. Text stays text
in an SVG; where the reader has no DejaVu Sans, another font without serifs takes its place.
"""

import io
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from provenance.render.styles import INK
from provenance.render.wording import shortened, visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.ft2font import FT2Font

Form = Literal["png", "svg"]

WIDTH, _DPI = 8.0, 120
"""Inches, and dots per inch: 960 dots, which fit a page and a browser's column."""
_FONT = "DejaVu Sans"  # matplotlib brings it along
_NAME_COLUMNS = 44
_METADATA: Mapping[Form, Mapping[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
}


def style() -> AbstractContextManager[None]:
    """Matplotlib's own defaults whatever its user has set, and no markup in names."""
    from matplotlib import style

    ours = {
        "font.family": [_FONT, "sans-serif"],
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


def figure(height: float) -> "Figure":
    """An empty figure of the common width.

    Args:
        height: In inches.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, height), dpi=_DPI, layout="constrained")


def entitle(drawn: "Figure", title: str) -> None:
    """Sets a figure's title: what it says, in words."""
    drawn.suptitle(title, fontsize=12, fontweight="bold", x=0.01, ha="left")


def written(drawn: "Figure", form: Form) -> bytes:
    """The figure as a file."""
    file = io.BytesIO()
    drawn.savefig(file, format=form, metadata=dict(_METADATA[form]))
    return file.getvalue()


def glyphs(text: object, columns: int = _NAME_COLUMNS) -> str:
    """Text of users as the font of plots can write it, its middle left out where it is long."""
    font = _font()
    shown = shortened(visible(str(text)), columns)
    return "".join(sign if font.get_char_index(ord(sign)) else "\ufffd" for sign in shown)


@lru_cache(maxsize=1)
def _font() -> "FT2Font":
    from matplotlib import font_manager

    return font_manager.get_font(font_manager.findfont(_FONT))
