"""Trainings of a millisecond, for the tests of tracking: what comes out is a folder with real safetensors."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from provenance import Registry


def trained(path: Path, seed: int = 0) -> Path:
    """What a training left in a folder; each seed leaves something else."""
    path.mkdir(parents=True, exist_ok=True)
    weights = np.random.default_rng(seed).normal(size=(4, 4)).astype(np.float32)
    save_file({"layers.0.weight": weights}, path / "model.safetensors")
    (path / "config.json").write_text(json.dumps({"model_type": "tiny"}))
    return path


def rows(path: Path, count: int = 3) -> Path:
    """A dataset of a few lines."""
    path.write_text("".join(f'{{"text": "{number}"}}\n' for number in range(count)))
    return path


def with_ancestors(registry: Registry, folder: Path) -> Registry:
    """The registry with a base model and a dataset of numbers; their files lie in the folder."""
    registry.register_model(trained(folder / "base"), name="base", from_scratch=True)
    registry.register_dataset(rows(folder / "numbers.jsonl"), name="numbers", authored=True)
    return registry


def lineage(registry: Registry, name: str) -> set[str]:
    """The parents of a model, as ``verb parent``."""
    return {f"{one.kind} {one.parent}" for one in registry.view().show(name).parents}
