"""One table in CSV or TSV: its header, its records with their lines, and all that is wrong with it told at once."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from provenance.errors import ContentError
from provenance.intake.fields import Problems
from provenance.intake.files import shown
from provenance.intake.rows import lines
from provenance.interop.graph import Note
from provenance.interop.mapping import GUIDE, TableMapping

_HINT = "Nothing was recorded. Mend the file, and import it again."

GUESSES: Mapping[str, tuple[str, ...]] = {
    "child": ("child", "target", "derived_model"),
    "parent": ("parent", "source", "base_model"),
    "relation": ("relation", "edge", "relationship"),
    "child_kind": ("child_kind", "child_type", "target_type"),
    "parent_kind": ("parent_kind", "parent_type", "source_type"),
    "name": ("name", "id", "model"),
    "kind": ("kind", "type"),
    "old": ("old", "from"),
    "new": ("new", "to"),
}
"""What a column of each meaning is likely to be called, in lower case; the likeliest first."""


class Table:
    """One file, opened: its header is read, its records come on asking.

    Args:
        path: The file.
        mapping: How it is read.
        records: What the CSV reader yields, with its line.
        header: Titles of the columns; their numbers from 1 where the file has none.
    """

    def __init__(
        self,
        path: Path,
        mapping: TableMapping,
        records: Iterator[tuple[int, list[str]]],
        header: Sequence[str],
    ) -> None:
        self.name = shown(path)
        self.header = header
        self._mapping = mapping
        self._records = records
        self._problems = Problems(path, GUIDE)
        self._unknown: dict[tuple[str, str], tuple[int, int]] = {}

    @classmethod
    def open(cls, path: Path, mapping: TableMapping) -> "Table":
        """Reads the header.

        Raises:
            ContentError: The file can't be read, or is empty.
        """
        suffix = Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix
        delimiter = mapping.delimiter or ("\t" if suffix.lower() == ".tsv" else ",")
        records = _records(path, delimiter)
        first = next(records, None)
        if first is None:
            raise ContentError(f"{shown(path)} is empty", hint=_HINT)
        if mapping.header:
            return cls(path, mapping, records, [title.strip() for title in first[1]])
        numbers = [str(number) for number in range(1, len(first[1]) + 1)]
        return cls(path, mapping, _before(first, records), numbers)

    def columns(self, needed: Sequence[str], optional: Sequence[str] = ()) -> dict[str, int]:
        """Where the columns of some meanings stand.

        Raises:
            ContentError: One is not there.
        """
        titles = {title.lower(): at for at, title in reversed(list(enumerate(self.header)))}
        found = {}
        for meaning in (*needed, *optional):
            named = getattr(self._mapping, meaning, None)
            likely = GUESSES[meaning] if named is None else (named.lower(),)
            at = next((titles[title] for title in likely if title in titles), None)
            if at is not None:
                found[meaning] = at
            elif meaning in needed or named is not None:
                raise ContentError(
                    f"{self.name}: no column for the {meaning.replace('_', ' ')}"
                    f"{'' if named is None else f' is called {named!r}'}; the columns are {', '.join(map(ascii, self.header))}",
                    hint=f"Name it with --map {meaning}=COLUMN. {GUIDE}",
                )
        return found

    def notes(self, columns: Mapping[str, int]) -> Iterator[Note]:
        """Says which columns were guessed."""
        guessed = [
            f"{meaning.replace('_', ' ')} in {self.header[at]!r}"
            for meaning, at in columns.items()
            if getattr(self._mapping, meaning, None) is None
        ]
        if guessed:
            yield Note(f"{self.name}: by its header, {', '.join(guessed)}")

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """The records below the header, each as long as it."""
        width = len(self.header)
        for line, cells in self._records:
            if len(cells) == width:
                yield line, cells
            elif cells:
                self._problems.add(line, f"{len(cells)} cells, where {width} are expected")

    def unknown(self, line: int, what: str, word: str) -> None:
        """Notes a word of which nobody said what it means."""
        first, times = self._unknown.get((what, word), (line, 0))
        self._unknown[what, word] = (first, times + 1)

    def finish(self) -> None:
        """Raises one `ContentError` with all that was noted, if anything was."""
        for (what, word), (line, times) in self._unknown.items():
            often = f", here and in {times - 1} more rows" if times > 1 else ""
            if not word and what == "relation":
                told = f"no relation is stated{often}; say which is meant with --map default=KIND"
            else:
                told = (
                    f"nobody said what the {what} {word[:80]!a} means{often}; say it with --map {what}s.WORD=KIND, "
                    f"or leave such rows out with --map {what}s.WORD="
                )
            self._problems.add(line, told)
        self._problems.raise_all()


def _records(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The records of a table with their lines, empty ones left out."""
    reader = csv.reader((text for _, text in lines(path, _HINT)), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise ContentError(f"{shown(path)}:{reader.line_num}: not CSV: {error}", hint=_HINT) from error


def _before(
    first: tuple[int, list[str]], rest: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, list[str]]]:
    yield first
    yield from rest
