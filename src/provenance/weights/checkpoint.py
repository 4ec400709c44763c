"""A checkpoint as one set of named tensors, whatever number of files it is spread over and whatever format they are in.

The index (what there is, where) is apart from the reading. A tensor is read by ranges of rows, which are all that is ever held: memory
stays bounded whatever the size of the checkpoint.
"""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import numpy as np

from provenance import collector
from provenance.errors import ContentError
from provenance.weights.adapters import merged
from provenance.weights.dtypes import Bytes, Floats
from provenance.weights.folder import locate, read_index
from provenance.weights.gguf import read_gguf
from provenance.weights.header import read_header
from provenance.weights.hints import NO_HINTS, Hints, read_hints
from provenance.weights.onnx import read_onnx
from provenance.weights.packed import unpacked
from provenance.weights.tensor import (
    Contents,
    HeldTensor,
    StoredTensor,
    Tensor,
    TensorInfo,
    WeightFile,
    plain,
)


class Checkpoint:
    """The named tensors of a model. It may be read from several threads at once.

    Attributes:
        path: What was opened.
        tensors: Name to tensor, by name.
        files: The files that hold them.
        hints: What the model's own metadata says of its geometry.
    """

    def __init__(
        self,
        path: Path,
        tensors: Mapping[str, Tensor],
        files: tuple[WeightFile, ...] = (),
        hints: Hints = NO_HINTS,
    ) -> None:
        self.path = path
        self.tensors = {name: tensors[name] for name in sorted(tensors)}
        self.files = files
        self.hints = hints

    @classmethod
    def open(cls, path: Path, *, base: Path | None = None, beside: bool = True) -> Self:
        """Opens a file of weights, an index of shards, or a model folder. Only headers are read.

        Args:
            path: What to open. The folder of a low-rank adapter holds the adapter's own tensors.
            base: The model that an adapter was trained on, to open the two as merged.
            beside: Whether to believe the configuration that lies beside the weights.

        Raises:
            ContentError: There are no sound weights there; the message names the file and the reason.
            MissingExtraError: The format needs a package that is not installed.
        """
        file = locate(path)
        with collector.at_rest():
            contents = _READERS[file.suffix](file)
        folder = file.parent if beside else None
        tensors = unpacked(contents.tensors, folder) if file.suffix in _PACKED else contents.tensors
        hints = contents.hints or (read_hints(folder) if folder else NO_HINTS)
        if base is None:
            return cls(path, tensors, contents.files, hints)
        below = cls.open(base)
        return cls(
            path, merged(tensors, below.tensors, file.parent), below.files + contents.files, below.hints
        )

    @classmethod
    def of(cls, path: Path, arrays: Mapping[str, Floats], hints: Hints = NO_HINTS) -> Self:
        """A checkpoint of arrays in memory.

        Args:
            path: What it is called in messages.
            arrays: Name to values, float32.
            hints: What is known of its geometry.
        """
        return cls(path, {name: HeldTensor(values) for name, values in arrays.items()}, hints=hints)

    @property
    def bytes_read(self) -> int:
        """Number of bytes of tensors read so far."""
        return sum(file.bytes_read for file in self.files)

    def info(self, name: str) -> TensorInfo:
        """The dtype, shape and size of a tensor."""
        return self.tensors[name].info

    def is_numeric(self, name: str) -> bool:
        """Whether a tensor has a part in statistics: numbers that can be decoded, and no indices or masks."""
        return self.tensors[name].is_numeric

    def file_of(self, name: str) -> Path | None:
        """The file that a tensor lies in; None where it is made of several tensors, or held in memory."""
        tensor = self.tensors[name]
        return tensor.file.path if isinstance(tensor, StoredTensor) else None

    def raw(self, name: str, start: int = 0, stop: int | None = None) -> Bytes:
        """Bytes ``start`` to ``stop`` of a tensor as it is stored, its scales included where it has any.

        Raises:
            ContentError: The file was changed since it was opened.
        """
        tensor = self.tensors[name]
        size = tensor.info.stored_bytes
        stop = size if stop is None else min(stop, size)
        return tensor.raw(start, stop) if start < stop else np.empty(0, np.uint8)

    def rows(self, name: str, start: int = 0, stop: int | None = None, *, leading: int = 1) -> Floats:
        """Rows ``start`` to ``stop``, float32; a scalar counts as one row.

        Args:
            name: The tensor.
            start: The first row.
            stop: One past the last; rows beyond the end of the tensor are left out.
            leading: How many of the first axes are counted as one, as for experts x outputs x inputs by single outputs.

        Raises:
            ContentError: The file was changed since it was opened, or the tensor holds no floating-point values.
        """
        tensor = self.tensors[name]
        if not tensor.is_numeric:
            raise ContentError(
                f"{name!a} of {self.path} holds {tensor.info.dtype}, which is no floating-point type"
            )
        shape = tensor.info.shape
        length = math.prod(shape[:leading])
        stop = length if stop is None else min(stop, length)
        if start >= stop or not tensor.info.elements:
            return np.empty((max(stop - start, 0), *shape[leading:]), np.float32)
        return tensor.rows(start, stop, leading)


def read_safetensors(path: Path) -> Contents:
    """The tensors of one safetensors file."""
    file = WeightFile(path)
    header = read_header(path)
    tensors = {
        name: StoredTensor(file, place.start, place.info, plain(place.info.dtype))
        for name, place in header.tensors.items()
    }
    return Contents(tensors=tensors, files=(file,))


def read_shards(index: Path) -> Contents:
    """The tensors that an index of safetensors files names."""
    shard_of = read_index(index)
    shards = {path: read_safetensors(path) for path in sorted(set(shard_of.values()))}
    tensors: dict[str, Tensor] = {}
    for name, path in shard_of.items():
        if name not in shards[path].tensors:
            raise ContentError(
                f"the index of {index.parent} places {name!a} in {path.name}, which does not hold it"
            )
        tensors[name] = shards[path].tensors[name]
    files = tuple(file for shard in shards.values() for file in shard.files)
    return Contents(tensors=tensors, files=files)


_PACKED = frozenset({".safetensors", ".json"})
_READERS: Mapping[str, Callable[[Path], Contents]] = {
    ".safetensors": read_safetensors,
    ".json": read_shards,
    ".gguf": read_gguf,
    ".onnx": read_onnx,
}
"""What reads a file, by its suffix."""
