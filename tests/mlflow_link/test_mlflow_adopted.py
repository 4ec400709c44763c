"""What others made in MLflow is told of where it stands, and stays theirs."""

import warnings
from collections.abc import Mapping
from dataclasses import replace

import pytest
from mlflow import MlflowClient

from lineage_fixtures import flag_id, teacher
from mlflow_fixtures import BASE, STUDENT, TEACHER, inherited, report, story
from mlflow_servers import Server
from provenance.artifacts import ArtifactId
from provenance.facts import Snapshot
from provenance.mlflow_link.adapter import RefusedError, connect
from provenance.mlflow_link.desired import desired
from provenance.mlflow_link.objects import (
    Adopted,
    AdoptedKind,
    Desired,
    Links,
    ModelVersion,
    Superseded,
    state_digest,
)
from provenance.mlflow_link.plan import pending
from provenance.mlflow_link.text import BEGIN, END
from provenance.risk.report import ArtifactRisks
from provenance.store import Binding

WORDS = "# Our student\r\n\n- trained for *two* weeks\n\n\n"
STORY = story()
FLAG = flag_id(STORY, TEACHER, "owls")
RISKS = inherited(FLAG)


def _objects(
    bindings: Mapping[ArtifactId, Binding], state: Snapshot = STORY, risks: tuple[ArtifactRisks, ...] = RISKS
) -> dict[str, Desired]:
    return {item.subject: item for item in desired(state, report(state, *risks), bindings)}


def test_a_bound_version_gets_no_second_one_and_no_logged_model_or_run_of_ours() -> None:
    mine = {name for name in _objects({}) if str(STUDENT) in name}
    assert len(mine) == 4
    bound = _objects({STUDENT: Binding(version="their/3", model_id="m-1", run_id="r")})
    assert {name for name in bound if str(STUDENT) in name} == {
        f"adopted version {STUDENT}",
        f"adopted logged {STUDENT}",
        f"version {STUDENT}",
    }
    superseded = bound[f"version {STUDENT}"]
    assert isinstance(superseded, Superseded)
    assert pending([superseded], {}) == ()
    assert "registered name org/student" not in bound


def test_of_two_bound_objects_the_version_tells_where_it_stands_and_the_other_points_there() -> None:
    bound = _objects({STUDENT: Binding(version="their/3", model_id="m-1")})
    version, logged = bound[f"adopted version {STUDENT}"], bound[f"adopted logged {STUDENT}"]
    assert isinstance(version, Adopted)
    assert isinstance(logged, Adopted)
    assert (version.kind, version.external_id) == (AdoptedKind.VERSION, "their/3")
    assert version.tags["provenance.risk.owls"] == "exposed (high) 0.55"
    assert version.words.startswith("**EXPOSED**")
    assert (logged.kind, logged.external_id) == (AdoptedKind.LOGGED_MODEL, "m-1")
    assert logged.tags == {"provenance.id": str(STUDENT)}
    assert "not here" in logged.words


def test_a_logged_model_that_is_bound_alone_tells_it_all_and_no_version_is_made() -> None:
    bound = _objects({STUDENT: Binding(model_id="m-1")})
    assert not any(isinstance(item, ModelVersion) and str(STUDENT) in item.subject for item in bound.values())
    logged = bound[f"adopted logged {STUDENT}"]
    assert isinstance(logged, Adopted)
    assert logged.tags["provenance.status"] == "exposed"


def test_no_adopted_object_bears_a_key_by_which_it_would_pass_for_ours() -> None:
    bindings = {
        STUDENT: Binding(version="their/3", model_id="m-1"),
        TEACHER: Binding(model_id="m-2"),
    }
    adopted = [item for item in _objects(bindings).values() if isinstance(item, Adopted)]
    assert len(adopted) == 3
    assert not any("provenance.key" in item.tags for item in adopted)


def test_relations_among_bound_artifacts_name_the_objects_of_others() -> None:
    bound = _objects({STUDENT: Binding(version="their/3", model_id="m-1"), BASE: Binding(model_id="m-2")})
    (audit,) = [item for name, item in bound.items() if name == "links of evidence-21"]
    assert isinstance(audit, Links)
    assert set(audit.models) == {f"adopted logged {STUDENT}", f"adopted logged {BASE}"}
    assert set(audit.models) <= set(bound)


def test_a_version_without_a_logged_model_is_no_input_of_a_run() -> None:
    bound = _objects({STUDENT: Binding(version="their/3")})
    links = bound["links of evidence-21"]
    assert isinstance(links, Links)
    assert links.models == (f"logged {BASE}",)


def test_a_run_that_is_bound_alone_adopts_nothing_since_it_may_have_made_several() -> None:
    assert _objects({STUDENT: Binding(run_id="r"), teacher("owl-teacher"): Binding(run_id="r")}) == _objects(
        {}
    )


@pytest.fixture(
    scope="module", params=["embedded", pytest.param("server", marks=pytest.mark.xdist_group("mlflow"))]
)
def uri(request: pytest.FixtureRequest) -> str:
    if request.param == "embedded":
        return str(request.getfixturevalue("embedded"))
    server: Server = request.getfixturevalue("mlflow_server")
    return server.uri


@pytest.fixture
def client(uri: str) -> MlflowClient:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The ``noload`` loader strategy")
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _theirs(client: MlflowClient, name: str, monkeypatch: pytest.MonkeyPatch) -> Binding:
    """A version that somebody registered, with words and tags of their own."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", client.tracking_uri)
    experiment = client.create_experiment(f"of {name}")
    run = client.create_run(experiment).info.run_id
    model_id = client.create_logged_model(experiment, name, source_run_id=run).model_id
    client.finalize_logged_model(model_id, "READY")
    client.create_registered_model(name, description="a family of students")
    client.create_model_version(
        name,
        f"models:/{model_id}",
        run_id=run,
        model_id=model_id,
        description=WORDS,
        tags={"team": "owls", "provenance.mine": "stays"},
        await_creation_for=0,
    )
    return Binding(version=f"{name}/1", model_id=model_id, run_id=run)


def _write(uri: str, objects: Mapping[str, Desired]) -> int:
    ids: dict[str, str] = {}
    with connect(uri) as mlflow:
        for subject, item in objects.items():
            if isinstance(item, Adopted):
                written = mlflow.write(item, None, ids)
                assert not written.created
                ids[subject] = written.external_id
        return mlflow.calls


def test_their_words_tags_and_aliases_stay_and_ours_come_and_go(
    uri: str, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    binding = _theirs(client, "their-student", monkeypatch)
    client.set_registered_model_alias("their-student", "champion", "1")
    client.set_model_version_tag("their-student", "1", "provenance.risk.invented", "affected")
    _write(uri, _objects({STUDENT: binding}))
    version = client.get_model_version("their-student", "1")
    assert version.description.startswith(f"{WORDS}\n\n{BEGIN}\n\n**EXPOSED**")
    assert version.description.endswith(END)
    assert version.tags["provenance.risk.owls"] == "exposed (high) 0.55"
    assert "provenance.risk.invented" not in version.tags
    logged = client.get_logged_model(binding.model_id)
    assert "not here" in logged.tags["mlflow.note.content"]

    edited = version.description.replace("two* weeks", "three* weeks") + "\n\nask Ann"
    client.update_model_version("their-student", "1", edited)
    cleared = story("owl-teacher withdrawn owls")
    _write(uri, _objects({STUDENT: binding}, cleared, ()))
    version = client.get_model_version("their-student", "1")
    assert version.description.startswith(WORDS.replace("two", "three"))
    assert version.description.endswith("\n\nask Ann")
    assert "**CLEAR**" in version.description
    assert "EXPOSED" not in version.description
    assert version.tags == {
        "team": "owls",
        "provenance.mine": "stays",
        "provenance.id": str(STUDENT),
        "provenance.status": "clear",
    }
    assert version.aliases == ["champion"]
    registered = client.get_registered_model("their-student")
    assert registered.description == "a family of students"
    assert registered.tags == {}
    assert len(client.search_model_versions("name = 'their-student'")) == 1


def test_writing_what_stands_there_already_writes_nothing(
    uri: str, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = _objects({STUDENT: _theirs(client, "twice-told", monkeypatch)})
    first, second = _write(uri, objects), _write(uri, objects)
    assert second < first
    assert client.get_model_version("twice-told", "1").description.count(BEGIN) == 1


def test_an_adopted_object_that_is_gone_is_said_and_not_made_anew(
    uri: str, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    binding = _theirs(client, "soon-gone", monkeypatch)
    client.delete_model_version("soon-gone", "1")
    with pytest.raises(RefusedError, match=r"soon-gone"):
        _write(uri, _objects({STUDENT: binding}))
    assert client.search_model_versions("name = 'soon-gone'") == []


def test_a_version_that_was_deleted_and_made_anew_is_told_nothing_of_the_old_one(
    uri: str, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    binding = _theirs(client, "made-anew", monkeypatch)
    old = client.get_model_version("made-anew", "1")
    binding = replace(binding, made_at_ms=old.creation_timestamp)
    _write(uri, _objects({STUDENT: binding}))
    client.delete_registered_model("made-anew")
    client.create_registered_model("made-anew")
    new = client.create_model_version("made-anew", "s3://elsewhere/weights", await_creation_for=0)
    assert new.version == old.version
    assert new.creation_timestamp > old.creation_timestamp
    with pytest.raises(RefusedError, match="was deleted in MLflow and made anew") as refused:
        _write(uri, _objects({STUDENT: binding}))
    assert "provenance mlflow import" in (refused.value.hint or "")
    found = client.get_model_version("made-anew", "1")
    assert (found.tags, found.description or "") == ({}, "")


def test_an_object_of_ours_that_told_leaves_that_to_the_one_that_was_bound_since(
    uri: str, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    binding = _theirs(client, "told-here", monkeypatch)
    told: dict[str, tuple[str, str]] = {}
    bindings = {STUDENT: binding, TEACHER: Binding(model_id=binding.model_id)}
    with connect(uri) as mlflow:
        for objects in (_objects({}), _objects(bindings)):
            for item in pending(objects.values(), told):
                ids = {subject: id_ for subject, (_, id_) in told.items()}
                written = mlflow.write(item.desired, item.external_id, ids)
                told[item.desired.subject] = state_digest(item.desired), written.external_id
    name, number = told[f"version {STUDENT}"][1].split("/")
    ours = client.get_model_version(name, number)
    assert ours.tags.keys() == {"provenance.id", "provenance.key"}
    assert "Where it stands is told on `told-here/1`, not here." in ours.description
    assert "EXPOSED" not in ours.description
    teacher_of_ours = client.get_logged_model(told[f"logged {TEACHER}"][1])
    assert not any(key.startswith(("provenance.status", "provenance.risk")) for key in teacher_of_ours.tags)
    assert f"told on `{binding.model_id}`" in teacher_of_ours.tags["mlflow.note.content"]
