"""The server is away, comes back, or dies in the middle; two sync at once: nothing is lost, and nothing is there twice."""

from collections.abc import Callable

import pytest

from mlflow_servers import Server
from mlflow_team import STORY, Team
from provenance.mlflow_link.address import MlflowError

pytestmark = pytest.mark.xdist_group("mlflow")


def test_what_was_registered_while_the_server_was_away_is_there_once_when_it_is_back(
    team: Team, server: Server
) -> None:
    server.stop()
    team.tell_the_owl_story()
    assert len(team("ls", "--json").json) == 4
    assert team("mlflow", "status", code=None).out
    assert team("mlflow", "sync", code=4).out == ""
    server.start()
    assert team("mlflow", "sync", "--json").json["created"] > 0
    assert team.objects() == team.expected(*STORY)
    assert team("mlflow", "status").out
    assert team("mlflow", "sync", "--json").json["created"] == 0


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


def test_two_that_sync_at_once_make_each_object_once(late_team: Team, server: Server) -> None:
    team = late_team
    team.tell_the_owl_story()
    both = [team.elsewhere("mlflow", "sync", "--uri", server.uri, "--json") for _ in range(2)]
    said = [one.communicate(timeout=120) for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert team.objects() == team.expected(*STORY)
