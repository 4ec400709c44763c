"""The fast reader: direct SQL on the store of an MLflow, for reading only.

MLflow's tables are its own affair, and other versions have others. So a store is read only where its revision is one of those
that were looked at: `REVISIONS`. What a reader by the API would not be told (deleted logged models, other workspaces) is left aside here too.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from provenance.errors import MissingExtraError, UsageError
from provenance.mlflow_link.address import MlflowError, shown
from provenance.mlflow_link.history.completion import ReadingProgress, complete
from provenance.mlflow_link.history.records import (
    DELETED,
    LONGEST_SOURCE,
    PROMPT_TAG,
    ROLE_TAG,
    Dataset,
    History,
    LoggedModel,
    Run,
    Version,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

REVISIONS: Mapping[str, str] = {
    "1b5f0d9ad7c1": "3.10",
    "e1f2a3b4c5d6": "",
    "76601a5f987d": "",
    "c3d6457b6d8a": "3.11",
    "a5b4c3d2e1f0": "",
    "ae8bbe7743c9": "",
    "7d34483879f0": "3.12",
    "da6fb0208061": "3.13",
    "89d3d66ed43f": "",
    "b7e4c1a90f23": "3.14",
    "a8b9c0d1e2f3": "",
    "c1d2e3f4a5b6": "",
    "c3d9e7f1a2b4": "",
    "6f8d9c3b2a1e": "3.15",
    "1971f2d9a75b": "",
    "17e22815139b": "",
    "b7e2c1a4d9f3": "3.16",
    "75868b020152": "",
    "dc11669786a5": "3.17",
    "e7d1f4b2a9c6": "",
    "8b6ad64cb8f5": "",
    "f4a9b2c7d1e6": "3.18",
}
"""The revisions of a store that can be read, in order, and the MLflow that ends with each; those between are steps of an upgrade."""

_CONNECT_SECONDS = 15
_PASSWORD = re.compile(r"(?<=[?&]password=)[^&]*")
_BEGIN: Mapping[str, str] = {
    "sqlite": "BEGIN",
    "postgresql": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
}
_STATUSES: Mapping[int, str] = {0: "UNSPECIFIED", 1: "PENDING", 2: "READY", 3: "FAILED"}
_WORKSPACE = "default"  # the one that a client sees who names none

_EXPERIMENTS = "SELECT experiment_id, name, lifecycle_stage FROM experiments WHERE workspace = :workspace"
_RUNS = "SELECT run_uuid, experiment_id, start_time, end_time, lifecycle_stage FROM runs"
_DATASETS = """
    SELECT i.destination_id, d.name, d.digest, t.value, d.dataset_source_type, substr(d.dataset_source, 1, :longest)
    FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id
    LEFT JOIN input_tags t ON t.input_uuid = i.input_uuid AND t.name = :role
    WHERE i.destination_type = 'RUN'
"""
_INPUTS = (
    "SELECT source_id, destination_id FROM inputs WHERE source_type = 'RUN_INPUT' AND destination_type = 'MODEL_INPUT'",
    "SELECT source_id, destination_id FROM inputs WHERE source_type = 'RUN_OUTPUT' AND destination_type = 'MODEL_OUTPUT'",
)
_RUN_WORDS = (
    "SELECT run_uuid, key, value FROM params WHERE key IN :keys",
    "SELECT run_uuid, key, value FROM tags WHERE key IN :keys",
)
_MODELS = """
    SELECT model_id, name, experiment_id, source_run_id, creation_timestamp_ms, status, artifact_location FROM logged_models
    WHERE lifecycle_stage <> :deleted
"""
_MODEL_WORDS = (
    "SELECT model_id, param_key, param_value FROM logged_model_params WHERE param_key IN :keys",
    "SELECT model_id, tag_key, tag_value FROM logged_model_tags WHERE tag_key IN :keys",
)
_VERSIONS = """
    SELECT name, version, creation_time, source, run_id, current_stage, status FROM model_versions
    WHERE workspace = :workspace AND current_stage <> 'Deleted_Internal' ORDER BY name, version
"""
_VERSION_WORDS = (
    "SELECT name, version, key, value FROM model_version_tags WHERE workspace = :workspace AND key IN :keys"
)
_ALIASES = "SELECT name, version, alias FROM registered_model_aliases WHERE workspace = :workspace"


class UnknownRevisionError(MlflowError):
    """The store is of a revision that this program does not know."""


def store_name(url: str) -> str:
    """A store's URL for people: without its password, wherever that stands."""
    return _PASSWORD.sub("***", shown(url))


def is_store(uri: str) -> bool:
    """Whether a URI is one of a database that can be read here."""
    return uri.startswith(("sqlite:///", "postgresql://", "postgresql+"))


def read(
    url: str,
    keys: Collection[str],
    own_experiment: str,
    progress: ReadingProgress,
    ours: Collection[str] = (),
) -> History:
    """Reads the whole history from a store.

    Args:
        url: ``sqlite:///path/mlflow.db`` or ``postgresql://...``.
        keys: The parameters and tags that are wanted.
        own_experiment: The name of the experiment that a projection writes to.
        progress: See `ReadingProgress`.
        ours: What our own projection wrote, see `complete`.

    Raises:
        UsageError: The URL is of another kind.
        UnknownRevisionError: The store was made by another MLflow.
        MlflowError: It can't be read, or is none.
        MissingExtraError: PostgreSQL's driver is not installed.
    """
    with _connected(url) as connection:
        _check_revision(connection, store_name(url))
        return _Store(connection, frozenset(keys)).history(own_experiment, progress, ours)


@dataclass(slots=True)
class _All:
    """Everything that stands in the store; the finder of `complete`."""

    runs: dict[str, Run]
    models: dict[str, LoggedModel]

    def run(self, run_id: str) -> Run | None:
        return self.runs.get(run_id)

    def model(self, model_id: str) -> LoggedModel | None:
        return self.models.get(model_id)


class _Store:
    """One store, seen in one state."""

    def __init__(self, connection: "Connection", keys: frozenset[str]) -> None:
        self._connection, self._keys = connection, keys

    def history(self, own_experiment: str, progress: ReadingProgress, ours: Collection[str]) -> History:
        found = {str(key): rest for key, *rest in self._rows(_EXPERIMENTS, workspace=_WORKSPACE)}
        names = {key: name for key, (name, _) in found.items()}
        deleted = {key for key, (_, stage) in found.items() if stage == DELETED}
        own = frozenset(key for key, name in names.items() if name == own_experiment)
        counted = names.keys() - deleted - own
        everything = _All(self._runs(names), self._models(names))
        versions = tuple(self._versions())
        runs = {
            key: run._replace(inputs=()) for key, run in everything.runs.items() if run.experiment in counted
        }
        models = {key: one for key, one in everything.models.items() if one.experiment in counted}
        complete(runs, models, versions, everything, ours=ours, whole=True, progress=progress)
        return History(
            experiments=names,
            runs=runs,
            models=models,
            versions=versions,
            deleted_experiments=len(deleted - own),
            own_experiments=own,
        )

    def _runs(self, experiments: Collection[str]) -> dict[str, Run]:
        words = self._words(*_RUN_WORDS)
        datasets: defaultdict[str, set[Dataset]] = defaultdict(set)
        for run_id, *fields in self._rows(_DATASETS, role=ROLE_TAG, longest=LONGEST_SOURCE):
            datasets[run_id].add(Dataset(*fields))
        inputs, outputs = (self._grouped(query) for query in _INPUTS)
        return {
            run_id: Run(
                id=run_id,
                experiment=str(experiment),
                started_ms=started or 0,
                ended_ms=ended or 0,
                deleted=stage == DELETED,
                words=words.get(run_id, {}),
                datasets=tuple(sorted(datasets.get(run_id, ()), key=lambda one: one[:2])),
                inputs=inputs.get(run_id, ()),
                outputs=outputs.get(run_id, ()),
            )
            for run_id, experiment, started, ended, stage in self._rows(_RUNS)
            if str(experiment) in experiments
        }

    def _models(self, experiments: Collection[str]) -> dict[str, LoggedModel]:
        words = self._words(*_MODEL_WORDS)
        return {
            model_id: LoggedModel(
                id=model_id,
                name=name,
                experiment=str(experiment),
                run=run or None,
                created_ms=created,
                status=_STATUSES.get(status, str(status)),
                place=place or "",
                words=words.get(model_id, {}),
            )
            for model_id, name, experiment, run, created, status, place in self._rows(
                _MODELS, deleted=DELETED
            )
            if str(experiment) in experiments
        }

    def _versions(self) -> Iterator[Version]:
        words: defaultdict[tuple[str, int], dict[str, str]] = defaultdict(dict)
        for name, number, key, value in self._rows(_VERSION_WORDS, workspace=_WORKSPACE, keys=self._keys):
            words[name, number][key] = value or ""
        aliases: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
        for name, number, alias in self._rows(_ALIASES, workspace=_WORKSPACE):
            aliases[name, number].append(alias)
        for name, number, created, source, run, stage, status in self._rows(_VERSIONS, workspace=_WORKSPACE):
            told = words.get((name, number), {})
            if told.get(PROMPT_TAG) == "true":  # no model, and not listed as one by the API
                continue
            yield Version(
                name=name,
                number=number,
                created_ms=created or 0,
                source=source or "",
                run=run or None,
                stage=stage,
                status=status,
                aliases=tuple(sorted(aliases.get((name, number), ()))),
                words=told,
            )

    def _words(self, *queries: str) -> dict[str, dict[str, str]]:
        """Of each object, the words that are wanted; what a later query tells comes before what an earlier one does."""
        found: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for query in queries:
            for owner, key, value in self._rows(query, keys=self._keys):
                found[owner][key] = value or ""
        return found

    def _grouped(self, query: str) -> dict[str, tuple[str, ...]]:
        found: defaultdict[str, set[str]] = defaultdict(set)
        for one, other in self._rows(query):
            found[one].add(other)
        return {one: tuple(sorted(others)) for one, others in found.items()}

    def _rows(self, query: str, **values: Any) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - what a statement takes
        from sqlalchemy import bindparam, text

        statement = text(query)
        if "keys" in values:
            statement = statement.bindparams(bindparam("keys", expanding=True))
            values["keys"] = sorted(values["keys"])
        for row in self._connection.execute(statement, values):
            yield tuple(row)


def _check_revision(connection: "Connection", where: str) -> None:
    """Sees to it that the store is one that was looked at.

    Raises:
        UnknownRevisionError: It is not.
        MlflowError: It is no MLflow store.
    """
    from sqlalchemy import inspect, text

    tables = set(inspect(connection).get_table_names())
    if not {"alembic_version", "experiments", "runs"} <= tables:
        raise MlflowError(
            f"{where} holds no MLflow store", hint="Name the database of an MLflow, or a server."
        )
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    if len(found) != 1 or found[0] not in REVISIONS:
        known = [version for version in REVISIONS.values() if version]
        raise UnknownRevisionError(
            f"the MLflow store {where} is of the revision {', '.join(map(ascii, found)) or 'none'}, which can't be read "
            f"directly; known are those of MLflow {known[0]} to {known[-1]}",
            hint="Read it by MLflow itself: `provenance mlflow import --via api`.",
        )


@contextmanager
def _connected(url: str) -> "Iterator[Connection]":
    """A connection that sees one state of the store, and can't write.

    Raises:
        MlflowError: The store can't be read.
    """
    from sqlalchemy.exc import SQLAlchemyError

    engine = _engine(url)
    try:
        with engine.connect() as connection, connection.begin():
            # The driver of SQLite begins no transaction for what only reads: each statement would see another state.
            connection.exec_driver_sql(_BEGIN[engine.dialect.name])
            yield connection
    except SQLAlchemyError as error:
        cause = " ".join(str(getattr(error, "orig", None) or error).split())[:400]
        if engine.url.password:
            cause = cause.replace(engine.url.password, "***")
        raise MlflowError(
            f"the MLflow store {store_name(url)} can't be read: {cause}",
            hint="Check the address, and that you may read there. Nothing was recorded.",
        ) from error
    finally:
        engine.dispose()


def _engine(url: str) -> "Engine":
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///")).absolute()
        if not path.is_file():
            raise MlflowError(f"there is no MLflow store {path}", hint="Check the path.")
        return create_engine(f"sqlite:///file:{quote(str(path))}?mode=ro&uri=true")
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "postgresql":
            raise UsageError(
                f"not a store that can be read directly: {store_name(url)}",
                hint="Give sqlite:///path/mlflow.db or postgresql://USER@HOST/DATABASE.",
            )
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"), connect_args={"connect_timeout": _CONNECT_SECONDS}
        )
    except (ArgumentError, ValueError) as error:
        raise UsageError(f"not a database URL: {store_name(url)}") from error
    except (ImportError, NoSuchModuleError) as error:
        raise MissingExtraError(
            "PostgreSQL's driver is not installed", hint="pip install 'provenance-registry[postgres]'"
        ) from error
