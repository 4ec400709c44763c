"""A checkpoint as one set of named tensors, whatever number of files it is spread over.

The index (what there is, where) is apart from the reading. A tensor is read through a memory map, by ranges of rows, each map living
as long as what was read: memory stays bounded whatever the size of the checkpoint.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from provenance.errors import ContentError
from provenance.weights.dtypes import DTYPES, Bytes, Floats
from provenance.weights.folder import locate
from provenance.weights.header import TensorInfo, read_header
from provenance.weights.hints import NO_HINTS, Hints, read_hints


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor and the file that holds it."""

    file: Path
    info: TensorInfo


class Checkpoint:
    """The named tensors of a model.

    Attributes:
        path: What was opened.
        tensors: Name to place, by name.
        hints: What the model's own metadata says of its geometry.
        bytes_read: Number of bytes of tensors read so far.
    """

    def __init__(self, path: Path, tensors: Mapping[str, StoredTensor], hints: Hints = NO_HINTS) -> None:
        self.path = path
        self.hints = hints
        self.tensors = {name: tensors[name] for name in sorted(tensors)}
        self.bytes_read = 0

    @classmethod
    def open(cls, path: Path) -> Self:
        """Opens a safetensors file, an index of shards, or a model folder. Only headers are read.

        Raises:
            ContentError: There are no sound safetensors weights there; the message names the file and the reason.
        """
        files = locate(path)
        if isinstance(files, tuple):
            tensors = {
                name: StoredTensor(file, info)
                for file in files
                for name, info in read_header(file).tensors.items()
            }
        else:
            headers = {file: read_header(file) for file in sorted(set(files.values()))}
            tensors = {}
            for name, file in files.items():
                if name not in headers[file].tensors:
                    raise ContentError(
                        f"the index of {path} places {name!a} in {file.name}, which does not hold it"
                    )
                tensors[name] = StoredTensor(file, headers[file].tensors[name])
        return cls(path, tensors, read_hints(path if path.is_dir() else path.parent))

    def info(self, name: str) -> TensorInfo:
        """The dtype, shape and place of a tensor."""
        return self.tensors[name].info

    def is_numeric(self, name: str) -> bool:
        """Whether a tensor has a part in statistics: floating point, of a type that can be decoded."""
        return DTYPES[self.info(name).dtype].decode is not None

    def raw(self, name: str, start: int = 0, stop: int | None = None) -> Bytes:
        """Bytes ``start`` to ``stop`` of a tensor, as a read-only map.

        Raises:
            ContentError: The file was changed since it was opened.
        """
        stored = self.tensors[name]
        first = stored.info.start + start
        last = stored.info.end if stop is None else min(stored.info.start + stop, stored.info.end)
        if last <= first:
            return np.empty(0, np.uint8)
        try:
            # As text, since a Path is resolved at each call; as a plain array, since a subclass outlives all arithmetic.
            data = np.asarray(np.memmap(str(stored.file), np.uint8, "r", offset=first, shape=(last - first,)))
        except (OSError, ValueError) as error:
            raise ContentError(f"{stored.file} was changed while it was being read") from error
        self.bytes_read += data.size
        return data

    def rows(self, name: str, start: int = 0, stop: int | None = None) -> Floats:
        """Rows ``start`` to ``stop`` along the first axis, float32; a scalar counts as one row.

        Raises:
            ContentError: The file was changed since it was opened, or the tensor holds no floating-point values.
        """
        info = self.info(name)
        dtype = DTYPES[info.dtype]
        if dtype.decode is None:
            raise ContentError(f"{name!a} of {self.path} holds {info.dtype}, which is no floating-point type")
        shape = info.shape or (1,)
        stop = shape[0] if stop is None else min(stop, shape[0])
        row_bytes = (info.end - info.start) // shape[0] if shape[0] else 0
        values = dtype.decode(self.raw(name, start * row_bytes, stop * row_bytes))
        return values.reshape((max(stop - start, 0), *shape[1:]))
