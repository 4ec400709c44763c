"""The bytes of an ONNX file, walked field by field before anything parses them.

Field numbers are those of ``onnx.proto3``, the wire format that of the Protocol Buffers encoding guide. What is passed over is never read:
a walk takes memory for what it copies, `MAX_SKELETON_BYTES` at most over all levels of nesting.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NoReturn

from provenance.errors import ContentError
from provenance.weights.tensor import WeightFile

MAX_SKELETON_BYTES = 1 << 29
EXTERNAL = 1
"""The data location of a tensor that lies in another file."""
_GRAPH, _INITIALIZER, _RAW_DATA, _DATA_LOCATION = 7, 5, 9, 14
_KEPT: Sequence[frozenset[int]] = (
    frozenset({_GRAPH}),
    frozenset({1, _INITIALIZER}),
    frozenset({1, 2, 4, 5, 6, 7, 8, _RAW_DATA, 10, 11, 13, _DATA_LOCATION}),
)
"""The fields of a model, of its graph and of an initialiser that are read; names, documentation and what is not known are passed over."""
_INNER: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
"""Where messages hold others that tensors may be in."""
_MAX_NESTING = 64
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SMALL = 4096

Span = tuple[int, int]


def refuse(path: Path, reason: str) -> NoReturn:
    """Says what is wrong with an ONNX file."""
    raise ContentError(
        f"{path} is not a sound ONNX file: {reason}",
        hint="Fetch or write the file again; nothing of it was used.",
    )


def skeleton(file: WeightFile) -> tuple[bytes, Sequence[Span | None]]:
    """A model without the bytes of large initialisers, and where those are, in the initialisers' order.

    Raises:
        ContentError: It is no sound message, or holds too much besides.
    """
    with file.unchanged() as opened:
        walk = _Walk(file.path, opened)
        return walk.copy(file.size, (_GRAPH, _INITIALIZER)), walk.spans


def has_external_data(path: Path) -> bool:
    """Whether any tensor of an ONNX file lies in another file.

    Raises:
        ContentError: It can't be read, or is no sound message.
    """
    file = WeightFile(path)
    with file.unchanged() as opened:
        return _Walk(path, opened).has_external(file.size, "model")


@dataclass(slots=True)
class _Walk:
    """A way through a protobuf message in a file."""

    path: Path
    opened: BinaryIO
    spans: list[Span | None] = field(default_factory=list)
    copied: int = 0

    def copy(self, end: int, towards: tuple[int, ...]) -> bytes:
        """The message that ends at ``end``, with what lies on the way of fields ``towards`` copied in parts."""
        found = bytearray()
        kept = _KEPT[-1 - len(towards)]
        for number, wire, stop in self._fields(end):
            if number not in kept:
                self.opened.seek(stop)
            elif towards and wire == _BYTES and number == towards[0]:
                if len(towards) == 1:
                    self.spans.append(None)
                inner = self.copy(stop, towards[1:])
                found += _key(number, _BYTES) + _varint(len(inner)) + inner
            elif not towards and number == _RAW_DATA and wire == _BYTES and stop - self.position > _SMALL:
                self.spans[-1] = (self.position, stop - self.position)
                self.opened.seek(stop)
            else:
                value = self._read(stop - self.position)
                found += _key(number, wire) + (_varint(len(value)) if wire == _BYTES else b"") + value
        return bytes(found)

    def has_external(self, end: int, kind: str, depth: int = 0) -> bool:
        """Whether a tensor in the message that ends at ``end`` lies in another file."""
        if depth > _MAX_NESTING:
            refuse(self.path, f"it nests messages more than {_MAX_NESTING} deep")
        for number, wire, stop in self._fields(end):
            inner = _INNER[kind].get(number) if wire == _BYTES else None
            if inner and self.has_external(stop, inner, depth + 1):
                return True
            if kind == "tensor" and number == _DATA_LOCATION and wire == _VARINT:
                if self._number() == EXTERNAL:
                    return True
            else:
                self.opened.seek(stop)
        return False

    @property
    def position(self) -> int:
        """Where the file stands."""
        return self.opened.tell()

    def _read(self, count: int) -> bytes:
        self.copied += count
        if self.copied > MAX_SKELETON_BYTES:
            refuse(self.path, f"it holds more than {MAX_SKELETON_BYTES} bytes besides its large tensors")
        return self.opened.read(count)

    def _fields(self, end: int) -> Iterator[tuple[int, int, int]]:
        """Number, wire type and end of each field; the file stands at the beginning of its value."""
        while self.position < end:
            key = self._number()
            number, wire = key >> 3, key & 7
            if wire == _BYTES:
                length = self._number()
            elif wire in {_FIXED64, _FIXED32}:
                length = 8 if wire == _FIXED64 else 4
            elif wire == _VARINT:
                start = self.position
                self._number()
                length = self.position - start
                self.opened.seek(start)
            else:
                refuse(self.path, f"a field in it is of the unknown wire type {wire}")
            stop = self.position + length
            if stop > end:
                refuse(self.path, f"a field in it ends at byte {stop}, and what holds it at {end}")
            yield number, wire, stop

    def _number(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self.opened.read(1)
            if not byte:
                refuse(self.path, "it ends within a number")
            value |= (byte[0] & 127) << shift
            if byte[0] < 128:  # noqa: PLR2004 - the bit that says that more follows
                return value
        refuse(self.path, "a number in it has more than ten bytes")


def _key(number: int, wire: int) -> bytes:
    return _varint(number << 3 | wire)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:  # noqa: PLR2004 - as above
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
