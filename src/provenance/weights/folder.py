"""Which files make up a checkpoint: one file, the shards of an index, or what a model folder holds.

Nothing that an index says is followed out of its folder, and no symbolic link inside a model folder is either, but for those of the
hub client's cache. Pickled weights are never opened, since unpickling runs whatever the file says.
"""

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from provenance.errors import ContentError

SUFFIX = ".safetensors"
INDEX_SUFFIX = ".safetensors.index.json"
PICKLE_SUFFIXES = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"})
ADAPTER_CONFIG = "adapter_config.json"
MAX_INDEX_BYTES = 100_000_000
PREFERRED = (
    "model" + INDEX_SUFFIX,
    "model" + SUFFIX,
    "adapter_model" + SUFFIX,
    "model.onnx",
    "onnx/model.onnx",
)
"""What the usual layouts call their weights, in the order in which they are looked for."""
KINDS = (INDEX_SUFFIX, SUFFIX, ".gguf", ".onnx")
"""Ends of the names of files that hold weights: where a folder has files of several kinds, the first counts."""
_LATER_PART = re.compile(r"-(?!00001)\d{5}-of-\d{5}\.gguf$")

CONVERT_HINT = (
    "Where you trust its origin, convert it: "
    "safetensors.torch.save_file(torch.load(FILE, weights_only=True), 'model.safetensors'). Then give the new file."
)


class IncompleteError(ContentError):
    """A file leaves weights to another, which is not there: what is there tells nothing of the model as a whole."""


def locate(path: Path) -> Path:
    """The file to read a checkpoint from, which may name others: an index names shards, the first part of a GGUF file the others.

    Args:
        path: Such a file, or a folder that holds one (itself or, when there is just one, below).

    Raises:
        ContentError: There is no such path, or it holds no weights or more than one set.
    """
    try:
        if path.is_dir():
            path = _weights_of(path)
        elif not path.exists():
            raise ContentError(f"there is no file or folder {path}")
    except OSError as error:
        raise ContentError(f"cannot read {path}: {error.strerror}") from error
    if path.suffix in PICKLE_SUFFIXES:
        raise ContentError(
            f"{path} holds pickled weights; it is never opened, since unpickling runs code", hint=CONVERT_HINT
        )
    if not path.name.endswith(KINDS):
        raise ContentError(
            f"{path} is not a safetensors file, nor one of GGUF or ONNX: its name ends in {path.suffix or 'no suffix'!r}",
            hint="Weights are read from .safetensors, .gguf and .onnx files, an index of shards, or a folder that holds them.",
        )
    return path


def read_index(path: Path) -> Mapping[str, Path]:
    """Reads an index of shards, checking that every shard lies in the folder of the index and exists.

    Raises:
        ContentError: The index is no such JSON, an entry leads out of the folder, or a shard is missing.
    """
    try:
        with opened(path) as file:
            text = file.read(MAX_INDEX_BYTES + 1)
        if len(text) > MAX_INDEX_BYTES:
            raise ContentError(f"{path} is larger than the {MAX_INDEX_BYTES} bytes that an index may have")
        weight_map = json.loads(text.decode("utf-8"))["weight_map"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise ContentError(f"{path} is not an index: no JSON object with a weight_map") from error
    if not isinstance(weight_map, dict) or not all(isinstance(shard, str) for shard in weight_map.values()):
        raise ContentError(f"{path} is not an index: its weight_map does not map tensor names to file names")
    shards = {shard: _shard(path, shard) for shard in sorted(set(weight_map.values()))}
    return {name: shards[shard] for name, shard in weight_map.items()}


def _shard(index: Path, name: str) -> Path:
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\\" in name or "\0" in name or pure.suffix != SUFFIX:
        raise ContentError(
            f"{index} names the shard {name[:200]!a}, which is not a {SUFFIX} file within its folder"
        )
    shard = index.parent / name
    check_inside(shard, index.parent)
    if not is_file(shard):
        raise IncompleteError(f"{index} names the shard {name[:200]!a}, which is missing")
    return shard


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Opens a regular file to be read, and nothing else: a named pipe in its place is refused, and not waited for.

    Raises:
        ContentError: It can't be opened or, by what is done with it meanwhile, read; or it is no regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:  # noqa: PTH123 - Path.open takes no descriptor
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ContentError(f"{path} is not a regular file")
            yield file
    except OSError as error:
        raise ContentError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeEncodeError as error:
        raise ContentError(f"{str(path)!a} is no name that a file can have") from error


def is_file(path: Path) -> bool:
    """Whether a regular file is there; none has a name that is too long, or no text."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_adapter(path: Path) -> bool:
    """Whether what is at a path are the weights of an adapter, to be merged into those of a base."""
    return ((path if path.is_dir() else path.parent) / ADAPTER_CONFIG).is_file()


def homes(folder: Path) -> tuple[Path, ...]:
    """Where links inside a folder may lead: into the folder itself, and from a snapshot of the hub client's cache to its blobs.

    Such a snapshot is a folder of nothing but links, ``models--org--name/snapshots/<revision>/<file> -> ../../blobs/<digest>``.
    """
    root = folder.resolve()
    cache = root.parent.parent
    is_snapshot = root.parent.name == "snapshots" and cache.name.startswith(("models--", "datasets--"))
    return (root, cache / "blobs") if is_snapshot else (root,)


def check_inside(path: Path, folder: Path) -> None:
    """Refuses a path that a symbolic link leads out of its folder; see `homes`.

    Raises:
        ContentError: It does.
    """
    try:
        target = path.resolve()
    except (OSError, RuntimeError) as error:  # what Python 3.11 and 3.12 raise for a loop is the latter
        raise ContentError(f"{path} is a link in a loop of links") from error
    except ValueError as error:
        raise ContentError(f"{str(path)!a} is no name that a file can have") from error
    if not any(target.is_relative_to(home) for home in homes(folder)):
        raise ContentError(
            f"{path} is a link that leads out of {folder}",
            hint="Copy the file into the folder, or give the file itself.",
        )


def _weights_of(folder: Path) -> Path:
    for name in PREFERRED:
        if (folder / name).exists():
            check_inside(folder / name, folder)
            return folder / name
    found = sorted(path for path in folder.rglob("*") if path.name.endswith(KINDS))
    of_kinds = ([path for path in found if path.name.endswith(kind)] for kind in KINDS)
    candidates = [path for path in next(filter(None, of_kinds), []) if not _LATER_PART.search(path.name)]
    if len(candidates) == 1:
        check_inside(candidates[0], folder)
        return candidates[0]
    if candidates:
        names = ", ".join(str(path.relative_to(folder)) for path in candidates[:4])
        raise ContentError(f"{folder} holds more than one set of weights: {names}", hint="Give one of them.")
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLE_SUFFIXES)
    if pickles:
        raise ContentError(
            f"{folder} holds pickled weights only: {', '.join(pickles[:4])}", hint=CONVERT_HINT
        )
    raise ContentError(f"{folder} holds no weights: no safetensors, GGUF or ONNX file")
