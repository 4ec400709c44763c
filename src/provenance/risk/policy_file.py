"""Policy files: TOML over the default policy, or over the file that they extend; and all that is wrong with them, with its place.

A file says only what it wants otherwise. ``extends`` names the file that it says this over, relative to its own folder. A list replaces
the one below it, so that whom a policy trusts stands in one place.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from provenance.risk.policy_keys import KEYS, Value, is_table, read_value, shown, unknown_key

DEFAULT_POLICY = Path(__file__).with_name("default_policy.toml")
EXTENDS = "extends"

_Table: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a policy file.

    Args:
        file: Which file.
        line: Where in it, from 1; None where that can't be told.
        message: What is wrong, naming the key.
    """

    file: str
    line: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.file}{'' if self.line is None else f':{self.line}'}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One key as it applies.

    Args:
        key: Its dotted name.
        value: What holds.
        default: What the default policy says.
        meaning: What the key says.
        source: Where the default comes from.
        file: The file that says so; None for the default policy.
        line: Where in that file, from 1; None where that can't be told.
    """

    key: str
    value: Value
    default: Value
    meaning: str
    source: str
    file: str | None = None
    line: int | None = None


@dataclass(slots=True)
class Contents:
    """What was read of a policy file and those that it extends.

    Args:
        settings: Every key as it applies, in the order of the default policy.
        problems: What is wrong, in the order of the files, from the one that was named downwards.
    """

    settings: dict[str, Setting] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read(path: Path | None) -> Contents:
    """Reads a policy file over what it extends, or over the default policy; without a file, the default policy."""
    contents = Contents(settings=dict(_defaults()))
    files = [] if path is None else list(_chain(path, contents.problems))
    for file in reversed(files):
        for key, value in file.values.items():
            below = contents.settings[key]
            contents.settings[key] = replace(below, value=value, file=str(file.path), line=file.line(key))
    return contents


def stated(values: Mapping[str, object]) -> Contents:
    """Takes keys with their values, such as a report names them, over the default policy."""
    contents = Contents(settings=dict(_defaults()))
    for key, value in values.items():
        if key not in contents.settings:
            contents.problems.append(Problem(file="the policy", line=None, message=unknown_key(key)))
            continue
        try:
            contents.settings[key] = replace(contents.settings[key], value=read_value(key, value))
        except ValueError as error:
            contents.problems.append(Problem(file="the policy", line=None, message=str(error)))
    return contents


@cache
def _defaults() -> Mapping[str, Setting]:
    problems: list[Problem] = []
    values = _File.read(DEFAULT_POLICY, problems).values
    if problems or values.keys() != KEYS.keys():
        raise AssertionError(f"the default policy does not say every key: {problems}")
    return {
        name: Setting(
            key=name, value=values[name], default=values[name], meaning=key.meaning, source=key.source
        )
        for name, key in KEYS.items()
    }


def _chain(path: Path, problems: list[Problem]) -> Iterator["_File"]:
    """A file, then what it extends, and so on."""
    seen: list[Path] = []
    while True:
        seen.append(path.resolve())
        file = _File.read(path, problems)
        yield file
        if file.extends is None:
            return
        path = path.parent / file.extends
        if path.resolve() in seen:
            problems.append(file.problem(EXTENDS, f"extends {path}, which extends this file"))
            return


@dataclass(slots=True)
class _File:
    """One file: its values by dotted key, what it extends, and where its keys stand."""

    path: Path
    values: dict[str, Value] = field(default_factory=dict)
    extends: str | None = None
    lines: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, problems: list[Problem]) -> "_File":
        """Reads a file, and adds what is wrong with it to the problems."""
        parsed = _parsed(path)
        if isinstance(parsed, Problem):
            problems.append(parsed)
            return cls(path)
        text, table = parsed
        file = cls(path, lines={name: line for line, name in reversed(list(_key_lines(text)))})
        base = table.pop(EXTENDS, None)
        if isinstance(base, str) and base and base.isprintable():
            file.extends = base
        elif base is not None:
            problems.append(
                file.problem(EXTENDS, f"{EXTENDS} has to be the name of a file, not {shown(base)}")
            )
        file._take(table, "", problems)
        return file

    def _take(self, table: _Table, prefix: str, problems: list[Problem]) -> None:
        """Takes over what has a meaning, and complains of the rest."""
        for key, value in table.items():
            name = f"{prefix}{key}"
            if name in KEYS:
                try:
                    self.values[name] = read_value(name, value)
                except ValueError as error:
                    problems.append(self.problem(name, str(error)))
            elif not is_table(name):
                problems.append(self.problem(name, unknown_key(name)))
            elif isinstance(value, dict):
                self._take(value, f"{name}.", problems)
            else:
                problems.append(self.problem(name, f"{name} has to be a table, not {shown(value)}"))

    def line(self, name: str) -> int | None:
        """Where a key stands, or else the table that it is written in."""
        while name and name not in self.lines:
            name = name.rpartition(".")[0]
        return self.lines.get(name)

    def problem(self, name: str, message: str) -> Problem:
        """A complaint about a key."""
        return Problem(file=str(self.path), line=self.line(name), message=message)


def _parsed(path: Path) -> "tuple[str, _Table] | Problem":
    """The text of a file and what it says, or why it says nothing."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        return text, tomllib.loads(f"{text}\n")  # so that no complaint is of the end of the document
    except OSError as error:
        message = f"cannot read the policy: {error.strerror}"
    except RecursionError:
        message = "is no policy: nested too deeply"
    except tomllib.TOMLDecodeError as error:
        return _no_toml(path, text, str(error))
    except UnicodeDecodeError as error:
        message = f"is no TOML: {error}"
    return Problem(file=str(path), line=None, message=message)


_WORD = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_WORD}(?:\s*\.\s*{_WORD})*"
_HEADER = re.compile(rf"\s*\[\s*({_DOTTED})\s*\]\s*(?:#.*)?$")
_ENTRY = re.compile(rf"\s*({_DOTTED})\s*=")
_PLACE = re.compile(r" \(at line (\d+), column \d+\)$")


def _key_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a file that begin a table or a key, with its dotted name; none where a text of several lines may look like one."""
    if '"""' in text or "'''" in text:
        return
    prefix = ""
    for number, line in enumerate(text.split("\n"), start=1):
        if header := _HEADER.match(line):
            name = _bare(header[1])
            prefix = f"{name}."
            yield number, name
        elif entry := _ENTRY.match(line):
            yield number, prefix + _bare(entry[1])


def _bare(dotted: str) -> str:
    """A dotted key without quotes and spaces."""
    return ".".join(part.strip("\"'") for part in re.findall(_WORD, dotted))


def _no_toml(path: Path, text: str, reason: str) -> Problem:
    """What the reader of TOML complains of, with the key that the line is about."""
    place = _PLACE.search(reason)
    line = int(place[1]) if place else None
    reason = _PLACE.sub("", reason)
    key = dict(_key_lines(text)).get(line or 0)
    if key is not None and ("overwrite" in reason or "twice" in reason):
        return Problem(file=str(path), line=line, message=f"{key} stands twice: a key may be said once")
    about = "" if key is None or is_table(key) else f" (in {key})"
    return Problem(file=str(path), line=line, message=f"is no TOML: {reason[:1].lower()}{reason[1:]}{about}")
