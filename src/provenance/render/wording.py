"""Wording: text of users made harmless and short, and figures of tests in a few characters."""

import re
import unicodedata
from collections.abc import Mapping

from provenance.evidence import Evidence, TestKind, Verdict
from provenance.meanings import number, p_value
from provenance.render.pictures import Finding, Tone

LINE_COLUMNS = 28
LABEL_COLUMNS = 2 * LINE_COLUMNS
_SIDES = {"R": "R", "AL": "R", "NSM": "M", **dict.fromkeys(("WS", "ON", "CS", "ES", "ET"), "N")}
_FROM_RIGHT = re.compile("R[RM]*(?:[NM]*R[RM]*)*")
"""Letters that are read from the right with their marks, and what stands between such letters."""
_ISOLATE, _END = "\u2067", "\u2069"
_BREAK_AFTER = frozenset("-_/.+")

_SUBJECTS: Mapping[TestKind, str] = {TestKind.SAME_INIT: "same init", TestKind.CANARY: "canary"}
_WORDS: Mapping[Verdict, tuple[str, Tone]] = {
    Verdict.SAME_INIT: ("same init", Tone.CARRIES),
    Verdict.INDEPENDENT: ("independent init", Tone.EASES),
    Verdict.TRANSFERS: ("canary TRANSFERS", Tone.CARRIES),
    Verdict.NOT_DETECTED: ("canary NOT_DETECTED", Tone.EASES),
}
_POWERS: Mapping[Verdict, str] = {Verdict.INDEPENDENT: "rho_min", Verdict.NOT_DETECTED: "mde"}
"""Where the results of these tests say what they would have found: without that, they ease nothing."""


def tone(verdict: Verdict) -> Tone:
    """What a verdict means for a trait on its way."""
    return Tone.OPEN if verdict is Verdict.INCONCLUSIVE else _WORDS[verdict][1]


def visible(text: str) -> str:
    """One line in which nothing is invisible: runs of white space become a space, and what has no glyph becomes U+FFFD."""
    joined = " ".join(text.split())
    return "".join("\ufffd" if unicodedata.category(c)[0] == "C" else c for c in joined)


def shown(text: str) -> str:
    """A text as it is put into a drawing: `visible`, and words that are read from the right set apart, so that they turn no others."""
    plain = visible(text)
    sides = "".join(_SIDES.get(unicodedata.bidirectional(one), "L") for one in plain)
    parts, done = [], 0
    for run in _FROM_RIGHT.finditer(sides):
        parts += [plain[done : run.start()], _ISOLATE, plain[run.start() : run.end()], _END]
        done = run.end()
    return "".join((*parts, plain[done:]))


def columns(text: str) -> int:
    """How wide a text is, in columns of a fixed-width font."""
    return sum(_columns_of(character) for character in text)


def _columns_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def shortened(text: str, limit: int = LABEL_COLUMNS) -> str:
    """The text, its middle left out where it is wider than ``limit`` columns: beginning and end tell names apart best."""
    if columns(text) <= limit:
        return text
    head = _fitting(text, limit // 2)
    tail = _fitting(text[::-1], limit - 1 - limit // 2)[::-1]
    return f"{head}…{tail}"


def wrapped(text: str, limit: int = LINE_COLUMNS) -> tuple[str, ...]:
    """The text in lines of at most ``limit`` columns, broken after a sign that parts words where there is one."""
    lines: list[str] = []
    while columns(text) > limit:
        line = _fitting(text, limit)
        late = range(len(line) // 2, len(line))
        spaces = [place + 1 for place in late if line[place] == " "]
        others = [place + 1 for place in late if line[place] in _BREAK_AFTER]
        cut = (spaces or others or [len(line)])[-1]
        lines.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return (*lines, text)


def _fitting(text: str, limit: int) -> str:
    """The longest beginning of the text that fits into ``limit`` columns."""
    width = 0
    for place, character in enumerate(text):
        width += _columns_of(character)
        if width > limit:
            return text[:place]
    return text


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun: ``no parents``, ``1 parent``, ``3,000 parents``."""
    return (
        f"{format(number, ',') if number else 'no'} {singular if number == 1 else plural or singular + 's'}"
    )


def short_digest(text: str) -> str:
    """A digest as people quote it: the algorithm and 12 digits."""
    algorithm, separator, digits = text.rpartition(":")
    return f"{algorithm}{separator}{digits[:12]}"


def finding(evidence: Evidence) -> Finding:
    """What a test says: its verdict and the figures that matter most, as far as its result holds them.

    A same-init test reads ``log10_p``, ``aligned_cosine`` and ``rho_min``; a canary ``effect``, ``ci_low``, ``ci_high``
    and ``mde`` (the smallest effect that it could have seen). A test that found nothing and does not say what it would have found
    leaves the question open.
    """
    if evidence.verdict is Verdict.INCONCLUSIVE:
        return Finding(text=f"{_SUBJECTS[evidence.test]} INCONCLUSIVE", tone=Tone.OPEN)
    words, meant = _WORDS[evidence.verdict]
    text = f"{words} {_FIGURES[evidence.verdict](evidence.result)}".rstrip()
    power = _POWERS.get(evidence.verdict)
    if power is None:
        return Finding(text=text, tone=meant, gist=words)
    if number(evidence.result, power) is None:
        return Finding(text=f"{text}, power not stated", tone=Tone.OPEN, gist=f"{words}, power not stated")
    return Finding(text=text, tone=meant, gist=f"{words} (power varies)")


def _kinship(result: Mapping[str, object]) -> str:
    kinship = result.get("kinship")
    part = visible(kinship) if isinstance(kinship, str) and kinship.startswith("partial") else ""
    return _listed(part, _p_value(result), _named("cos", result, "aligned_cosine"))


def _independence(result: Mapping[str, object]) -> str:
    return _listed(_p_value(result), _named("detects cos", result, "rho_min"))


def _transfer(result: Mapping[str, object]) -> str:
    effect, low, high = (number(result, key) for key in ("effect", "ci_low", "ci_high"))
    parts = []
    if effect is not None:
        parts.append(f"{effect:+.2g}")
    if low is not None and high is not None:
        parts.append(f"[{low:.2g}, {high:.2g}]")
    return " ".join(parts)


def _absence(result: Mapping[str, object]) -> str:
    return _listed(_transfer(result), _named("detects", result, "mde"))


_FIGURES = {
    Verdict.SAME_INIT: _kinship,
    Verdict.INDEPENDENT: _independence,
    Verdict.TRANSFERS: _transfer,
    Verdict.NOT_DETECTED: _absence,
}


def _p_value(result: Mapping[str, object]) -> str:
    exponent = number(result, "log10_p")
    return "" if exponent is None else p_value(exponent).replace(" ", "")


def _named(name: str, result: Mapping[str, object], key: str) -> str:
    value = number(result, key)
    return "" if value is None else f"{name} {value:.2g}"


def _listed(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
