"""MLflow histories written by hand as plain records, and their import without any MLflow."""

from collections.abc import Mapping

from provenance import Registry
from provenance.importing import Imported, Origin, record_graph
from provenance.mlflow_link.history.graph import Takeover, takeover
from provenance.mlflow_link.history.memory import gather
from provenance.mlflow_link.history.records import Dataset, History, LoggedModel, Run, Version
from provenance.relations import RelationKind

HOUR_MS = 3_600_000
OWN_EXPERIMENT = "2"
"""The id of the experiment that projections write to."""


def model_id(number: int) -> str:
    """The id of a logged model."""
    return f"m-{number:032x}"


def dataset(name: str, digest: str = "d1", role: str | None = "training") -> Dataset:
    """A dataset input."""
    return Dataset(name, digest, role, "http", '{"url": "https://me:secret@host/rows.csv?signature=secret"}')


def run(
    id_: str,
    *datasets: Dataset,
    inputs: tuple[str, ...] = (),
    outputs: tuple[str, ...] = (),
    deleted: bool = False,
    started: int = 1,
    **words: str,
) -> Run:
    """A run in the experiment 1."""
    return Run(id_, "1", started, started + 1, deleted, words, datasets, inputs, outputs)


def logged(id_: str, run_id: str | None = None, name: str = "net", **words: str) -> LoggedModel:
    """A logged model in the experiment 1."""
    return LoggedModel(
        id_,
        name,
        "1",
        run_id,
        1_700_000_000_000,
        "READY",
        f"mlflow-artifacts:/1/models/{id_}/artifacts",
        words,
    )


def version(
    name: str,
    number: int = 1,
    source: str = "",
    run_id: str | None = None,
    *,
    created: int | None = None,
    aliases: tuple[str, ...] = (),
    words: Mapping[str, str] | None = None,
) -> Version:
    """A registered version."""
    return Version(
        name, number, created or number, source, run_id, "None", "READY", aliases, dict(words or {})
    )


def history(*records: Run | LoggedModel | Version, looked_for: frozenset[str] | None = None) -> History:
    """A history of some records; all there is, unless it is said what was looked for."""
    versions = [one for one in records if isinstance(one, Version)]
    others = [one for one in records if not isinstance(one, Version)]
    return History(
        experiments={"1": "trainings"},
        runs={one.id: one for one in records if isinstance(one, Run)},
        models={one.id: one for one in records if isinstance(one, LoggedModel)},
        versions=tuple(sorted(versions, key=lambda one: (one.name, one.number))),
        deleted_experiments=0,
        own_experiments=frozenset(one.experiment for one in others if one.experiment == OWN_EXPERIMENT),
        looked_for=looked_for,
    )


def taken(
    registry: Registry, read: History, parent_tags: Mapping[str, RelationKind | None] | None = None
) -> Takeover:
    """What there is to import of a history."""
    memory = registry.mlflow_memory("sqlite:///nowhere.db")
    return takeover(read, gather(read, registry._ledger, memory), parent_tags or {})


def recorded(
    registry: Registry,
    *records: Run | LoggedModel | Version,
    parent_tags: dict[str, RelationKind | None] | None = None,
) -> Imported:
    """Imports a history of some records, and binds what it holds."""
    found = taken(registry, history(*records), parent_tags)
    origin = Origin(names=("a history",), format="mlflow", key=lambda: "0" * 64)
    imported = record_graph(registry._ledger, found.graph, origin, actor="tester")
    registry.mlflow_memory("sqlite:///nowhere.db").bind_all(found.bindings)
    return imported
