"""How far an MLflow is behind. Nothing here loads mlflow or asks it."""

from dataclasses import dataclass
from datetime import datetime

from provenance.mlflow_link.changes import since
from provenance.mlflow_link.drain import told_of
from provenance.mlflow_link.plan import pending
from provenance.mlflow_link.showing import Showing
from provenance.store import Failure, StoredProjection

_COUNTED_ARTIFACTS = 1000
_COUNTED_FACTS = 20_000
"""Objects are counted where no more artifacts, or no more facts of a registry, have to be looked at: about a second's work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowStatus:
    """How far an MLflow is behind.

    Args:
        mlflow: Where it is.
        behind: Facts that came after all that it was told of; all where it was never told everything.
        since: When the first of these was recorded, aware, UTC; None where there is none.
        pending: Objects that it was not told of in their present state; None where too much would have to be looked at.
        failures: What it would not take, the oldest first; each sync tries again.
        is_running: Whether some process is telling it just now.
        bindings: Artifacts of which others made objects there.
    """

    mlflow: str
    behind: int
    since: datetime | None
    pending: int | None
    failures: tuple[Failure, ...]
    is_running: bool
    bindings: int


def lag(showing: Showing, state: StoredProjection) -> MlflowStatus:
    """How far an MLflow is behind what there is to show."""
    cursor = state.cursor()
    position = 0 if cursor is None else cursor.position
    return MlflowStatus(
        mlflow=state.target,
        behind=showing.reading.head.entries - position,
        since=state.oldest_after(position),
        pending=_pending(showing, state),
        failures=state.failures(),
        is_running=state.is_held(),
        bindings=state.bound(),
    )


def _pending(showing: Showing, state: StoredProjection) -> int | None:
    retried = (failure.about for failure in state.failures())
    scope = since(state.cursor(), showing, state, retried=retried).scope
    if scope.artifacts is None:
        is_much = showing.reading.head.entries > _COUNTED_FACTS
    else:
        is_much = len(scope.artifacts) > _COUNTED_ARTIFACTS
    if is_much:
        return None
    wanted = showing.objects(scope, state.bindings)
    return len(pending(wanted, told_of(wanted, scope, state)))
