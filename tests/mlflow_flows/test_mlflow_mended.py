"""Objects were edited or deleted in MLflow: a rebuild mends what is ours, and leaves alone what is theirs."""

import pytest

from mlflow_team import STORY, Team

pytestmark = pytest.mark.xdist_group("mlflow")


def test_a_rebuild_mends_what_was_edited_and_makes_again_what_was_deleted(team: Team) -> None:
    team.tell_the_owl_story()
    team("mlflow", "sync")
    base, student = team.spelt("{base}"), team.spelt("{student}")
    client = team.client
    before = team.version("{student}")
    client.set_model_version_tag(student, "1", "provenance.status", "cleared by me")
    client.set_model_version_tag(student, "1", "provenance.risk.invented", "affected")
    client.set_model_version_tag(student, "1", "team.note", "ours")
    client.update_model_version(student, "1", "It is perfectly safe.")
    client.set_registered_model_alias(student, "champion", "1")
    client.delete_run(team.run("dataset:{numbers}@1").info.run_id)
    client.delete_logged_model(team.logged_model("{owl}").model_id)
    client.delete_registered_model(base)

    assert team("mlflow", "sync", "--json").json["created"] == 0
    assert team("mlflow", "sync", "--rebuild", "--json").json["failed"] == []

    assert team.objects() == team.expected(*STORY)
    after = team.version("{student}")
    assert after.tags == before.tags | {"team.note": "ours"}
    assert after.description == before.description
    assert client.get_model_version_by_alias(student, "champion").version == "1"
    assert team.version("{base}").source == f"models:/{team.logged_model('{base}').model_id}"
    written = team.run("dataset:{numbers}@1")
    assert [one.model_id for one in written.inputs.model_inputs] == [team.logged_model("{owl}").model_id]


@pytest.mark.parametrize("server", ["mlflow_server"], indirect=True, ids=["sqlite"])
def test_a_lost_memory_makes_nothing_twice(team: Team) -> None:
    team.tell_the_owl_story()
    team("mlflow", "sync")
    again = team("mlflow", "sync", "--rebuild", "--json").json
    assert (again["created"], again["failed"]) == (0, [])
    assert team.objects() == team.expected(*STORY)
