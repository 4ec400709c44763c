"""Writing that is killed anywhere leaves, after the next time, exactly one object each: on a server and in an embedded store."""

import itertools
import signal
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pytest

from mlflow_deaths import Diary, KilledError, census, drain, dying, expected, little
from mlflow_fixtures import Memory
from mlflow_servers import Server
from provenance.mlflow_link.adapter import MlflowError
from provenance.mlflow_link.port import RefusedError

pytestmark = pytest.mark.xdist_group("mlflow")


@pytest.fixture(scope="module", params=["embedded", "server"])
def uri(request: pytest.FixtureRequest, embedded: str) -> str:
    if request.param == "embedded":
        return embedded
    server: Server = request.getfixturevalue("mlflow_server")
    return server.uri


def _client(uri: str) -> mlflow.MlflowClient:
    return mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)


def test_processes_that_die_after_one_two_three_and_four_calls_come_to_an_end(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, memory, deaths = little(500), Memory(), 0
    for n in [1, 2, 3, 4] * 10:
        with monkeypatch.context() as patch:
            dying(patch, n, KilledError())
            try:
                assert drain(uri, state, memory) == []
            except KilledError:
                deaths += 1
                continue
            break
    assert 8 < deaths < 40
    assert census(_client(uri), 500, 501) == expected(500, 501)


def test_killed_at_any_call_and_run_again_each_object_is_there_once(
    embedded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in itertools.count(1):
        state, memory = little(n), Memory()
        with monkeypatch.context() as patch:
            # To die after one call is to die before the next; either way nobody has heard of the last.
            made = dying(patch, n, KilledError(), before=n % 2 == 0)
            try:
                drain(embedded, state, memory)
            except KilledError:
                pass
            else:
                assert made[0].writes == n - 1
                break
        assert drain(embedded, state, memory) == []
    assert n == 25
    # The number in a name is the call at which that story was interrupted.
    assert census(_client(embedded), 1, n) == expected(1, n)


def test_a_process_that_forgets_everything_at_each_death_still_ends_with_one_object_each(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = little(1000)
    for n in itertools.count(1, 3):
        with monkeypatch.context() as patch:
            dying(patch, n, KilledError())
            try:
                drain(uri, state, Memory(), prefetch=True)
            except KilledError:
                continue
            break
    assert census(_client(uri), 1000, 1001) == expected(1000, 1001)


def test_real_processes_killed_again_and_again_leave_one_object_each(
    mlflow_server: Server, tmp_path: Path
) -> None:
    diary = tmp_path / "diary"
    command = [sys.executable, "tests/mlflow_deaths.py", mlflow_server.uri, "4000", str(diary)]
    for deaths in itertools.count():
        known = len(Diary(diary).told)
        process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
        while process.poll() is None and len(Diary(diary).told) < known + 2:
            time.sleep(0.001)
        time.sleep(0.008 * deaths)  # Wherever it is then.
        process.kill()
        if process.wait() != -signal.SIGKILL:
            break
    assert process.returncode == 0
    assert deaths > 4
    assert census(mlflow_server.client(), 4000, 4001) == expected(4000, 4001)


def test_a_store_that_stops_answering_half_way_keeps_what_was_written(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, memory = little(2000), Memory()
    with monkeypatch.context() as patch:
        dying(patch, 6, MlflowError("gone for lunch"))
        with pytest.raises(MlflowError, match="gone for lunch"):
            drain(uri, state, memory)
    assert 0 < len(memory.told) < 14
    told = dict(memory.told)
    assert drain(uri, state, memory) == []
    assert told.items() <= memory.told.items()
    assert census(_client(uri), 2000, 2001) == expected(2000, 2001)


def test_one_object_that_mlflow_refuses_does_not_hold_up_the_others(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, memory = little(3000), Memory()
    with monkeypatch.context() as patch:
        dying(patch, 1, RefusedError("not this one"))
        refused = drain(uri, state, memory)
    assert refused[0] == "record of model:student.n3000@1: not this one"
    # What refers to it waits for it, and says so.
    assert all("waits for" in words for words in refused[1:])
    assert memory.told
    assert drain(uri, state, memory) == []
    assert census(_client(uri), 3000, 3001) == expected(3000, 3001)
