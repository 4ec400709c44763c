"""GGUF files, as llama.cpp writes them: tensors of any of its types, dequantised by the `gguf` package, and the model's metadata.

The header is read here and not by the package's own reader, which believes what a file says of itself: a count of elements beyond the
end of the file keeps it busy for ever, and each word of a vocabulary becomes an array. Here nothing is believed before it is held
against the size of the file, and vocabularies are passed over. The layout is that of the format's specification, version 3 (in the
repository of ggml): magic, version, counts, metadata, tensor infos, then the tensors from an aligned position on.

Opening takes memory in proportion to the number of tensors; reading rows takes a few times what they are as float32.
"""

import math
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, NoReturn

import numpy as np

from provenance.errors import ContentError, MissingExtraError
from provenance.weights.dtypes import DTYPES, Bytes, Floats
from provenance.weights.folder import IncompleteError, check_inside, is_file
from provenance.weights.hints import gguf_hints
from provenance.weights.tensor import (
    MAX_DIMENSIONS,
    Contents,
    Encoding,
    StoredTensor,
    TensorInfo,
    WeightFile,
    is_possible,
)

MAGIC = b"GGUF"
SUFFIX = ".gguf"
_VERSIONS = frozenset({2, 3})
_ALIGNMENT = 32
_MAX_TEXT = 1 << 20
_MAX_NESTING = 4
_STRING, _ARRAY = 8, 9
_SCALARS: Mapping[int, str] = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_SHARD = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf")


def read_gguf(path: Path) -> Contents:
    """The tensors and hints of a GGUF file, or of all the parts of one that was split.

    Raises:
        ContentError: It can't be read, or is no sound GGUF file; the message names it and says why.
        MissingExtraError: The `gguf` package is not installed.
    """
    parts = [_read_part(part) for part in _parts(path)]
    tensors: dict[str, StoredTensor] = {}
    for part in parts:
        for name, tensor in part.tensors.items():
            if name in tensors:
                _refuse(part.file.path, f"another part holds {name!a} too")
            tensors[name] = tensor
    return Contents(
        tensors=tensors, files=tuple(part.file for part in parts), hints=gguf_hints(parts[0].metadata)
    )


@dataclass(frozen=True, slots=True)
class _Part:
    file: WeightFile
    metadata: Mapping[str, object]
    tensors: Mapping[str, StoredTensor]


def _parts(path: Path) -> Iterator[Path]:
    """The files of a split model, by the names that llama.cpp gives them."""
    match = _SHARD.fullmatch(path.name)
    if not match:
        yield path
        return
    if not 1 <= int(match[2]) <= int(match[3]):
        _refuse(path, f"it calls itself part {int(match[2])} of {int(match[3])}")
    for number in range(1, int(match[3]) + 1):
        part = path.with_name(f"{match[1]}-{number:05d}-of-{match[3]}{SUFFIX}")
        if not is_file(part):
            raise IncompleteError(f"{path} is one of {int(match[3])} parts, and {part.name!a} is missing")
        check_inside(part, path.parent)
        yield part


def is_part(path: Path) -> bool:
    """Whether a file is one of several that hold a model, by the name that llama.cpp gives such files or by its own metadata.

    Raises:
        ContentError: It can't be read, or is no sound GGUF file.
    """
    match = _SHARD.fullmatch(path.with_suffix(SUFFIX).name)
    if match is not None and int(match[3]) != 1:
        return True
    file = WeightFile(path)
    with file.unchanged() as opened:
        _, metadata = _metadata(_Cursor(path, opened, file.size))
    return metadata.get("split.count", 1) not in {0, 1}


def _refuse(path: Path, reason: str) -> NoReturn:
    raise ContentError(
        f"{path} is not a sound GGUF file: {reason}",
        hint="Fetch or write the file again; nothing of it was used.",
    )


@dataclass(slots=True)
class _Cursor:
    """A position in a file that does not go beyond its end."""

    path: Path
    opened: BinaryIO
    left: int

    def take(self, count: int) -> bytes:
        self.claim(count)
        data = self.opened.read(count)
        if len(data) != count:
            _refuse(self.path, "it ends within its header")
        return data

    def skip(self, count: int) -> None:
        self.claim(count)
        self.opened.seek(count, 1)

    def claim(self, count: int) -> None:
        if count > self.left:
            _refuse(self.path, f"its header speaks of {count} bytes more, and the file has {self.left}")
        self.left -= count

    def number(self, layout: str) -> int:
        return int(struct.unpack(layout, self.take(struct.calcsize(layout)))[0])

    def text(self) -> str:
        length = self.number("<Q")
        if length > _MAX_TEXT:
            _refuse(self.path, f"a text in its header claims {length} bytes")
        return self.take(length).decode("utf-8", "backslashreplace")

    def value(self, kind: int, depth: int = 0) -> object:
        """A scalar or a text; None for an array, which is passed over."""
        if kind in _SCALARS:
            return struct.unpack(_SCALARS[kind], self.take(struct.calcsize(_SCALARS[kind])))[0]
        if kind == _STRING:
            return self.text()
        if kind != _ARRAY or depth >= _MAX_NESTING:
            _refuse(self.path, f"its metadata hold a value of the unknown type {kind}")
        items, count = self.number("<I"), self.number("<Q")
        if items in _SCALARS:
            self.skip(count * struct.calcsize(_SCALARS[items]))
        elif items == _STRING:
            for _ in range(count):
                self.skip(self.number("<Q"))
        else:
            # Each takes bytes of its own: a count that is a lie comes to the end of the file.
            for _ in range(count):
                self.value(items, depth + 1)
        return None


def _read_part(path: Path) -> _Part:
    file = WeightFile(path)
    with file.unchanged() as opened:
        cursor = _Cursor(path, opened, file.size)
        tensor_count, metadata = _metadata(cursor)
        infos = [_info(cursor) for _ in range(tensor_count)]
    alignment = metadata.get("general.alignment", _ALIGNMENT)
    if type(alignment) is not int or alignment <= 0 or alignment & (alignment - 1):
        _refuse(path, f"its alignment is {alignment!r}, and no power of two")
    start = -(-(file.size - cursor.left) // alignment) * alignment
    tensors: dict[str, StoredTensor] = {}
    for name, shape, kind, offset in infos:
        if name in tensors:
            _refuse(path, f"it names {name!a} twice")
        tensors[name] = _tensor(file, name, shape, kind, start + offset)
    return _Part(file, metadata, tensors)


def _metadata(cursor: _Cursor) -> tuple[int, Mapping[str, object]]:
    """The number of tensors, and the metadata."""
    if cursor.take(len(MAGIC)) != MAGIC:
        _refuse(cursor.path, f"it does not begin with {MAGIC!r}")
    version = cursor.number("<I")
    if version not in _VERSIONS:
        _refuse(cursor.path, f"it is of version {version} (or big-endian), and versions 2 and 3 are read")
    tensors, entries = cursor.number("<Q"), cursor.number("<Q")
    metadata: dict[str, object] = {}
    for _ in range(entries):
        key = cursor.text()
        if key in metadata:
            _refuse(cursor.path, f"its metadata name {key!a} twice")
        metadata[key] = cursor.value(cursor.number("<I"))
    return tensors, metadata


def _info(cursor: _Cursor) -> tuple[str, tuple[int, ...], int, int]:
    """Name, shape, type and offset of the next tensor; the file counts axes from the innermost, NumPy from the outermost."""
    name, dimensions = cursor.text(), cursor.number("<I")
    if dimensions > MAX_DIMENSIONS:
        _refuse(cursor.path, f"tensor {name!a} claims {dimensions} dimensions")
    shape = struct.unpack(f"<{dimensions}Q", cursor.take(8 * dimensions))
    return name, shape[::-1], cursor.number("<I"), cursor.number("<Q")


def _tensor(file: WeightFile, name: str, shape: tuple[int, ...], kind: int, start: int) -> StoredTensor:
    constants = _package()
    try:
        qtype = constants.GGMLQuantizationType(kind)
        block, size = constants.GGML_QUANT_SIZES[qtype]
    except (ValueError, KeyError):
        _refuse(file.path, f"tensor {name!a} is of the type {kind}, which the gguf package does not know")
    elements = math.prod(shape)
    if elements % block or (shape and shape[-1] % block):
        _refuse(file.path, f"the rows of tensor {name!a} are no whole number of {qtype.name} blocks")
    stored = elements // block * size
    if stored and start + stored > file.size:
        _refuse(file.path, f"tensor {name!a} ends at byte {start + stored}, and the file has {file.size}")
    if not is_possible(shape):
        _refuse(file.path, f"tensor {name!a} has a shape that no array can have")
    info = TensorInfo(dtype=qtype.name, shape=shape, stored_bytes=stored)
    return StoredTensor(file, start, info, Encoding(block, size, _decoder(qtype.name)))


def _package() -> ModuleType:
    try:
        from gguf import constants
    except ImportError as error:
        raise MissingExtraError(
            "GGUF files are read with the package gguf, which is not installed",
            hint="pip install 'provenance-registry[gguf]'",
        ) from error
    return constants


@cache
def _decoder(name: str) -> Callable[[Bytes], Floats] | None:
    """What turns blocks of a type into float32, by name of the type: its plain numbers, or whatever the package can dequantise."""
    if name in DTYPES:
        return DTYPES[name].decode
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
    from gguf.quants import dequantize

    qtype = GGMLQuantizationType[name]

    def decode(data: Bytes) -> Floats:
        # Scales from a stranger may be infinite or NaN; whoever meets the values says so.
        with np.errstate(all="ignore"):
            return np.asarray(dequantize(data, qtype), np.float32)

    try:
        decode(np.zeros(GGML_QUANT_SIZES[qtype][1], np.uint8))
    except NotImplementedError:
        return None
    return decode
