"""One safetensors file's header, checked before a byte of it is believed.

A file begins with the length of its header (8 bytes, little-endian), then the header (a JSON object: tensor name to dtype,
shape and offsets), then the tensors' bytes. All of it may come from a stranger: a header may lie about its own length, about
where tensors lie and how large they are, or name one tensor twice. Whatever passes `read_header` can be mapped and read without
further checks. The rules are those of the format's own specification, the ban on gaps between tensors included.
"""

import json
import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from provenance.errors import ContentError
from provenance.weights.dtypes import DTYPES
from provenance.weights.folder import opened
from provenance.weights.tensor import MAX_DIMENSIONS, TensorInfo, is_possible

MAX_HEADER_BYTES = 100_000_000
_LENGTH_BYTES = 8
_LIMIT = 2**63
_METADATA = "__metadata__"


@dataclass(frozen=True, slots=True)
class Place:
    """A tensor and where it lies in its file.

    Args:
        info: Its type and shape.
        start: First byte, counted from the beginning of the file.
    """

    info: TensorInfo
    start: int

    @property
    def end(self) -> int:
        """One past its last byte."""
        return self.start + self.info.stored_bytes


@dataclass(frozen=True, slots=True)
class Header:
    """What a safetensors file says it holds, found to be consistent with itself and with the file's size.

    Args:
        tensors: Name to place, in the order of the header.
        metadata: Free text that the writer added.
    """

    tensors: Mapping[str, Place]
    metadata: Mapping[str, str]


def read_header(path: Path) -> Header:
    """Reads and checks the header of one safetensors file; no tensor is touched.

    Raises:
        ContentError: The file can't be read, or is not a sound safetensors file; the message names it and says why.
    """
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        length = _header_length(path, file.read(_LENGTH_BYTES), size)
        text = file.read(length)
    if len(text) != length:
        _refuse(path, f"its header ends after {len(text)} of {length} bytes")
    entries = _parse(path, text)
    metadata = _checked_metadata(path, entries.pop(_METADATA, {}))
    data_start = _LENGTH_BYTES + length
    tensors = {name: _checked_tensor(path, name, entry, data_start) for name, entry in entries.items()}
    _check_layout(path, tensors, data_start, size)
    return Header(tensors, metadata)


def _refuse(path: Path, reason: str) -> NoReturn:
    raise ContentError(
        f"{path} is not a sound safetensors file: {reason}",
        hint="Fetch or write the file again; nothing of it was used.",
    )


def _header_length(path: Path, prefix: bytes, file_size: int) -> int:
    if len(prefix) < _LENGTH_BYTES:
        _refuse(path, f"it has {file_size} bytes, too few for the length of a header")
    (length,) = struct.unpack("<Q", prefix)
    if length > MAX_HEADER_BYTES:
        _refuse(path, f"its header claims {length} bytes, more than the {MAX_HEADER_BYTES} that are allowed")
    if length > file_size - _LENGTH_BYTES:
        _refuse(path, f"its header claims {length} bytes, but the file has {file_size}")
    return int(length)


def _parse(path: Path, text: bytes) -> dict[str, object]:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found: dict[str, object] = {}
        for name, value in pairs:
            if name in found:
                _refuse(path, f"its header names {name!a} twice")
            found[name] = value
        return found

    try:
        entries = json.loads(text.decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        _refuse(path, f"its header is not JSON ({type(error).__name__})")
    if not isinstance(entries, dict):
        _refuse(path, "its header is not a JSON object")
    return entries


def _checked_metadata(path: Path, metadata: object) -> Mapping[str, str]:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        _refuse(path, f"its {_METADATA} does not map text to text")
    return metadata


def _checked_tensor(path: Path, name: str, entry: object, data_start: int) -> Place:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        _refuse(path, f"tensor {name!a} has to have exactly a dtype, a shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        _refuse(path, f"tensor {name!a} has the unknown dtype {str(dtype)[:40]!a}")
    if not _is_counts(shape) or len(shape) > MAX_DIMENSIONS:
        _refuse(path, f"tensor {name!a} has a shape that is not a short list of sizes")
    if not _is_counts(offsets) or len(offsets) != 2:  # noqa: PLR2004 - begin and end
        _refuse(path, f"tensor {name!a} has data_offsets that are not two positions")
    begin, end = offsets
    bits = math.prod(shape) * DTYPES[dtype].bits
    if bits % 8 or end - begin != bits // 8:
        _refuse(
            path, f"tensor {name!a} spans {end - begin} bytes, but {dtype} of its shape takes {bits} bits"
        )
    if not is_possible(shape):
        _refuse(path, f"tensor {name!a} has a shape that no array can have")
    return Place(TensorInfo(dtype=dtype, shape=tuple(shape), stored_bytes=end - begin), data_start + begin)


def _is_counts(values: object) -> bool:
    # bool is an int to Python, and true is no size.
    return isinstance(values, list) and all(type(value) is int and 0 <= value < _LIMIT for value in values)


def _check_layout(path: Path, tensors: Mapping[str, Place], data_start: int, file_size: int) -> None:
    position = data_start
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].start, item[1].end)):
        if tensor.end > file_size:
            _refuse(path, f"tensor {name!a} ends at byte {tensor.end}, but the file has {file_size}")
        if tensor.start != position:
            relation = "overlaps the one before it" if tensor.start < position else "leaves a gap before it"
            _refuse(path, f"tensor {name!a} {relation}")
        position = tensor.end
    if position != file_size:
        _refuse(path, f"its tensors end at byte {position}, but the file has {file_size}")
