"""A sync that is killed anywhere leaves, after the next one, exactly one object each."""

import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

import mlflow
import pytest

from lineage_fixtures import snapshot
from mlflow_fixtures import Memory, report
from provenance.facts import Snapshot
from provenance.mlflow_link.adapter import EXPERIMENT, MlflowError
from provenance.mlflow_link.sync import sync

READS = ("get_", "search_")


class KilledError(BaseException):
    """The process is gone."""


class MortalClient:
    """MLflow's own client, which dies after its n-th writing call has taken effect and before the caller hears of it."""

    def __init__(self, client: Any, n: int, error: BaseException) -> None:
        self.client, self.n, self.error, self.writes = client, n, error, 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.client, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            answer = method(*args, **kwargs)
            if not name.startswith(READS):
                self.writes += 1
                if self.writes == self.n:
                    raise self.error
            return answer

        return call


def _little(n: int) -> Snapshot:
    """Names of its own for each n, so that one store serves for all."""
    return snapshot(
        f"student.n{n} finetuned_from base.n{n}",
        f"student.n{n} trained_on numbers.n{n}",
        f"base.n{n} same_init student.n{n} SAME_INIT",
    )


def _dying(monkeypatch: pytest.MonkeyPatch, n: int, error: BaseException) -> list[MortalClient]:
    made: list[MortalClient] = []
    real = mlflow.MlflowClient

    def make(**kwargs: Any) -> MortalClient:
        made.append(MortalClient(real(**kwargs), n, error))
        return made[-1]

    monkeypatch.setattr(mlflow, "MlflowClient", make)
    return made


def _census(uri: str, n: int) -> Counter[str]:
    """How many objects bear which id, and how many links each run of ours has."""
    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    counts: Counter[str] = Counter()
    for run in client.search_runs([experiment]):
        if f".n{n}@" not in str(run.data.tags):
            continue
        whole = client.get_run(run.info.run_id)
        name = run.info.run_name
        counts[f"run {name} {whole.info.status}"] += 1
        counts[f"links {name}"] = len(whole.inputs.dataset_inputs) + len(whole.inputs.model_inputs)
        counts[f"outputs {name}"] = len(whole.outputs.model_outputs) if whole.outputs else 0
    for logged in client.search_logged_models([experiment]):
        if f".n{n}@" in logged.tags["provenance.id"]:
            counts[f"logged {logged.tags['provenance.id']} {logged.status}"] += 1
    for version in client.search_model_versions():
        if f".n{n}@" in version.tags["provenance.id"]:
            counts[f"version {version.tags['provenance.id']}"] += 1
    return counts


def _expected(n: int) -> dict[str, int]:
    student, base, numbers = f"model:student.n{n}@1", f"model:base.n{n}@1", f"dataset:numbers.n{n}@1"
    audit = f"same-init {student}"
    return {
        **{f"run {name} FINISHED": 1 for name in (student, base, numbers, audit)},
        **{f"logged {name} READY": 1 for name in (student, base)},
        **{f"version {name}": 1 for name in (student, base)},
        f"links {student}": 2,
        f"links {base}": 0,
        f"links {numbers}": 1,
        f"links {audit}": 2,
        f"outputs {student}": 1,
        f"outputs {base}": 1,
        f"outputs {numbers}": 0,
        f"outputs {audit}": 0,
    }


def test_killed_after_any_call_and_run_again_each_object_is_there_once(
    embedded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in itertools.count(1):
        state, memory = _little(n), Memory()
        with monkeypatch.context() as patch:
            made = _dying(patch, n, KilledError())
            try:
                sync(state, report(state), uri=embedded, state=memory)
            except KilledError:
                pass
            else:
                assert made[0].writes == n - 1
                break
        again = sync(state, report(state), uri=embedded, state=memory)
        assert again.failed == ()
        assert _census(embedded, n) == _expected(n), f"killed after writing call {n}"
    assert n > 20


def test_a_process_that_forgets_everything_at_each_death_still_ends_with_one_object_each(
    embedded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = _little(1000)
    for n in itertools.count(1, 3):
        with monkeypatch.context() as patch:
            _dying(patch, n, KilledError())
            try:
                sync(state, report(state), uri=embedded, state=Memory())
            except KilledError:
                continue
            break
    assert _census(embedded, 1000) == _expected(1000)


def test_a_store_that_stops_answering_half_way_keeps_what_was_written(
    embedded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE

    state, memory = _little(2000), Memory()
    with monkeypatch.context() as patch:
        _dying(patch, 6, MlflowException("gone for lunch", error_code=TEMPORARILY_UNAVAILABLE))
        with pytest.raises(MlflowError, match=r"stopped answering .* gone for lunch"):
            sync(state, report(state), uri=embedded, state=memory)
    assert 0 < len(memory.told) < 14
    rest = sync(state, report(state), uri=embedded, state=memory)
    assert rest.unchanged == len(memory.told) - rest.created - rest.updated
    assert _census(embedded, 2000) == _expected(2000)


def test_one_object_that_mlflow_refuses_does_not_hold_up_the_others(
    embedded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.exceptions import MlflowException

    state, memory = _little(3000), Memory()
    with monkeypatch.context() as patch:
        _dying(patch, 1, MlflowException.invalid_parameter_value("not this one"))
        done = sync(state, report(state), uri=embedded, state=memory)
    first = done.failed[0]
    assert (first.subject, first.message) == ("record of model:student.n3000@1", "not this one")
    # What refers to it waits for it, and says so.
    assert all("waits for" in failure.message for failure in done.failed[1:])
    assert done.created > 0
    assert sync(state, report(state), uri=embedded, state=memory).failed == ()
    assert _census(embedded, 3000) == _expected(3000)
