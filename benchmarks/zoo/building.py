"""From recipes to model folders, each made once: the cache is keyed by the digest of the recipe and of the code behind it."""

import ast
import hashlib
import inspect
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from importlib import import_module, metadata
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.zoo.recipes import Recipe

if TYPE_CHECKING:
    from benchmarks.zoo.models import Model

HOME = "PROVENANCE_ZOO"
RECIPE = "recipe.json"
TOLERANCE = 1e-3
"""Of the outputs' spread: how far a disguise may move them. Rounding moves them by a hundredth of that."""
ACTIONS: Mapping[str, str] = {
    "train": "training",
    "distil": "training",
    "adapt": "training",
    "quantise": "compression",
    "prune": "compression",
    "merge": "compression",
    "drown": "compression",
    "extend_vocabulary": "surgery",
    "upscale": "surgery",
    "drop_layer": "surgery",
    "upcycle": "surgery",
    "adopt": "surgery",
    "excerpt": "surgery",
    "permute": "disguise",
    "rotate": "disguise",
    "scale": "disguise",
    "rotate_values": "disguise",
    "flip_signs": "disguise",
}
"""Action to the module that holds the function of that name."""
_FOUNDATIONS = ("models", "data")
_NEEDS = {"disguise": ("anatomy",)}
_PRESERVING = "disguise"
_LIBRARIES = ("torch", "transformers", "peft", "scikit-learn")


def zoo_home() -> Path:
    """Where models are kept: $PROVENANCE_ZOO, or a folder in the user's cache."""
    if HOME in os.environ:
        return Path(os.environ[HOME])
    caches = os.environ.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "provenance-zoo"


@cache
def versions() -> Mapping[str, str]:
    """Digests of the code behind each action and, under the empty name, of what all rest on. Comments do not count."""
    libraries = [f"{name} {metadata.version(name)}" for name in _LIBRARIES]
    modules = {
        module: _meaning(module) for module in {*_FOUNDATIONS, *ACTIONS.values(), *sum(_NEEDS.values(), ())}
    }
    found = {
        action: _digest([modules[module], *(modules[name] for name in _NEEDS.get(module, ()))])
        for action, module in ACTIONS.items()
    }
    foundation = [*(modules[name] for name in _FOUNDATIONS), platform.python_version(), *libraries]
    return found | {"": _digest(foundation)}


def folder_of(recipe: Recipe, home: Path) -> Path:
    """Where a model is, or will be."""
    return home / recipe.digest(versions())


def build(recipe: Recipe, home: Path) -> Path:
    """Makes a model, and those that it is made of, unless they are there.

    The folder appears at once and whole: whoever is interrupted, or comes second, leaves nothing half made.
    """
    folder = folder_of(recipe, home)
    if folder.is_dir():
        return folder
    needed = {one: build(one, home) for one in recipe.needs()}
    home.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="unfinished-", dir=home))
    try:
        _make(recipe, needed, scratch)
        (scratch / RECIPE).write_text(json.dumps(recipe.document(versions()), indent=1, sort_keys=True))
        try:
            scratch.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def build_all(
    recipes: Iterable[Recipe], home: Path, workers: int, told: Callable[[str], None] = print
) -> None:
    """Makes many models, those first that others are made of."""
    wanted: set[Recipe] = set()
    waiting = list(recipes)
    while waiting:
        recipe = waiting.pop()
        if recipe not in wanted:
            wanted.add(recipe)
            waiting += recipe.needs()
    missing = sorted(
        (recipe for recipe in wanted if not folder_of(recipe, home).is_dir()),
        key=lambda recipe: (recipe.depth(), repr(recipe)),
    )
    told(f"{len(wanted)} models, {len(missing)} of them missing")
    if not missing:
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), _one_thread) as pool:
        for depth, wave in groupby(missing, Recipe.depth):
            ready: Sequence[Recipe] = list(wave)
            for _ in pool.map(build, ready, [home] * len(ready)):
                pass
            told(f"{len(ready)} models that rest on {depth} others are made")


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _make(recipe: Recipe, needed: Mapping[Recipe, Path], folder: Path) -> None:
    from benchmarks.zoo.models import Model, fresh

    if not recipe.steps:
        fresh(recipe.architecture, recipe.width, recipe.seed).save(folder)
        return
    step = recipe.steps[-1]
    module = import_module(f"benchmarks.zoo.{ACTIONS[step.action]}")
    before = Model.load(needed[recipe.before()])
    options = {
        name: Model.load(needed[value]) if isinstance(value, Recipe) else value
        for name, value in step.options
    }
    after = getattr(module, step.action)(before, **options)
    after.save(folder)
    if ACTIONS[step.action] == _PRESERVING:
        moved = _moved(before, Model.load(folder))
        if not moved < TOLERANCE:
            raise AssertionError(
                f"{step.action} moved the outputs of {recipe.architecture} by {moved:.2g} of their spread"
            )


def _moved(before: "Model", after: "Model") -> float:
    """How far outputs moved at most, in units of their spread."""
    import torch

    from benchmarks.zoo.data import sample
    from benchmarks.zoo.models import outputs

    inputs = sample(before.is_language)
    with torch.no_grad():
        one, other = (outputs(model.module().eval(), inputs) for model in (before, after))
    return float((one - other).abs().max() / one.std())


def _meaning(module: str) -> str:
    """A module's source without comments and docstrings."""
    tree = ast.parse(inspect.getsource(import_module(f"benchmarks.zoo.{module}")))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [line for line in node.body if not _is_text(line)]
    return ast.dump(tree)


def _is_text(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
