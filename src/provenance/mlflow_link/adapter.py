"""Every call to MLflow, and nothing else: one idempotent write for each type of object.

Only the client and the entities of MLflow are used, as they have stood since 3.10.1. No model is ever loaded through
MLflow, and no source that stands there is ever followed. The fluent functions (`mlflow.create_external_model`,
`mlflow.start_run`) are left aside: they act on the caller's own active run and tracking URI.
"""

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from provenance.errors import ProvenanceError
from provenance.mlflow_link.address import MlflowError, artifact_location, shown
from provenance.mlflow_link.objects import (
    KEY_TAG,
    NAME_TAG,
    NOTE_TAG,
    PREFIX,
    DatasetInput,
    Desired,
    Links,
    LoggedModel,
    ModelVersion,
    RegisteredModel,
    Run,
)

if TYPE_CHECKING:
    from mlflow import entities
    from mlflow.client import MlflowClient
    from mlflow.exceptions import MlflowException

EXPERIMENT = "provenance"
"""The experiment that holds the runs and logged models of the projection."""

T = TypeVar("T")

_ENVIRONMENT: Mapping[str, str] = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    # A request that is sent again after a time-out may create its object twice. We look before we write again; urllib3 does not.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
}
_MISSING = "RESOURCE_DOES_NOT_EXIST"
# With these there is no use in trying the next object.
_FATAL = frozenset(
    {"UNAUTHENTICATED", "PERMISSION_DENIED", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED"}
)
_TAGS_PER_CALL = 100
_RESUME = "Nothing is lost: `provenance mlflow sync` goes on from here once it can."


class RefusedError(ProvenanceError):
    """MLflow does not take one object."""


@dataclass(frozen=True, slots=True)
class Written:
    """An object that MLflow has acknowledged.

    Args:
        external_id: MLflow's own name for it.
        created: Whether it was not there before.
    """

    external_id: str
    created: bool


@contextmanager
def connect(uri: str) -> "Iterator[Mlflow]":
    """Opens one MLflow. What is set for it in this process is set back afterwards.

    Args:
        uri: ``sqlite:///path/mlflow.db`` or ``http(s)://host``.

    Raises:
        UsageError: The URI is neither.
        MlflowError: It can't be opened or does not answer.
    """
    artifacts = artifact_location(uri)
    with _environment(_ENVIRONMENT), _quiet():
        import mlflow
        from mlflow.exceptions import MlflowException

        try:
            client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
            experiment = client.get_experiment_by_name(EXPERIMENT)
            if experiment is not None and experiment.lifecycle_stage != "active":
                raise MlflowError(
                    f"the experiment {EXPERIMENT!r} in MLflow at {shown(uri)} was deleted",
                    hint=f"Bring it back: mlflow experiments restore --experiment-id {experiment.experiment_id}",
                )
            experiment_id = (
                experiment.experiment_id
                if experiment is not None
                else client.create_experiment(EXPERIMENT, artifact_location=artifacts)
            )
        except MlflowException as error:
            raise MlflowError(
                f"MLflow at {shown(uri)} can't be opened: {_words(error, uri)}", hint=_RESUME
            ) from error
        yield Mlflow(client, uri, experiment_id)


class Mlflow:
    """One open MLflow.

    Args:
        client: MLflow's own client.
        uri: Where it is.
        experiment_id: The experiment of the projection.
    """

    def __init__(self, client: "MlflowClient", uri: str, experiment_id: str) -> None:
        self._client = client
        self._uri = uri
        self._experiment_id = experiment_id

    def write(self, desired: Desired, external_id: str | None, ids: Mapping[str, str]) -> Written:
        """Creates an object or brings it up to date; doing it twice is the same as once.

        Args:
            desired: The object.
            external_id: MLflow's own name for it, if known from before.
            ids: Subject to external id of the objects that it may refer to.

        Raises:
            RefusedError: MLflow does not take this object, or one that it refers to is missing.
            MlflowError: MLflow does not answer.
        """
        from mlflow.exceptions import MlflowException, RestException

        try:
            return self._write(desired, external_id, ids)
        except OSError as error:
            raise RefusedError(f"its files can't be stored: {error}") from error
        except MlflowException as error:
            remote = self._uri.startswith("http")
            unanswered = (
                remote and error.error_code == "INTERNAL_ERROR" and not isinstance(error, RestException)
            )
            if unanswered or error.error_code in _FATAL:
                raise MlflowError(
                    f"MLflow at {shown(self._uri)} stopped answering at the {desired.subject!r}: "
                    f"{_words(error, self._uri)}",
                    hint=_RESUME,
                ) from error
            raise RefusedError(_words(error, self._uri)) from error

    def _write(self, desired: Desired, external_id: str | None, ids: Mapping[str, str]) -> Written:
        match desired:
            case Run():
                return self._run(desired, external_id)
            case LoggedModel():
                return self._logged_model(desired, external_id, ids)
            case RegisteredModel():
                return self._registered_model(desired)
            case ModelVersion():
                return self._model_version(desired, external_id, ids)
            case Links():
                return self._links(desired, ids)

    def _run(self, desired: Run, external_id: str | None) -> Written:
        from mlflow.entities import Metric

        began_ms = int(desired.began_at.timestamp() * 1000)
        found = self._found(external_id, self._run_by_id, desired.key, self._run_by_key)
        run = found or self._client.create_run(
            self._experiment_id, start_time=began_ms, tags=dict(desired.tags), run_name=desired.name
        )
        run_id = run.info.run_id
        metrics = [Metric(item.key, item.value, began_ms, item.step) for item in desired.metrics]
        if metrics and run.info.status != "FINISHED":
            self._client.log_batch(run_id, metrics=metrics)
        for path, text in desired.texts.items():
            self._client.log_text(run_id, text, path)
        self._tag(
            run.data.tags,
            desired.tags,
            set_all=lambda tags: self._tag_run(run_id, tags),
            delete=lambda key: self._client.delete_tag(run_id, key),
        )
        if run.info.status != "FINISHED":
            self._client.set_terminated(run_id, "FINISHED", end_time=began_ms)
        return Written(run_id, found is None)

    def _logged_model(self, desired: LoggedModel, external_id: str | None, ids: Mapping[str, str]) -> Written:
        found = self._found(external_id, self._client.get_logged_model, desired.key, self._model_by_key)
        model = found or self._client.create_logged_model(
            self._experiment_id,
            name=desired.name,
            source_run_id=_id(ids, desired.run),
            tags={**desired.tags, "mlflow.model.isExternal": "true"},
            params=dict(desired.params),
            model_type=desired.kind,
        )
        model_id: str = model.model_id
        self._tag(
            model.tags,
            desired.tags,
            set_all=lambda tags: self._client.set_logged_model_tags(model_id, tags),
            delete=lambda key: self._client.delete_logged_model_tag(model_id, key),
        )
        if model.status != "READY":
            self._client.finalize_logged_model(model_id, "READY")
        return Written(model_id, found is None)

    def _registered_model(self, desired: RegisteredModel) -> Written:
        for name in desired.names:
            found = self._existing(self._client.get_registered_model, name)
            if found is None:
                self._client.create_registered_model(name, tags={NAME_TAG: desired.true_name})
                return Written(name, created=True)
            if found.tags.get(NAME_TAG) == desired.true_name:
                return Written(name, created=False)
        raise RefusedError(
            f"the registered model {desired.names[-1]!r} exists in MLflow and is somebody else's",
            hint=f"Rename it there, or give it the tag {NAME_TAG} = {desired.true_name}.",
        )

    def _model_version(
        self, desired: ModelVersion, external_id: str | None, ids: Mapping[str, str]
    ) -> Written:
        found = self._found(external_id, self._version_by_id, desired.key, self._version_by_key)
        version = found or self._create_version(desired, ids)
        name, number = version.name, version.version
        self._tag(
            version.tags,
            desired.tags,
            set_all=lambda tags: self._tag_version(name, number, tags),
            delete=lambda key: self._client.delete_model_version_tag(name, number, key),
        )
        if version.description != desired.description:
            self._client.update_model_version(name, number, desired.description)
        return Written(f"{name}/{number}", found is None)

    def _links(self, desired: Links, ids: Mapping[str, str]) -> Written:
        from mlflow.entities import LoggedModelInput, LoggedModelOutput

        run_id = _id(ids, desired.run)
        run = self._client.get_run(run_id)
        datasets = {
            (item.dataset.name, item.dataset.digest)
            for item in (run.inputs.dataset_inputs if run.inputs else ())
        }
        inputs = {item.model_id for item in (run.inputs.model_inputs if run.inputs else ())}
        outputs = {item.model_id for item in (run.outputs.model_outputs if run.outputs else ())}
        new_datasets = [
            _dataset_input(item) for item in desired.datasets if (item.name, item.digest) not in datasets
        ]
        models = (_id(ids, subject) for subject in desired.models)
        new_inputs = [LoggedModelInput(model_id) for model_id in models if model_id not in inputs]
        made = (_id(ids, subject) for subject in desired.outputs)
        new_outputs = [LoggedModelOutput(model_id, step=0) for model_id in made if model_id not in outputs]
        if new_datasets or new_inputs:
            self._client.log_inputs(run_id, new_datasets, new_inputs)
        if new_outputs:
            self._client.log_outputs(run_id, new_outputs)
        return Written(run_id, created=not (datasets or inputs or outputs))

    def _create_version(
        self, desired: ModelVersion, ids: Mapping[str, str]
    ) -> "entities.model_registry.ModelVersion":
        model_id = _id(ids, desired.model)
        with self._global_uri():
            return self._client.create_model_version(
                _id(ids, desired.registered),
                source=f"models:/{model_id}",
                run_id=_id(ids, desired.run),
                tags=dict(desired.tags),
                description=desired.description,
                await_creation_for=0,
                model_id=model_id,
            )

    @contextmanager
    def _global_uri(self) -> Iterator[None]:
        """An embedded store resolves a ``models:/`` source by the global tracking URI, for as long as one call."""
        import mlflow

        if self._uri.startswith("http") or mlflow.get_tracking_uri() == self._uri:
            yield
            return
        set_before: bool = mlflow.is_tracking_uri_set()  # type: ignore[no-untyped-call]  # MLflow has no type there
        before = mlflow.get_tracking_uri() if set_before else None
        variable = os.environ.get("MLFLOW_TRACKING_URI")
        mlflow.set_tracking_uri(self._uri)
        try:
            yield
        finally:
            mlflow.set_tracking_uri(before)  # type: ignore[arg-type]  # None unsets it, though it is not declared
            _set_variable("MLFLOW_TRACKING_URI", variable)

    def _found(
        self,
        external_id: str | None,
        by_id: Callable[[str], T | None],
        key: str,
        by_key: Callable[[str], T | None],
    ) -> T | None:
        """The object that is there already: by its id where that is known and still holds, otherwise by its key."""
        found = self._existing(by_id, external_id) if external_id is not None else None
        return found if found is not None else by_key(key)

    @staticmethod
    def _existing(get: Callable[[str], T | None], name: str) -> T | None:
        from mlflow.exceptions import MlflowException

        try:
            return get(name)
        except MlflowException as error:
            if error.error_code != _MISSING:
                raise
            return None

    def _run_by_id(self, run_id: str) -> "entities.Run | None":
        run = self._client.get_run(run_id)
        return run if run.info.lifecycle_stage == "active" else None

    def _run_by_key(self, key: str) -> "entities.Run | None":
        return next(
            iter(self._client.search_runs([self._experiment_id], _with_key(key), max_results=1)), None
        )

    def _model_by_key(self, key: str) -> "entities.LoggedModel | None":
        found = self._client.search_logged_models([self._experiment_id], _with_key(key), max_results=1)
        return next(iter(found), None)

    def _version_by_id(self, external_id: str) -> "entities.model_registry.ModelVersion | None":
        name, _, number = external_id.rpartition("/")
        return self._client.get_model_version(name, number)

    def _version_by_key(self, key: str) -> "entities.model_registry.ModelVersion | None":
        return next(iter(self._client.search_model_versions(_with_key(key), max_results=1)), None)

    def _tag_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        batch = [RunTag(key, value) for key, value in tags.items()]
        for start in range(0, len(batch), _TAGS_PER_CALL):
            self._client.log_batch(run_id, tags=batch[start : start + _TAGS_PER_CALL])

    def _tag_version(self, name: str, number: str, tags: Mapping[str, str]) -> None:
        for key, value in tags.items():
            self._client.set_model_version_tag(name, number, key, value)

    @staticmethod
    def _tag(
        there: Mapping[str, str],
        wanted: Mapping[str, str],
        *,
        set_all: Callable[[dict[str, str]], object],
        delete: Callable[[str], object],
    ) -> None:
        """Sets what differs and removes what the projection wrote before and wants no longer."""
        if changed := {key: value for key, value in wanted.items() if there.get(key) != value}:
            set_all(changed)
        for key in there:
            if (key.startswith(PREFIX) or key == NOTE_TAG) and key not in wanted:
                delete(key)


def _id(ids: Mapping[str, str], subject: str) -> str:
    if subject not in ids:
        raise RefusedError(f"waits for the {subject!r}, which is not in MLflow yet")
    return ids[subject]


def _with_key(key: str) -> str:
    return f"tags.`{KEY_TAG}` = '{key}'"


def _dataset_input(item: DatasetInput) -> "entities.DatasetInput":
    from mlflow import entities

    dataset = entities.Dataset(
        name=item.name, digest=item.digest, source_type="provenance", source="{}", profile=item.profile
    )
    return entities.DatasetInput(dataset, [entities.InputTag(key, value) for key, value in item.tags.items()])


def _words(error: "MlflowException", uri: str) -> str:
    """What MLflow says, in one line of bearable length and without a password."""
    text = " ".join(str(error).replace(uri, shown(uri)).split())
    return text if len(text) <= 300 else text[:300] + "…"  # noqa: PLR2004 - a few lines of a terminal


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            _set_variable(name, value)


def _set_variable(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps MLflow's talk about its tables off the terminal, and one warning that is MLflow's own to mend."""
    with warnings.catch_warnings():
        # MLflow's tables use a loader strategy that SQLAlchemy 2.1 calls deprecated.
        warnings.filterwarnings("ignore", message="The ``noload`` loader strategy is deprecated")
        import mlflow

        logger = logging.getLogger(mlflow.__name__)
        level = logger.level
        logger.setLevel(logging.WARNING)
        try:
            yield
        finally:
            logger.setLevel(level)
