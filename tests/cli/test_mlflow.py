"""`mlflow status` and `mlflow sync` on the embedded store that every registry has beside it."""

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
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, pending)
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
