"""The rows of a dataset, counted by reading it as what its suffix says it is.

A file that cannot be read so is an error with its line: a dataset that nobody can parse is not what it claims to be, and its rows
cannot be what a model was trained on.
"""

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from provenance.errors import ContentError
from provenance.intake.files import shown

MAX_LINE_BYTES = 64_000_000
_HINT = "Mend the file, or rename it so that its suffix claims nothing; it is then recorded without rows."


def count_jsonl(path: Path) -> int:
    """The number of lines that are not blank; each has to be one JSON value.

    Raises:
        ContentError: A line is no JSON, no UTF-8, or longer than `MAX_LINE_BYTES`.
    """
    rows = 0
    for number, line in lines(path):
        if not line.strip():
            continue
        try:
            json.loads(line)
        except RecursionError as error:
            raise _line_error(path, number, "nested too deeply") from error
        except ValueError as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else "a number too long to read"
            raise _line_error(path, number, f"not JSON: {reason}") from error
        rows += 1
    return rows


def count_csv(path: Path, delimiter: str = ",") -> int:
    """The number of records below the header, which is the first; a quoted field may run over several lines.

    Raises:
        ContentError: Quotes do not close, a line is no UTF-8 or holds NUL, or a record is longer than `MAX_LINE_BYTES`.
    """
    reader = csv.reader((line for _, line in lines(path)), delimiter=delimiter, strict=True)
    previous_limit = csv.field_size_limit(MAX_LINE_BYTES)
    try:
        records = sum(1 for record in reader if record)
    except csv.Error as error:
        raise _line_error(path, reader.line_num, f"not CSV: {error}") from error
    finally:
        csv.field_size_limit(previous_limit)
    return max(records - 1, 0)


def count_parquet(path: Path) -> int:
    """The number of rows that the footer of a Parquet file states.

    Raises:
        ContentError: The file is no sound Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError) as error:
        raise ContentError(
            f"{shown(path)} is not a sound Parquet file: {ascii(str(error))[1:-1]}", hint=_HINT
        ) from error


ROW_FORMATS: Mapping[str, tuple[str, Callable[[Path], int]]] = {
    ".jsonl": ("jsonl", count_jsonl),
    ".ndjson": ("jsonl", count_jsonl),
    ".csv": ("csv", count_csv),
    ".tsv": ("csv", partial(count_csv, delimiter="\t")),
    ".parquet": ("parquet", count_parquet),
}
"""Suffix to the format and how its rows are counted."""


def _line_error(path: Path, number: int, reason: str, hint: str = _HINT) -> ContentError:
    return ContentError(f"{shown(path)}:{number}: {reason}", hint=hint)


def lines(path: Path, hint: str = _HINT) -> Iterator[tuple[int, str]]:
    """The lines of a text file, or of one in gzip (``.gz``), with their numbers from 1, each decoded by itself so that an error has its line.

    Args:
        path: The file.
        hint: What to do about a file that can't be read so.

    Raises:
        ContentError: The file can't be read, was cut off, or a line is no UTF-8, holds NUL, or is longer than `MAX_LINE_BYTES`.
    """
    number = 0
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            while data := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(data) > MAX_LINE_BYTES:
                    raise _line_error(path, number, f"a line of more than {MAX_LINE_BYTES:,} bytes", hint)
                if b"\0" in data:
                    raise _line_error(path, number, "a NUL byte in what should be text", hint)
                yield number, data.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise _line_error(
            path, number, f"not UTF-8 text: {error.reason} at byte {error.start}", hint
        ) from error
    except EOFError as error:
        raise _line_error(path, number, "the archive was cut off after this line", hint) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _line_error(path, number, f"not sound gzip after this line: {error}", hint) from error
    except OSError as error:
        raise ContentError(f"cannot read {shown(path)}: {error.strerror}") from error
