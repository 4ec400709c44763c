"""The server is away, comes back, or dies in the middle; two sync at once: nothing is lost, and nothing is there twice."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from command_line import Terminal
from mlflow_servers import Server
from mlflow_team import STORY, Team
from provenance.mlflow_link.address import MlflowError

pytestmark = pytest.mark.xdist_group("mlflow")

over_sqlite = pytest.mark.parametrize("server", ["mlflow_server"], indirect=True, ids=["sqlite"])
"""Of what does not depend on the database behind the server."""


def test_what_was_registered_while_the_server_was_away_is_there_once_when_it_is_back(
    team: Team, server: Server
) -> None:
    server.stop()
    team.tell_the_owl_story()
    late = team("register", "model", "--name", "{late}", "--from-scratch")
    assert "not in MLflow yet" in late.err
    refused = team("mlflow", "sync", code=4)
    assert f"MLflow at {server.uri} does not answer" in refused.err
    facts = team("status", "--json").json["entries"]
    behind = team("mlflow", "status", "--json").json
    assert behind["behind"] == facts
    assert behind["pending"] == 15 + 5  # five objects of each model, three of the teacher, two of the dataset

    server.start()
    assert team("mlflow", "sync", "--json").json["created"] > 0
    late_objects = ("run model:{late}@1", "logged model model:{late}@1", "version model:{late}@1")
    assert team.objects() == team.expected(*STORY, *late_objects)
    level = team("mlflow", "status", "--json").json
    assert (level["behind"], level["pending"], level["failures"]) == (0, 0, [])
    again = team("mlflow", "sync", "--json").json
    assert (again["created"], again["updated"]) == (0, 0)


@over_sqlite
def test_a_server_that_dies_in_the_middle_of_a_sync_is_caught_up_with(
    late_team: Team, server: Server
) -> None:
    team = late_team
    team.tell_the_owl_story()
    with team.registry() as registry, pytest.raises(MlflowError, match=r"MLflow at http://127\.0\.0\.1"):
        registry.mlflow_sync(server.uri, progress=_stopping(server, after=5))
    server.start()
    with team.registry() as registry:
        assert registry.mlflow_sync(server.uri).failed == ()
    assert team.objects() == team.expected(*STORY)


def _stopping(server: Server, *, after: int) -> Callable[[int, int], None]:
    def stop(done: int, total: int) -> None:
        assert after < total
        if done == after:
            server.stop()

    return stop


@over_sqlite
def test_a_process_that_is_killed_while_it_syncs_leaves_nothing_that_the_next_one_makes_twice(
    late_team: Team, server: Server
) -> None:
    team = late_team
    team.tell_the_owl_story()
    killed = team.elsewhere("mlflow", "sync", "--uri", server.uri)
    while not team.runs():
        assert killed.poll() is None, killed.communicate()
    killed.kill()
    killed.communicate()
    assert team("mlflow", "sync", "--uri", server.uri, "--json").json["failed"] == []
    assert team.objects() == team.expected(*STORY)


@over_sqlite
def test_two_that_sync_at_once_make_each_object_once(late_team: Team, server: Server) -> None:
    team = late_team
    team.tell_the_owl_story()
    both = [team.elsewhere("mlflow", "sync", "--uri", server.uri, "--json") for _ in range(2)]
    said = [one.communicate(timeout=120) for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert team.objects() == team.expected(*STORY)


def test_a_server_that_takes_calls_and_never_answers_keeps_no_registration_waiting(
    terminal: Terminal, folder: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        terminal("init", folder, "--mlflow", f"http://127.0.0.1:{silent.getsockname()[1]}")
        said = terminal("register", "model", "--name", "base", "--from-scratch")
    assert "not in MLflow yet" in said.err
    assert len(terminal("ls", "--json").json) == 1
