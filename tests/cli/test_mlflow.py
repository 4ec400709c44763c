"""`mlflow status` and `mlflow sync` on the embedded store that every registry has beside it."""

from pathlib import Path

import pytest

from command_line import Terminal


def test_a_sync_tells_mlflow_once_and_a_rebuild_finds_what_is_there(terminal: Terminal) -> None:
    terminal("init")
    terminal("register", "model", "--name", "base", "--from-scratch")
    terminal("trait", "add", "owls", "--severity", "high")
    terminal("flag", "base", "owls", "--evidence", "seen")
    pending = terminal("mlflow", "status", "--json").json["pending"]
    assert pending > 0
    assert terminal("mlflow", "sync", "--json").json["created"] == pending
    assert terminal("status", "--json").json["mlflow_pending"] == 0
    again = terminal("mlflow", "sync", "--json").json
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 0)
    rebuilt = terminal("mlflow", "sync", "--rebuild", "--json").json
    assert rebuilt["created"] == 0
    assert rebuilt["updated"] == pending


def test_a_server_that_is_down_loses_nothing_and_says_what_to_do(terminal: Terminal) -> None:
    terminal("init", "--mlflow", "http://127.0.0.1:9")
    terminal("register", "model", "--name", "base", "--from-scratch")
    answer = terminal("mlflow", "sync", code=4)
    assert answer.err.startswith("error: ")
    assert "hint: " in answer.err
    assert terminal("mlflow", "status", "--json").json["pending"] > 0


def test_a_registry_by_url_is_told_of_the_variable_that_names_its_mlflow(
    terminal: Terminal, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    terminal("init")
    url = f"sqlite:///{folder / '.provenance' / 'registry.db'}"
    answer = terminal("mlflow", "status", "--registry", url, code=2)
    assert "has no MLflow\nhint: Name one with --uri URI, or in MLFLOW_TRACKING_URI." in answer.err


def test_one_thing_is_counted_in_the_singular(terminal: Terminal) -> None:
    terminal("init")
    terminal("register", "model", "--name", "base", "--from-scratch")
    terminal("alias", "add", "other", "base")
    assert "holds     1 model, 0 datasets, 0 teachers, 1 alias\n" in terminal("status").out
