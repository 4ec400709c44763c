"""JSON records one after the other, from a file of any size: a list, several lists (pages of an answer), or one record a line."""

import gzip
import json
import zlib
from codecs import getincrementaldecoder
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from provenance.errors import ContentError
from provenance.intake.fields import Problems
from provenance.intake.files import shown
from provenance.intake.rows import lines

MAX_RECORD_CHARACTERS = 16_000_000
"""More than any record has; what is longer has lost its end."""

_CHUNK_BYTES = 1 << 20
_HINT = "Nothing was recorded. Fetch the file again, or mend it."
_DECODER = json.JSONDecoder()


def read_records(path: Path) -> Iterator[tuple[int, Any]]:
    """The records of a file with their places: the line, or in a list the number, from 1.

    Raises:
        ContentError: The file can't be read or was cut off, or something in it is no JSON; the message gives the places.
    """
    text = _text(path)
    head = ""
    for piece in text:
        head = (head + piece).lstrip()
        if head:
            break
    text.close()
    if not head:
        raise ContentError(f"{shown(path)} is empty", hint=_HINT)
    yield from _of_lists(path) if head[0] == "[" else _of_lines(path)


def _of_lines(path: Path) -> Iterator[tuple[int, Any]]:
    problems = Problems(path, "Every line has to be one JSON value.")
    is_json = False
    for number, line in lines(path, _HINT):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
            is_json = True
        except RecursionError:
            problems.add(number, "nested too deeply")
        except ValueError as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else "a number too long to read"
            if not is_json and line.lstrip()[0] not in "{[":
                raise ContentError(
                    f"{shown(path)}:{number}: not JSON: {reason}",
                    hint="Is it a table? `--format edges` reads tables.",
                ) from error
            problems.add(number, f"not JSON: {reason}")
    problems.raise_all()


def _of_lists(path: Path) -> Iterator[tuple[int, Any]]:
    """The items of one list or several, each read as soon as all of it is there."""
    number, text = 0, _Text(path)
    while text.skip(" \t\r\n"):
        text.expect("[", number)
        while not text.took("]"):
            number += 1
            yield number, text.value(number)
            if not text.took(","):
                text.expect("]", number)
                break


class _Text:
    """The text of a file, of which a window is kept: what was read from it is forgotten."""

    def __init__(self, path: Path) -> None:
        self._name = shown(path)
        self._pieces = _text(path)
        self._window, self._at = "", 0

    def skip(self, signs: str) -> bool:
        """Passes over some signs; whether anything comes after."""
        while True:
            while self._at < len(self._window) and self._window[self._at] in signs:
                self._at += 1
            if self._at < len(self._window):
                return True
            if not self._more():
                return False

    def took(self, sign: str) -> bool:
        """Passes over a sign, if it comes next."""
        found = self.skip(" \t\r\n") and self._window[self._at] == sign
        self._at += found
        return found

    def expect(self, sign: str, number: int) -> None:
        """Passes over a sign.

        Raises:
            ContentError: Another comes, or the end.
        """
        if not self.took(sign):
            came = ascii(self._window[self._at]) if self._at < len(self._window) else "the end of the file"
            where = f"after record {number}" if number else "at the beginning"
            raise ContentError(f"{self._name}, {where}: {sign!r} expected, and {came} came", hint=_HINT)

    def value(self, number: int) -> Any:  # noqa: ANN401 - whatever JSON there is
        """Reads one JSON value.

        Raises:
            ContentError: There is none, or it has no end.
        """
        self.skip(" \t\r\n")
        while True:
            try:
                value, end = _DECODER.raw_decode(self._window, self._at)
            except RecursionError as error:
                raise ContentError(f"{self._name}, record {number}: nested too deeply", hint=_HINT) from error
            except json.JSONDecodeError as error:
                # What looks wrong may only lack what comes next; each further try has twice as much before it.
                if len(self._window) - self._at > MAX_RECORD_CHARACTERS or not self._more():
                    raise ContentError(
                        f"{self._name}, record {number}: not JSON, or cut off: {error.msg}", hint=_HINT
                    ) from error
                continue
            except ValueError as error:
                raise ContentError(
                    f"{self._name}, record {number}: a number too long to read", hint=_HINT
                ) from error
            self._at = end
            return value

    def _more(self) -> bool:
        """Reads on, as much as is kept and at least a piece; False at the end."""
        kept = self._window[self._at :]
        pieces, size = [kept], 0
        for piece in self._pieces:
            pieces.append(piece)
            size += len(piece)
            if size >= len(kept):
                break
        self._window, self._at = "".join(pieces), 0
        return size > 0


def _text(path: Path) -> Generator[str, None, None]:
    """The decoded text of a file, piece by piece.

    Raises:
        ContentError: It can't be read, is no UTF-8, or an archive that was cut off.
    """
    decoder = getincrementaldecoder("utf-8-sig")()
    done = 0
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            while data := file.read1(_CHUNK_BYTES):
                done += len(data)
                yield decoder.decode(data)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise ContentError(
            f"{shown(path)}: not UTF-8 text within the {len(error.object):,} bytes before byte {done:,}: {error.reason}",
            hint=_HINT,
        ) from error
    except EOFError as error:
        raise ContentError(
            f"{shown(path)}: the archive was cut off after {done:,} bytes of text", hint=_HINT
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise ContentError(
            f"{shown(path)}: not sound gzip after {done:,} bytes of text: {error}", hint=_HINT
        ) from error
    except OSError as error:
        raise ContentError(f"cannot read {shown(path)}: {error.strerror}") from error
