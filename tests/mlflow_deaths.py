"""Writing a little story to an MLflow, dying at a chosen call, and counting what is there afterwards.

python mlflow_deaths.py URI N FILE    writes the N-th story, and says in FILE what was acknowledged
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineage_fixtures import snapshot
from mlflow_fixtures import Memory, report
from provenance.facts import Snapshot
from provenance.mlflow_link import adapter
from provenance.mlflow_link.adapter import RefusedError, connect
from provenance.mlflow_link.desired import desired
from provenance.mlflow_link.plan import pending

if TYPE_CHECKING:
    import pytest
    from mlflow import MlflowClient

WRITES = ("create_", "log", "delete_", "finish_", "put_", "link", "tag_", "describe_")
NO_WRITES = ("logged_model", "logged_models")
PICTURE = b"\x89PNG of what was measured"


class KilledError(BaseException):
    """The process is gone."""


class MortalPort:
    """A port that dies before or after its n-th writing call: before it was sent, or before anybody hears of its effect."""

    def __init__(self, port: Any, n: int, error: BaseException, *, before: bool) -> None:
        self.port, self.n, self.error, self.before, self.writes = port, n, error, before, 0

    @property
    def calls(self) -> int:
        calls: int = self.port.calls
        return calls

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self.port, name)
        if name in NO_WRITES or not name.startswith(WRITES):
            return method

        def call(*args: Any, **kwargs: Any) -> Any:
            self.writes += 1
            if self.before and self.writes == self.n:
                raise self.error
            answer = method(*args, **kwargs)
            if self.writes == self.n:
                raise self.error
            return answer

        return call


def dying(
    patch: "pytest.MonkeyPatch", n: int, error: BaseException, *, before: bool = False
) -> list[MortalPort]:
    """From now on every port dies at its n-th writing call; they are listed as they are opened."""
    made: list[MortalPort] = []
    for name in ("rest_port", "embedded_port"):
        real = getattr(adapter, name)

        @contextmanager
        def opened(*args: Any, real: Any = real) -> Iterator[MortalPort]:
            with real(*args) as port:
                made.append(MortalPort(port, n, error, before=before))
                yield made[-1]

        patch.setattr(adapter, name, opened)
    return made


def little(n: int) -> Snapshot:
    """Names of its own for each n, so that one store serves for all."""
    return snapshot(
        f"student.n{n} finetuned_from base.n{n}",
        f"student.n{n} trained_on numbers.n{n}",
        f"base.n{n} same_init student.n{n} SAME_INIT",
    )


def drain(uri: str, state: Snapshot, memory: Memory, *, prefetch: bool = False) -> list[str]:
    """Writes everything that is pending, as a sync does.

    Returns:
        What was refused.
    """
    refused = []
    wanted = desired(state, report(state), pictures=lambda _: {"pictures/margins.png": lambda: PICTURE})
    todo = pending(wanted, memory.all())
    with connect(uri) as mlflow:
        if prefetch:
            mlflow.prefetch(item.desired for item in todo)
        for item in todo:
            ids = {subject: external_id for subject, (_, external_id) in memory.told.items()}
            try:
                written = mlflow.write(item.desired, item.external_id, ids)
            except RefusedError as error:
                refused.append(f"{item.desired.subject}: {error.message}")
            else:
                memory.put(item.desired.subject, item.digest, written.external_id)
    return refused


def census(client: "MlflowClient", first: int, beyond: int) -> Counter[str]:
    """What is there of some stories, as MLflow's own client tells: how many objects bear which id, links and files of each run."""
    of_these = re.compile(rf"\.n({'|'.join(map(str, range(first, beyond)))})@")
    experiment = client.get_experiment_by_name(adapter.EXPERIMENT).experiment_id
    counts: Counter[str] = Counter()
    for run in client.search_runs([experiment]):
        name = run.info.run_name
        if not of_these.search(name):
            continue
        whole = client.get_run(run.info.run_id)
        counts[f"run {name} {whole.info.status}"] += 1
        counts[f"links {name}"] = len(whole.inputs.dataset_inputs) + len(whole.inputs.model_inputs)
        counts[f"outputs {name}"] = len(whole.outputs.model_outputs) if whole.outputs else 0
        counts[f"files {name}"] = len(client.list_artifacts(run.info.run_id))
    for logged in client.search_logged_models([experiment], max_results=1000):
        if of_these.search(logged.tags["provenance.id"]):
            counts[f"logged {logged.tags['provenance.id']} {logged.status}"] += 1
    for version in client.search_model_versions():
        if of_these.search(version.tags.get("provenance.id", "")):
            counts[f"version {version.tags['provenance.id']}"] += 1
    return counts


def expected(first: int, beyond: int) -> dict[str, int]:
    """What a census of some stories has to find."""
    return {key: count for n in range(first, beyond) for key, count in _expected(n).items()}


def _expected(n: int) -> dict[str, int]:
    student, base, numbers = f"model:student.n{n}@1", f"model:base.n{n}@1", f"dataset:numbers.n{n}@1"
    audit = f"same-init {student}"
    return {
        **{f"run {name} FINISHED": 1 for name in (student, base, numbers, audit)},
        **{f"logged {name} READY": 1 for name in (student, base)},
        **{f"version {name}": 1 for name in (student, base)},
        **{f"files {name}": 0 for name in (student, base, numbers)},
        f"files {audit}": 2,
        f"links {student}": 2,
        f"links {base}": 0,
        f"links {numbers}": 1,
        f"links {audit}": 2,
        f"outputs {student}": 1,
        f"outputs {base}": 1,
        f"outputs {numbers}": 0,
        f"outputs {audit}": 0,
    }


class Diary(Memory):
    """A memory that outlives the process."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        if file.exists():
            self.told = {key: tuple(value) for key, value in json.loads(file.read_text()).items()}

    def put(self, subject: str, state_digest: str, external_id: str) -> None:
        super().put(subject, state_digest, external_id)
        aside = self.file.with_suffix(".new")
        aside.write_text(json.dumps(self.told))
        aside.replace(self.file)


if __name__ == "__main__":
    sys.exit(bool(drain(sys.argv[1], little(int(sys.argv[2])), Diary(Path(sys.argv[3])))))
