"""Drawing: a picture as the bytes of a file. Graphviz lays out; nothing has to be installed beside this package.

``dot`` is used where it is installed, else the Graphviz inside pygraphviz's wheel. The same picture gives the same bytes of
DOT and Mermaid everywhere, and of SVG, PNG and PDF wherever Graphviz and the fonts are the same.
"""

import re
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC
from functools import partial
from pathlib import Path
from threading import Lock

from provenance.errors import MissingExtraError, ProvenanceError, UsageError
from provenance.render.dot import to_dot
from provenance.render.fonts import fontconfig_silenced, fonts_found
from provenance.render.mermaid import to_mermaid
from provenance.render.pictures import Picture

_ONE_AT_A_TIME = Lock()
"""Graphviz keeps its state in globals."""


def render(picture: Picture, format: str) -> bytes:  # noqa: A002 - the word that users know
    """The picture in one of `FORMATS`.

    Raises:
        UsageError: There is no such format.
        MissingExtraError: Graphviz is needed, and neither ``dot`` nor pygraphviz is installed.
        ProvenanceError: Graphviz failed.
    """
    if format not in FORMATS:
        known = ", ".join(FORMATS)
        raise UsageError(f"no diagram can be written as {format!r}", hint=f"Formats: {known}.")
    return FORMATS[format](picture)


def draw(picture: Picture, path: Path) -> None:
    """Writes the picture to a file, in the format that its extension names.

    Raises:
        UsageError: The extension names no format, or the file can't be written.
        MissingExtraError: Graphviz is needed, and neither ``dot`` nor pygraphviz is installed.
        ProvenanceError: Graphviz failed.
    """
    data = render(picture, path.suffix.removeprefix(".").lower())
    try:
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def _laid_out(format_: str, picture: Picture) -> bytes:
    source = to_dot(picture)
    with _ONE_AT_A_TIME, fonts_found():
        return _by_program(source, format_) if shutil.which("dot") else _in_process(source, format_)


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
        with fontconfig_silenced():
            drawn: bytes = AGraph(string=source).draw(format=format_, prog="dot")
    except (DotError, OSError, ValueError) as error:
        raise ProvenanceError(f"Graphviz could not draw {format_}: {error}") from error
    return drawn


def _dated(picture: Picture) -> bytes:
    """A PDF that was made at the picture's as-of date: its own clock is all that Graphviz puts into it beside the picture."""
    moment = f"{picture.as_of.astimezone(UTC):%Y%m%d%H%M%S}".encode()
    return re.sub(rb"(?<=/CreationDate \(D:)\d{14}", moment, _laid_out("pdf", picture))


FORMATS: Mapping[str, Callable[[Picture], bytes]] = {
    "svg": partial(_laid_out, "svg"),
    "png": partial(_laid_out, "png"),
    "pdf": _dated,
    "dot": lambda picture: to_dot(picture).encode(),
    "mmd": lambda picture: to_mermaid(picture).encode(),
}
"""Every format of a diagram, by extension."""
