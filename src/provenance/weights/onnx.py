"""ONNX weights as a network has them: outputs x inputs, dequantised, under the names of the modules that they came from.

Exporters fold weights into a graph: a linear layer becomes a MatMul with an anonymous constant, inputs x outputs; a quantised one
becomes integers, a scale and a zero-point, some nodes apart. What a graph makes of constants alone is followed back here (`Constants`),
and the node that uses it tells which axis is which. The name is the constant's own where it is that of a parameter; else that of the
bias that is added to the product, or the node's path: ``/encoder/layer.0/attention/self/query/MatMul`` is
``encoder.layer.0.attention.self.query.weight``. Operators are those of the ONNX standard, and of ONNX Runtime where named.

Nothing of this computes anything: `provenance.weights.computed` does, by ranges of rows.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from provenance.weights.computed import Strips, reshaped, scaled
from provenance.weights.dtypes import DTYPES, INTEGERS
from provenance.weights.onnx_file import OnnxFile, held, read_onnx_file
from provenance.weights.tensor import Contents, Encoding, HeldTensor, StoredTensor, Tensor

if TYPE_CHECKING:
    from onnx import NodeProto

_MATRIX = 2
_DEPTH = 8
_SUFFIX = re.compile(r"_(?:quantized|q|int8|uint8|transposed)$")
_PARAMETER = re.compile(r"[A-Za-z_]\w*(\.\w+)*\.weight")
_FLOATS = frozenset({1, 10, 11, 16})
_FOLLOWED = frozenset({"Identity", "Cast", "Transpose", "Mul", "DequantizeLinear"})
_FUSED: Mapping[str, tuple[int, int, int]] = {
    "QLinearMatMul": (3, 4, 5),
    "QLinearConv": (3, 4, 5),
    "DynamicQuantizeMatMul": (1, 2, 3),
    "MatMulIntegerToFloat": (1, 3, 5),
}
"""Operators that take codes, scale and zero-point themselves, and where. The last two are ONNX Runtime's."""
_INTEGER_PRODUCTS = frozenset({"MatMulInteger", "ConvInteger"})
"""Operators that multiply codes and leave the scale to a later node: inputs x, codes, zero-point of x, zero-point of the codes."""
_READS: Mapping[str, int] = {"MatMul": 1, "Gemm": 1, "Gather": 0, "Conv": 1}
"""Operators that take weights as numbers, and where."""
_LINEAR = frozenset(
    {"MatMul", "Gemm", "MatMulInteger", "QLinearMatMul", "DynamicQuantizeMatMul", "MatMulIntegerToFloat"}
)
"""Operators whose weight is inputs x outputs, unless a Gemm says otherwise."""


@dataclass(frozen=True, slots=True)
class Constant:
    """What a graph makes of initialisers alone.

    Args:
        tensor: Its values.
        names: What it is called on the way, from its use back to the initialiser; the last is the initialiser's.
        roots: All initialisers that it is made of.
        flipped: Whether the axes of the tensor are still to be exchanged.
    """

    tensor: Tensor
    names: tuple[str, ...]
    roots: frozenset[str]
    flipped: bool = False


def read_onnx(path: Path) -> Contents:
    """The tensors of an ONNX file: weights as the network uses them, and all other initialisers as they are.

    Raises:
        ContentError: It can't be read, or is no sound ONNX file; the message names it and says why.
        MissingExtraError: The `onnx` package is not installed.
    """
    file = read_onnx_file(path)
    graph = _Graph.of(file)
    tensors: dict[str, Tensor] = {}
    used: set[str] = set()
    for name, weight in graph.weights():
        root = weight.names[-1]
        if root not in used:
            tensors[next(one for one in (name, root, f"{root}.{len(tensors)}") if one not in tensors)] = (
                weight.tensor
            )
            used |= weight.roots
    for name, tensor in file.initialisers.items():
        if name not in used:
            tensors[name if name not in tensors else f"{name}.{len(tensors)}"] = tensor
    return Contents(tensors=tensors, files=file.files)


@dataclass(frozen=True, slots=True)
class _Graph:
    """A graph, by what makes and what takes each of its values."""

    file: OnnxFile
    makers: Mapping[str, "NodeProto"]
    takers: Mapping[str, tuple["NodeProto", ...]]
    strips: Strips = field(default_factory=Strips)

    @classmethod
    def of(cls, file: OnnxFile) -> "_Graph":
        makers: dict[str, NodeProto] = {}
        takers: dict[str, list[NodeProto]] = defaultdict(list)
        for node in file.graph.node:
            makers |= dict.fromkeys(node.output, node)
            for name in node.input:
                takers[name].append(node)
        return cls(file, makers, {name: tuple(nodes) for name, nodes in takers.items()})

    def weights(self) -> Iterator[tuple[str, Constant]]:
        """The weights that nodes use, outputs x inputs, with a name each, in order of the nodes."""
        for node in self.file.graph.node:
            weight = self._weight(node)
            if weight is None or not weight.tensor.is_numeric or len(weight.tensor.info.shape) < _MATRIX:
                continue
            if node.op_type in _LINEAR and _is_matrix(weight) and not _attribute(node, "transB", 0):
                weight = replace(weight, flipped=not weight.flipped)
            yield self._name(node, weight), replace(weight, tensor=self._straight(weight))

    def _weight(self, node: "NodeProto") -> Constant | None:
        kind = node.op_type
        if kind in _FUSED:
            codes, scale, zero = (_input(node, index) for index in _FUSED[kind])
            return self._scaled(self.constant(codes), self.constant(scale), zero)
        if kind in _INTEGER_PRODUCTS:
            return self._scaled(self.constant(_input(node, 1)), self._scale_after(node), _input(node, 3))
        if kind not in _READS:
            return None
        weight = self.constant(_input(node, _READS[kind]))
        if weight is not None and kind == "Gather" and not weight.tensor.is_numeric:
            return self._gathered(node, weight)
        return weight

    def _gathered(self, node: "NodeProto", codes: Constant) -> Constant | None:
        """A table of codes that are scaled after some of its rows were taken: one scale for all."""
        for taker in self.takers.get(_output(node), ()):
            scale = self.constant(_input(taker, 1))
            if taker.op_type == "DequantizeLinear" and scale is not None and scale.tensor.info.elements == 1:
                return self._scaled(codes, scale, _input(taker, 2))
        return None

    def _scale_after(self, node: "NodeProto") -> Constant | None:
        """The weight's share in what a product of codes is multiplied by: a Cast, then a Mul by (scale of x * scale of codes)."""
        for cast in self._takers(node, "Cast"):
            for product in self._takers(cast, "Mul"):
                for name in product.input:
                    maker = self.makers.get(name)
                    if maker is not None and maker.op_type == "Mul":
                        return next(filter(None, map(self.constant, maker.input)), None)
        return None

    def _takers(self, node: "NodeProto", kind: str) -> Iterator["NodeProto"]:
        return (taker for taker in self.takers.get(_output(node), ()) if taker.op_type == kind)

    def constant(self, name: str, depth: int = _DEPTH) -> Constant | None:
        """What a value is, if it depends on initialisers alone and by operations that are known here."""
        if name in self.file.initialisers:
            return Constant(self.file.initialisers[name], (name,), frozenset({name}))
        node = self.makers.get(name)
        if node is None or not depth:
            return None
        made = self._made(node, depth - 1)
        return made and replace(made, names=(name, *made.names))

    def _made(self, node: "NodeProto", depth: int) -> Constant | None:
        if node.op_type == "Constant":
            values = [item.t for item in node.attribute if item.name == "value"]
            return Constant(held(self.file.files[0].path, values[0]), (), frozenset()) if values else None
        first = self.constant(_input(node, 0), depth) if node.op_type in _FOLLOWED else None
        if first is None or node.op_type == "Identity":
            return first
        if node.op_type == "Cast":
            return _numbers(first) if _attribute(node, "to", 0) in _FLOATS else None
        if node.op_type == "Transpose":
            return replace(first, flipped=not first.flipped) if _is_matrix(first) else None
        second = self.constant(_input(node, 1), depth)
        if node.op_type == "Mul" and second is not None:
            large, small = sorted((first, second), key=lambda one: -one.tensor.info.elements)
            return self._scaled(large, small)
        axis = None if _attribute(node, "block_size", 0) else _attribute(node, "axis", 1)
        return self._scaled(first, second, _input(node, 2), axis)

    def _scaled(
        self, codes: Constant | None, scale: Constant | None, zero_name: str = "", axis: int | None = None
    ) -> Constant | None:
        """(codes - zero) * scale, where all of it is known and fits."""
        zero = self.constant(zero_name) if zero_name else None
        if codes is None or scale is None or (zero_name and zero is None):
            return None
        values = self._straight(_numbers(codes))
        factors = [one for one in (scale, zero) if one is not None]
        spread = [_spread(_numbers(one).tensor, values.info.shape, axis) for one in factors]
        fitting = [factor for factor in spread if factor is not None]
        if len(fitting) < len(spread):
            return None
        return Constant(
            scaled(values, *fitting), codes.names, codes.roots.union(*(one.roots for one in factors))
        )

    def _straight(self, constant: Constant) -> Tensor:
        """The tensor with its axes exchanged, where they are to be."""
        return self.strips.transposed(constant.tensor) if constant.flipped else constant.tensor

    def _name(self, node: "NodeProto", weight: Constant) -> str:
        """What a weight is called in the module that the graph was made of, as far as the graph tells."""
        own = (_SUFFIX.sub("", name) for name in weight.names)
        path = node.name.removeprefix("/").split("/")[:-1] if node.name.startswith("/") else []
        found = (
            next((name for name in own if _PARAMETER.fullmatch(name)), None),
            self._partner(node),
            ".".join([*path, "weight"]) if path else None,
        )
        return next((name for name in found if name), weight.names[-1])

    def _partner(self, node: "NodeProto") -> str | None:
        """The name that goes with the bias which is added to a product, now or after a few steps of scaling."""
        if node.op_type == "Gemm":
            return _weight_of(_input(node, 2))
        for _ in range(_DEPTH):
            takers = self.takers.get(_output(node), ())
            for taker in takers:
                names = filter(None, map(_weight_of, taker.input)) if taker.op_type == "Add" else iter(())
                if name := next(names, None):
                    return name
            node = next((taker for taker in takers if taker.op_type in {"Cast", "Mul"}), node)
        return None


def _weight_of(bias: str) -> str | None:
    return bias.removesuffix("bias") + "weight" if bias.endswith(".bias") else None


def _input(node: "NodeProto", index: int) -> str:
    return node.input[index] if index < len(node.input) else ""


def _output(node: "NodeProto") -> str:
    return node.output[0] if node.output else ""


def _attribute(node: "NodeProto", name: str, default: int) -> int:
    return next((item.i for item in node.attribute if item.name == name), default)


def _is_matrix(constant: Constant) -> bool:
    return len(constant.tensor.info.shape) == _MATRIX


def _numbers(constant: Constant) -> Constant:
    """The same constant, its integers taken as numbers."""
    tensor = constant.tensor
    if isinstance(tensor, StoredTensor) and tensor.info.dtype in INTEGERS:
        encoding = Encoding(1, DTYPES[tensor.info.dtype].bits // 8, INTEGERS[tensor.info.dtype])
        return replace(constant, tensor=replace(tensor, encoding=encoding))
    if isinstance(tensor, HeldTensor) and not tensor.is_numeric and tensor.info.dtype in INTEGERS:
        return replace(constant, tensor=replace(tensor, values=tensor.values.astype(np.float32)))
    return constant


def _spread(factor: Tensor, shape: tuple[int, ...], axis: int | None) -> Tensor | None:
    """A scale or zero-point with as many axes as the codes: along one axis, or aligned at the last as in any product."""
    own = factor.info.shape
    if not factor.is_numeric:
        return None
    if factor.info.elements == 1:
        return factor
    if axis is not None and len(own) == 1 and -len(shape) <= axis < len(shape):
        own = tuple(own[0] if index == axis % len(shape) else 1 for index in range(len(shape)))
    own = (1,) * (len(shape) - len(own)) + own
    fits = len(own) == len(shape) and all(one in {1, whole} for one, whole in zip(own, shape, strict=True))
    return reshaped(factor, own) if fits else None
