"""`provenance mlflow import` on a real server: what it says, what it records, and what it leaves to the next time."""

import json
import uuid

import pytest

from command_line import Terminal
from mlflow_history_fixtures import Writer, artifacts, relations
from mlflow_servers import Server
from provenance import Registry
from provenance.errors import BusyError
from provenance.mlflow_link.wire import Wire

pytestmark = pytest.mark.xdist_group("mlflow")


@pytest.fixture
def writer(mlflow_server: Server) -> Writer:
    return Writer(mlflow_server.client(), f"-{uuid.uuid4().hex[:6]}")


def test_a_history_is_imported_by_two_commands(
    mlflow_server: Server, writer: Writer, terminal: Terminal
) -> None:
    base = writer.model(writer.run(datasets=(("pile", "d1", "train"),)), name="base")
    first = writer.version("base", f"models:/{base}")
    name = first.partition("/")[0]
    terminal("init", "--mlflow", mlflow_server.uri)
    dry = terminal("mlflow", "import", "--dry-run")
    assert "would record" in dry.out
    assert "would be bound" in dry.out
    answer = terminal("mlflow", "import")
    assert "read by api" in answer.out
    assert "next: provenance mlflow sync" in answer.err
    again = json.loads(
        terminal("mlflow", "import", "--via", "sql", "--store", mlflow_server.backend, "--json").out
    )
    assert again["imported"]["recorded"] == {}
    assert again["bound"] == 0
    assert again["whole"] is True
    assert "trained_on" in terminal("show", f"model:{name}@1").out


def test_the_next_import_asks_for_what_is_new_alone(
    mlflow_server: Server, writer: Writer, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = writer.model(writer.run(started=1), name="root")
    running = writer.run(started=1, ended=False)
    late = writer.model(running, name="late")
    registry.mlflow_import(mlflow_server.uri)
    before = relations(registry)
    asked: list[str] = []
    ask = Wire.ask

    def counted(wire: Wire, method: str, path: str, **values: object) -> dict[str, object]:
        asked.append(path)
        return ask(wire, method, path, **values)

    monkeypatch.setattr(Wire, "ask", counted)
    from mlflow.entities import LoggedModelInput

    writer.client.log_inputs(running, models=[LoggedModelInput(base)])
    writer.client.set_terminated(running)
    found = registry.mlflow_import(mlflow_server.uri)
    assert not found.whole
    assert relations(registry) - before == {f"model:late@{late} finetuned_from model:root@{base}"}


def test_an_input_added_after_the_end_is_found_by_a_rescan(
    mlflow_server: Server, writer: Writer, registry: Registry
) -> None:
    from mlflow.entities import LoggedModelInput

    run_id = writer.client.create_run(writer.experiment(), start_time=1).info.run_id
    writer.client.set_terminated(run_id, end_time=2)
    model, base = writer.model(run_id), writer.model(None, name="root")
    newer = writer.run()
    assert newer
    relation = f"model:net@{model} finetuned_from model:root@{base}"
    registry.mlflow_import(mlflow_server.uri)
    before = relations(registry)
    writer.client.log_inputs(run_id, models=[LoggedModelInput(base)])
    registry.mlflow_import(mlflow_server.uri, rescan=True)
    assert relations(registry) - before == {relation}


def test_reading_the_store_behind_a_server_binds_to_the_server(
    mlflow_server: Server, writer: Writer, registry: Registry
) -> None:
    version = writer.version("net", "s3://bucket/net")
    found = registry.mlflow_import(mlflow_server.uri, store=mlflow_server.backend)
    assert str(found.via) == "sql"
    bound = {one.version for one in registry.mlflow_bindings(mlflow_server.uri).values()}
    assert version in bound


def test_two_imports_at_once_are_told_apart(mlflow_server: Server, registry: Registry) -> None:
    with (
        registry.mlflow_memory(mlflow_server.uri).held(purpose="import"),
        pytest.raises(BusyError, match="another process imports the MLflow history of http://127"),
    ):
        registry.mlflow_import(mlflow_server.uri)
    assert not artifacts(registry)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--parent-tag", "key=trained_on"), "--parent-tag takes KEY or KEY=RELATION"),
        (("--parent-tag", "=finetuned_from"), "--parent-tag takes KEY or KEY=RELATION"),
        (("--via", "sql", "--uri", "http://127.0.0.1:1"), "no database that can be read directly"),
        (("--via", "api", "--store", "sqlite:///x.db"), "a store is read by SQL"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(terminal: Terminal, words: tuple[str, ...], said: str) -> None:
    terminal("init")
    answer = terminal("mlflow", "import", *words, code=2)
    assert said in answer.err


def test_a_server_that_is_away_is_told_and_nothing_recorded(terminal: Terminal) -> None:
    terminal("init", "--mlflow", "http://127.0.0.1:1")
    answer = terminal("mlflow", "import", code=4)
    assert "does not answer" in answer.err
    assert "Nothing was recorded" in answer.err
