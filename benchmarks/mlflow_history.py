"""What importing an MLflow history takes: both readers on the same store, and the whole import.

    python -m benchmarks.mlflow_history                      # 2,000 runs
    python -m benchmarks.mlflow_history --runs 20000 --repeats 1

The store is made by MLflow itself, and filled by SQL with what trainings of several generations leave there: each run has parameters,
tags and metrics, two dataset inputs, most have a base model of an earlier generation as an input, each logs a model, and every second
model is registered. The reference reads by MLflow's client in process; both readers have to hand on equal records.
"""

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.measuring import in_turn, markdown, seconds
from provenance import Registry
from provenance.mlflow_link.history.reading import HistorySource, Via, read_history
from provenance.mlflow_link.history.records import History

EXPERIMENTS = 10
GENERATION = 200
"""Runs between a base model and those that are trained from it."""
FIRST_MS = 1_700_000_000_000
STEP_MS = 60_000


def make_store(folder: Path) -> Path:
    """An empty store, made by MLflow."""
    from mlflow import MlflowClient

    path = folder / "mlflow.db"
    uri = f"sqlite:///{path}"
    client = MlflowClient(uri, uri)
    for number in range(EXPERIMENTS):
        client.create_experiment(f"team-{number}")
    return path


def fill(path: Path, runs: int) -> None:
    """Writes a history of some runs into a store."""
    with closing(sqlite3.connect(path)) as connection, connection:
        ids = [
            row[0]
            for row in connection.execute("SELECT experiment_id FROM experiments WHERE name LIKE 'team-%'")
        ]
        for table, rows in _tables(ids, runs).items():
            columns = len(rows[0])
            names = ", ".join(_COLUMNS[table].split())
            marks = ", ".join("?" * columns)
            connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)


_COLUMNS = {
    "runs": "run_uuid experiment_id name status start_time end_time lifecycle_stage artifact_uri user_id",
    "params": "run_uuid key value",
    "tags": "run_uuid key value",
    "latest_metrics": "run_uuid key value timestamp step is_nan",
    "datasets": "dataset_uuid experiment_id name digest dataset_source_type dataset_source",
    "inputs": "input_uuid source_type source_id destination_type destination_id step",
    "input_tags": "input_uuid name value",
    "logged_models": "model_id experiment_id name artifact_location creation_timestamp_ms last_updated_timestamp_ms status "
    "lifecycle_stage source_run_id",
    "registered_models": "workspace name creation_time last_updated_time",
    "model_versions": "workspace name version creation_time last_updated_time current_stage source run_id status",
}


def _tables(experiments: list[int], runs: int) -> dict[str, list[tuple[Any, ...]]]:
    tables: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _COLUMNS}
    for experiment in experiments:
        for number in range(5):
            source = '{"url": "https://host/rows"}'
            tables["datasets"].append(
                (
                    f"{experiment:016x}{number:016x}",
                    experiment,
                    f"rows-{number}",
                    f"d{number}",
                    "http",
                    source,
                )
            )
    for number in range(0, runs, 2):
        if number % 20 == 0:
            tables["registered_models"].append(("default", f"net-{number // 20}", FIRST_MS, FIRST_MS))
    for number in range(runs):
        for table, row in _run(experiments, number):
            tables[table].append(row)
    return tables


def _run(experiments: list[int], number: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    run, model = f"{number:032x}", f"m-{number:032x}"
    experiment = experiments[number % len(experiments)]
    began = FIRST_MS + number * STEP_MS
    yield (
        "runs",
        (run, experiment, f"run {number}", "FINISHED", began, began + 1000, "active", f"x/{run}", "me"),
    )
    for key in range(10):
        yield "params", (run, f"learning_rate_{key}", "0.1")
        yield "latest_metrics", (run, f"loss_{key}", 0.5, began, 0, 0)
    for key in ("mlflow.user", "mlflow.source.name", "mlflow.runName", "team"):
        yield "tags", (run, key, "somebody")
    for role, which in (("training", number % 5), ("eval", (number + 1) % 5)):
        input_id = f"{role[0]}{number:031x}"
        source = f"{experiment:016x}{which:016x}"
        yield "inputs", (input_id, "DATASET", source, "RUN", run, 0)
        yield "input_tags", (input_id, "mlflow.data.context", role)
    if number >= GENERATION:
        base = f"m-{number - GENERATION:032x}"
        yield "inputs", (f"i{number:031x}", "RUN_INPUT", run, "MODEL_INPUT", base, 0)
    yield "inputs", (f"o{number:031x}", "RUN_OUTPUT", run, "MODEL_OUTPUT", model, 0)
    yield "logged_models", (model, experiment, "net", f"x/{model}", began, began, 2, "active", run)
    if number % 2 == 0:
        place = (f"net-{number // 20}", number % 20 // 2 + 1)
        yield "model_versions", ("default", *place, began, began, "None", f"models:/{model}", run, "READY")


def _read(uri: str, via: Via) -> History:
    return read_history(HistorySource(uri=uri, via=via), "", lambda *_: None).history


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = make_store(folder)
        fill(path, options.runs)
        uri = f"sqlite:///{path}"
        _read(uri, Via.API)  # imports and compiles what MLflow needs
        works = {via.value: lambda via=via: _timed(uri, via) for via in (Via.API, Via.SQL)}
        taken = in_turn(works, options.repeats)
        middle = {via: statistics.median(took for took, _ in some) for via, some in taken.items()}
        history = taken["sql"][0][1]
        assert taken["api"][0][1] == history, "the readers disagree"
        imports = [_imported(folder / via, uri, via) for via in ("sql", "api")]
    print(
        f"{len(history.runs)} runs, {len(history.models)} logged models, {len(history.versions)} registered versions\n"
    )
    rows = [(via, f"{took:.2f}", f"{1000 * took / options.runs:.3f}") for via, took in middle.items()]
    print(markdown(("reader", "seconds", "ms a run"), rows))
    print(f"\nratio {middle['api'] / middle['sql']:.0f}\n")
    print(markdown(("import", "recorded", "first, s", "again, s"), imports))


def _timed(uri: str, via: Via) -> tuple[float, History]:
    began = time.perf_counter()
    history = _read(uri, via)
    return time.perf_counter() - began, history


def _imported(folder: Path, uri: str, via: str) -> tuple[object, ...]:
    """A whole import into an empty registry, and the same again."""
    with Registry.init(folder, mlflow=uri) as registry:
        found = registry.mlflow_import(via=via)
        again = seconds(lambda: registry.mlflow_import(via=via))
    counts = ", ".join(f"{count} {sort}" for sort, count in found.imported.recorded.items())
    return via, counts, f"{found.seconds:.2f}", f"{again:.2f}"


if __name__ == "__main__":
    main()
