"""One tensor of a checkpoint, whatever it is stored as: how large it is, its bytes, and its values by ranges of rows.

Nothing is held between two reads. What a read takes is what it returns: memory is in proportion to the rows that were asked for.
"""

import math
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from provenance.errors import ContentError
from provenance.weights.dtypes import DTYPES, Bytes, Floats
from provenance.weights.folder import opened
from provenance.weights.hints import Hints

# NumPy's own limit is 64; no weight has more than a handful.
MAX_DIMENSIONS = 32
_MAX_ELEMENTS = 1 << 59
_NEAR = 1 << 13
_RUN_BYTES = 1 << 20


def is_possible(shape: Sequence[int]) -> bool:
    """Whether an array can have a shape, whose lengths are not negative: a length of 0 makes room for none beyond all bounds."""
    return len(shape) <= MAX_DIMENSIONS and math.prod(max(length, 1) for length in shape) <= _MAX_ELEMENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """What is known of a tensor without reading it.

    Args:
        dtype: Its element type as stored: a key of `provenance.weights.dtypes.DTYPES`, or the word of the format that packs it.
        shape: Lengths of its axes as the network uses them (outputs x inputs for a linear layer); empty for a scalar.
        stored_bytes: How many bytes it takes in its files, scales and the like included.
    """

    dtype: str
    shape: tuple[int, ...]
    stored_bytes: int

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


class Tensor(Protocol):
    """A tensor that can be read in part, from several threads at once."""

    @property
    def info(self) -> TensorInfo:
        """What is known without reading."""

    @property
    def is_numeric(self) -> bool:
        """Whether it has a part in statistics: its values are numbers that can be decoded, and no indices or masks."""

    def rows(self, start: int, stop: int, leading: int = 1) -> Floats:
        """Rows ``start`` to ``stop``, (stop - start) x the other axes, float32.

        Args:
            start: The first row; at least 0.
            stop: One past the last; at most the number of rows.
            leading: How many of the first axes are counted as one. A scalar counts as one row.
        """

    def raw(self, start: int, stop: int) -> Bytes:
        """Bytes ``start`` to ``stop`` of what is stored."""


class WeightFile:
    """A file of weights, and how much of it was read.

    It is read by positions, and not through a map: a file that another process cuts short then gives an error, where a map would end
    this process; and what changes while it is read is noticed.

    Attributes:
        path: Where it is.
        size: In bytes.
        bytes_read: How many bytes were read so far.
    """

    def __init__(self, path: Path) -> None:
        with opened(path) as file:
            status = os.fstat(file.fileno())
        self.path = path
        self.size = status.st_size
        self.bytes_read = 0
        self._state = _state(status)
        self._lock = threading.Lock()

    def read(self, start: int, stop: int) -> Bytes:
        """Bytes ``start`` to ``stop`` of the file.

        Raises:
            ContentError: It is not as it was when it was opened.
        """
        data = np.empty(max(stop - start, 0), np.uint8)
        if data.size:
            with self.unchanged() as file:
                self._fill(file.fileno(), data, start)
        return data

    def pieces(self, start: int, size: int, numbers: npt.NDArray[np.int64]) -> Bytes:
        """Some of the pieces of one size that follow each other from a position on, pieces x size.

        What lies within `_NEAR` bytes of the next is read in one go, up to `_RUN_BYTES`.

        Args:
            start: Where the first piece begins.
            size: Bytes of a piece.
            numbers: Which pieces, in any order.

        Raises:
            ContentError: The file is not as it was when it was opened.
        """
        found = np.empty((numbers.size, size), np.uint8)
        order = np.argsort(numbers, kind="stable")
        places = numbers[order] * size
        with self.unchanged() as file:
            for first, last in _stretches(places):
                begin = int(places[first])
                data = np.empty(int(places[last - 1]) + size - begin, np.uint8)
                self._fill(file.fileno(), data, start + begin)
                cells = data.view(f"V{size}")
                found.view(f"V{size}")[order[first:last], 0] = cells[(places[first:last] - begin) // size]
        return found

    @contextmanager
    def unchanged(self) -> Iterator[BinaryIO]:
        """Opens the file, for reads that count only if it is the same before and after.

        Raises:
            ContentError: It is not as it was when it was first opened.
        """
        try:
            with opened(self.path) as file:
                if _state(os.fstat(file.fileno())) != self._state:
                    raise self._changed()
                yield file
                if _state(os.fstat(file.fileno())) != self._state:
                    raise self._changed()
        except EOFError as error:
            raise self._changed() from error

    def _fill(self, descriptor: int, data: Bytes, start: int) -> None:
        """Fills an array from a position on; one call of the system reads 2 GB at most."""
        view, done = data.data, 0
        while done < len(view):
            count = os.preadv(descriptor, [view[done:]], start + done)
            if not count:
                raise EOFError
            done += count
        with self._lock:
            self.bytes_read += done

    def _changed(self) -> ContentError:
        return ContentError(
            f"{self.path} was changed while it was being read", hint="Try again when nothing writes to it."
        )


def _state(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ino


def _stretches(places: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Ranges of ascending places that lie near each other, and not too far apart in all."""
    far = np.flatnonzero(np.diff(places) > _NEAR) + 1
    for first, last in zip([0, *far.tolist()], [*far.tolist(), places.size], strict=True):
        while first < last:
            stop = int(np.searchsorted(places[first:last], places[first] + _RUN_BYTES)) + first
            yield first, stop
            first = stop  # noqa: PLW2901 - what is left of the range


@dataclass(frozen=True, slots=True)
class Encoding:
    """How elements become bytes: in blocks of a fixed number of elements and bytes.

    Args:
        elements: Elements of a block; 1 for plain numbers.
        size: Bytes of a block.
        decode: Turns whole blocks into float32, or None for what no statistic can use.
    """

    elements: int
    size: int
    decode: Callable[[Bytes], Floats] | None


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor that lies in one piece in one file, row after row.

    Args:
        file: The file that holds it.
        start: Its first byte, counted from the beginning of the file.
        info: What is known of it. Its bytes are found to lie within the file.
        encoding: How its values are stored.
    """

    file: WeightFile
    start: int
    info: TensorInfo
    encoding: Encoding

    @property
    def is_numeric(self) -> bool:
        """Whether its values are floating-point numbers that can be decoded."""
        return self.encoding.decode is not None

    def rows(self, start: int, stop: int, leading: int = 1) -> Floats:
        """See `Tensor.rows`. Reads whole blocks: for one element of 256 that are packed together, all of them."""
        if self.encoding.decode is None:
            raise ContentError(f"{self.file.path} holds {self.info.dtype}, which is no floating-point type")
        shape = self.info.shape[leading:]
        row, block = math.prod(shape), self.encoding.elements
        first, last = start * row, stop * row
        first_block, last_block = first // block, -(-last // block)
        values = self.encoding.decode(
            self.raw(first_block * self.encoding.size, last_block * self.encoding.size)
        )
        offset = first_block * block
        return values[first - offset : last - offset].reshape(stop - start, *shape)

    def raw(self, start: int, stop: int) -> Bytes:
        """See `Tensor.raw`."""
        return self.file.read(self.start + start, self.start + min(stop, self.info.stored_bytes))


@dataclass(frozen=True, slots=True, eq=False)
class HeldTensor:
    """A tensor in memory.

    Args:
        values: What it holds, of any numeric type.
        dtype: What it was stored as.
    """

    values: np.ndarray
    dtype: str = "F32"

    @property
    def info(self) -> TensorInfo:
        """What is known of it."""
        return TensorInfo(dtype=self.dtype, shape=self.values.shape, stored_bytes=self.values.nbytes)

    @property
    def is_numeric(self) -> bool:
        """Whether it holds floating-point numbers."""
        return self.values.dtype.kind == "f"

    def rows(self, start: int, stop: int, leading: int = 1) -> Floats:
        """See `Tensor.rows`."""
        rows = self.values.reshape(-1, *self.values.shape[leading:])
        return rows[start:stop].astype(np.float32, copy=False)

    def raw(self, start: int, stop: int) -> Bytes:
        """See `Tensor.raw`."""
        return np.ascontiguousarray(self.values).reshape(-1).view(np.uint8)[start:stop]


@cache
def plain(dtype: str) -> Encoding:
    """The encoding of an element type of `provenance.weights.dtypes.DTYPES`; sizes are only used where it can be decoded."""
    known = DTYPES[dtype]
    return Encoding(1, known.bits // 8, known.decode)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a reader found.

    Args:
        tensors: Name to tensor.
        files: The files that they lie in.
        hints: What the files say of the geometry; None where their format has no place for it.
    """

    tensors: Mapping[str, Tensor]
    files: tuple[WeightFile, ...]
    hints: Hints | None = None
