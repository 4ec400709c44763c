"""Quantised weights of safetensors: several stored tensors that make up one matrix, by the formula of the library that wrote them.

| stored beside ``X`` | library | value |
|---|---|---|
| ``X.weight`` I8, ``X.SCB`` | bitsandbytes, LLM.int8 | code * SCB[output] / 127 |
| ``X.weight`` U8, ``.absmax``, ``.quant_map``, ``.quant_state.bitsandbytes__nf4`` (``fp4``) | bitsandbytes, 4 bits | quant_map[code] * absmax[i // blocksize], i counting elements in order, the upper half of a byte first; absmax itself may be nested: nested_quant_map[code] * nested_absmax[i // nested_blocksize] + nested_offset |
| ``X.qweight``, ``.qzeros``, ``.scales``, ``.g_idx`` | AutoGPTQ, GPTQModel | scales[g, o] * (code - zero[g, o]), g = g_idx[input]; inputs are packed along the first axis, the lowest bits first; the stored zero is one less (modulo 2^bits: 15 means 0, as packing leaves it; some kernels do not mask, and take 15 for 16) in the format ``gptq``, and the zero itself in ``gptq_v2`` |
| ``X.qweight``, ``.qzeros``, ``.scales`` | AutoAWQ, version ``gemm``, 4 bits | scales[g, o] * (code - zero[g, o]), g = input // group; the i-th half-byte of a word is output (0, 2, 4, 6, 1, 3, 5, 7)[i] of eight |
| ``X.weight`` F8, ``X.weight_scale`` or ``X.weight_scale_inv`` | compressed-tensors; DeepSeek | value * scale, one for all, for each output, or for each block of 128 x 128 |

The matrix is called ``X.weight``, outputs x inputs. What does not fit its formula exactly (other widths, unknown versions, 3 bits) stays as
it is stored: bytes without numbers.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt

from provenance.errors import ContentError
from provenance.weights.computed import Strips, made_of, scaled
from provenance.weights.dtypes import INTEGERS, Floats
from provenance.weights.hints import read_config
from provenance.weights.tensor import Encoding, StoredTensor, Tensor

Tensors = Mapping[str, Tensor]
Settings = Mapping[str, object]
Words = npt.NDArray[np.uint32]

_SMALL = 1 << 20
_MATRIX = 2
_WORD_BITS = 32
_GPTQ_BITS = frozenset({2, 4, 8})
_GPTQ_LESS = {"gptq": 1, "gptq_v2": 0}
_METHODS = {"desc_act": "gptq", "w_bit": "awq"}
_AWQ_BITS = 4
_AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)
_FLOAT8 = frozenset({"F8_E4M3", "F8_E5M2"})
_BLOCK = 128


def unpacked(tensors: Tensors, folder: Path | None) -> Tensors:
    """Puts one matrix in the place of the tensors that it was quantised to, wherever the formula is known.

    Args:
        tensors: What is stored.
        folder: Where the model's configuration is, which names the format of packed words; None to leave those as they are.
    """
    marked = [
        (name, mark) for name in tensors if name.endswith(_MARKS) for mark in _MARKS if name.endswith(mark)
    ]
    if not marked:
        return tensors
    settings, strips = _settings(folder), Strips()
    result = dict(tensors)
    for name, mark in marked:
        stem = name.removesuffix(mark)
        parts = _Parts(tensors, stem)
        matrix = _RULES[mark](parts, settings, strips)
        weight = stem + ".weight"
        if matrix is not None and (weight in parts.taken or weight not in tensors):
            for part in parts.taken:
                result.pop(part, None)
            result[weight] = matrix
    return result


def _settings(folder: Path | None) -> Settings:
    if folder is None:
        return {}
    own = read_config(folder).get("quantization_config")
    candidates = (own, read_config(folder, "quantize_config.json"), read_config(folder, "quant_config.json"))
    return next((one for one in candidates if isinstance(one, dict) and one), {})


@dataclass(slots=True)
class _Parts:
    """The stored tensors of one matrix: those that were asked for are taken."""

    tensors: Tensors
    stem: str
    taken: set[str] = field(default_factory=set)

    def __call__(self, name: str) -> Tensor | None:
        self.taken.add(self.stem + name)
        return self.tensors.get(self.stem + name)


def _bitsandbytes8(parts: _Parts, _: Settings, __: Strips) -> Tensor | None:
    codes, absmax, order = parts(".weight"), parts(".SCB"), parts(".weight_format")
    if codes is None or absmax is None or codes.info.dtype != "I8" or len(codes.info.shape) != _MATRIX:
        return None
    if not absmax.is_numeric or absmax.info.shape != codes.info.shape[:1]:
        return None
    # Other orders of elements than row by row are written as another number.
    if order is not None and order.raw(0, _SMALL).any():
        return None
    numbers = _numbers(codes)

    def compute(start: int, stop: int) -> Floats:
        return numbers.rows(start, stop) * (absmax.rows(start, stop)[:, None] / np.float32(127))

    return made_of("I8", codes.info.shape, (codes, absmax), compute)


def _bitsandbytes4(kind: str) -> "Rule":
    def rule(parts: _Parts, _: Settings, __: Strips) -> Tensor | None:
        stored = parts(f".weight.quant_state.bitsandbytes__{kind}")
        codes, absmax, code_map = parts(".weight"), parts(".weight.absmax"), parts(".weight.quant_map")
        state = _json(stored)
        shape, block = state.get("shape"), state.get("blocksize")
        if (
            codes is None
            or absmax is None
            or code_map is None
            or not _is_shape(shape)
            or not _is_count(block)
        ):
            return None
        elements = math.prod(shape)
        scale = _nested(parts, state, absmax) if "nested_blocksize" in state else absmax
        if (
            scale is None
            or not (scale.is_numeric and code_map.is_numeric)
            or codes.info.stored_bytes * 2 != elements + elements % 2
            or absmax.info.elements != -(-elements // block)
            or code_map.info.elements != 1 << 4
        ):
            return None
        row = math.prod(shape[1:])

        def compute(start: int, stop: int) -> Floats:
            first, last = start * row, stop * row
            packed = codes.raw(first // 2, -(-last // 2))
            halves = np.stack((packed >> 4, packed & 15), axis=1).reshape(-1)[first % 2 :][: last - first]
            block_of = np.arange(first, last) // block
            scales = scale.rows(int(block_of[0]), int(block_of[-1]) + 1)
            values: Floats = code_map.rows(0, 1 << 4)[halves] * scales[block_of - block_of[0]]
            return values.reshape(stop - start, *shape[1:])

        return made_of(kind.upper(), tuple(shape), (codes, absmax, code_map), compute)

    return rule


def _nested(parts: _Parts, state: Mapping[str, object], absmax: Tensor) -> Tensor | None:
    """The scales of blocks that are themselves quantised, by blocks of blocks."""
    block, offset = state["nested_blocksize"], state.get("nested_offset")
    scale, code_map = parts(".weight.nested_absmax"), parts(".weight.nested_quant_map")
    if scale is None or code_map is None or not _is_count(block) or not isinstance(offset, int | float):
        return None
    count = absmax.info.elements
    if (
        absmax.info.dtype != "U8"
        or not (scale.is_numeric and code_map.is_numeric)
        or scale.info.elements != -(-count // block)
        or code_map.info.elements != 1 << 8
    ):
        return None

    def compute(start: int, stop: int) -> Floats:
        first = start // block
        scales = scale.rows(first, -(-stop // block))
        values: Floats = code_map.rows(0, 1 << 8)[absmax.raw(start, stop)]
        values *= scales[np.arange(start, stop) // block - first]
        return values + np.float32(offset)

    return made_of("U8", (count,), (absmax, scale, code_map), compute)


def _packed_words(parts: _Parts, settings: Settings, strips: Strips) -> Tensor | None:
    # Before configurations named it, a method was told by the settings that it alone has.
    method = settings.get(
        "quant_method", next((own for key, own in _METHODS.items() if key in settings), None)
    )
    if method == "gptq":
        return _gptq(parts, settings, strips)
    is_gemm = str(settings.get("version", "gemm")).lower() == "gemm"
    if method == "awq" and is_gemm and settings.get("bits", settings.get("w_bit", _AWQ_BITS)) == _AWQ_BITS:
        return _awq(parts, strips)
    return None


def _gptq(parts: _Parts, settings: Settings, strips: Strips) -> Tensor | None:
    codes, zeros, scales, groups = (parts(name) for name in (".qweight", ".qzeros", ".scales", ".g_idx"))
    bits, less = settings.get("bits"), _GPTQ_LESS.get(str(settings.get("checkpoint_format", "gptq")))
    if codes is None or zeros is None or scales is None or groups is None or less is None:
        return None
    if type(bits) is not int or bits not in _GPTQ_BITS or not _are_matrices(codes, scales):
        return None
    inputs, outputs = codes.info.shape[0] * _WORD_BITS // bits, codes.info.shape[-1]
    expected = {
        ".qweight": ("I32", (inputs * bits // _WORD_BITS, outputs)),
        ".qzeros": ("I32", (scales.info.shape[0], outputs * bits // _WORD_BITS)),
        ".scales": (scales.info.dtype, (scales.info.shape[0], outputs)),
        ".g_idx": ("I32", (inputs,)),
    }
    if not _fit(parts, expected) or not scales.is_numeric:
        return None
    per_word, shifts, mask = _WORD_BITS // bits, _shifts(bits), np.uint32((1 << bits) - 1)

    def compute(start: int, stop: int) -> Floats:
        first = start // per_word
        words = _words(codes, first, -(-stop // per_word))
        values = (words[:, None, :] >> shifts[None, :, None] & mask).reshape(-1, outputs)
        values = values[start - first * per_word :][: stop - start]
        group = groups.raw(start * 4, stop * 4).view("<i4")
        low, high = int(group.min()), int(group.max()) + 1
        if low < 0 or high > scales.info.shape[0]:
            raise ContentError(f"{parts.stem}.g_idx names a group that {parts.stem}.scales does not have")
        zero = (_words(zeros, low, high)[:, :, None] >> shifts & mask).reshape(high - low, outputs)
        zero = zero + np.uint32(less) & mask
        scale: Floats = scales.rows(low, high)[group - low]
        return _difference(values, zero[group - low]) * scale

    inner = made_of(f"GPTQ-{bits}", (inputs, outputs), (codes, zeros, scales, groups), compute)
    return strips.transposed(inner)


def _awq(parts: _Parts, strips: Strips) -> Tensor | None:
    codes, zeros, scales = (parts(name) for name in (".qweight", ".qzeros", ".scales"))
    if codes is None or zeros is None or scales is None or not _are_matrices(codes, scales):
        return None
    (inputs, words), per_word = codes.info.shape, _WORD_BITS // _AWQ_BITS
    outputs, groups = words * per_word, scales.info.shape[0]
    expected = {
        ".qweight": ("I32", (inputs, words)),
        ".qzeros": ("I32", (groups, words)),
        ".scales": (scales.info.dtype, (groups, outputs)),
    }
    if not _fit(parts, expected) or not scales.is_numeric or not groups or inputs % groups:
        return None
    size, shifts = inputs // groups, _shifts(_AWQ_BITS)
    # Where each output's half-byte is: the inverse of the order in which they were packed.
    place = np.argsort(_AWQ_ORDER)

    def halves(tensor: Tensor, start: int, stop: int) -> Words:
        unpacked_words = _words(tensor, start, stop)[:, :, None] >> shifts & np.uint32((1 << _AWQ_BITS) - 1)
        return unpacked_words[:, :, place].reshape(stop - start, outputs)

    def compute(start: int, stop: int) -> Floats:
        first = start // size
        group = np.arange(start, stop) // size - first
        last = -(-stop // size)
        zero = halves(zeros, first, last)
        return _difference(halves(codes, start, stop), zero[group]) * scales.rows(first, last)[group]

    return strips.transposed(made_of("AWQ-4", (inputs, outputs), (codes, zeros, scales), compute))


def _float8(name: str) -> "Rule":
    def rule(parts: _Parts, _: Settings, __: Strips) -> Tensor | None:
        values, scale = parts(".weight"), parts(name)
        if values is None or scale is None or values.info.dtype not in _FLOAT8 or not scale.is_numeric:
            return None
        shape, own = values.info.shape, scale.info.shape
        if scale.info.elements == 1 or own == (*shape[:1], 1):
            return scaled(values, scale)
        blocks = tuple(-(-length // _BLOCK) for length in shape)
        return _scaled_by_blocks(values, scale) if own == blocks and len(shape) == _MATRIX else None

    return rule


def _scaled_by_blocks(values: Tensor, scale: Tensor) -> Tensor:
    def compute(start: int, stop: int) -> Floats:
        first = start // _BLOCK
        scales = scale.rows(first, -(-stop // _BLOCK))
        row, column = np.arange(start, stop) // _BLOCK - first, np.arange(values.info.shape[1]) // _BLOCK
        return values.rows(start, stop) * scales[row[:, None], column]

    return made_of(values.info.dtype, values.info.shape, (values, scale), compute)


Rule: TypeAlias = Callable[[_Parts, Settings, Strips], Tensor | None]

_RULES: Mapping[str, Rule] = {
    ".SCB": _bitsandbytes8,
    ".weight.quant_state.bitsandbytes__nf4": _bitsandbytes4("nf4"),
    ".weight.quant_state.bitsandbytes__fp4": _bitsandbytes4("fp4"),
    ".qweight": _packed_words,
    ".weight_scale": _float8(".weight_scale"),
    ".weight_scale_inv": _float8(".weight_scale_inv"),
}
"""The end of a name that tells how a matrix was quantised, and what puts it together again."""
_MARKS = tuple(_RULES)


def _numbers(codes: Tensor) -> Tensor:
    """Integers of eight bits as numbers."""
    if isinstance(codes, StoredTensor):
        return replace(codes, encoding=Encoding(1, 1, INTEGERS[codes.info.dtype]))
    return codes


def _json(tensor: Tensor | None) -> Mapping[str, object]:
    """A JSON object that is stored as the bytes of a tensor; empty where there is none."""
    if tensor is None:
        return {}
    try:
        state = json.loads(tensor.raw(0, min(tensor.info.stored_bytes, _SMALL)).tobytes())
    except (ValueError, RecursionError):
        return {}
    return state if isinstance(state, dict) else {}


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 < value <= _SMALL


def _is_shape(value: object) -> TypeGuard[list[int]]:
    return (
        isinstance(value, list)
        and len(value) == _MATRIX
        and all(type(one) is int and one > 0 for one in value)
    )


def _are_matrices(*tensors: Tensor) -> bool:
    return all(len(tensor.info.shape) == _MATRIX for tensor in tensors)


def _fit(parts: _Parts, expected: Mapping[str, tuple[str, tuple[int, ...]]]) -> bool:
    found = {name: parts(name) for name in expected}
    return all(
        tensor is not None and (tensor.info.dtype, tensor.info.shape) == expected[name]
        for name, tensor in found.items()
    )


def _shifts(bits: int) -> Words:
    return np.arange(0, _WORD_BITS, bits, dtype=np.uint32)


def _words(tensor: Tensor, start: int, stop: int) -> Words:
    """Rows of a matrix of words of 32 bits."""
    width = tensor.info.shape[1]
    return tensor.raw(start * width * 4, stop * width * 4).view("<u4").reshape(stop - start, width)


def _difference(codes: Words, zeros: Words) -> Floats:
    return codes.astype(np.float32) - zeros.astype(np.float32)
