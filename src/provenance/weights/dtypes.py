"""The element types of safetensors, and how each becomes float32.

A type without a decoder can be stored and compared byte by byte, but has no part in statistics: booleans and integers hold
masks, indices or quantised codes whose scale is kept elsewhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


def _plain(dtype: str) -> Callable[[Bytes], Floats]:
    def decode(data: Bytes) -> Floats:
        # A value beyond float32's range becomes infinite, and is reported as such by whoever meets it.
        with np.errstate(over="ignore", invalid="ignore"):
            return data.view(dtype).astype(np.float32, copy=False)

    return decode


def _bfloat16(data: Bytes) -> Floats:
    """bfloat16 is the upper half of a float32."""
    words = data.view("<u2").astype(np.uint32)
    words <<= 16
    return words.view(np.float32)


def _float8_e5m2(data: Bytes) -> Floats:
    """E5M2 is the upper half of a float16."""
    return (data.astype(np.uint16) << 8).view(np.float16).astype(np.float32)


@cache
def _e4m3_values() -> Floats:
    """The 256 values of E4M3 (the finite variant: no infinities, NaN at all ones)."""
    codes = np.arange(256)
    exponent, mantissa = (codes >> 3) & 15, codes & 7
    size = np.where(exponent == 0, mantissa / 8 * 2.0**-6, (1 + mantissa / 8) * 2.0 ** (exponent - 7.0))
    values = np.where(codes & 128, -size, size).astype(np.float32)
    values[[0x7F, 0xFF]] = np.nan
    return values


def _float8_e4m3(data: Bytes) -> Floats:
    return _e4m3_values()[data]


@dataclass(frozen=True, slots=True)
class Dtype:
    """An element type.

    Args:
        bits: Size of one element.
        decode: Turns little-endian bytes into float32, or None for what no statistic can use.
    """

    bits: int
    decode: Callable[[Bytes], Floats] | None = None


DTYPES: Mapping[str, Dtype] = {
    "F64": Dtype(64, _plain("<f8")),
    "F32": Dtype(32, _plain("<f4")),
    "F16": Dtype(16, _plain("<f2")),
    "BF16": Dtype(16, _bfloat16),
    "F8_E5M2": Dtype(8, _float8_e5m2),
    "F8_E4M3": Dtype(8, _float8_e4m3),
    "F8_E8M0": Dtype(8),
    "F6_E2M3": Dtype(6),
    "F6_E3M2": Dtype(6),
    "F4": Dtype(4),
    "BOOL": Dtype(8),
    "U8": Dtype(8),
    "I8": Dtype(8),
    "U16": Dtype(16),
    "I16": Dtype(16),
    "U32": Dtype(32),
    "I32": Dtype(32),
    "U64": Dtype(64),
    "I64": Dtype(64),
    "C64": Dtype(64),
}
"""Every element type that the format knows, by the name it has in a header."""

INTEGERS: Mapping[str, Callable[[Bytes], Floats]] = {
    "U8": _plain("u1"),
    "I8": _plain("i1"),
    "U16": _plain("<u2"),
    "I16": _plain("<i2"),
    "U32": _plain("<u4"),
    "I32": _plain("<i4"),
}
"""Integers as float32, for formats that say what scale they have. Exact for codes of up to 24 bits."""
