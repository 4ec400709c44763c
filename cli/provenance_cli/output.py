"""How answers are printed: the report on stdout, everything for people on stderr."""

import csv
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from provenance.errors import OutputError
from provenance.facts import adapter
from provenance.plain_text import one_line

if TYPE_CHECKING:
    from provenance.artifacts import ArtifactId
    from provenance.canary.protocol import Progress
    from provenance.intake import ContentProgress


def as_data(value: object) -> Any:  # noqa: ANN401 - whatever JSON the type has
    """A domain object as plain data."""
    return adapter(type(value)).dump_python(value, mode="json")


def print_json(value: object) -> None:
    """Prints a domain object, or plain data, as JSON."""
    data = value if isinstance(value, dict | list) else as_data(value)
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def say(text: str) -> None:
    """Prints one line of the report, whatever people wrote into it."""
    click.echo(one_line(text))


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints columns as wide as their widest cell."""
    lines = [[one_line(cell) for cell in row] for row in (headers, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_csv(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints a table as CSV; the values stand as they are."""
    csv.writer(sys.stdout, lineterminator="\n").writerows([headers, *rows])


@contextmanager
def report_file(path: str | Path, *, hint: str | None = None) -> Iterator[TextIO]:
    """Opens a file for a report.

    Raises:
        OutputError: It can't be written, with what to do about it.
    """
    try:
        with Path(path).open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}", hint=hint) from error


@contextmanager
def whole_file(path: str | Path) -> Iterator[TextIO]:
    """Opens a file for a report that stands there when all of it is written, and not before; what is no file is written to as it is.

    Raises:
        OutputError: It can't be written.
    """
    place = Path(path)
    if place.exists() and not place.is_file():
        with report_file(place) as file:
            yield file
        return
    part = place.with_name(f".{place.name[:100]}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
        part.replace(place)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def note(text: str) -> None:
    """Tells people something beside the report."""
    click.echo(one_line(text), err=True)


_MOST_NOTES = 8  # of one sort, beside a report; more would bury it


def note_some(label: str, sentences: Iterable[str], *, more: str) -> None:
    """Tells people the first of some sentences, each once, and what has the others."""
    told = tuple(dict.fromkeys(sentences))
    for sentence in told[:_MOST_NOTES]:
        note(f"{label}: {sentence}")
    if len(told) > _MOST_NOTES:
        note(f"{label}: {len(told) - _MOST_NOTES} more ({more})")


def warn(text: str) -> None:
    """Tells people what they should look at."""
    note(f"warning: {text}")


def tell_of_reading(model: "ArtifactId") -> None:
    """Tells people of a model whose files are read for a sketch."""
    note(f"reading {model}, of which no sketch is kept")


_SINGULAR = {"aliases": "alias"}  # where more than an s is too much


def counted(count: int, things: str) -> str:
    """A number of things, of which the plural is given, in words for people."""
    return f"{count} {_SINGULAR.get(things, things.removesuffix('s')) if count == 1 else things}"


def size(count: float) -> str:
    """A number of bytes, for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:  # noqa: PLR2004 - the step between units
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def note_when_slow() -> Callable[[str], None]:
    """Tells what is done next: on a terminal, and elsewhere once it has taken over a second."""
    began = time.monotonic()

    def tell(what: str) -> None:
        if sys.stderr.isatty() or time.monotonic() - began > 1:
            note(f"{what} ...")

    return tell


@contextmanager
def byte_progress(label: str) -> "Iterator[ContentProgress]":
    """Tells of bytes read, once it has taken over a second, and only on a terminal."""
    began, shown = time.monotonic(), 0.0

    def advance(done: int, total: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if sys.stderr.isatty() and now - began > 1 and now - shown > 0.2:  # noqa: PLR2004 - seconds
            shown = now
            click.echo(f"\r{label}: {size(done)} of {size(total)} ", nl=False, err=True)

    yield advance
    if shown:
        click.echo("\r\033[K", nl=False, err=True)


@contextmanager
def training_progress(label: str) -> "Iterator[Progress]":
    """Tells of finished trainings as they come: on a terminal in one line, elsewhere a line for each tenth of them."""
    on_terminal, tenths = sys.stderr.isatty(), 0

    def advance(done: int, total: int) -> None:
        nonlocal tenths
        if on_terminal:
            click.echo(f"\r{label}: {done} of {total} trainings ", nl=False, err=True)
        elif 10 * done // total > tenths:
            tenths = 10 * done // total
            note(f"{label}: {done} of {total} trainings")

    yield advance
    if on_terminal:
        click.echo("\r\033[K", nl=False, err=True)
