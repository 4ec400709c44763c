"""Drawing: a picture as the bytes of a file. Graphviz lays out; nothing has to be installed beside this package.

``dot`` is used where it is installed, else the Graphviz inside pygraphviz's wheel. The same picture gives the same bytes of
DOT and Mermaid everywhere, and of SVG, PNG and PDF wherever Graphviz and the fonts are the same.
"""

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from threading import Lock

from provenance.errors import MissingExtraError, ProvenanceError, UsageError
from provenance.render.dot import WIDEST, Links, highest, to_dot
from provenance.render.fonts import fonts_found, noise_kept_back
from provenance.render.mermaid import to_mermaid
from provenance.render.pictures import Picture
from provenance.render.svg import finished

_PNG_WIDTH = slice(16, 20)  # where its bytes say it
_ONE_AT_A_TIME = Lock()
"""Graphviz keeps its state in globals."""

Layout = Callable[[str, str], bytes]
"""DOT and one of Graphviz's formats to the drawing."""


def render(
    picture: Picture,
    format: str,  # noqa: A002 - the word that users know
    *,
    width: int | None = None,
    links: Links | None = None,
    prefix: str = "lineage",
) -> bytes:
    """The picture in one of `FORMATS`.

    Args:
        picture: The picture.
        format: Which.
        width: Of a PNG, in pixels; None for as wide as legible text makes it.
        links: Identity of an artifact to the address that its node leads to, or to None; in SVG and DOT.
        prefix: What the ids in an SVG begin with, so that two in one page don't clash.

    Raises:
        UsageError: There is no such format, it has no width, or the picture would be too high at that.
        MissingExtraError: Graphviz is needed, and neither ``dot`` nor pygraphviz is installed.
        ProvenanceError: Graphviz failed.
    """
    check_wishes(format, width)
    return FORMATS[format](picture, _Wishes(width=width, links=links, prefix=prefix))


def check_wishes(format: str, width: int | None) -> None:  # noqa: A002 - the word that users know
    """Makes sure that a picture can be written so.

    Raises:
        UsageError: There is no such format, or it has no width, or not that one.
    """
    if format not in FORMATS:
        known = ", ".join(FORMATS)
        raise UsageError(f"no diagram can be written as {format!r}", hint=f"Formats: {known}.")
    if width is not None and format != "png":
        raise UsageError(
            f"{format} has no width in pixels", hint="Only png has: svg and pdf are sharp at any size."
        )
    if width is not None and not 1 <= width <= WIDEST:
        raise UsageError(f"a PNG cannot be {width} pixels wide", hint=f"From 1 to {WIDEST:,}.")


def draw(
    picture: Picture,
    path: Path,
    *,
    format: str | None = None,  # noqa: A002 - the word that users know
    width: int | None = None,
    links: Links | None = None,
) -> None:
    """Writes the picture to a file, in a format or the one that its extension names; for the rest see `render`.

    Raises:
        UsageError: There is no such format, it has no width, or the file can't be written.
        MissingExtraError: Graphviz is needed, and neither ``dot`` nor pygraphviz is installed.
        ProvenanceError: Graphviz failed.
    """
    chosen = format or path.suffix.removeprefix(".").lower()
    data = render(picture, chosen, width=width, links=links)
    try:
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wishes:
    """What is wished of a drawing beside its format; see `render`."""

    width: int | None
    links: Links | None
    prefix: str


def _dot(picture: Picture, wishes: _Wishes) -> bytes:
    return to_dot(picture, links=wishes.links, prefix=wishes.prefix, width=wishes.width).encode()


def _mermaid(picture: Picture, _: _Wishes) -> bytes:
    return to_mermaid(picture).encode()


def _laid_out(format_: str, picture: Picture, wishes: _Wishes) -> bytes:
    return _LAYOUT.get()(_dot(picture, wishes).decode(), format_)


def lay_out(source: str, format_: str) -> bytes:
    """DOT, drawn by Graphviz.

    Raises:
        MissingExtraError: Neither ``dot`` nor pygraphviz is installed.
        ProvenanceError: Graphviz failed.
    """
    with _ONE_AT_A_TIME, fonts_found():
        return _by_program(source, format_) if shutil.which("dot") else _in_process(source, format_)


_LAYOUT: ContextVar[Layout] = ContextVar("layout", default=lay_out)


@contextmanager
def laid_out_by(layout: Layout) -> Iterator[None]:
    """Lets all that is rendered inside be laid out so, whoever renders it: in a server apart, see `provenance.render.apart`."""
    before = _LAYOUT.set(layout)
    try:
        yield
    finally:
        _LAYOUT.reset(before)


def _svg(picture: Picture, wishes: _Wishes) -> bytes:
    drawing = _laid_out("svg", picture, wishes).decode()
    return finished(drawing, picture, linked=wishes.links is not None).encode()


def _png(picture: Picture, wishes: _Wishes) -> bytes:
    """A PNG; a picture too high for one at the width that is asked for would come out narrower."""
    drawing = _laid_out("png", picture, wishes)
    if wishes.width is not None and int.from_bytes(drawing[_PNG_WIDTH]) != wishes.width:
        raise UsageError(
            f"{wishes.width} pixels wide, this picture is higher than the {highest(wishes.width):,} that a PNG can be then",
            hint="Ask for a smaller width, or for an svg.",
        )
    return drawing


def _by_program(source: str, format_: str) -> bytes:
    from graphviz import CalledProcessError, pipe

    try:
        drawn: bytes = pipe("dot", format_, source.encode(), quiet=True)
    except CalledProcessError as error:
        raise ProvenanceError(f"dot could not draw {format_}: {error}") from error
    return drawn


def _in_process(source: str, format_: str) -> bytes:
    try:
        from pygraphviz import AGraph, DotError
    except ImportError as error:
        raise MissingExtraError(
            "a diagram needs Graphviz, which is not installed", hint="pip install 'pygraphviz>=2.0.4'"
        ) from error
    try:
        with noise_kept_back():
            drawn: bytes = AGraph(string=source).draw(format=format_, prog="dot")
    except (DotError, OSError, ValueError) as error:
        raise ProvenanceError(f"Graphviz could not draw {format_}: {error}") from error
    return drawn


def _pdf(picture: Picture, wishes: _Wishes) -> bytes:
    """A PDF that was made at the picture's as-of date: its own clock is all that Graphviz puts into it beside the picture."""
    moment = f"{picture.as_of.astimezone(UTC):%Y%m%d%H%M%S}".encode()
    return re.sub(rb"(?<=/CreationDate \(D:)\d{14}", moment, _laid_out("pdf", picture, wishes))


FORMATS: Mapping[str, Callable[[Picture, _Wishes], bytes]] = {
    "svg": _svg,
    "png": _png,
    "pdf": _pdf,
    "dot": _dot,
    "mmd": _mermaid,
}
"""Every format of a diagram, by extension."""
