"""Writes to MLflow what it lacks: idempotent, resumable, and only what changed.

An object's state is remembered after MLflow has acknowledged it. A sync that dies in between writes the object again, and finds
the one that is there by its key, which stood in the call that created it.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from provenance.facts import Snapshot
from provenance.mlflow_link.adapter import Mlflow, RefusedError, connect
from provenance.mlflow_link.desired import desired
from provenance.mlflow_link.objects import Desired
from provenance.mlflow_link.plan import Keeper, Pending, ProjectionState, pending, references
from provenance.mlflow_link.port import MissingError
from provenance.risk.report import RiskReport

Progress = Callable[[int, int], None]
"""Told (objects done, objects to do) after each object."""

Agreeing = Callable[[Mlflow], None]
"""Told of an MLflow that was opened to be written to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An object that MLflow would not take.

    Args:
        subject: Which.
        message: Why, in MLflow's words.
    """

    subject: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What a sync did.

    Args:
        created: Objects that were not in MLflow before.
        updated: Objects that were there and were brought up to date.
        unchanged: Objects that were looked at, needed nothing, and cost no call.
        failed: Objects that MLflow refused; they stay pending.
        calls: Calls to MLflow.
        seconds: How long it took.
    """

    created: int
    updated: int
    unchanged: int
    failed: tuple[Failure, ...]
    calls: int
    seconds: float


class Writer:
    """Writes objects to one MLflow, which is opened when there is something to write; made by `writing`.

    Args:
        opened: Closes it in the end.
        uri: Where it is.
        timeout_s: How long a server may keep silent, in seconds.
        deadline: When to stop, on the clock of `time.monotonic`; None for never.
        progress: Told after each object.
        agreeing: Told once of the open MLflow, before anything is written; what it raises ends the writing.
    """

    def __init__(
        self,
        opened: ExitStack,
        uri: str,
        *,
        timeout_s: float,
        deadline: float | None,
        progress: Progress | None,
        agreeing: Agreeing | None,
    ) -> None:
        self._opened = opened
        self._uri = uri
        self._timeout_s = timeout_s
        self._deadline = deadline
        self._progress = progress
        self._agreeing = agreeing
        self._mlflow: Mlflow | None = None
        self._has_read_ahead = False
        self.created = self.updated = self.unchanged = 0
        self.failed: dict[str, RefusedError] = {}
        self.remade: set[str] = set()
        self.missing: set[str] = set()

    @property
    def calls(self) -> int:
        """Calls to MLflow so far."""
        return 0 if self._mlflow is None else self._mlflow.calls

    def write(self, wanted: Sequence[Desired], told: Mapping[str, tuple[str, str]], keeper: Keeper) -> bool:
        """Writes those objects that are pending, and remembers each.

        What MLflow refuses stands in `failed` afterwards; what was remembered and had to be made again, in `remade`; what refers to
        something that is gone, in `missing`.

        Args:
            wanted: The objects, each after those that it refers to.
            told: What MLflow was told of them and of what they refer to.
            keeper: Remembers it.

        Returns:
            Whether there was time for all of them.

        Raises:
            MlflowError: MLflow can't be opened or does not answer.
        """
        todo = pending(wanted, told)
        self.unchanged += sum(item.subject in told for item in wanted)
        self.unchanged -= sum(item.external_id is not None for item in todo)
        ids = {subject: external_id for subject, (_, external_id) in told.items()}
        for done, item in enumerate(todo, 1):
            if self._deadline is not None and time.monotonic() > self._deadline:
                return False
            self._write(item, ids, keeper, todo)
            if self._progress is not None:
                self._progress(done, len(todo))
        return True

    def _write(self, item: Pending, ids: dict[str, str], keeper: Keeper, todo: Sequence[Pending]) -> None:
        subject = item.desired.subject
        try:
            written = self._open(todo).write(item.desired, item.external_id, ids)
        except RefusedError as error:
            self.failed[subject] = error
            if isinstance(error, MissingError) and references(item.desired):
                self.missing.add(subject)
            return
        self.failed.pop(subject, None)
        ids[subject] = written.external_id
        keeper.put(subject, item.digest, written.external_id)
        if written.created:
            self.created += 1
        else:
            self.updated += 1
        if written.created and item.external_id is not None:
            self.remade.add(subject)

    def _open(self, todo: Sequence[Pending]) -> Mlflow:
        if self._mlflow is None:
            self._mlflow = self._opened.enter_context(connect(self._uri, self._timeout_s))
            if self._agreeing is not None:
                self._agreeing(self._mlflow)
        if not self._has_read_ahead:
            self._has_read_ahead = True
            self._mlflow.prefetch(item.desired for item in todo)
        return self._mlflow

    def report(self, began: float) -> SyncReport:
        """What was done since a moment on the clock of `time.perf_counter`."""
        return SyncReport(
            created=self.created,
            updated=self.updated,
            unchanged=self.unchanged,
            failed=tuple(
                Failure(subject=subject, message=error.message) for subject, error in self.failed.items()
            ),
            calls=self.calls,
            seconds=time.perf_counter() - began,
        )


@contextmanager
def writing(
    uri: str,
    *,
    timeout_s: float = 15.0,
    deadline: float | None = None,
    progress: Progress | None = None,
    agreeing: Agreeing | None = None,
) -> Iterator[Writer]:
    """Writes to one MLflow, see `Writer`."""
    with ExitStack() as opened:
        yield Writer(
            opened, uri, timeout_s=timeout_s, deadline=deadline, progress=progress, agreeing=agreeing
        )


def sync(
    snapshot: Snapshot,
    report: RiskReport,
    *,
    uri: str,
    state: ProjectionState,
    progress: Progress | None = None,
) -> SyncReport:
    """Brings one MLflow up to date with some facts, all of which are looked at.

    Args:
        snapshot: The facts.
        report: The risks of its artifacts.
        uri: ``sqlite:///path/mlflow.db`` for an embedded store, or ``http(s)://host`` for a server.
        state: What this MLflow was told before.
        progress: Told (objects done, objects to do) after each object.

    Raises:
        MlflowError: MLflow can't be opened or does not answer. What was written until then is remembered.
    """
    began = time.perf_counter()
    with writing(uri, progress=progress) as mlflow:
        mlflow.write(desired(snapshot, report), state.all(), state)
        return mlflow.report(began)
