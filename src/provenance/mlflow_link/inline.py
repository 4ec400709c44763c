"""Tells a server at once of what was just registered, as far as a second goes; what that leaves stays pending.

A registration is recorded before this begins, and nothing that happens here takes it back: it ends in words for people, short
ones, since they may come with every registration.
"""

import time
from collections.abc import Collection, Iterable

from provenance.artifacts import ArtifactId
from provenance.errors import ProvenanceError
from provenance.mlflow_link.changes import Stretch, since
from provenance.mlflow_link.drain import Look, doubtful, remember_failures, told_of, write
from provenance.mlflow_link.marks import agree
from provenance.mlflow_link.objects import Desired, Run
from provenance.mlflow_link.plan import pending, references
from provenance.mlflow_link.port import RESUME
from provenance.mlflow_link.showing import Scope, Showing
from provenance.mlflow_link.sync import Writer, writing
from provenance.store import StoredProjection

MOST_ARTIFACTS = 20
"""As many artifacts are shown at once; more are left to a sync."""
_FEW_FACTS = 4 * MOST_ARTIFACTS
"""Of a registry with no more facts, everything is looked at as fast as a part."""
_BUDGET_S = 1.0
_SILENCE_S = 0.5  # a server that keeps silent for longer is taken to be away
_PATIENCE_S = 0.5  # for another process that is telling it, most often of a registration that takes no longer
_BUSY = "another process is writing to MLflow: see `provenance mlflow status`"
_LATER = "`provenance mlflow sync` writes the rest"
_OUT_OF_TIME = "was not told all of it in a second"


def tell_at_once(
    look: Look, state: StoredProjection, registered: Collection[ArtifactId], *, after: int, uri: str
) -> str | None:
    """Tells a server of what was just registered.

    Args:
        look: Tells what there is to show now.
        state: The memory of this MLflow.
        registered: The artifacts.
        after: The last position of the ledger before they were registered.
        uri: Where the server is.

    Returns:
        What people should know; None where all was told.
    """
    from provenance.mlflow_link.hangup import deadline

    end = time.monotonic() + _BUDGET_S
    try:
        with state.held(patience_s=_PATIENCE_S) as is_ours:
            if not is_ours:
                return _BUSY
            with (
                deadline(end),
                writing(
                    uri,
                    timeout_s=_SILENCE_S,
                    deadline=end,
                    agreeing=lambda opened: agree(opened.experiment, state),
                ) as mlflow,
            ):
                left = _tell(mlflow, look(), state, registered, after)
    except ProvenanceError as error:
        return _why_not(error) if time.monotonic() < end else f"MLflow {_OUT_OF_TIME}; {_LATER}"
    if mlflow.failed:
        message = next(iter(mlflow.failed.values())).message
        return (
            f"MLflow refused {len(mlflow.failed)} of the objects ({message}): see `provenance mlflow status`"
        )
    return f"MLflow {left}; {_LATER}" if left else None


def _why_not(error: ProvenanceError) -> str:
    """Why a server was not told, and what to do; a sync does by itself only where nobody answered."""
    if error.hint == RESUME:
        return f"not in MLflow yet: {error.message}; `provenance mlflow sync` writes it later"
    return f"not in MLflow: {error.message}" + (f". {error.hint}" if error.hint else "")


def _tell(
    mlflow: Writer, showing: Showing, state: StoredProjection, registered: Collection[ArtifactId], after: int
) -> str | None:
    """Tells what there is time for; returns what is left, in words."""
    if len(registered) > MOST_ARTIFACTS:
        return f"is not told of {len(registered)} artifacts at once"
    cursor = state.cursor()
    was_current = after == 0 if cursor is None else cursor.position >= after
    if was_current and (cursor is None or cursor.basis == showing.basis):
        stretch = since(cursor, showing, state)
        if _is_small(stretch, showing):
            return _tell_stretch(mlflow, showing, state, stretch)
    if not _tell_of(mlflow, showing, state, registered):
        return _OUT_OF_TIME
    return "was told of this alone, and lags behind"


def _tell_stretch(mlflow: Writer, showing: Showing, state: StoredProjection, stretch: Stretch) -> str | None:
    """Writes all that is pending but what has to be drawn first, which takes longer than there is; moves the cursor where nothing is left."""
    found = showing.objects(stretch.scope, state.bindings)
    drawn = {item.subject for item in found if isinstance(item, Run) and item.pictures}
    wanted = [item for item in found if item.subject not in drawn and drawn.isdisjoint(references(item))]
    told = told_of(found, stretch.scope, state)
    done = write(mlflow, wanted, told, state)
    remember_failures(mlflow, wanted, stretch.scope, state)
    if not done:
        return _OUT_OF_TIME
    if mlflow.remade or mlflow.missing:
        state.doubt(set(doubtful(found, mlflow.remade, mlflow.missing)))
        return "lacks something that it was told before"
    if any(item.desired.subject in drawn for item in pending(found, told)):
        return "was not told of its tests, whose pictures take time"
    state.move(stretch.until)
    return None


def _is_small(stretch: Stretch, showing: Showing) -> bool:
    artifacts = stretch.scope.artifacts
    if artifacts is None:
        return showing.reading.head.entries <= _FEW_FACTS
    return len(artifacts) <= MOST_ARTIFACTS


def _tell_of(
    mlflow: Writer, showing: Showing, state: StoredProjection, registered: Iterable[ArtifactId]
) -> bool:
    """Writes some artifacts' own objects and what these refer to, whatever else is pending; whether there was time for all."""
    own = {str(one) for one in registered}
    near = showing.reading.subtable(map(ArtifactId.parse, own), up=True, depth=1)
    scope = Scope(artifacts=tuple(map(ArtifactId.parse, near.keys)), tests=())
    found = showing.objects(scope, state.bindings)
    told = told_of(found, scope, state)
    needed = _needed(found, own)
    wanted = [
        item for item in found if item.about in own or (item.subject in needed and item.subject not in told)
    ]
    done = write(mlflow, wanted, told, state)
    remember_failures(mlflow, wanted, Scope(artifacts=tuple(registered), tests=()), state)
    return done


def _needed(found: Iterable[Desired], own: Collection[str]) -> set[str]:
    """The subjects that some artifacts' objects refer to, and that these refer to."""
    by_subject = {item.subject: item for item in found}
    frontier = [subject for item in by_subject.values() if item.about in own for subject in references(item)]
    needed: set[str] = set()
    while frontier:
        subject = frontier.pop()
        if subject not in needed and subject in by_subject:
            needed.add(subject)
            frontier += references(by_subject[subject])
    return needed
