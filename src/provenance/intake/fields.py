"""The fields of one mapping of a manifest, read by type; what does not fit is collected, so that all of it is told at once."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from provenance.errors import ContentError
from provenance.intake.documents import Value, YamlList, YamlMapping
from provenance.intake.files import shown

_REPORTED_AT_MOST = 50


class Problems:
    """What is wrong with a file, by line.

    Args:
        path: The file.
        guide: The page that tells how such a file is written.
    """

    def __init__(self, path: Path, guide: str = "docs/manifest.md shows every key.") -> None:
        self._path = path
        self._guide = guide
        self._found: list[tuple[int, str]] = []

    def add(self, line: int, text: str) -> None:
        """Notes one problem."""
        self._found.append((line, text))

    def raise_all(self) -> None:
        """Raises one `ContentError` that holds every problem in order of the lines, if there are any."""
        if not self._found:
            return
        lines = [f"{shown(self._path)}:{line}: {text}" for line, text in sorted(self._found)]
        rest = len(lines) - _REPORTED_AT_MOST
        message = "\n".join(lines[:_REPORTED_AT_MOST]) + (f"\nand {rest} more problems" if rest > 0 else "")
        raise ContentError(message, hint=f"Nothing was recorded. {self._guide}")


class Fields:
    """Typed access to one mapping. A field of the wrong type is a problem, and then as good as absent.

    Args:
        mapping: The fields, with their lines.
        problems: Where to note what is wrong.
    """

    def __init__(self, mapping: YamlMapping, problems: Problems) -> None:
        self._mapping = mapping
        self._problems = problems

    def __contains__(self, key: str) -> bool:
        return key in self._mapping

    def value(self, key: str) -> tuple[Value, int]:
        """A field that is there as it is, and its line."""
        return self._mapping[key], self._mapping.lines[key]

    def check_keys(self, known: Collection[str], where: str) -> None:
        """Notes every key that is not known, with the nearest one that is."""
        for key, line in self._mapping.lines.items():
            if key not in known:
                nearest = difflib.get_close_matches(key, known, n=1)
                advice = (
                    f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(sorted(known))}"
                )
                self._problems.add(line, f"unknown key {key!a} {where}; {advice}")

    def text(self, key: str) -> str | None:
        """A text."""
        if key not in self._mapping:
            return None
        value, line = self.value(key)
        if isinstance(value, str):
            return value
        self._unexpected(key, "text", value, line)
        return None

    def texts(self, key: str) -> tuple[str, ...]:
        """One text or a list of texts."""
        if key not in self._mapping:
            return ()
        value, line = self.value(key)
        items = zip(value, value.lines, strict=True) if isinstance(value, YamlList) else ((value, line),)
        found = []
        for item, place in items:
            if isinstance(item, str):
                found.append(item)
            else:
                self._unexpected(key, "text, or a list of texts", item, place)
        return tuple(found)

    def words(self, key: str) -> dict[str, str]:
        """A mapping from text to plain values, which become text."""
        if key not in self._mapping:
            return {}
        value, line = self.value(key)
        if not isinstance(value, YamlMapping):
            self._unexpected(key, "a mapping, as in `{word: value}`", value, line)
            return {}
        found = {}
        for word, item in value.items():
            if isinstance(item, Mapping | YamlList) or item is None:
                self._unexpected(f"{key}.{word}", "text or a number", item, value.lines[word])
            else:
                found[word] = str(item).lower() if isinstance(item, bool) else str(item)
        return found

    def truth(self, key: str) -> bool:
        """True or false; false when absent."""
        if key not in self._mapping:
            return False
        value, line = self.value(key)
        if not isinstance(value, bool):
            self._unexpected(key, "true or false", value, line)
        return value is True

    def _unexpected(self, key: str, expected: str, value: Value, line: int) -> None:
        self._problems.add(line, f"{key!a}: expected {expected}, found {described(value)}")


def described(value: Value) -> str:
    """A value in a few words, escaped, whatever its size."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()} (quote it if it is meant as text)"
    if isinstance(value, int | float):
        return f"the number {str(value)[:40]} (quote it if it is meant as text)"
    if isinstance(value, str):
        return f"the text {value[:40]!a}"
    return "a list" if isinstance(value, Sequence) else "a mapping"
