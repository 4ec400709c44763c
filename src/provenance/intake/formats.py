"""How files are recognised, and what is checked before they are believed.

Recognition goes by names and a few leading bytes. Whatever the format, every safetensors header is read and checked, every index
of shards is held against the shards, and pickles are never opened: reading one runs whatever it says.
"""

import codecs
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from provenance.artifacts import ArtifactKind
from provenance.errors import ContentError
from provenance.intake.documents import read_json_object, read_yaml_mapping
from provenance.intake.files import Files, FoundFile, shown
from provenance.intake.rows import ROW_FORMATS
from provenance.weights.folder import (
    CONVERT_HINT,
    INDEX_SUFFIX,
    MAX_INDEX_BYTES,
    PICKLE_SUFFIXES,
    SUFFIX,
    opened,
)
from provenance.weights.gguf import MAGIC as GGUF_MAGIC
from provenance.weights.gguf import is_part
from provenance.weights.header import Header, read_header
from provenance.weights.onnx_wire import has_external_data

SAFETENSORS = frozenset({SUFFIX})
GGUF = frozenset({".gguf"})
ONNX = frozenset({".onnx"})
_SNIFFED_BYTES = 65_536
_NAMED_AT_MOST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """What files turned out to be.

    Args:
        format: One word, such as ``huggingface`` or ``jsonl``.
        rows: Rows of a dataset, where they can be counted.
        warnings: What the registrant should know.
    """

    format: str
    rows: int | None = None
    warnings: tuple[str, ...] = ()


def recognise(files: Files, kind: ArtifactKind) -> Recognised:
    """Says what the files of a model or dataset are, having checked those that can be checked.

    Raises:
        ContentError: A file is not what its name claims: an unsound safetensors header, missing shards, an index that leads out
            of its folder, a GGUF without its mark, a line that is no JSON.
    """
    headers = {file.name: read_header(file.path) for file in files.with_suffix(SAFETENSORS)}
    for file in files.with_suffix(GGUF):
        if _leading_bytes(file, len(GGUF_MAGIC)) != GGUF_MAGIC:
            raise ContentError(
                f"{shown(file.path)} is not a GGUF file: it does not begin with {GGUF_MAGIC!r}"
            )
    for file in files.found:
        if file.name.endswith(INDEX_SUFFIX):
            _check_index(file, headers)
    recognised = _recognise_dataset(files) if kind is ArtifactKind.DATASET else _recognise_model(files)
    pickles = [file.name for file in files.with_suffix(PICKLE_SUFFIXES)]
    if not pickles:
        return recognised
    warning = f"digested, never opened, since unpickling runs code: {_enumerated(pickles)}. {CONVERT_HINT}"
    return replace(recognised, warnings=(*recognised.warnings, warning))


def _check_index(index: FoundFile, headers: Mapping[str, Header]) -> None:
    """Holds an index of shards against the headers of the shards that were found."""
    weight_map = read_json_object(index.path, MAX_INDEX_BYTES).get("weight_map")
    if not isinstance(weight_map, Mapping) or not weight_map:
        raise ContentError(f"{shown(index.path)} has no weight_map from tensors to shards")
    folder = PurePosixPath(index.name).parent
    tensors_of: dict[str, list[str]] = {}
    for tensor, shard in weight_map.items():
        pure = PurePosixPath(shard) if isinstance(shard, str) else None
        if pure is None or pure.is_absolute() or ".." in pure.parts or "\\" in str(pure):
            raise ContentError(f"{shown(index.path)} places {tensor!a} in no file within its folder")
        tensors_of.setdefault(str(folder / pure), []).append(tensor)
    missing = sorted(tensors_of.keys() - headers.keys())
    if missing:
        raise ContentError(
            f"{shown(index.path)} names {len(tensors_of)} shards, {len(missing)} of them missing: {_enumerated(missing)}",
            hint="Fetch the model again, all of it.",
        )
    for shard, tensors in tensors_of.items():
        absent = [tensor for tensor in tensors if tensor not in headers[shard].tensors]
        if absent:
            raise ContentError(
                f"{shown(index.path)} says that {shown(shard)} holds {_enumerated(absent)}; it does not"
            )


def _has(*names: str) -> Callable[[Files], bool]:
    return lambda files: files.named(*names) is not None


def _any_with(suffixes: frozenset[str]) -> Callable[[Files], bool]:
    return lambda files: bool(files.with_suffix(suffixes))


def _is_hugging_face(files: Files) -> bool:
    return files.named("config.json") is not None and any(
        "/" not in file.name and file.name.endswith((SUFFIX, INDEX_SUFFIX)) for file in files.found
    )


_MODEL_FOLDERS: Sequence[tuple[str, Callable[[Files], bool]]] = (
    ("peft-adapter", _has("adapter_config.json")),
    ("mlflow-model", _has("MLmodel")),
    ("huggingface", _is_hugging_face),
    ("safetensors", _any_with(SAFETENSORS)),
    ("gguf", _any_with(GGUF)),
    ("onnx", _any_with(ONNX)),
    ("pickle", _any_with(PICKLE_SUFFIXES)),
)
"""Formats of model folders, the first that fits counts."""

_DESCRIPTIONS: Mapping[str, Callable[[Path], object]] = {
    "adapter_config.json": read_json_object,
    "config.json": read_json_object,
    "MLmodel": read_yaml_mapping,
}
"""The files that a model folder is recognised by: they have to be readable."""


def _recognise_model(files: Files) -> Recognised:
    if not files.is_folder:
        return _recognise_model_file(files.found[0])
    for name, read in _DESCRIPTIONS.items():
        file = files.named(name)
        if file is not None:
            read(file.path)
    format_ = next((word for word, fits in _MODEL_FOLDERS if fits(files)), None)
    if format_ is not None:
        return Recognised(format=format_)
    return Recognised(format="folder", warnings=(f"no weights were recognised in {shown(files.path)}",))


def _recognise_model_file(file: FoundFile) -> Recognised:
    if file.suffix in SAFETENSORS:
        return Recognised(format="safetensors")
    if file.suffix in PICKLE_SUFFIXES:
        return Recognised(format="pickle")
    if _leading_bytes(file, len(GGUF_MAGIC)) == GGUF_MAGIC:
        _check_whole(file, is_part)
        return Recognised(format="gguf")
    if file.suffix in ONNX:
        _check_whole(file, has_external_data)
        return Recognised(format="onnx")
    return Recognised(
        format="file",
        warnings=(
            f"{shown(file.path)} is recorded as a plain file: it is in no format of weights that is known",
        ),
    )


def _check_whole(file: FoundFile, leaves_weights_out: Callable[[Path], bool]) -> None:
    """Refuses a single file whose weights lie in others: its digest would not tell models apart that have other weights."""
    try:
        is_whole = not leaves_weights_out(file.path)
    except ContentError:
        is_whole = True  # what is unsound holds no weights that anything could read
    if not is_whole:
        raise ContentError(
            f"{shown(file.path)} does not hold all of its weights: some lie in other files",
            hint="Register the folder that holds all of them.",
        )


def _recognise_dataset(files: Files) -> Recognised:
    if not files.is_folder:
        return _recognise_data_file(files.found[0])
    counted = [ROW_FORMATS[file.suffix][1](file.path) for file in files.found if file.suffix in ROW_FORMATS]
    return Recognised(format="dataset-folder", rows=sum(counted) if counted else None)


def _recognise_data_file(file: FoundFile) -> Recognised:
    if file.suffix in ROW_FORMATS:
        format_, count = ROW_FORMATS[file.suffix]
        return Recognised(format=format_, rows=count(file.path))
    if file.suffix in SAFETENSORS:
        return Recognised(format="safetensors")
    return Recognised(format="text" if _is_text(_leading_bytes(file, _SNIFFED_BYTES)) else "file")


def _is_text(data: bytes) -> bool:
    try:
        # Not final: the last character may be cut in two.
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return b"\0" not in data


def _leading_bytes(file: FoundFile, count: int) -> bytes:
    with opened(file.path) as leading:
        return leading.read(count)


def _enumerated(names: Sequence[str]) -> str:
    """The first few names, escaped, and how many more there are."""
    listed = ", ".join(ascii(name)[1:-1] for name in names[:_NAMED_AT_MOST])
    return listed if len(names) <= _NAMED_AT_MOST else f"{listed} and {len(names) - _NAMED_AT_MOST} more"
