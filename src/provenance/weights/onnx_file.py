"""The tensors of an ONNX file, left where they are: what is parsed is the file without its large tensors' bytes.

An ONNX file is one protobuf message, which the `onnx` package parses whole, weights and all. So the bytes of large initialisers are
passed over first: a walk along the message's fields (`provenance.weights.onnx_wire`) copies the rest, and notes where those bytes lie.
External data are read from files in the model's own folder, and from no other.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from provenance.errors import MissingExtraError
from provenance.weights.dtypes import DTYPES
from provenance.weights.folder import IncompleteError, check_inside, is_file
from provenance.weights.onnx_wire import EXTERNAL, Span, refuse, skeleton
from provenance.weights.tensor import (
    Encoding,
    HeldTensor,
    StoredTensor,
    Tensor,
    TensorInfo,
    WeightFile,
    is_possible,
    plain,
)

if TYPE_CHECKING:
    from onnx import GraphProto, TensorProto

DTYPE_OF: Mapping[int, str] = {
    1: "F32", 2: "U8", 3: "I8", 4: "U16", 5: "I16", 6: "I32", 7: "I64", 9: "BOOL", 10: "F16", 11: "F64",
    12: "U32", 13: "U64", 14: "C64", 16: "BF16", 17: "F8_E4M3", 19: "F8_E5M2",
}  # fmt: skip
"""The element types of ONNX that are those of safetensors, by number. The others are listed, and never decoded."""


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
    message, spans = skeleton(file)
    try:
        graph = onnx.ModelProto.FromString(message).graph
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


def _tensor(
    file: WeightFile, files: dict[Path, WeightFile], proto: "TensorProto", span: Span | None
) -> Tensor:
    shape = _shape(file.path, proto)
    if proto.data_location == EXTERNAL:
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


def _shape(path: Path, proto: "TensorProto") -> tuple[int, ...]:
    shape = tuple(proto.dims)
    if any(length < 0 for length in shape):
        refuse(path, f"the initialiser {proto.name!a} has a negative length")
    if not is_possible(shape):
        refuse(path, f"the initialiser {proto.name!a} has a shape that no array can have")
    return shape


def held(path: Path, proto: "TensorProto") -> Tensor:
    """A tensor whose values are in the skeleton: a small one, or one that is written number by number."""
    from onnx import numpy_helper

    if proto.data_location == EXTERNAL:
        refuse(path, f"the constant {proto.name!a} of a node lies in another file")
    dtype, shape = DTYPE_OF.get(proto.data_type), _shape(path, proto)
    if dtype is None:
        return HeldTensor(np.zeros(tuple(0 for _ in shape), np.uint8), f"ONNX-{proto.data_type}")
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
    if not is_file(path):
        raise IncompleteError(f"{model} places {proto.name!a} in {location[:200]!a}, which is missing")
    file = files.setdefault(path, WeightFile(path))
    try:
        start = int(entries.get("offset", "0"))
        stored = int(entries.get("length", str(file.size - start)))
    except ValueError:
        refuse(model, f"it gives {proto.name!a} an offset or length that is no number")
    if start < 0 or stored < 0 or start + stored > file.size:
        refuse(model, f"it places {proto.name!a} beyond the end of {location!a}")
    return file, (start, stored)
