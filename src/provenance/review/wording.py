"""Wording: names and words of others within sentences of ours, so that nothing in them can pass for ours."""

import re
from collections.abc import Sequence

from provenance.plain_text import one_line

_LONGEST = 160
_PLAIN = re.compile(r"[^\W_](?:[\w.@:/+-]*[\w])?", re.ASCII)
_QUOTES = str.maketrans({"“": "'", "”": "'", "„": "'", '"': "'"})


def name(value: object) -> str:
    """A name as it is where it is one plain word, else in quotation marks."""
    text = str(value)
    return text if _PLAIN.fullmatch(text) else f"“{_harmless(text)}”"


def quoted(text: str) -> str:
    """Words of others: on one line, not at any length, in quotation marks that nothing in them closes."""
    line = _harmless(" ".join(text.split()))
    return f"“{line if len(line) <= _LONGEST else line[: _LONGEST - 1] + '…'}”"


def listed(parts: Sequence[str], most: int = 3) -> str:
    """A few things in words: ``a, b and 2 more``."""
    shown = list(parts[:most])
    if len(parts) > most:
        return f"{', '.join(shown)} and {len(parts) - most} more"
    return " and ".join((", ".join(shown[:-1]), shown[-1])) if len(shown) > 1 else "".join(shown)


def lowered(text: str) -> str:
    """A sentence to go on with: its first letter small."""
    return text[:1].lower() + text[1:]


def _harmless(text: str) -> str:
    return one_line(text).translate(_QUOTES)
