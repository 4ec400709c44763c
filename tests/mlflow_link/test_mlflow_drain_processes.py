"""Several processes and one MLflow: one writes at a time, registrations wait for none, and each object is there once."""

import json
import subprocess
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import mlflow
import pytest

from command_line import Terminal
from mlflow_servers import Server
from provenance import Registry
from provenance.artifacts import ArtifactKind
from provenance.errors import ConflictError
from provenance.mlflow_link import inline
from provenance.mlflow_link.adapter import EXPERIMENT
from provenance.relations import RelationKind
from provenance.request import Parent, Request
from statements import statements

pytestmark = pytest.mark.xdist_group("mlflow")

SYNC = """
import json, sys
from provenance import Registry
with Registry.open(sys.argv[1]) as registry:
    print("ready", flush=True)
    sys.stdin.readline()
    found = registry.mlflow_sync()
    print(json.dumps([found.created, len(found.failed)]))
"""
DEAD = "http://127.0.0.1:9"


def family(registry: Registry, name: str) -> None:
    """A base, its rows and two children, in a registry whose MLflow is told by syncs alone."""
    rows = Parent(kind=RelationKind.TRAINED_ON, reference=f"{name}-rows")
    base = Parent(kind=RelationKind.FINETUNED_FROM, reference=f"{name}-base")
    registry.register_model(name=f"{name}-base", from_scratch=True)
    registry.register_dataset(name=f"{name}-rows", authored=True)
    for child in ("one", "two"):
        registry.register_model(name=f"{name}-{child}", parents=[base, rows])


def census(uri: str, name: str) -> Counter[str]:
    """How many objects of a family there are in MLflow, by what they are."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The ``noload`` loader strategy is deprecated")
        client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    counts: Counter[str] = Counter()
    for run in client.search_runs([experiment], max_results=1000):
        counts[f"run {run.data.tags.get('provenance.id')}"] += 1
    for logged in client.search_logged_models([experiment], max_results=1000):
        counts[f"logged {logged.tags.get('provenance.id')}"] += 1
    for version in client.search_model_versions(max_results=1000):
        counts[f"version {version.tags.get('provenance.id')}"] += 1
    return Counter({key: count for key, count in counts.items() if f":{name}-" in key})


def expected(name: str) -> dict[str, int]:
    models = [f"model:{name}-{one}@1" for one in ("base", "one", "two")]
    kinds = ("run", "logged", "version")
    return {f"{kind} {model}": 1 for kind in kinds for model in models} | {f"run dataset:{name}-rows@1": 1}


def race(where: str) -> list[list[int]]:
    """What two processes did that were told to sync at the same moment."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", SYNC, where],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    return [json.loads(racer.communicate(timeout=120)[0]) for racer in racers]


def test_two_drainers_of_an_embedded_store_make_each_object_once(folder: Path) -> None:
    with Registry.init(folder) as registry:
        family(registry, "nest")
    done = race(str(folder))
    assert sorted(created > 0 for created, _ in done) == [False, True]
    assert [failed for _, failed in done] == [0, 0]
    assert census(f"sqlite:///{folder}/.provenance/mlflow.db", "nest") == expected("nest")


@pytest.mark.postgres
def test_two_drainers_of_a_server_and_a_registry_in_postgresql_make_each_object_once(
    folder: Path, postgres_url: str, mlflow_server: Server
) -> None:
    with Registry.init(folder, store=postgres_url, mlflow=mlflow_server.uri) as registry:
        with (
            registry.mlflow_memory().held()
        ):  # what is registered meanwhile waits for nobody, and stays pending
            family(registry, "race")
            assert registry.mlflow_note is not None
            assert (
                "another process is writing to MLflow: see `provenance mlflow status`" in registry.mlflow_note
            )
            assert registry.mlflow_status().is_running
        assert not registry.mlflow_status().is_running
    done = race(str(folder))
    assert sorted(created > 0 for created, _ in done) == [False, True]
    assert census(mlflow_server.uri, "race") == expected("race")


def test_a_sync_waits_for_another_with_a_word_and_then_gives_up(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provenance.projection._PATIENCE_S", 0.3)
    registry.register_model(name="base")
    told: list[str] = []
    with Registry.open() as other, other.mlflow_memory().held():
        assert registry.mlflow_status().is_running
        with pytest.raises(ConflictError, match="another process has been writing to the MLflow at sqlite:"):
            registry.mlflow_sync(waiting=lambda: told.append("waits"))
    assert told == ["waits"]
    assert not registry.mlflow_status().is_running


def test_a_sync_goes_on_when_the_other_ends(registry: Registry) -> None:
    ended = threading.Event()

    def hold() -> None:
        with Registry.open() as other, other.mlflow_memory().held():
            held.set()
            ended.wait(30)

    held = threading.Event()
    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    registry.mlflow_sync(waiting=ended.set)
    thread.join()
    assert registry.mlflow_status().behind == 0


def test_the_command_says_that_it_waits(terminal: Terminal) -> None:
    terminal("init")
    with Registry.open() as other, other.mlflow_memory().held():
        assert "which a process is writing to now" in terminal("mlflow", "status").out
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("provenance.projection._PATIENCE_S", 0.0)
            answer = terminal("mlflow", "sync", code=4)
    assert "another process is writing to this MLflow: waiting for it" in answer.err
    assert "hint: " in answer.err


# --- at once, when something is registered ----------------------------------------------------------------------------


@pytest.fixture
def live(folder: Path, mlflow_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """An empty registry whose MLflow is a server, which has the time that a busy machine takes."""
    for limit in ("_BUDGET_S", "_SILENCE_S"):
        monkeypatch.setattr(inline, limit, 60.0)
    with Registry.init(folder, mlflow=mlflow_server.uri) as opened:
        yield opened


def test_what_is_registered_stands_on_the_server_at_once_and_nothing_is_pending(live: Registry) -> None:
    family(live, "quick")
    assert live.mlflow_note is None
    status = live.mlflow_status()
    assert (status.behind, status.pending) == (0, 0)
    assert census(live.home.mlflow_uri, "quick") == expected("quick")
    assert live.mlflow_sync().calls == 0


def test_a_relation_is_told_at_once_and_a_flag_never(live: Registry) -> None:
    live.register_model(name="lone-base", from_scratch=True)
    live.register_dataset(name="lone-rows", authored=True)
    live.register_model(name="lone-child")
    live.relate("lone-child", "trained_on", "lone-rows")
    assert live.mlflow_note is None
    assert live.mlflow_status().pending == 0
    live.add_trait("owls", severity="high")
    live.flag("lone-rows", "owls", evidence="seen")
    assert live.mlflow_status().pending == 2
    live.register_model(name="lone-later")
    assert "was told of this alone, and lags behind" in live.mlflow_note
    assert census(live.home.mlflow_uri, "lone")["version model:lone-later@1"] == 1


def test_what_an_untold_parent_is_needed_for_is_told_with_the_child(live: Registry) -> None:
    with live.mlflow_memory().held():
        live.register_model(name="owed-base", from_scratch=True)
        live.register_model(
            name="owed-one", parents=[Parent(kind=RelationKind.FINETUNED_FROM, reference="owed-base")]
        )
    live.register_model(
        name="owed-two", parents=[Parent(kind=RelationKind.FINETUNED_FROM, reference="owed-one")]
    )
    found = census(live.home.mlflow_uri, "owed")
    assert found == {
        **{f"{kind} model:owed-two@1": 1 for kind in ("run", "logged", "version")},
        **{f"{kind} model:owed-one@1": 1 for kind in ("run", "logged")},
    }
    assert live.mlflow_sync().failed == ()
    assert census(live.home.mlflow_uri, "owed")["version model:owed-base@1"] == 1


def test_many_registrations_of_one_block_are_told_in_one_go(live: Registry) -> None:
    with live.mlflow_together():
        live.register_model(name="joint-base")
        live.register_model(name="joint-other")
        assert live.mlflow_status().pending > 0
    assert live.mlflow_note is None
    assert live.mlflow_status().pending == 0


def test_a_block_that_fails_tells_nobody(live: Registry) -> None:
    with suppress(KeyboardInterrupt), live.mlflow_together():
        live.register_model(name="half-base")
        raise KeyboardInterrupt
    assert live.mlflow_status().pending > 0


def test_a_large_registration_is_left_to_a_sync(folder: Path) -> None:
    with Registry.init(folder, mlflow=DEAD) as registry:
        registry.register([Request.named(ArtifactKind.MODEL, f"m{n}") for n in range(21)])
        assert "is not told of 21 artifacts at once; `provenance mlflow sync`" in registry.mlflow_note


def test_a_server_that_is_away_fails_no_registration_and_the_command_says_so(terminal: Terminal) -> None:
    terminal("init", "--mlflow", DEAD)
    answer = terminal("register", "model", "--name", "base", "--json")
    assert answer.json["artifact"] == "model:base@1"
    assert answer.json["warnings"] == []
    assert "not in MLflow yet: MLflow at http://127.0.0.1:9 " in answer.err
    assert "`provenance mlflow sync` writes it later" in answer.err
    assert terminal("mlflow", "status", "--json").json["pending"] > 0
    terminal("register", "dataset", "--name", "rows")
    assert "not in MLflow yet" in terminal("relate", "base", "trained_on", "rows").err


def test_an_embedded_store_is_never_told_at_once(registry: Registry) -> None:
    with statements() as sent:
        registry.register_model(name="base")
    assert registry.mlflow_note is None
    assert not any("provenance_projec" in one for one in sent)


LOADED = """
import sys
from provenance import Registry
from provenance.mlflow_link import inline
inline._BUDGET_S = inline._SILENCE_S = 60.0
with Registry.open() as registry:
    registry.register_model(name=sys.argv[1])
    registry.mlflow_status()
    assert registry.mlflow_note is None, registry.mlflow_note
print(sorted(name for name in ("mlflow", "matplotlib", "torch") if name in sys.modules))
"""


def test_telling_a_server_at_once_loads_no_mlflow(live: Registry) -> None:
    live.close()
    found = subprocess.run(
        [sys.executable, "-c", LOADED, "light"], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout == "[]\n"
