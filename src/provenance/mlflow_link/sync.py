"""Writes to MLflow what it lacks: idempotent, resumable, and only what changed.

An object's state is remembered after MLflow has acknowledged it. A sync that dies in between writes the object again, and finds
the one that is there by its key, which stood in the call that created it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from provenance.facts import Snapshot
from provenance.mlflow_link.adapter import RefusedError, connect
from provenance.mlflow_link.desired import desired
from provenance.mlflow_link.plan import ProjectionState, pending
from provenance.risk.report import RiskReport


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
        unchanged: Objects that needed nothing, and cost no call.
        failed: Objects that MLflow refused; they stay pending.
        seconds: How long it took.
    """

    created: int
    updated: int
    unchanged: int
    failed: tuple[Failure, ...]
    seconds: float


def sync(
    snapshot: Snapshot,
    report: RiskReport,
    *,
    uri: str,
    state: ProjectionState,
    progress: Callable[[int, int], None] | None = None,
) -> SyncReport:
    """Brings one MLflow up to date.

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
    wanted = desired(snapshot, report)
    told = state.all()
    todo = pending(wanted, told)
    ids = {subject: external_id for subject, (_, external_id) in told.items()}
    created = updated = 0
    failed: list[Failure] = []
    if todo:  # With nothing to write, MLflow is not even imported.
        with connect(uri) as mlflow:
            for done, item in enumerate(todo, 1):
                try:
                    written = mlflow.write(item.desired, item.external_id, ids)
                except RefusedError as error:
                    failed.append(Failure(subject=item.desired.subject, message=error.message))
                else:
                    ids[item.desired.subject] = written.external_id
                    state.put(item.desired.subject, item.digest, written.external_id)
                    created, updated = created + written.created, updated + (not written.created)
                if progress is not None:
                    progress(done, len(todo))
    return SyncReport(
        created=created,
        updated=updated,
        unchanged=len(wanted) - len(todo),
        failed=tuple(failed),
        seconds=time.perf_counter() - began,
    )
