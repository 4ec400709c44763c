"""Flags in a file: a CSV with a header, or JSON Lines, one flag a row.

    artifact,trait,evidence,confidence,expires
    model:org/base@1,backdoor,"fires on the trigger in 60 of 100 prompts",0.9,2027-06-30

``confidence`` (default 1) and ``expires`` (default never) may be left out. A header without rows is no flag; a file without a header
or an object is no file of flags. Reading does not say whether the references lead anywhere:
that is the registry's to know.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from provenance.errors import ContentError
from provenance.intake.files import shown
from provenance.intake.rows import lines
from provenance.moments import read_moment
from provenance.request import at

_NEEDED = ("artifact", "trait", "evidence")
_COLUMNS = (*_NEEDED, "confidence", "expires")


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagRow:
    """One flag to be raised.

    Args:
        artifact: Reference to what was found to have the trait.
        trait: Name of the trait.
        evidence: What was seen, in words.
        confidence: The finder's, in (0, 1].
        expires_at: When it ends, aware; None for never.
        place: Where it stands, put before errors (``found.csv:3``).
    """

    artifact: str
    trait: str
    evidence: str
    confidence: float = 1.0
    expires_at: datetime | None = None
    place: str = ""


def read(path: Path) -> tuple[FlagRow, ...]:
    """Reads a file of flags.

    Raises:
        ContentError: The file is empty, of no such format, or a row is no flag; the message says which line.
    """
    if path.suffix.lower() not in _FORMATS:
        raise ContentError(
            f"{shown(path)} is no file of flags by its name", hint=f"Suffixes: {', '.join(_FORMATS)}."
        )
    rows = []
    for number, fields in _FORMATS[path.suffix.lower()](path):
        with at(f"{shown(path)}:{number}"):
            rows.append(_row(fields, f"{shown(path)}:{number}"))
    return tuple(rows)


def _csv_rows(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    """The records of a CSV file below its header, each with the line that it ends in."""
    reader = csv.reader((line for _, line in lines(path)), strict=True)
    try:
        header = next(filter(None, reader), None)
        if header is None:
            raise _empty(path)
        with at(f"{shown(path)}:{reader.line_num}"):
            _check_header(header)
        for record in reader:
            if len(record) > len(header):
                raise ContentError(
                    f"{shown(path)}:{reader.line_num}: {len(record)} fields under a header of {len(header)}"
                )
            if record:
                yield reader.line_num, dict(zip(header, record, strict=False))
    except csv.Error as error:
        raise ContentError(f"{shown(path)}:{reader.line_num}: not CSV: {error}") from error


def _check_header(header: Sequence[str]) -> None:
    _refuse_unknown(header)
    if missing := [name for name in _NEEDED if name not in header]:
        raise ContentError(f"no column {missing[0]!r}", hint=f"Needed: {', '.join(_NEEDED)}.")


def _json_rows(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    """The objects of a file of JSON lines."""
    rows = [(number, line) for number, line in lines(path) if line.strip()]
    if not rows:
        raise _empty(path)
    for number, line in rows:
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ContentError(f"{shown(path)}:{number}: not JSON: {error}") from error
        if not isinstance(fields, dict):
            raise ContentError(f"{shown(path)}:{number}: not a JSON object")
        yield number, fields


_FORMATS: Mapping[str, Callable[[Path], Iterator[tuple[int, Mapping[str, object]]]]] = {
    ".csv": _csv_rows,
    ".jsonl": _json_rows,
    ".ndjson": _json_rows,
}


def _row(fields: Mapping[str, object], place: str) -> FlagRow:
    _refuse_unknown(fields)
    told = {name: value for name, value in fields.items() if value is not None and value != ""}
    if missing := [name for name in _NEEDED if name not in told]:
        raise ContentError(f"no {missing[0]}", hint=f"Needed: {', '.join(_NEEDED)}.")
    if wrong := [name for name in told if name != "confidence" and not isinstance(told[name], str)]:
        raise ContentError(f"the {wrong[0]} is no text: {told[wrong[0]]!r}")
    artifact, trait, evidence = (str(told[name]) for name in _NEEDED)
    return FlagRow(
        artifact=artifact,
        trait=trait,
        evidence=evidence,
        confidence=_confidence(told.get("confidence", 1.0)),
        expires_at=read_moment(str(told["expires"])) if "expires" in told else None,
        place=place,
    )


def _empty(path: Path) -> ContentError:
    return ContentError(f"{shown(path)} is empty", hint=f"Columns, or keys: {', '.join(_COLUMNS)}.")


def _refuse_unknown(columns: Iterable[str]) -> None:
    if unknown := sorted(set(columns) - set(_COLUMNS)):
        raise ContentError(f"unknown column {unknown[0]!r}", hint=f"Columns: {', '.join(_COLUMNS)}.")


def _confidence(value: object) -> float:
    try:
        return float(str(value))
    except ValueError as error:
        raise ContentError(f"the confidence {value!r} is no number") from error
