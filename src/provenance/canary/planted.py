"""The planted canary of a recorded exposure: checkpoints in, a verdict out."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from provenance.canary import mlp
from provenance.canary.protocol import DEFAULT_THRESHOLD, MIN_RUNS, Backend, Progress, run_canary
from provenance.canary.result import CanaryResult
from provenance.errors import ContentError


class Setup(NamedTuple):
    """What an exposure's checkpoints turn into.

    Args:
        backend: The family of models.
        teacher: The model behind the teacher, as the backend holds models.
        base: What the student starts from.
    """

    backend: Backend[Any, Any]
    teacher: Any
    base: Any


def _mlp_setup(teacher: Path, student_base: Path, dataset: Path | None) -> Setup:
    teacher_model, base = mlp.load(teacher), mlp.load(student_base)
    sample = mlp.write(teacher_model, seed=0, rows=1) if dataset is None else mlp.read_channel(dataset)
    for model in (teacher_model, base):
        sample.require_fit(model.config)
    return Setup(mlp.MlpBackend(inputs=None if dataset is None else sample.inputs), teacher_model, base)


FAMILIES: Mapping[str, Callable[[Path, Path, Path | None], Setup]] = {mlp.MODEL_TYPE: _mlp_setup}
"""The ``model_type`` of a checkpoint's config.json, and what reads teacher, student base and dataset of that family."""


def recognises(path: Path) -> bool:
    """Whether canaries can run on a checkpoint: a folder whose config.json names a model type of `FAMILIES`."""
    return _model_type(path) in FAMILIES


def run(
    teacher: Path,
    student_base: Path,
    *,
    dataset: Path | None = None,
    seeds: int = MIN_RUNS,
    threshold: float = DEFAULT_THRESHOLD,
    progress: Progress | None = None,
) -> CanaryResult:
    """Would a hidden trait of this teacher pass to a student of this base through neutral data?

    Args:
        teacher: Folder of the model behind the teacher.
        student_base: Folder of the model that the student's training starts from.
        dataset: The exposure's own dataset, for its prompts; without it the canary makes neutral prompts itself.
        seeds: Number of training runs.
        threshold: The smallest effect that the policy cares about, as a share of the teacher's shift, in (0, 1].
        progress: Told the number of finished runs, and of all runs.

    Raises:
        ContentError: No canary runs on such checkpoints, they don't fit each other, or a file can't be read.
        ChannelError: The dataset holds the outputs that the trait is read from.
        UsageError: There are too few seeds or too many, or the threshold is outside (0, 1].
        MissingExtraError: A package of the extra ``canary`` is not installed.
    """
    family = FAMILIES.get(_model_type(teacher))
    if family is None or _model_type(student_base) != _model_type(teacher):
        raise ContentError(
            f"no canary runs on {teacher} and {student_base}: the model_type in their config.json is "
            f"{_model_type(teacher)!r} and {_model_type(student_base)!r}, and has to be the same one of {', '.join(FAMILIES)}"
        )
    backend, model, base = family(teacher, student_base, dataset)
    return run_canary(backend, [(model, base)] * seeds, threshold=threshold, progress=progress)


def _model_type(path: Path) -> str:
    """The model type in a folder's config.json; empty where there is none."""
    try:
        config: Any = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return ""
    match config:
        case {"model_type": str(name)}:
            return name
    return ""
