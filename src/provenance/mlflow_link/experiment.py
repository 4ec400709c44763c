"""The experiment that holds the runs and logged models of the projection, and the marks of the registries that write there."""

from collections.abc import Iterator
from contextlib import contextmanager

from provenance.mlflow_link.address import MlflowError, shown
from provenance.mlflow_link.credentials import denied
from provenance.mlflow_link.objects import PREFIX
from provenance.mlflow_link.port import ForbiddenError, FoundExperiment, Port, RefusedError, TakenError

EXPERIMENT = "provenance"
"""Its name."""


class Experiment:
    """The experiment of the projection in one open MLflow; created where there is none.

    Args:
        port: What speaks to MLflow.
        uri: Where that is.

    Raises:
        MlflowError: It can't be had, or MLflow does not answer.
    """

    def __init__(self, port: Port, uri: str) -> None:
        self._port = port
        self._uri = uri
        with self._needed():
            self._found = _experiment(port, uri)

    @property
    def id(self) -> str:
        """MLflow's own name for it."""
        return self._found.experiment_id

    def mark(self, registry: str) -> str | None:
        """What a registry noted here before it wrote, see `provenance.mlflow_link.marks`; None where it never did."""
        return self._found.tags.get(_mark_tag(registry))

    def note(self, registry: str, mark: str) -> None:
        """Notes a mark of a registry.

        Raises:
            MlflowError: MLflow does not take it, or does not answer.
        """
        with self._needed():
            self._port.tag_experiment(self.id, _mark_tag(registry), mark)

    @contextmanager
    def _needed(self) -> Iterator[None]:
        """Nothing can be written where what is done within is refused."""
        try:
            yield
        except ForbiddenError as error:
            raise denied(self._uri, error.message) from error
        except RefusedError as error:
            raise MlflowError(
                f"MLflow at {shown(self._uri)} can't be used: {error.message}", hint=error.hint
            ) from error


def _mark_tag(registry: str) -> str:
    return f"{PREFIX}registry.{registry[:16]}"


def _experiment(port: Port, uri: str) -> FoundExperiment:
    found = port.experiment(EXPERIMENT)
    if found is None:
        try:
            return FoundExperiment(experiment_id=port.create_experiment(EXPERIMENT), active=True)
        except TakenError:
            found = port.experiment(EXPERIMENT)
            if found is None:
                raise
    if not found.active:
        raise MlflowError(
            f"the experiment {EXPERIMENT!r} in MLflow at {shown(uri)} was deleted",
            hint=f"Bring it back: mlflow experiments restore --experiment-id {found.experiment_id}",
        )
    return found
