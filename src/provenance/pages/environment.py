"""The environment in which pages are written: HTML from templates and plain data.

Whatever a template prints is made harmless twice. It is brought to one line in which nothing is invisible, so that no sign that turns
the direction of writing and no control character reaches a page; and it is escaped. Only what the templates themselves say is markup,
and what they mark as safe: drawings that this package made. A name that a template does not know is an error, never an empty place.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from provenance.meanings import figures, meaning, rounded
from provenance.moments import told
from provenance.plain_text import one_line
from provenance.render.styles import PAINTS
from provenance.render.wording import counted, short_digest, tone
from provenance.risk import Status
from provenance.risk.gate import is_only_unknown

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def environment(package: str) -> "Environment":
    """The environment for the templates of a package, which may import ``macros.html``.

    Most macros link to artifacts and records: a template that imports them ``with context`` is given ``href``, which takes an identity
    or the id of a record as text, and answers where it is shown, or None.

    Args:
        package: Its dotted name; its templates lie in its folder ``templates``.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("provenance.pages")]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printed,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= _FILTERS
    made.globals |= _GLOBALS
    return made


def _printed(value: object) -> object:
    """What stands on a page for a value: markup as it is, all else as one line in which nothing is invisible."""
    return value if hasattr(value, "__html__") else one_line(value)


def _lines(text: str) -> "Markup":
    """A text of several lines, for where a page keeps them."""
    from markupsafe import Markup, escape

    return Markup("\n").join(escape(one_line(line)) for line in text.splitlines())


def _isolated(text: str) -> "Markup":
    """A sentence of ours that may hold words of others: those that run from right to left do not draw in what stands beside them."""
    from markupsafe import Markup, escape

    parts = _FROM_RIGHT.split(one_line(text))  # every second one runs from right to left
    marked = (Markup("<bdi>{}</bdi>").format(part) if n % 2 else escape(part) for n, part in enumerate(parts))
    return Markup("").join(marked)


def _percent(share: float) -> str:
    """A share in [0, 1], to a per cent."""
    return f"{100 * share:.0f} %"


def _number(value: float) -> str:
    """A count in groups of three digits, or a figure with two decimals."""
    return f"{value:,}" if isinstance(value, int) else rounded(value)


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


_HEBREW_TO_ARABIC = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
_FROM_RIGHT = re.compile(f"([{_HEBREW_TO_ARABIC}](?:[^A-Za-z{_HEBREW_TO_ARABIC}]*[{_HEBREW_TO_ARABIC}])*)")
"""A run of letters that are written from right to left, with what stands between them."""

_OUTCOMES: Mapping[str, tuple[str, str]] = {
    "held back": ("held", "✕"),
    "not known": ("unknown", "?"),
    "passes with remarks": ("remarks", "✓"),
    "passes": ("passes", "✓"),
}
"""Class and sign of each outcome of the gate."""

_FILTERS: Mapping[str, Any] = {
    "counted": counted,
    "day": _day,
    "digest": short_digest,
    "isolated": _isolated,
    "lines": _lines,
    "moment": told,
    "number": _number,
    "percent": _percent,
}
_GLOBALS: Mapping[str, Any] = {
    "OUTCOMES": _OUTCOMES,
    "PAINTS": PAINTS,
    "Status": Status,
    "figures": figures,
    "is_only_unknown": is_only_unknown,
    "meaning": meaning,
    "tone": tone,
}
