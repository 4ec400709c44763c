"""Text, JSON and YAML from strangers: read within limits of size and depth, into plain values.

YAML is built from the parser's events rather than by a loader. That keeps the line of every value, costs no recursion, and leaves
no way in: a tag beyond the plain ones (``!!python/object``) and an alias (of which a few lines make gigabytes) are errors, and so
are two equal keys of one mapping, of which readers would see different ones.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import yaml

from provenance.errors import ContentError
from provenance.intake.files import shown

MAX_DOCUMENT_BYTES = 10_000_000
MAX_DEPTH = 64

Value: TypeAlias = "str | int | float | bool | Mapping[str, Value] | Sequence[Value] | None"
"""What a document can hold."""

_RESOLVER = yaml.resolver.Resolver()
_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_TAG = "tag:yaml.org,2002:"


class YamlMapping(dict[str, Value]):
    """A mapping that knows its own line and the line of each key, from 1. Keys are always text."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}


class YamlList(list[Value]):
    """A list that knows its own line and the line of each item, from 1."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []


def read_text(path: Path, limit: int = MAX_DOCUMENT_BYTES) -> str:
    """The text of a file in UTF-8.

    Raises:
        ContentError: It can't be read, is longer than ``limit`` bytes, or is no UTF-8.
    """
    return _decode(_read_bytes(path, limit), path)


def read_json_object(path: Path, limit: int = MAX_DOCUMENT_BYTES) -> Mapping[str, Value]:
    """The object that a JSON file holds.

    Raises:
        ContentError: It can't be read, is longer than ``limit`` bytes, too deep, no JSON, or holds something else.
    """
    text = read_text(path, limit)
    try:
        value: Value = json.loads(text)
    except RecursionError as error:
        raise ContentError(f"{shown(path)} is nested too deeply") from error
    except ValueError as error:
        raise ContentError(f"{shown(path)} is not valid JSON: {error}") from error
    return _mapping(value, path)


def read_yaml_mapping(path: Path, limit: int = MAX_DOCUMENT_BYTES) -> Mapping[str, Value]:
    """The mapping that a YAML file holds.

    Raises:
        ContentError: As `parse_yaml`, or it holds something else.
    """
    return _mapping(parse_yaml(read_text(path, limit), path), path)


def read_front_matter(path: Path) -> Mapping[str, Value]:
    """The YAML between two lines ``---`` at the head of a Markdown file; empty where there is none.

    Raises:
        ContentError: As `parse_yaml`, or it holds no mapping.
    """
    data = _read_bytes(path, MAX_DOCUMENT_BYTES).removeprefix(b"\xef\xbb\xbf")
    lines = data.splitlines(keepends=True)
    if not lines or lines[0].rstrip() != b"---":
        return {}
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == b"---"), None)
    if end is None:
        return {}  # One such line alone is a rule across the page.
    # The first line stays as an empty one, so that line numbers are those of the file.
    value = parse_yaml(_decode(b"\n" + b"".join(lines[1:end]), path), path)
    return {} if value is None else _mapping(value, path)


def parse_yaml(text: str, path: Path) -> Value:
    """Builds the plain value of one YAML document; mappings and lists are `YamlMapping` and `YamlList`.

    Dates stay text, and so does every key. An empty document is None.

    Raises:
        ContentError: No valid YAML, more than one document, a tag beyond the plain ones, an alias, a repeated key, or more than
            `MAX_DEPTH` levels. The message gives path and line.
    """
    builder = _Builder(path)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ContentError(
            f"{shown(path)}:{line}: not valid YAML: {error.problem or error.context}"
        ) from error
    except yaml.YAMLError as error:
        # The reader's: a character that YAML forbids, such as NUL. Its text runs over two lines.
        raise ContentError(f"{shown(path)}: not valid YAML: {' '.join(str(error).split())!a}") from error
    return builder.value


class _Builder:
    """Turns events into values, with the open collections on a stack of its own."""

    def __init__(self, path: Path) -> None:
        self.value: Value = None
        self._path = path
        self._documents = 0
        self._open: list[YamlMapping | YamlList] = []
        self._keys: list[str | None] = []

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.ScalarEvent):
            self._add_scalar(event, line)
        elif isinstance(event, yaml.MappingStartEvent):
            self._start(event, YamlMapping(line), "map")
        elif isinstance(event, yaml.SequenceStartEvent):
            self._start(event, YamlList(line), "seq")
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
            self._keys.pop()
        elif isinstance(event, yaml.AliasEvent):
            raise self._error(line, "aliases (*name) are not accepted: a few lines of them make gigabytes")
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self._error(line, "a second document begins here; one is expected")

    def _error(self, line: int, reason: str) -> ContentError:
        return ContentError(f"{shown(self._path)}:{line}: {reason}")

    def _add_scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        tag = event.tag
        if tag is None or tag == "!":
            tag = str(_RESOLVER.resolve(yaml.ScalarNode, event.value, event.implicit))  # type: ignore[no-untyped-call]  # left untyped by the stubs
        elif tag.removeprefix(_TAG) not in _SCALARS:
            raise self._error(line, f"the tag {tag!a} is not accepted: plain values only")
        if self._open and isinstance(self._open[-1], YamlMapping) and self._keys[-1] is None:
            self._add_key(self._open[-1], event.value, line)
        else:
            self._add(_SCALARS.get(tag.removeprefix(_TAG), str)(event.value), line)

    def _add_key(self, mapping: YamlMapping, key: str, line: int) -> None:
        if key in mapping.lines:
            raise self._error(line, f"the key {key!a} stands here twice, first in line {mapping.lines[key]}")
        mapping.lines[key] = line
        self._keys[-1] = key

    def _start(self, event: yaml.CollectionStartEvent, collection: YamlMapping | YamlList, tag: str) -> None:
        if event.tag not in {None, "!", _TAG + tag}:
            raise self._error(collection.line, f"the tag {event.tag!a} is not accepted: plain values only")
        if len(self._open) >= MAX_DEPTH:
            raise self._error(collection.line, f"nested more than {MAX_DEPTH} levels deep")
        self._add(collection, collection.line)
        self._open.append(collection)
        self._keys.append(None)

    def _add(self, value: Value, line: int) -> None:
        if not self._open:
            self.value = value
            return
        parent = self._open[-1]
        if isinstance(parent, YamlList):
            parent.append(value)
            parent.lines.append(line)
            return
        key = self._keys[-1]
        if key is None:
            raise self._error(line, "the key of a mapping has to be text")
        parent[key] = value
        self._keys[-1] = None


def _number(convert: Callable[[str], Value]) -> Callable[[str], Value]:
    def read(text: str) -> Value:
        # YAML knows more ways to write numbers (1:30, 0b1, .inf); nobody means them, so they stay text.
        try:
            return convert(text)
        except ValueError:
            return text

    return read


_SCALARS: Mapping[str, Callable[[str], Value]] = {
    "str": str,
    "int": _number(int),
    "float": _number(float),
    "bool": lambda text: text.lower() in {"true", "yes", "on"},
    "null": lambda _: None,
}
"""The tags of plain values. What else an untagged scalar may resolve to (dates, ``<<``, ``=``) stays text."""


def _mapping(value: Value, path: Path) -> Mapping[str, Value]:
    if not isinstance(value, Mapping):
        raise ContentError(f"{shown(path)} has to hold named values (a mapping) at its top")
    return value


def _read_bytes(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise ContentError(f"cannot read {shown(path)}: {error.strerror}") from error
    if len(data) > limit:
        raise ContentError(f"{shown(path)} is longer than {limit:,} bytes, too long for a file of its sort")
    return data


def _decode(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ContentError(
            f"{shown(path)} is not UTF-8 text: byte {error.start} is {data[error.start]:#04x}"
        ) from error
