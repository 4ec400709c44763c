"""An embedded store, written to in process by MLflow's own client.

Only the client and the entities of MLflow are used, as they have stood since 3.10.1. No model is ever loaded through MLflow, and
no source that stands there is ever followed. The fluent functions (`mlflow.create_external_model`, `mlflow.start_run`) are left
aside: they act on the caller's own active run and tracking URI.
"""
# ruff: noqa: D102 - `Port` says what each of its methods does.

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from provenance.mlflow_link.address import MlflowError, artifact_location, database_of
from provenance.mlflow_link.in_process import answered, global_uri, log_file, settings
from provenance.mlflow_link.objects import DatasetInput, LoggedModel, Measurement, Run
from provenance.mlflow_link.port import (
    PAGE,
    RESUME,
    FoundExperiment,
    FoundModel,
    FoundRun,
    FoundVersion,
    MissingError,
    Page,
    RefusedError,
    with_key,
)
from provenance.mlflow_link.revision import is_empty

if TYPE_CHECKING:
    from mlflow import entities
    from mlflow.client import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

T = TypeVar("T")


@contextmanager
def embedded_port(uri: str) -> "Iterator[EmbeddedPort]":
    """Opens an embedded store, or creates it. What is set for it in this process is set back afterwards.

    Args:
        uri: ``sqlite:///path/mlflow.db``.

    Raises:
        MlflowError: It can't be opened, is of another version of MLflow, or of something else.
    """
    database = database_of(uri)
    with settings():
        import mlflow

        try:
            migrations = Path(mlflow.__file__).parent / "store" / "db_migrations" / "versions"
            with answered(uri):
                if is_empty(database, migrations, uri):
                    _create(database)
                client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
        except RefusedError as error:
            raise MlflowError(f"MLflow at {uri} can't be opened: {error.message}", hint=RESUME) from error
        yield EmbeddedPort(client, uri)


class EmbeddedPort:
    """A `Port` to an embedded store.

    Args:
        client: MLflow's own client.
        uri: Where the store is.
    """

    def __init__(self, client: "MlflowClient", uri: str) -> None:
        self._client = client
        self._uri = uri
        self.calls = 0

    def experiment(self, name: str) -> FoundExperiment | None:
        found = self._call(self._client.get_experiment_by_name, name)
        if found is None:
            return None
        return FoundExperiment(
            experiment_id=found.experiment_id,
            active=found.lifecycle_stage == "active",
            tags=dict(found.tags),
        )

    def create_experiment(self, name: str) -> str:
        created: str = self._call(
            self._client.create_experiment, name, artifact_location=artifact_location(self._uri)
        )
        return created

    def tag_experiment(self, experiment_id: str, key: str, value: str) -> None:
        self._call(self._client.set_experiment_tag, experiment_id, key, value)

    def run(self, run_id: str) -> FoundRun | None:
        return _each(_run, self._read(self._client.get_run, run_id))

    def runs(self, experiment_id: str, key: str | None, page_token: str | None = None) -> Page[FoundRun]:
        found = self._call(
            self._client.search_runs,
            [experiment_id],
            with_key(key),
            max_results=PAGE,
            page_token=page_token,
        )
        return Page(tuple(map(_run, found)), found.token or None)

    def create_run(self, experiment_id: str, desired: Run) -> FoundRun:
        return _run(
            self._call(
                self._client.create_run,
                experiment_id,
                start_time=int(desired.began_at.timestamp() * 1000),
                tags=dict(desired.tags),
                run_name=desired.name,
            )
        )

    def log(
        self, run_id: str, began_ms: int, metrics: Sequence[Measurement], tags: Mapping[str, str]
    ) -> None:
        from mlflow.entities import Metric, RunTag

        values = [Metric(item.key, item.value, began_ms, item.step) for item in metrics]
        pairs = [RunTag(key, value) for key, value in tags.items()]
        self._call(self._client.log_batch, run_id, metrics=values, tags=pairs)

    def delete_run_tag(self, run_id: str, key: str) -> None:
        self._call(self._client.delete_tag, run_id, key)

    def finish_run(self, run_id: str, ended_ms: int) -> None:
        self._call(self._client.set_terminated, run_id, "FINISHED", end_time=ended_ms)

    def put_file(self, run: FoundRun, path: str, content: bytes) -> None:
        self._call(log_file, self._client, run.run_id, path, content)

    def link(self, run_id: str, datasets: Sequence[DatasetInput], models: Sequence[str]) -> None:
        from mlflow.entities import LoggedModelInput

        went_in = [LoggedModelInput(model_id) for model_id in models]
        self._call(self._client.log_inputs, run_id, [_dataset_input(item) for item in datasets], went_in)

    def link_outputs(self, run_id: str, models: Sequence[str]) -> None:
        from mlflow.entities import LoggedModelOutput

        made = [LoggedModelOutput(model_id, step=0) for model_id in models]
        self._call(self._client.log_outputs, run_id, made)

    def logged_model(self, model_id: str) -> FoundModel | None:
        return _each(_model, self._read(self._client.get_logged_model, model_id))

    def logged_models(
        self, experiment_id: str, key: str | None, page_token: str | None = None
    ) -> Page[FoundModel]:
        found = self._call(
            self._client.search_logged_models,
            [experiment_id],
            with_key(key),
            max_results=PAGE,
            page_token=page_token,
        )
        return Page(tuple(map(_model, found)), found.token or None)

    def create_logged_model(self, experiment_id: str, desired: LoggedModel, run_id: str) -> FoundModel:
        return _model(
            self._call(
                self._client.create_logged_model,
                experiment_id,
                name=desired.name,
                source_run_id=run_id,
                tags=dict(desired.tags),
                params=dict(desired.params),
                model_type=desired.kind,
            )
        )

    def tag_logged_model(self, model_id: str, tags: Mapping[str, str]) -> None:
        self._call(self._client.set_logged_model_tags, model_id, dict(tags))

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        self._call(self._client.delete_logged_model_tag, model_id, key)

    def finish_logged_model(self, model_id: str) -> None:
        self._call(self._client.finalize_logged_model, model_id, "READY")

    def registered_model(self, name: str) -> Mapping[str, str] | None:
        found = self._read(self._client.get_registered_model, name)
        return None if found is None else dict(found.tags)

    def create_registered_model(self, name: str, tags: Mapping[str, str]) -> None:
        self._call(self._client.create_registered_model, name, tags=dict(tags))

    def version(self, name: str, number: str) -> FoundVersion | None:
        return _each(_version, self._read(self._client.get_model_version, name, number))

    def versions(
        self, name: str | None, key: str | None, page_token: str | None = None
    ) -> Page[FoundVersion]:
        found = self._call(
            self._client.search_model_versions, with_key(key, name), max_results=PAGE, page_token=page_token
        )
        return Page(tuple(map(_version, found)), found.token or None)

    def create_version(
        self, name: str, model_id: str, run_id: str, tags: Mapping[str, str], description: str
    ) -> FoundVersion:
        with global_uri(self._uri):
            created = self._call(
                self._client.create_model_version,
                name,
                source=f"models:/{model_id}",
                run_id=run_id,
                tags=dict(tags),
                description=description,
                await_creation_for=0,
                model_id=model_id,
            )
        return _version(created)

    def tag_version(self, name: str, number: str, key: str, value: str) -> None:
        self._call(self._client.set_model_version_tag, name, number, key, value)

    def delete_version_tag(self, name: str, number: str, key: str) -> None:
        self._call(self._client.delete_model_version_tag, name, number, key)

    def describe_version(self, name: str, number: str, description: str) -> None:
        self._call(self._client.update_model_version, name, number, description)

    def _call(self, method: Callable[..., Any], *args: object, **options: object) -> Any:  # noqa: ANN401 - MLflow's answers
        self.calls += 1
        with answered(self._uri):
            return method(*args, **options)

    def _read(self, method: Callable[..., T], *args: object) -> T | None:
        try:
            found: T = self._call(method, *args)
        except MissingError:
            return None
        return found


def _create(database: Path) -> None:
    """Creates a store aside and moves it to its place, so that one that was begun and not finished is never met there."""
    import mlflow

    with tempfile.TemporaryDirectory(dir=database.parent, prefix=f".{database.name}-") as folder:
        fresh = Path(folder) / database.name
        aside = f"sqlite:///{fresh}"
        mlflow.MlflowClient(tracking_uri=aside, registry_uri=aside).get_experiment_by_name("Default")
        if database.exists():  # It is empty.
            fresh.replace(database)
            return
        try:
            database.hardlink_to(fresh)
        except FileExistsError:
            return  # Somebody else has created it just now: theirs stays.


def _each(shape: Callable[[Any], T], found: object) -> T | None:
    return None if found is None else shape(found)


def _run(found: "entities.Run") -> FoundRun:
    inputs, outputs = found.inputs, found.outputs
    return FoundRun(
        run_id=found.info.run_id,
        active=found.info.lifecycle_stage == "active",
        finished=found.info.status == "FINISHED",
        artifact_uri=found.info.artifact_uri or "",
        tags=dict(found.data.tags),
        datasets=frozenset(
            (item.dataset.name, item.dataset.digest) for item in (inputs.dataset_inputs if inputs else ())
        ),
        inputs=frozenset(item.model_id for item in (inputs.model_inputs if inputs else ())),
        outputs=frozenset(item.model_id for item in (outputs.model_outputs if outputs else ())),
    )


def _model(found: "entities.LoggedModel") -> FoundModel:
    return FoundModel(model_id=found.model_id, ready=str(found.status) == "READY", tags=dict(found.tags))


def _version(found: "ModelVersion") -> FoundVersion:
    return FoundVersion(
        name=found.name,
        number=str(found.version),
        made_at_ms=found.creation_timestamp,
        tags=dict(found.tags),
        description=found.description or "",
    )


def _dataset_input(item: DatasetInput) -> "entities.DatasetInput":
    from mlflow import entities

    dataset = entities.Dataset(
        name=item.name, digest=item.digest, source_type="provenance", source="{}", profile=item.profile
    )
    return entities.DatasetInput(dataset, [entities.InputTag(key, value) for key, value in item.tags.items()])
