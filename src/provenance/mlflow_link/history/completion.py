"""What a history refers to, looked for until nothing more is named: the same steps for every reader."""

from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from provenance.mlflow_link.history.naming import address
from provenance.mlflow_link.history.records import LoggedModel, Run, Version, model_named

ReadingProgress = Callable[[int, int], None]
"""Told how many runs that made a model were read, of how many that are known of."""


class Finder(Protocol):
    """Looks up one object of an MLflow."""

    def run(self, run_id: str) -> Run | None:
        """A run with all its inputs, deleted or not; None where there is none."""
        ...

    def model(self, model_id: str) -> LoggedModel | None:
        """A logged model; None where there is none, or it was deleted."""
        ...


def complete(
    runs: dict[str, Run],
    models: dict[str, LoggedModel],
    versions: Iterable[Version],
    finder: Finder,
    *,
    ours: Collection[str],
    whole: bool,
    progress: ReadingProgress,
) -> frozenset[str]:
    """Reads in full the runs that made a model, and adds the runs and logged models that are referred to.

    Args:
        runs: By id, those that are known so far; what is found is added, or takes their place.
        models: By id, likewise.
        versions: The versions that count: all of them, or the new ones.
        finder: Where to look.
        ours: Versions (``name/number``), runs and logged models that our own projection wrote. They lead to nothing.
        whole: Whether to go on to what made the models that are found. Without it, they are taken to be recorded already.
        progress: See `ReadingProgress`.

    Returns:
        The ids of all runs and logged models that were looked for.
    """
    others = [one for one in versions if address(one) not in ours]
    wanted = {run.id for run in runs.values() if run.outputs} | {one.run for one in others if one.run}
    wanted |= {model.run for model in models.values() if model.run}
    sources = {named for one in others if (named := model_named(one.source)) is not None}
    read: set[str] = set()
    sought: set[str] = set()
    while wanted - read or sources - sought:
        for run_id in sorted(wanted - read):
            read.add(run_id)
            run = finder.run(run_id)
            progress(len(read), len(wanted))
            if run is not None:
                runs[run_id] = run
                sources |= {*run.inputs, *run.outputs}
        for model_id in sorted(sources - sought):
            model = models.get(model_id) or finder.model(model_id)
            if model is not None:
                models[model_id] = model
                if whole and model.run and model_id not in ours:
                    wanted.add(model.run)
        sought |= sources
    return frozenset(read | sought)
