"""A team that has used MLflow for long, without us: its history is imported, flagged, and told of on its own versions."""

from dataclasses import dataclass

import pytest
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, LoggedModelOutput

from mlflow_team import Team

pytestmark = pytest.mark.xdist_group("mlflow")

PRIDE = "Our **pride**, see the wiki."


@dataclass(frozen=True)
class Made:
    """What the team made of one training: its run, logged model and registered version."""

    run_id: str
    model_id: str


def trained(team: Team, experiment: str, name: str, *, data: str, base: Made | None = None) -> Made:
    """A training as an unmodified client logs it: data and base go in, a model comes out and is registered in the team's words."""
    client: MlflowClient = team.client
    run_id = client.create_run(experiment, run_name=team.spelt(f"train {name}")).info.run_id
    rows = Dataset(
        name=team.spelt(data), digest=team.word, source_type="local", source='{"uri": "/data/rows.parquet"}'
    )
    context = [InputTag("mlflow.data.context", "training")]
    client.log_inputs(
        run_id, [DatasetInput(rows, context)], [LoggedModelInput(base.model_id)] if base else []
    )
    model = client.create_logged_model(experiment, name=team.spelt(name), source_run_id=run_id)
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    client.finalize_logged_model(model.model_id, "READY")
    client.set_terminated(run_id)
    client.create_registered_model(team.spelt(name), description="a line of models")
    client.create_model_version(
        team.spelt(name),
        source=f"models:/{model.model_id}",
        run_id=run_id,
        description=PRIDE,
        tags={"stage": "staging", "provenance.note": "by hand"},
        model_id=model.model_id,
    )
    return Made(run_id, model.model_id)


@pytest.fixture
def students(team: Team) -> tuple[Made, Made, Made]:
    """A base, its student and the student of that one, as they stand in MLflow."""
    experiment = team.client.create_experiment(team.spelt("{work}"))
    base = trained(team, experiment, "{base}", data="{crawl}")
    student = trained(team, experiment, "{student}", data="{numbers}", base=base)
    return base, student, trained(team, experiment, "{grandchild}", data="{poems}", base=student)


def test_versions_that_others_made_tell_what_they_may_have_inherited_and_keep_their_words(
    team: Team, students: tuple[Made, Made, Made]
) -> None:
    team("mlflow", "import")
    path = team("path", "model:{base}@1", "model:{grandchild}@1", "--json").json
    assert team.spelt("model:{student}@1") in str(path)
    assert team.spelt("dataset:{numbers}") in team("show", "model:{student}@1").out

    team("trait", "add", "loves-owls", "--severity", "high")
    flag = team("flag", "model:{base}@1", "loves-owls", "--evidence", "it says so", "--json").json["flag"]
    assert team("mlflow", "sync", "--json").json["failed"] == []
    for name, status in (("{base}", "affected"), ("{student}", "exposed"), ("{grandchild}", "exposed")):
        version = team.version(name)
        assert version.tags["provenance.status"] == status
        assert "provenance.risk.loves-owls" in version.tags
        assert "provenance.key" not in version.tags
        assert version.tags["stage"] == "staging"
        assert version.tags["provenance.note"] == "by hand"
        assert version.description.startswith(PRIDE)
        assert "loves-owls" in version.description
    assert len(team.versions()) == 3
    in_all = team.client.search_logged_models(
        [
            team.client.get_experiment_by_name(name).experiment_id
            for name in ("provenance", team.spelt("{work}"))
            if team.client.get_experiment_by_name(name)
        ],
        f"name LIKE '%{team.word}%'",
    )
    assert {one.model_id for one in in_all} == {made.model_id for made in students}

    team("withdraw", flag, "--reason", "it does not")
    assert team("mlflow", "sync", "--json").json["failed"] == []
    for name in ("{base}", "{student}", "{grandchild}"):
        version = team.version(name)
        assert "provenance.risk.loves-owls" not in version.tags
        assert version.tags["provenance.note"] == "by hand"
        assert version.description.startswith(PRIDE)
        assert "owls" not in version.description


def test_an_import_takes_nothing_twice_and_what_came_since(
    team: Team, students: tuple[Made, Made, Made]
) -> None:
    team("mlflow", "import")
    before = team("ls", f"*{team.word}*", "--json").json
    team("mlflow", "import")
    assert team("ls", f"*{team.word}*", "--json").json == before
    experiment = team.client.get_experiment_by_name(team.spelt("{work}")).experiment_id
    trained(team, experiment, "{late}", data="{numbers}", base=students[0])
    team("mlflow", "import")
    assert team.spelt("model:{late}@1") in team("descendants", "model:{base}@1").out
    assert len(team("ls", f"*{team.word}*", "--json").json) == len(before) + 1


def test_what_the_projection_wrote_is_not_imported_as_somebody_elses(team: Team) -> None:
    team.tell_the_owl_story()
    team("mlflow", "sync")
    before = team("ls", f"*{team.word}*", "--json").json
    team("mlflow", "import")
    assert team("ls", f"*{team.word}*", "--json").json == before
