"""Tensors that are made of stored ones as they are read: scaled codes, transposed matrices.

Nothing is made before it is asked for. What a read takes is a few times what it returns, and for transposed matrices `Strips` besides.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from provenance.weights.dtypes import Bytes, Floats
from provenance.weights.tensor import Tensor, TensorInfo

_STRIP_ELEMENTS = 1 << 22
_STRIPS = 4


@dataclass(frozen=True, slots=True, eq=False)
class ComputedTensor:
    """A tensor that is made of others, row by row.

    Args:
        info: What is known of it.
        parts: What it is made of; `raw` gives their bytes, one after another.
        compute: Rows ``start`` to ``stop`` along the first axis, float32.
    """

    info: TensorInfo
    parts: tuple[Tensor, ...]
    compute: Callable[[int, int], Floats]
    is_numeric: bool = True

    def rows(self, start: int, stop: int, leading: int = 1) -> Floats:
        """See `Tensor.rows`. Where several axes count as one, whole rows of the first are made."""
        shape = self.info.shape
        inner = math.prod(shape[1:leading])
        first = start // inner
        rows = self.compute(first, -(-stop // inner))
        offset = first * inner
        return rows.reshape(-1, *shape[leading:])[start - offset : stop - offset]

    def raw(self, start: int, stop: int) -> Bytes:
        """See `Tensor.raw`."""
        pieces, offset = [], 0
        for part in self.parts:
            size = part.info.stored_bytes
            if start < offset + size and stop > offset:
                pieces.append(part.raw(max(start - offset, 0), min(stop - offset, size)))
            offset += size
        return np.concatenate(pieces) if pieces else np.empty(0, np.uint8)


def made_of(
    dtype: str, shape: tuple[int, ...], parts: tuple[Tensor, ...], compute: Callable[[int, int], Floats]
) -> ComputedTensor:
    """A computed tensor that takes the bytes that its parts take."""
    stored = sum(part.info.stored_bytes for part in parts)
    return ComputedTensor(TensorInfo(dtype=dtype, shape=shape, stored_bytes=stored), parts, compute)


def scaled(codes: Tensor, scale: Tensor, zero: Tensor | None = None) -> ComputedTensor:
    """(codes - zero) * scale, as in linear quantisation.

    Args:
        codes: Integers, read as float32.
        scale: As many axes as ``codes``, each as long or 1; or one element.
        zero: Likewise; none for codes that are symmetric.
    """

    def compute(start: int, stop: int) -> Floats:
        values = codes.rows(start, stop)
        with np.errstate(over="ignore", invalid="ignore"):
            if zero is not None:
                values = values - _along(zero, start, stop)
            return values * _along(scale, start, stop)

    parts = (codes, scale) if zero is None else (codes, scale, zero)
    return made_of(codes.info.dtype, codes.info.shape, parts, compute)


def _along(factor: Tensor, start: int, stop: int) -> Floats:
    """The part of a factor that goes with rows ``start`` to ``stop``."""
    if factor.info.elements == 1:
        return factor.rows(0, 1).reshape(())
    return factor.rows(0, 1) if factor.info.shape[0] == 1 else factor.rows(start, stop)


def reshaped(tensor: Tensor, shape: tuple[int, ...]) -> ComputedTensor:
    """The same elements in the same order under another shape."""
    row = math.prod(shape[1:])
    axes = max(len(tensor.info.shape), 1)

    def compute(start: int, stop: int) -> Floats:
        return tensor.rows(start * row, stop * row, axes).reshape(stop - start, *shape[1:])

    return made_of(tensor.info.dtype, shape, (tensor,), compute)


@dataclass(slots=True)
class Strips:
    """Reads matrices by columns, some of which it keeps: at most `_STRIPS` strips of `_STRIP_ELEMENTS` float32, 64 MB in all.

    A matrix is stored row by row, so a few columns cost as much to read as all. A strip is as many columns as the limit holds, made in
    one pass: a matrix of n elements takes n / `_STRIP_ELEMENTS` passes to be read once by blocks of columns.
    """

    _kept: OrderedDict[tuple[int, int], tuple[Tensor, Floats]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def transposed(self, matrix: Tensor) -> ComputedTensor:
        """A matrix with its axes exchanged."""
        length, width = matrix.info.shape
        return made_of(matrix.info.dtype, (width, length), (matrix,), partial(self._columns, matrix))

    def _columns(self, matrix: Tensor, start: int, stop: int) -> Floats:
        length, width = matrix.info.shape
        step = max(1, _STRIP_ELEMENTS // max(length, 1))
        columns = np.empty((stop - start, length), np.float32)
        for first in range(start // step * step, stop, step):
            last = min(first + step, width)
            low, high = max(first, start), min(last, stop)
            columns[low - start : high - start] = self._strip(matrix, first, last)[low - first : high - first]
        return columns

    def _strip(self, matrix: Tensor, first: int, last: int) -> Floats:
        key = (id(matrix), first)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][1]
        length, width = matrix.info.shape
        strip = np.empty((last - first, length), np.float32)
        step = max(1, _STRIP_ELEMENTS // max(width, 1) // _STRIPS)
        for start in range(0, length, step):
            stop = min(start + step, length)
            strip[:, start:stop] = matrix.rows(start, stop)[:, first:last].T
        with self._lock:
            # With its matrix, so that no other one is given the same id.
            self._kept[key] = matrix, strip
            while len(self._kept) > _STRIPS:
                self._kept.popitem(last=False)
        return strip
