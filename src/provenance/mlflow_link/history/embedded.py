"""A history read from an embedded store by MLflow's own client in this process."""
# ruff: noqa: D102 - `Archive` says what each of its methods does.

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from provenance.mlflow_link.address import MlflowError, database_of, shown
from provenance.mlflow_link.history.records import (
    DELETED,
    LONGEST_SOURCE,
    ROLE_TAG,
    Dataset,
    LoggedModel,
    Run,
    Version,
)
from provenance.mlflow_link.history.scan import Experiment
from provenance.mlflow_link.in_process import answered, settings
from provenance.mlflow_link.port import PAGE, MissingError, Page
from provenance.mlflow_link.revision import is_empty

if TYPE_CHECKING:
    from mlflow import entities
    from mlflow.client import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

T = TypeVar("T")


@contextmanager
def embedded_archive(uri: str, keys: Collection[str]) -> "Iterator[EmbeddedArchive]":
    """Opens an embedded store that is there.

    Args:
        uri: ``sqlite:///path/mlflow.db``.
        keys: The parameters and tags that are wanted.

    Raises:
        MlflowError: It is not there, can't be opened, or is of another version of MLflow, or of something else.
    """
    database = database_of(uri)
    with settings():
        import mlflow

        migrations = Path(mlflow.__file__).parent / "store" / "db_migrations" / "versions"
        if is_empty(database, migrations, uri):
            raise MlflowError(f"there is no MLflow store {shown(uri)}", hint="Check the path.")
        with answered(uri):
            client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
        yield EmbeddedArchive(client, uri, frozenset(keys))


class EmbeddedArchive:
    """An `Archive` of an embedded store.

    Args:
        client: MLflow's own client.
        uri: Where the store is.
        keys: The parameters and tags that are wanted.
    """

    def __init__(self, client: "MlflowClient", uri: str, keys: frozenset[str]) -> None:
        self._client, self._uri, self._keys = client, uri, keys

    def experiments(self, page_token: str | None) -> Page[Experiment]:
        from mlflow.entities import ViewType

        found = self._call(
            self._client.search_experiments,
            view_type=ViewType.ALL,
            max_results=PAGE,
            page_token=page_token,
        )
        experiments = (
            Experiment(one.experiment_id, one.name, one.lifecycle_stage == DELETED) for one in found
        )
        return Page(tuple(experiments), found.token or None)

    def runs(self, experiment_id: str, which: str, page_token: str | None) -> Page[Run]:
        from mlflow.entities import ViewType

        found = self._call(
            self._client.search_runs,
            [experiment_id],
            which,
            run_view_type=ViewType.ALL,
            order_by=["attributes.start_time ASC"],
            max_results=PAGE,
            page_token=page_token,
        )
        return Page(tuple(map(self._run, found)), found.token or None)

    def models(self, experiment_id: str, which: str, page_token: str | None) -> Page[LoggedModel]:
        found = self._call(
            self._client.search_logged_models,
            [experiment_id],
            which,
            order_by=[{"field_name": "creation_timestamp", "ascending": True}],
            max_results=PAGE,
            page_token=page_token,
        )
        return Page(tuple(map(self._model, found)), found.token or None)

    def versions(self, page_token: str | None) -> Page[Version]:
        found = self._call(
            self._client.search_model_versions,
            order_by=["creation_timestamp ASC"],
            max_results=PAGE,
            page_token=page_token,
        )
        return Page(tuple(map(self._version, found)), found.token or None)

    def aliases(self, page_token: str | None) -> Page[tuple[str, int, str]]:
        found = self._call(self._client.search_registered_models, max_results=PAGE, page_token=page_token)
        aliases = ((one.name, int(number), alias) for one in found for alias, number in one.aliases.items())
        return Page(tuple(aliases), found.token or None)

    def run(self, run_id: str) -> Run | None:
        found = self._read(self._client.get_run, run_id)
        return None if found is None else self._run(found)

    def model(self, model_id: str) -> LoggedModel | None:
        found = self._read(self._client.get_logged_model, model_id)
        return None if found is None else self._model(found)

    def _call(self, method: Callable[..., Any], *args: object, **options: object) -> Any:  # noqa: ANN401 - MLflow's answers
        with answered(self._uri):
            return method(*args, **options)

    def _read(self, method: Callable[..., T], *args: object) -> T | None:
        try:
            found: T = self._call(method, *args)
        except MissingError:
            return None
        return found

    def _run(self, found: "entities.Run") -> Run:
        inputs, outputs = found.inputs, found.outputs
        return Run(
            id=found.info.run_id,
            experiment=found.info.experiment_id,
            started_ms=found.info.start_time or 0,
            ended_ms=found.info.end_time or 0,
            deleted=found.info.lifecycle_stage == DELETED,
            words=self._words(found.data.params, found.data.tags),
            datasets=tuple(
                sorted(map(_dataset, inputs.dataset_inputs if inputs else ()), key=lambda one: one[:2])
            ),
            inputs=_ids(inputs.model_inputs if inputs else ()),
            outputs=_ids(outputs.model_outputs if outputs else ()),
        )

    def _model(self, found: "entities.LoggedModel") -> LoggedModel:
        return LoggedModel(
            id=found.model_id,
            name=found.name,
            experiment=found.experiment_id,
            run=found.source_run_id or None,
            created_ms=found.creation_timestamp,
            status=str(found.status),
            place=found.artifact_location or "",
            words=self._words(found.params or {}, found.tags or {}),
        )

    def _version(self, found: "ModelVersion") -> Version:
        return Version(
            name=found.name,
            number=int(found.version),
            created_ms=found.creation_timestamp or 0,
            source=found.source or "",
            run=found.run_id or None,
            stage=found.current_stage or "",
            status=found.status or "",
            aliases=(),
            words=self._words(found.tags),
        )

    def _words(self, *told: Mapping[str, str]) -> dict[str, str]:
        return {key: value or "" for some in told for key, value in some.items() if key in self._keys}


def _dataset(found: "entities.DatasetInput") -> Dataset:
    told = found.dataset
    roles = [tag.value for tag in found.tags if tag.key == ROLE_TAG]
    return Dataset(
        name=told.name,
        digest=told.digest,
        role=roles[0] if roles else None,
        source_type=told.source_type,
        source=told.source[:LONGEST_SOURCE],
    )


def _ids(found: Any) -> tuple[str, ...]:  # noqa: ANN401 - inputs or outputs
    return tuple(sorted({one.model_id for one in found}))
