"""Lines of JSON objects, read strictly: a recording that says something unclear is an error with its line, never a guess."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from provenance.errors import ContentError

MAX_LINE_BYTES = 8_000_000
MAX_ROWS = 2_000_000


def records(path: Path, fields: Mapping[str, bool]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSONL file with the numbers of their lines, from 1; blank lines are skipped.

    Args:
        path: A UTF-8 file with one JSON object a line.
        fields: The fields that an object may have, each with whether it has to.

    Raises:
        ContentError: The file can't be read, or a line is too long, no UTF-8, no JSON object, holds a field twice, lacks one or
            has one that is not known; or there are more than `MAX_ROWS` lines.
    """
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if number > MAX_ROWS:
                    raise ContentError(f"{path} has more than {MAX_ROWS:,} lines")
                if len(line) > MAX_LINE_BYTES:
                    raise line_error(path, number, f"a line of more than {MAX_LINE_BYTES:,} bytes")
                if line.strip():
                    yield number, _record(path, number, line, fields)
    except OSError as error:
        raise ContentError(f"cannot read {path}: {error.strerror}") from error


def line_error(path: Path, number: int, reason: str) -> ContentError:
    """An error that names a line."""
    return ContentError(f"{path}:{number}: {reason}", hint="docs/black-box.md describes the format.")


def _record(path: Path, number: int, line: bytes, fields: Mapping[str, bool]) -> dict[str, Any]:
    try:
        value = json.loads(
            line.decode("utf-8-sig" if number == 1 else "utf-8"),
            object_pairs_hook=_without_repeats,
            parse_constant=_no_constant,
        )
    except RecursionError as error:
        raise line_error(path, number, "nested too deeply") from error
    except UnicodeDecodeError as error:
        raise line_error(path, number, f"not UTF-8 text: {error.reason} at byte {error.start}") from error
    except ValueError as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise line_error(path, number, f"not JSON: {reason}") from error
    if not isinstance(value, dict):
        raise line_error(path, number, "expected an object in braces")
    if missing := [name for name, needed in fields.items() if needed and name not in value]:
        raise line_error(path, number, f"no field {missing[0]!r}")
    if unknown := sorted(value.keys() - fields.keys()):
        raise line_error(path, number, f"an unknown field {unknown[0]!a}; known are {', '.join(fields)}")
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object holds the same name twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
