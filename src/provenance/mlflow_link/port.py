"""What the projection needs of an MLflow, in values of our own: spoken by plain REST or in process.

Each method is one call to MLflow. Reads answer None where nothing is; what MLflow would not take is a `RefusedError`; an MLflow
that does not answer is an `MlflowError`, after which there is no use in trying the next object. No call is ever sent twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from provenance.errors import ProvenanceError
from provenance.mlflow_link.objects import KEY_TAG, DatasetInput, LoggedModel, Measurement, Run
from provenance.mlflow_link.text import shorten

T_co = TypeVar("T_co", covariant=True)

PAGE = 200
"""Objects that one page of a search holds at most: what a slow server answers well within the time-out."""
RESUME = "Nothing is lost: `provenance mlflow sync` goes on from here once it can."
"""The hint of every error that ends a sync."""
_LONGEST_WORDS = 300


class RefusedError(ProvenanceError):
    """MLflow does not take one object."""


class MissingError(RefusedError):
    """What should be changed is not there."""


class TakenError(RefusedError):
    """What should be created is there already."""


class ForbiddenError(RefusedError):
    """These credentials do not permit it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundExperiment:
    """An experiment.

    Args:
        experiment_id: MLflow's own name for it.
        active: Whether it was not deleted.
        tags: Its tags.
    """

    experiment_id: str
    active: bool
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRun:
    """A run as it stands in MLflow.

    Args:
        run_id: MLflow's own name for it.
        active: Whether it was not deleted.
        finished: Whether it has ended well.
        artifact_uri: Where its files are, as MLflow says.
        tags: Its tags.
        datasets: Name and digest of its dataset inputs.
        inputs: Logged models that went in; a search never tells them.
        outputs: Logged models that came out; a search never tells them.
    """

    run_id: str
    active: bool
    finished: bool
    artifact_uri: str
    tags: Mapping[str, str] = field(hash=False)
    datasets: frozenset[tuple[str, str]] = frozenset()
    inputs: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundModel:
    """A logged model as it stands in MLflow.

    Args:
        model_id: MLflow's own name for it.
        ready: Whether it is complete.
        tags: Its tags.
    """

    model_id: str
    ready: bool
    tags: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundVersion:
    """A registered version as it stands in MLflow.

    Args:
        name: The registered model.
        number: MLflow's number for it.
        tags: Its tags.
        description: Its description.
        made_at_ms: When it was made, in milliseconds since 1970.
    """

    name: str
    number: str
    made_at_ms: int
    tags: Mapping[str, str] = field(hash=False)
    description: str


@dataclass(frozen=True, slots=True)
class Page(Generic[T_co]):
    """A page of a search.

    Args:
        found: What is on it.
        next_token: What asks for the next page; None on the last.
    """

    found: tuple[T_co, ...]
    next_token: str | None


class Port(Protocol):
    """One open MLflow."""

    @property
    def calls(self) -> int:
        """Calls that were made."""
        ...

    def experiment(self, name: str) -> FoundExperiment | None:
        """Reads an experiment."""
        ...

    def create_experiment(self, name: str) -> str:
        """Creates an experiment.

        Returns:
            Its id.
        """
        ...

    def tag_experiment(self, experiment_id: str, key: str, value: str) -> None:
        """Sets a tag of an experiment."""
        ...

    def run(self, run_id: str) -> FoundRun | None:
        """Reads a run with its inputs and outputs."""
        ...

    def runs(self, experiment_id: str, key: str | None, page_token: str | None = None) -> Page[FoundRun]:
        """Searches the runs that bear a key; any key with None."""
        ...

    def create_run(self, experiment_id: str, desired: Run) -> FoundRun:
        """Creates a run with its tags; it is not finished yet."""
        ...

    def log(
        self, run_id: str, began_ms: int, metrics: Sequence[Measurement], tags: Mapping[str, str]
    ) -> None:
        """Adds metrics to a run, each at the time when it began, and sets tags."""
        ...

    def delete_run_tag(self, run_id: str, key: str) -> None:
        """Removes a tag of a run."""
        ...

    def finish_run(self, run_id: str, ended_ms: int) -> None:
        """Ends a run well."""
        ...

    def put_file(self, run: FoundRun, path: str, content: bytes) -> None:
        """Writes one of a run's artifact files; one that is there is replaced."""
        ...

    def link(self, run_id: str, datasets: Sequence[DatasetInput], models: Sequence[str]) -> None:
        """Adds inputs to a run."""
        ...

    def link_outputs(self, run_id: str, models: Sequence[str]) -> None:
        """Adds outputs to a run."""
        ...

    def logged_model(self, model_id: str) -> FoundModel | None:
        """Reads a logged model."""
        ...

    def logged_models(
        self, experiment_id: str, key: str | None, page_token: str | None = None
    ) -> Page[FoundModel]:
        """Searches the logged models that bear a key; any key with None."""
        ...

    def create_logged_model(self, experiment_id: str, desired: LoggedModel, run_id: str) -> FoundModel:
        """Creates a logged model without weights, with its tags and parameters; it is not ready yet."""
        ...

    def tag_logged_model(self, model_id: str, tags: Mapping[str, str]) -> None:
        """Sets tags of a logged model."""
        ...

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        """Removes a tag of a logged model."""
        ...

    def finish_logged_model(self, model_id: str) -> None:
        """Says that a logged model is complete."""
        ...

    def registered_model(self, name: str) -> Mapping[str, str] | None:
        """Reads the tags of a registered model."""
        ...

    def create_registered_model(self, name: str, tags: Mapping[str, str]) -> None:
        """Creates a registered model.

        Raises:
            TakenError: There is one of this name.
        """
        ...

    def version(self, name: str, number: str) -> FoundVersion | None:
        """Reads a registered version."""
        ...

    def versions(
        self, name: str | None, key: str | None, page_token: str | None = None
    ) -> Page[FoundVersion]:
        """Searches the versions of a registered model that bear a key; any name or any key with None."""
        ...

    def create_version(
        self, name: str, model_id: str, run_id: str, tags: Mapping[str, str], description: str
    ) -> FoundVersion:
        """Creates a registered version of a logged model."""
        ...

    def tag_version(self, name: str, number: str, key: str, value: str) -> None:
        """Sets a tag of a registered version."""
        ...

    def delete_version_tag(self, name: str, number: str, key: str) -> None:
        """Removes a tag of a registered version."""
        ...

    def describe_version(self, name: str, number: str, description: str) -> None:
        """Replaces the description of a registered version."""
        ...


def with_key(key: str | None, name: str | None = None) -> str:
    """The filter of a search for what bears a key, or any key of ours.

    Args:
        key: Hexadecimal.
        name: Of a registered model, as we make them: of letters, digits, spaces and a few marks, of which none is a quote.
    """
    bears = f"tags.`{KEY_TAG}` LIKE '%'" if key is None else f"tags.`{KEY_TAG}` = '{key}'"
    return bears if name is None else f"name = '{name}' AND {bears}"


def one_line(text: str) -> str:
    """What MLflow says, in one line of bearable length that does nothing to a terminal."""
    return shorten(" ".join(text.split()), _LONGEST_WORDS)
