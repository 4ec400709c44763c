"""Small real artifacts on disk, for the tests of intake."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file


def write(path: Path, content: str | bytes) -> Path:
    """Writes a file, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def weights(path: Path, *names: str, size: int = 4) -> Path:
    """Writes a safetensors file with a small square tensor for each name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    save_file({name: rng.normal(size=(size, size)).astype(np.float32) for name in names or ("weight",)}, path)
    return path


def model(folder: Path, config: Mapping[str, object] | None = None, card: str | None = None) -> Path:
    """Writes a model folder in the Hugging Face layout; ``card`` is the front matter of its README."""
    write(folder / "config.json", json.dumps(config or {"model_type": "tiny"}))
    weights(folder / "model.safetensors", "layer.weight")
    if card is not None:
        write(folder / "README.md", f"---\n{card}\n---\n# A model\n")
    return folder


def sharded(folder: Path, weight_map: Mapping[str, object]) -> Path:
    """Writes a model folder with an index, and two shards: ``a`` lies in the first, ``b`` in the second."""
    write(folder / "config.json", "{}")
    weights(folder / "model-1.safetensors", "a")
    weights(folder / "model-2.safetensors", "b")
    write(folder / "model.safetensors.index.json", json.dumps({"weight_map": weight_map}))
    return folder


def header(text: str | bytes, length: int | None = None) -> bytes:
    """The beginning of a safetensors file: the header's length, true or a lie, and the header."""
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(data) if length is None else length) + data
