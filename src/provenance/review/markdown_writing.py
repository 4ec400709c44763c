"""Markdown: headings, tables and the words of others, which show as the text that they are."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from provenance.moments import told
from provenance.plain_text import one_line
from provenance.review.records import Listed

_MARKUP = re.compile(r"[\\`*_{}\[\]#|~!$]")
_REACHING = re.compile(r"(?<!\w)@(?=\w)|#(?=\d)|:(?=//)|:(?=[\w+-]+:)|(?<=[Ww]{3})\.")
"""What would mention somebody, link somewhere or become a picture."""
_QUOTED = re.compile("“[^”]*”")


def heading(text: str) -> tuple[str, str]:
    """The heading of a section."""
    return (f"## {text}", "")


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, otherwise: str = "") -> Iterator[str]:
    """A table, or what to say where it would be empty."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if lines:
        yield from (f"| {' | '.join(headers)} |", f"|{' --- |' * len(headers)}", *lines)
    else:
        yield otherwise
    yield ""


def left_out(listed: Listed[object], things: str) -> Iterator[str]:
    """How much is not listed, where something is not."""
    if listed.left_out:
        yield from (
            f"*The first {len(listed.items)} of {listed.total} {things}; {listed.left_out} are not listed.*",
            "",
        )


def folded(title: str, lines: Iterable[str]) -> Iterator[str]:
    """Lines that show when their title is clicked."""
    yield from (f"<details><summary>{title}</summary>", "", *lines, "</details>", "")


def fenced(text: str, language: str) -> Iterator[str]:
    """A block of code whose fence is longer than any in it."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (f"{fence}{language}", *text.rstrip("\n").split("\n"), fence, "")


def until(moment: datetime | None) -> str:
    """When something ends, in words."""
    return "for ever" if moment is None else told(moment)


def shown(words: object) -> str:
    """Words of others as text: on one line, and nothing in it is markup, a mention or a link."""
    plain = (
        one_line("" if words is None else words)
        .replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
    )
    isolated = _QUOTED.sub(lambda found: _isolated(found[0]), plain)
    return _REACHING.sub(lambda found: f"{found[0]}<!-- -->", _MARKUP.sub(r"\\\g<0>", isolated))


def code(words: object) -> str:
    """A name as code, in which a table's bars are its only markup; a name that holds backticks is text."""
    plain = one_line(words)
    return shown(plain) if "`" in plain else _isolated(f"`{plain.replace('|', chr(92) + '|')}`")


def _isolated(words: str) -> str:
    """Words that are read from the right are kept from turning those around them."""
    turns = any(unicodedata.bidirectional(sign) in {"R", "AL"} for sign in words)
    return f"\u2068{words}\u2069" if turns else words
