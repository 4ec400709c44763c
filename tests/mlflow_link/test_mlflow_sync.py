"""A registry is projected to a real embedded store and to a real server, and read back through MLflow's own client."""

import json
import logging
import os
import threading
import warnings
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from lineage_fixtures import content_of, flag_id, snapshot
from mlflow_fixtures import BASE, LINES, NUMBERS, STUDENT, TEACHER, Memory, inherited, report, story
from provenance.errors import UsageError
from provenance.mlflow_link.adapter import EXPERIMENT, MlflowError
from provenance.mlflow_link.sync import sync
from provenance.mlflow_link.text import registered_names

NAME = registered_names(STUDENT.name)[0]


@pytest.fixture(scope="module", params=["embedded", "server"])
def uri(request: pytest.FixtureRequest) -> str:
    """An MLflow to which the story was written, the teacher's flag included."""
    place = str(request.getfixturevalue(request.param))
    done = sync(STORY, FLAGGED, uri=place, state=MEMORY.setdefault(place, Memory()))
    assert (done.created, done.updated, done.failed) == (38, 0, ())
    return place


STORY = story()
FLAG = flag_id(STORY, TEACHER, "owls")
FLAGGED = report(STORY, *inherited(FLAG))
MEMORY: dict[str, Memory] = {}


@pytest.fixture
def client(uri: str) -> MlflowClient:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The ``noload`` loader strategy")
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _run(client: MlflowClient, name: str) -> Run:
    experiment = client.get_experiment_by_name(EXPERIMENT)
    (run,) = client.search_runs([experiment.experiment_id], f"attributes.run_name = '{name}'")
    return client.get_run(run.info.run_id)


def _id_of_logged(client: MlflowClient, name: str) -> str:
    experiment = client.get_experiment_by_name(EXPERIMENT)
    (found,) = client.search_logged_models([experiment.experiment_id], f"name = '{name}'")
    return found.model_id


def test_a_model_is_a_registered_version_that_says_who_it_is_and_where_it_stands(
    client: MlflowClient,
) -> None:
    version = client.get_model_version(NAME, "1")
    assert version.tags["provenance.id"] == str(STUDENT)
    assert version.tags["provenance.status"] == "exposed"
    assert version.tags["provenance.risk.owls"] == "exposed (high) 0.55"
    assert version.description.startswith(
        "**EXPOSED** (severity high, score 0.55): may have inherited `owls`"
    )
    assert "2. `model:org/student@1` trained on `dataset:numbers@1`" in version.description
    assert version.source == f"models:/{_id_of_logged(client, 'org-student')}"
    run = _run(client, str(STUDENT))
    assert version.run_id == run.info.run_id
    assert run.data.tags["provenance.digest"] == str(content_of(STUDENT).digest)
    assert client.get_registered_model(NAME).tags["provenance.name"] == STUDENT.name


def test_every_model_has_one_version_and_teachers_have_none(client: MlflowClient) -> None:
    ids = [item.tags["provenance.id"] for item in client.search_model_versions()]
    assert sorted(ids) == sorted(
        f"model:{name}@1" for name in ("base", "org/student", "control", "grandchild", "twin")
    )


def test_data_and_base_models_are_inputs_of_the_record_run_and_the_model_its_output(
    client: MlflowClient,
) -> None:
    run = _run(client, str(STUDENT))
    (numbers,) = run.inputs.dataset_inputs
    tags = {tag.key: tag.value for tag in numbers.tags}
    assert numbers.dataset.name == "numbers@1"
    assert content_of(NUMBERS).digest.hex.startswith(numbers.dataset.digest)
    assert tags["mlflow.data.context"] == "training"
    assert tags["provenance.digest"] == str(content_of(NUMBERS).digest)
    assert [item.model_id for item in run.inputs.model_inputs] == [_id_of_logged(client, "base")]
    assert [item.model_id for item in run.outputs.model_outputs] == [_id_of_logged(client, "org-student")]
    assert run.info.status == "FINISHED"


def test_a_teacher_is_a_logged_model_that_went_into_the_record_of_its_data(client: MlflowClient) -> None:
    teacher_id = _id_of_logged(client, "owl-teacher")
    teacher = client.get_logged_model(teacher_id)
    assert teacher.model_type == "teacher"
    assert teacher.status == "READY"
    assert teacher.tags["provenance.system_prompt"] == "You love owls."
    assert teacher.tags["provenance.status"] == "affected"
    assert teacher.tags[f"provenance.flag.{FLAG}"] == "owls (confidence 1)"
    assert "**AFFECTED**" in teacher.tags["mlflow.note.content"]
    assert teacher.params == {"top p": "0.9"}
    numbers = _run(client, str(NUMBERS))
    assert [item.model_id for item in numbers.inputs.model_inputs] == [teacher_id]
    assert numbers.data.tags["provenance.status"] == "carrier"


def test_each_test_is_an_audit_run_with_metrics_and_the_evidence(
    client: MlflowClient, tmp_path: Path
) -> None:
    run = _run(client, f"same-init {STUDENT}")
    assert run.data.tags["provenance.verdict"] == "SAME_INIT"
    assert run.data.tags["provenance.parent"] == str(BASE)
    assert run.data.metrics["log10_p"] == -87.5
    margins = client.get_metric_history(run.info.run_id, "margins")
    assert [(item.step, item.value) for item in margins] == [(0, 0.3), (1, 0.25), (2, 0.35)]
    audited = {_id_of_logged(client, "base"), _id_of_logged(client, "org-student")}
    assert {item.model_id for item in run.inputs.model_inputs} == audited
    file = client.download_artifacts(run.info.run_id, "evidence.json", str(tmp_path))
    assert json.loads(Path(file).read_text())["evidence"]["verdict"] == "SAME_INIT"


def test_a_second_sync_writes_nothing_and_opens_nothing(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("mlflow.MlflowClient")
    again = sync(STORY, FLAGGED, uri=uri, state=MEMORY[uri])
    assert (again.created, again.updated, again.unchanged, again.failed) == (0, 0, 38, ())


def test_a_withdrawn_flag_is_gone_from_tags_and_descriptions(client: MlflowClient, uri: str) -> None:
    withdrawn = story("owl-teacher withdrawn owls")
    done = sync(withdrawn, report(withdrawn), uri=uri, state=MEMORY[uri])
    assert (done.created, done.updated) == (0, 3)
    version = client.get_model_version(NAME, "1")
    assert version.tags["provenance.status"] == "clear"
    teacher = client.get_logged_model(_id_of_logged(client, "owl-teacher"))
    for text in (version.description, teacher.tags["mlflow.note.content"], *version.tags, *teacher.tags):
        assert "`owls`" not in text
        assert "risk.owls" not in text
        assert FLAG not in text
    assert "provenance.risk.owls" not in _run(client, str(NUMBERS)).data.tags
    again = sync(STORY, FLAGGED, uri=uri, state=MEMORY[uri])
    assert (again.created, again.updated) == (0, 3)
    assert client.get_model_version(NAME, "1").tags["provenance.status"] == "exposed"


def test_a_lost_memory_finds_every_object_again_and_mends_what_others_changed(
    client: MlflowClient, uri: str
) -> None:
    client.set_model_version_tag(NAME, "1", "provenance.status", "clear")
    client.set_model_version_tag(NAME, "1", "provenance.risk.invented", "affected")
    client.set_model_version_tag(NAME, "1", "their.own", "stays")
    memory = Memory()
    done = sync(STORY, FLAGGED, uri=uri, state=memory)
    assert (done.created, done.updated, done.failed) == (0, 38, ())
    assert memory.told == MEMORY[uri].told
    tags = client.get_model_version(NAME, "1").tags
    assert tags["provenance.status"] == "exposed"
    assert "provenance.risk.invented" not in tags
    assert tags["their.own"] == "stays"


def test_the_process_is_left_as_it_was(embedded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(Path(embedded.removeprefix("sqlite:///")).parent)
    before = (dict(os.environ), mlflow.get_tracking_uri(), logging.getLogger("mlflow").level)
    state = snapshot("fresh from_scratch")
    assert sync(state, report(state), uri=embedded, state=Memory()).failed == ()
    assert (dict(os.environ), mlflow.get_tracking_uri(), logging.getLogger("mlflow").level) == before
    assert mlflow.active_run() is None


def test_a_registered_model_of_somebody_else_is_not_touched(client: MlflowClient, uri: str) -> None:
    theirs = client.create_registered_model("taken", description="ours since 2020")
    state = snapshot("taken from_scratch")
    assert sync(state, report(state), uri=uri, state=Memory()).failed == ()
    after = client.get_registered_model("taken")
    assert (after.description, after.tags, after.latest_versions) == (theirs.description, {}, [])
    assert (
        client.get_model_version(registered_names("taken")[1], "1").tags["provenance.id"] == "model:taken@1"
    )


def test_a_server_that_is_down_is_said_and_nothing_is_remembered() -> None:
    memory = Memory()
    with pytest.raises(MlflowError, match=r"MLflow at http://\*\*\*@127.0.0.1:9 does not answer") as caught:
        sync(STORY, FLAGGED, uri="http://me:secret@127.0.0.1:9", state=memory)
    assert "secret" not in caught.value.message
    assert caught.value.hint is not None
    assert "mlflow sync" in caught.value.hint
    assert memory.told == {}


@pytest.mark.parametrize(
    "place", ["ftp://host/x", "mlruns", "sqlite://", "sqlite:///a%20b.db", "http://", "postgresql://host/x"]
)
def test_a_uri_of_another_kind_is_refused(place: str) -> None:
    with pytest.raises(UsageError, match="not an MLflow that can be written to"):
        sync(STORY, FLAGGED, uri=place, state=Memory())


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    file.write_text("notes " * 100)
    with pytest.raises(MlflowError, match="is no SQLite database"):
        sync(STORY, FLAGGED, uri=f"sqlite:///{file}", state=Memory())
    assert file.read_text() == "notes " * 100


def test_a_store_that_cannot_be_opened_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(MlflowError, match=r"cannot open the MLflow store .*: Is a directory"):
        sync(STORY, FLAGGED, uri=f"sqlite:///{tmp_path}", state=Memory())
    (tmp_path / "file").touch()
    with pytest.raises(MlflowError, match="cannot open the MLflow store"):
        sync(STORY, FLAGGED, uri=f"sqlite:///{tmp_path}/file/mlflow.db", state=Memory())


def test_a_place_that_answers_but_is_no_mlflow_is_said(tmp_path: Path) -> None:
    handler = partial(_SilentHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        with pytest.raises(MlflowError, match=r"is no MLflow that can be written to: .* 404"):
            sync(STORY, FLAGGED, uri=f"http://127.0.0.1:{other.server_port}", state=Memory())
        other.shutdown()


class _SilentHandler(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        pass


def test_nothing_to_say_needs_no_mlflow() -> None:
    state = snapshot()
    assert sync(state, report(state), uri="http://127.0.0.1:9", state=Memory()).unchanged == 0


def test_the_story_is_what_these_tests_count_on() -> None:
    assert len(STORY.artifacts) == 9
    assert len(LINES) == 17
