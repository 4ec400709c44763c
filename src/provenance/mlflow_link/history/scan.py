"""The reference reader: MLflow's own API, asked page by page.

A search tells no run's model inputs, so that each run which made a model costs a call of its own; a search of versions tells no
aliases and can't be bounded in time. Its pages count from the beginning of the list: where something is deleted meanwhile, one object
may be missed until the next scan. Runs and logged models are therefore read in windows of time.

A scan that knows how far the last one came reads what began, ended or was created since, and what still runs. MLflow lets inputs be
added to a run after it has ended, and tells nobody: only a scan of everything finds those.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

from provenance.mlflow_link.history.completion import ReadingProgress, complete
from provenance.mlflow_link.history.records import (
    PENDING,
    History,
    LoggedModel,
    Run,
    Version,
    model_named,
)
from provenance.mlflow_link.port import Page

CLOCKS_DIFFER_MS = 3_600_000
"""Times are those of the machines that wrote them: what is up to this much earlier than the last scan's end is read again."""

T = TypeVar("T")
T_timed = TypeVar("T_timed", Run, LoggedModel)


class Experiment(NamedTuple):
    """An experiment.

    Args:
        id: Its id.
        name: Its name.
        deleted: Whether it was deleted.
    """

    id: str
    name: str
    deleted: bool


class Archive(Protocol):
    """One open MLflow, to be read. Each method is one call."""

    def experiments(self, page_token: str | None) -> Page[Experiment]:
        """All experiments, deleted ones too."""
        ...

    def runs(self, experiment_id: str, which: str, page_token: str | None) -> Page[Run]:
        """The runs of an experiment that a filter lets through, the earliest first, without their model inputs; deleted ones too."""
        ...

    def models(self, experiment_id: str, which: str, page_token: str | None) -> Page[LoggedModel]:
        """The logged models of an experiment that a filter lets through, the earliest first."""
        ...

    def versions(self, page_token: str | None) -> Page[Version]:
        """All registered versions, without their aliases."""
        ...

    def aliases(self, page_token: str | None) -> Page[tuple[str, int, str]]:
        """Registered model, number and alias, of all that have one."""
        ...

    def run(self, run_id: str) -> Run | None:
        """A run with all its inputs."""
        ...

    def model(self, model_id: str) -> LoggedModel | None:
        """A logged model; None where it was deleted."""
        ...


class Reached(NamedTuple):
    """How far a scan came in one experiment, in milliseconds.

    Args:
        started: The latest begin of a run.
        ended: The latest end of a run.
        created: The latest creation of a logged model.
    """

    started: int = 0
    ended: int = 0
    created: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """How far a scan came.

    Args:
        experiments: The same for each experiment, by its id.
        versions: The latest creation of a registered version, in milliseconds.
        basis: What was looked for; where that changes, everything has to be read again.
        pending: The logged models that were being uploaded still, and are asked for again.
        places: Where the files are of the logged models which versions name by a place, by their ids.
    """

    experiments: Mapping[str, Reached] = field(hash=False)
    versions: int
    basis: str
    pending: tuple[str, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict, hash=False)


def scan(
    archive: Archive,
    *,
    own_experiment: str,
    since: Marks | None,
    basis: str,
    progress: ReadingProgress,
    ours: Collection[str] = (),
) -> tuple[History, Marks]:
    """Reads a history.

    Args:
        archive: The MLflow.
        own_experiment: The name of the experiment that a projection writes to.
        since: How far the last scan came; None to read everything.
        basis: What is looked for, in words that tell one from another.
        progress: See `ReadingProgress`.
        ours: What our own projection wrote, see `complete`.

    Returns:
        What was read, and how far that is.
    """
    now_ms = int(time.time() * 1000)  # A clock that is ahead must not hide what comes.
    found = {one.id: one for one in _pages(archive.experiments)}
    deleted = {key for key, one in found.items() if one.deleted}
    own = frozenset(key for key, one in found.items() if one.name == own_experiment)
    runs: dict[str, Run] = {}
    models: dict[str, LoggedModel] = {}
    marks: dict[str, Reached] = {}
    for key in sorted(found.keys() - deleted - own):
        before = since.experiments.get(key) if since else None
        new_runs, new_models = _runs(archive, key, before), _models(archive, key, before)
        runs |= new_runs
        models |= new_models
        reached = Reached(
            started=max((one.started_ms for one in new_runs.values()), default=0),
            ended=max((one.ended_ms for one in new_runs.values()), default=0),
            created=max((one.created_ms for one in new_models.values()), default=0),
        )
        both = zip(before or Reached(), reached, strict=True)
        marks[key] = Reached(*(min(max(pair), now_ms) for pair in both))
    models |= _finished(archive, since, models)
    versions = _versions(archive)
    from_ms = since.versions - CLOCKS_DIFFER_MS if since else 0
    counted = [one for one in versions if one.created_ms >= from_ms]
    looked_for = complete(runs, models, counted, archive, ours=ours, whole=since is None, progress=progress)
    sources = {model_named(one.source) for one in versions}
    places = dict(since.places) if since else {}
    places |= {key: one.place for key, one in models.items() if key in sources}
    latest = min(max((one.created_ms for one in versions), default=0), now_ms)
    history = History(
        experiments={key: one.name for key, one in found.items()},
        runs=runs,
        models=models,
        versions=versions,
        deleted_experiments=len(deleted - own),
        own_experiments=own,
        places={key: one for key, one in places.items() if key not in models},
        looked_for=None if since is None else looked_for | models.keys(),
    )
    pending = tuple(sorted(key for key, one in models.items() if one.status == PENDING))
    return history, Marks(experiments=marks, versions=latest, basis=basis, pending=pending, places=places)


def _finished(
    archive: Archive, since: Marks | None, models: Mapping[str, LoggedModel]
) -> dict[str, LoggedModel]:
    """What became of the logged models that were being uploaded at the last scan, and are not among those that were read."""
    asked = (archive.model(one) for one in (since.pending if since else ()) if one not in models)
    return {one.id: one for one in asked if one is not None}


def _pages(ask: Callable[[str | None], Page[T]]) -> Iterator[T]:
    page = ask(None)
    yield from page.found
    while page.next_token:
        page = ask(page.next_token)
        yield from page.found


def _runs(archive: Archive, experiment: str, before: Reached | None) -> dict[str, Run]:
    def ask(which: str, token: str | None) -> Page[Run]:
        return archive.runs(experiment, which, token)

    from_ms = before.started - CLOCKS_DIFFER_MS if before else 0
    found = _windows(ask, "attributes.start_time", from_ms, lambda one: one.started_ms)
    if before is not None:
        late = f"attributes.end_time >= {max(before.ended - CLOCKS_DIFFER_MS, 1)}"
        for which in (late, "attributes.status = 'RUNNING'"):
            found |= {one.id: one for one in _pages(lambda token, which=which: ask(which, token))}  # type: ignore[misc]
    return found


def _models(archive: Archive, experiment: str, before: Reached | None) -> dict[str, LoggedModel]:
    def ask(which: str, token: str | None) -> Page[LoggedModel]:
        return archive.models(experiment, which, token)

    from_ms = before.created - CLOCKS_DIFFER_MS if before else 0
    return _windows(ask, "creation_timestamp", from_ms, lambda one: one.created_ms)


def _windows(
    ask: Callable[[str, str | None], Page[T_timed]],
    attribute: str,
    from_ms: int,
    moment: Callable[[T_timed], int],
) -> dict[str, T_timed]:
    """Everything from a moment on: each page begins where the one before ended, which costs the same however many there are."""
    found: dict[str, T_timed] = {}
    token: str | None = None
    while True:
        page = ask(f"{attribute} >= {max(from_ms, 0)}", token)
        found |= {one.id: one for one in page.found}
        if not page.next_token:
            return found
        last = moment(page.found[-1])
        # More than a page of one moment can only be told apart by counting.
        from_ms, token = (last, None) if last > from_ms else (from_ms, page.next_token)


def _versions(archive: Archive) -> tuple[Version, ...]:
    aliases: dict[tuple[str, int], set[str]] = {}
    for name, number, alias in _pages(archive.aliases):
        aliases.setdefault((name, number), set()).add(alias)
    found = {(one.name, one.number): one for one in _pages(archive.versions)}
    return tuple(
        one._replace(aliases=tuple(sorted(aliases.get(key, ())))) for key, one in sorted(found.items())
    )
