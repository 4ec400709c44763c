"""The tensors of an ONNX file, left where they are: what is parsed is the file without its large tensors' bytes.

An ONNX file is one protobuf message, which the `onnx` package parses whole, weights and all. So the bytes of large initialisers are
passed over first: a walk along the message's fields copies all else, and notes where those bytes lie. Field numbers are those of
``onnx.proto3``, the wire format that of the Protocol Buffers encoding guide. External data are read from files in the model's own
folder, and from no other.

Opening takes memory for what is not the bytes of large initialisers: `MAX_SKELETON_BYTES` at most.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, NoReturn

import numpy as np

from provenance.errors import ContentError, MissingExtraError
from provenance.weights.dtypes import DTYPES
from provenance.weights.folder import check_inside
from provenance.weights.tensor import (
    Encoding,
    HeldTensor,
    StoredTensor,
    Tensor,
    TensorInfo,
    WeightFile,
    plain,
)

if TYPE_CHECKING:
    from onnx import GraphProto, TensorProto

MAX_SKELETON_BYTES = 1 << 29
_GRAPH, _INITIALIZER, _RAW_DATA = 7, 5, 9
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SMALL = 4096
_EXTERNAL = 1
DTYPE_OF: Mapping[int, str] = {
    1: "F32", 2: "U8", 3: "I8", 4: "U16", 5: "I16", 6: "I32", 7: "I64", 9: "BOOL", 10: "F16", 11: "F64",
    12: "U32", 13: "U64", 14: "C64", 16: "BF16", 17: "F8_E4M3", 19: "F8_E5M2",
}  # fmt: skip
"""The element types of ONNX that are those of safetensors, by number. The others are listed, and never decoded."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """A parsed ONNX file.

    Args:
        graph: Its graph; large initialisers have no bytes in it.
        initialisers: Name to tensor.
        files: The model and its external data.
    """

    graph: "GraphProto"
    initialisers: Mapping[str, Tensor]
    files: tuple[WeightFile, ...]


def read_onnx_file(path: Path) -> OnnxFile:
    """Parses an ONNX file.

    Raises:
        ContentError: It can't be read, or is no sound ONNX file; the message names it and says why.
        MissingExtraError: The `onnx` package is not installed.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # comes without types
    except ImportError as error:
        raise MissingExtraError(
            "ONNX files are read with the package onnx, which is not installed",
            hint="pip install 'provenance-registry[onnx]'",
        ) from error
    file = WeightFile(path)
    try:
        with path.open("rb") as opened:
            skeleton, spans = _Walk(path, opened, file.size).skeleton()
    except OSError as error:
        raise ContentError(f"cannot read {path}: {error.strerror}") from error
    try:
        graph = onnx.ModelProto.FromString(skeleton).graph
    except DecodeError as error:
        refuse(path, f"it does not parse ({error})")
    if not all(isinstance(text, str) for text in _texts(graph)):
        refuse(path, "a name in it is no text")
    files = {path: file}
    initialisers: dict[str, Tensor] = {}
    for proto, span in zip(graph.initializer, spans, strict=True):
        if proto.name in initialisers:
            refuse(path, f"it names the initialiser {proto.name!a} twice")
        initialisers[proto.name] = _tensor(file, files, proto, span)
    if not initialisers:
        refuse(path, "it holds no weights")
    return OnnxFile(graph, initialisers, tuple(files.values()))


def _texts(graph: "GraphProto") -> Iterator[object]:
    """All names in a graph: the package gives bytes for what is no UTF-8."""
    for node in graph.node:
        yield from (node.name, node.op_type, *node.input, *node.output)
        yield from (item.name for item in node.attribute)
    for proto in graph.initializer:
        yield proto.name
        yield from (text for entry in proto.external_data for text in (entry.key, entry.value))


def refuse(path: Path, reason: str) -> NoReturn:
    """Says what is wrong with an ONNX file."""
    raise ContentError(
        f"{path} is not a sound ONNX file: {reason}",
        hint="Fetch or write the file again; nothing of it was used.",
    )


def _tensor(
    file: WeightFile, files: dict[Path, WeightFile], proto: "TensorProto", span: Span | None
) -> Tensor:
    shape = tuple(proto.dims)
    if any(length < 0 for length in shape):
        refuse(file.path, f"the initialiser {proto.name!a} has a negative length")
    if proto.data_location == _EXTERNAL:
        file, span = _external(file.path, files, proto)
    if span is None:
        return held(file.path, proto)
    start, stored = span
    dtype = DTYPE_OF.get(proto.data_type)
    if dtype is not None and stored * 8 != math.prod(shape) * DTYPES[dtype].bits:
        refuse(
            file.path, f"the initialiser {proto.name!a} has {stored} bytes, which is not what its shape takes"
        )
    info = TensorInfo(dtype=dtype or f"ONNX-{proto.data_type}", shape=shape, stored_bytes=stored)
    return StoredTensor(file, start, info, plain(dtype) if dtype else Encoding(1, 1, None))


def held(path: Path, proto: "TensorProto") -> Tensor:
    """A tensor whose values are in the skeleton: a small one, or one that is written number by number."""
    from onnx import numpy_helper

    if proto.data_location == _EXTERNAL:
        refuse(path, f"the constant {proto.name!a} of a node lies in another file")
    dtype = DTYPE_OF.get(proto.data_type)
    if dtype is None:
        return HeldTensor(np.zeros(tuple(0 for _ in proto.dims), np.uint8), f"ONNX-{proto.data_type}")
    try:
        values = numpy_helper.to_array(proto)
    except (ValueError, TypeError) as error:
        refuse(path, f"the initialiser {proto.name!a} does not fit its shape ({error})")
    is_float = DTYPES[dtype].decode is not None
    return HeldTensor(values.astype(np.float32) if is_float else values, dtype)


def _external(model: Path, files: dict[Path, WeightFile], proto: "TensorProto") -> tuple[WeightFile, Span]:
    """The file of external data, and where in it the tensor lies."""
    entries = {entry.key: entry.value for entry in proto.external_data}
    location = entries.get("location", "")
    pure = PurePosixPath(location)
    if not location or pure.is_absolute() or ".." in pure.parts or "\\" in location or "\0" in location:
        refuse(model, f"it places {proto.name!a} in {location[:200]!a}, which is no file within its folder")
    path = model.parent / location
    check_inside(path, model.parent)
    if not path.is_file():
        raise ContentError(f"{model} places {proto.name!a} in {location!a}, which is missing")
    file = files.setdefault(path, WeightFile(path))
    try:
        start = int(entries.get("offset", "0"))
        stored = int(entries.get("length", str(file.size - start)))
    except ValueError:
        refuse(model, f"it gives {proto.name!a} an offset or length that is no number")
    if start < 0 or stored < 0 or start + stored > file.size:
        refuse(model, f"it places {proto.name!a} beyond the end of {location!a}")
    return file, (start, stored)


@dataclass(slots=True)
class _Walk:
    """A way through a protobuf message in a file."""

    path: Path
    opened: BinaryIO
    size: int
    spans: list[Span | None] = field(default_factory=list)

    def skeleton(self) -> tuple[bytes, Sequence[Span | None]]:
        """The message without the bytes of large initialisers, and where those are, in the initialisers' order."""
        return self._copy(self.size, (_GRAPH, _INITIALIZER)), self.spans

    def _copy(self, end: int, towards: tuple[int, ...]) -> bytes:
        """The message that ends at ``end``, with what lies on the way of fields ``towards`` copied in parts."""
        copied = bytearray()
        for number, wire, stop in self._fields(end):
            if towards and wire == _BYTES and number == towards[0]:
                if len(towards) == 1:
                    self.spans.append(None)
                inner = self._copy(stop, towards[1:])
                copied += _key(number, _BYTES) + _varint(len(inner)) + inner
            elif not towards and number == _RAW_DATA and wire == _BYTES and stop - self.position > _SMALL:
                self.spans[-1] = (self.position, stop - self.position)
                self.opened.seek(stop)
            else:
                value = self.opened.read(stop - self.position)
                copied += _key(number, wire) + (_varint(len(value)) if wire == _BYTES else b"") + value
            if len(copied) > MAX_SKELETON_BYTES:
                refuse(self.path, f"it holds more than {MAX_SKELETON_BYTES} bytes besides its large tensors")
        return bytes(copied)

    @property
    def position(self) -> int:
        return self.opened.tell()

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
