"""Drains what is pending: the ledger is the list of it, and the cursor says how far MLflow was told.

Everything that the facts after the cursor bear on is compared with the memory of what MLflow was told, what differs is written, and the
cursor moves when each of these objects was acknowledged or is remembered as refused. What was refused is tried again by the next sync.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from provenance.mlflow_link.changes import since
from provenance.mlflow_link.marks import EstrangedError, agree
from provenance.mlflow_link.objects import Desired
from provenance.mlflow_link.plan import references
from provenance.mlflow_link.showing import EVERYTHING, Scope, Showing
from provenance.mlflow_link.sync import Progress, SyncReport, Writer, writing
from provenance.store import StoredProjection

Look = Callable[[], Showing]
"""Tells what there is to show now."""


def drain(look: Look, state: StoredProjection, *, uri: str, progress: Progress | None = None) -> SyncReport:
    """Tells MLflow everything that it was not told yet, until the ledger has nothing more.

    Args:
        look: Tells what there is to show now.
        state: The memory of this MLflow; no other process may tell it meanwhile, see `StoredProjection.held`.
        uri: Where it is.
        progress: Told (objects done, objects to do) after each object.

    Raises:
        MlflowError: MLflow can't be opened or does not answer. What was written until then is remembered.
    """
    began = time.perf_counter()
    known = state.failures()
    retried = tuple(failure.about for failure in known)
    with writing(uri, progress=progress, agreeing=lambda opened: agree(opened.experiment, state)) as mlflow:
        showing = look()
        while True:
            stretch = since(state.cursor(), showing, state, retried=retried)
            try:
                _tell(mlflow, showing, stretch.scope, state)
            except EstrangedError:
                continue  # Nothing was written, and nothing is remembered any more.
            mlflow.missing -= {failure.subject for failure in known}
            _mend(mlflow, showing, state)
            state.move(stretch.until)
            showing, retried = look(), ()
            if (
                showing.reading.head.digest == stretch.until.head
                and not state.bound_after(stretch.until.bindings)[0]
            ):
                return mlflow.report(began)


def _tell(mlflow: Writer, showing: Showing, scope: Scope, state: StoredProjection) -> None:
    wanted = showing.objects(scope, state.bindings)
    write(mlflow, wanted, told_of(wanted, scope, state), state)
    remember_failures(mlflow, wanted, scope, state)


def _mend(mlflow: Writer, showing: Showing, state: StoredProjection) -> None:
    """Makes whole again what was deleted in MLflow, where that was found out.

    What was made again has lost its links, others' links lead to what it was before, and where something that an object refers to is
    missing, that has to be made first. Which objects these are is known by looking at everything.
    """
    if not mlflow.remade and not mlflow.missing:
        return
    wanted = showing.objects(EVERYTHING, state.bindings)
    doubted: set[str] = set()
    while lacking := set(doubtful(wanted, mlflow.remade, mlflow.missing)) - doubted:
        mlflow.remade.clear()
        mlflow.missing.clear()
        doubted |= lacking
        state.doubt(lacking)
        write(mlflow, wanted, state.all(), state)
    mlflow.remade.clear()
    mlflow.missing.clear()
    remember_failures(mlflow, wanted, EVERYTHING, state)


def doubtful(wanted: Collection[Desired], remade: set[str], missing: set[str]) -> Iterator[str]:
    """The subjects of what is not as it was told: what is shown with what had to be made again, what leads there, and what is missing."""
    around = {item.about for item in wanted if item.subject in remade}
    for item in wanted:
        if item.about in around or not remade.isdisjoint(references(item)):
            yield item.subject
        if item.subject in missing:
            yield from references(item)


def write(
    mlflow: Writer, wanted: Sequence[Desired], told: Mapping[str, tuple[str, str]], state: StoredProjection
) -> bool:
    """Writes what is pending of some objects; whether there was time for all."""
    with state.remembering() as keeper:
        return mlflow.write(wanted, told, keeper)


def told_of(wanted: Iterable[Desired], scope: Scope, state: StoredProjection) -> dict[str, tuple[str, str]]:
    """What MLflow was told of some objects and of those that they refer to."""
    if scope == EVERYTHING:
        return state.all()
    return state.told({subject for item in wanted for subject in (item.subject, *references(item))})


def remember_failures(
    mlflow: Writer, wanted: Iterable[Desired], scope: Scope, state: StoredProjection
) -> None:
    """Remembers what was refused of some objects, and forgets what had been and is needed no more."""
    about = {item.subject: item.about for item in wanted}
    for subject, error in mlflow.failed.items():
        if subject in about:
            state.failed(subject, about=about[subject], message=error.message)
    looked_at = {*map(str, scope.artifacts or ()), *(scope.tests or ())}
    recovered = [
        failure.subject
        for failure in state.failures()
        if failure.subject not in mlflow.failed and (scope == EVERYTHING or failure.about in looked_at)
    ]
    if recovered:
        state.recovered(recovered)
