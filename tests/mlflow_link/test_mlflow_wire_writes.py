"""What is written to a real server by REST, and to an embedded store in process, as MLflow's own client finds it."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import mlflow
import pytest

from mlflow_deaths import drain, little
from mlflow_fixtures import Memory
from mlflow_servers import Server
from provenance.mlflow_link.adapter import FILES_TAG, Mlflow, RefusedError, connect
from provenance.mlflow_link.objects import (
    KEY_TAG,
    NAME_TAG,
    NOTE_TAG,
    Adopted,
    AdoptedKind,
    DatasetInput,
    Desired,
    Links,
    LoggedModel,
    Measurement,
    ModelVersion,
    RegisteredModel,
    Run,
)
from provenance.mlflow_link.port import MissingError
from provenance.mlflow_link.text import within

pytestmark = pytest.mark.xdist_group("mlflow")

WORDS = "Stands at **exposed** \N{EN DASH} \N{OWL}"
ABOUT = "model:x@1"


@pytest.fixture(scope="module", params=["embedded", "server"])
def uri(request: pytest.FixtureRequest, embedded: str) -> str:
    if request.param == "embedded":
        return embedded
    server: Server = request.getfixturevalue("mlflow_server")
    return server.uri


@pytest.fixture(scope="module")
def client(uri: str) -> mlflow.MlflowClient:
    return mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)


@pytest.fixture
def link(uri: str) -> Iterator[Mlflow]:
    with connect(uri) as opened:
        yield opened


def _run(word: str, **more: object) -> Run:
    tags = {KEY_TAG: _key(word), "provenance.status": "clear"}
    began_at = datetime(2026, 1, 2, tzinfo=UTC)
    run = Run(
        subject=f"run {word}", about=ABOUT, key=_key(word), name=f"läuft {word}", began_at=began_at, tags=tags
    )
    return replace(run, **more)


def _key(word: str) -> str:
    return word.encode().hex().rjust(32, "0")


def _objects(word: str) -> tuple[Run, LoggedModel, RegisteredModel, ModelVersion, Links]:
    tags, run = {KEY_TAG: _key(word), "provenance.status": "clear"}, f"run {word}"
    return (
        _run(word),
        LoggedModel(
            subject=f"logged {word}",
            about=ABOUT,
            key=_key(word),
            name=word,
            kind="model",
            run=run,
            params={},
            tags=tags,
        ),
        RegisteredModel(subject=f"name {word}", about=ABOUT, names=(word, f"{word}~1"), true_name=word),
        ModelVersion(
            subject=f"version {word}",
            about=ABOUT,
            key=_key(word),
            registered=f"name {word}",
            model=f"logged {word}",
            run=run,
            tags=tags,
            description=WORDS,
        ),
        Links(
            subject=f"links {word}",
            about=ABOUT,
            run=run,
            datasets=(
                DatasetInput(
                    name="d@1",
                    digest="abc",
                    profile='{"num_rows":3}',
                    tags={"mlflow.data.context": "training"},
                ),
            ),
            outputs=(f"logged {word}",),
        ),
    )


def _write(link: Mlflow, objects: tuple[Desired, ...], ids: dict[str, str]) -> list[tuple[bool, int]]:
    """Writes objects; whether each was created, and by how many calls."""
    done = []
    for item in objects:
        before = link.calls
        written = link.write(item, ids.get(item.subject), ids)
        ids[item.subject] = written.external_id
        done.append((written.created, link.calls - before))
    return done


def test_a_model_costs_eleven_calls_and_five_when_nothing_differs(link: Mlflow) -> None:
    ids: dict[str, str] = {}
    objects = _objects("counted")
    assert _write(link, objects, ids) == [(True, 3), (True, 3), (True, 1), (True, 2), (True, 2)]
    assert _write(link, objects, ids) == [(False, 1)] * 5


def test_a_changed_status_costs_a_call_for_each_tag_of_a_version_and_one_for_its_words(
    link: Mlflow, client: mlflow.MlflowClient
) -> None:
    ids: dict[str, str] = {}
    *others, version, links = _objects("status")
    _write(link, (*others, version, links), ids)
    tags = {KEY_TAG: version.key, "provenance.status": "exposed", "provenance.risk.owls": "exposed"}
    changed = replace(version, tags=tags, description="")
    assert _write(link, (changed,), ids) == [(False, 4)]
    found = client.get_model_version(*ids[version.subject].split("/"))
    assert (found.tags, found.description or "") == (tags, "")
    assert _write(link, (version,), ids) == [(False, 4)]
    found = client.get_model_version(*ids[version.subject].split("/"))
    assert (found.tags, found.description) == (version.tags, WORDS)


def test_many_objects_are_read_by_the_page(uri: str, link: Mlflow) -> None:
    ids: dict[str, str] = {}
    runs = tuple(_run(f"page {number}") for number in range(40))
    _write(link, runs, ids)
    with connect(uri) as again:
        before = again.calls
        again.prefetch(runs)
        assert again.calls == before + 1
        assert _write(again, runs, ids) == [(False, 0)] * 40
        assert _write(again, runs[:1], ids) == [(False, 1)]  # What was read serves once.


def test_figures_files_and_pictures_of_a_test(
    link: Mlflow, client: mlflow.MlflowClient, tmp_path: Path
) -> None:
    metrics = tuple(Measurement(key=f"m{number}", value=float(number)) for number in range(1000))
    drawn = []

    def draw() -> bytes:
        drawn.append(1)
        return b"\x89PNG"

    run = _run("audit", metrics=metrics, texts={"whole/a b.txt": "höö"}, pictures={"pictures/p.png": draw})
    ids: dict[str, str] = {}
    _write(link, (run,), ids)
    found = client.get_run(ids[run.subject])
    assert found.info.status == "FINISHED"
    assert len(found.data.metrics) == 1000
    folder = Path(client.download_artifacts(ids[run.subject], "", str(tmp_path)))
    files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert files == {"whole/a b.txt": "höö".encode(), "pictures/p.png": b"\x89PNG"}
    assert _write(link, (run,), ids) == [(False, 1)]
    assert len(drawn) == 1
    _write(link, (replace(run, texts={"whole/a b.txt": "other"}),), ids)
    assert len(drawn) == 2
    assert client.get_run(ids[run.subject]).data.tags[FILES_TAG] != found.data.tags[FILES_TAG]


def test_a_hundred_tags_and_parameters_are_written_and_removed(
    link: Mlflow, client: mlflow.MlflowClient
) -> None:
    run, model, *_ = _objects("many")
    more = {f"provenance.risk.t{number}": "x" for number in range(101)}
    ids: dict[str, str] = {}
    params = {f"p{number}": "v" for number in range(101)}
    full = (
        replace(run, tags={**run.tags, **more}),
        replace(model, tags={**model.tags, **more}, params=params),
    )
    _write(link, full, ids)
    client.set_logged_model_tags(ids[model.subject], {"provenance.their/own": "x", "theirs": "stays"})
    assert client.get_logged_model(ids[model.subject]).params == params
    _write(link, (run, model), ids)
    ours = {key for key in client.get_run(ids[run.subject]).data.tags if key.startswith("provenance.")}
    assert ours == set(run.tags)
    left = client.get_logged_model(ids[model.subject]).tags
    assert not left.pop("provenance.their/own", "")
    assert left.keys() >= {*model.tags, "theirs", "mlflow.model.isExternal"}
    assert not left.keys() & more.keys()


def test_a_name_of_somebody_else_is_left_alone_and_ours_is_kept_once_taken(
    link: Mlflow, client: mlflow.MlflowClient
) -> None:
    client.create_registered_model("taken here")
    ours = RegisteredModel(
        subject="n", about=ABOUT, names=("taken here", "taken here~1"), true_name="taken here"
    )
    first = link.write(ours, None, {})
    assert (first.external_id, first.created) == ("taken here~1", True)
    client.delete_registered_model("taken here")
    assert link.write(ours, first.external_id, {}).external_id == "taken here~1"
    assert client.get_registered_model("taken here~1").tags == {NAME_TAG: "taken here"}
    client.set_registered_model_tag("taken here~1", NAME_TAG, "theirs")
    client.create_registered_model("taken here")
    with pytest.raises(RefusedError, match="is somebody else's"):
        link.write(ours, None, {})


def test_what_others_made_is_told_of_between_marks_and_else_stays_as_it_is(
    link: Mlflow, client: mlflow.MlflowClient
) -> None:
    run_id = client.create_run(client.create_experiment(f"theirs {id(link)}")).info.run_id
    client.create_registered_model("their name", description="since 2020")
    version = client.create_model_version(
        "their name",
        "s3://bucket/x",
        run_id,
        tags={"stage": "gold", "provenance.mine": "theirs"},
        description="Their words.",
    )
    model = client.create_logged_model("0", "theirs", tags={NOTE_TAG: "Their note."})
    told = {"provenance.status": "exposed", "provenance.risk.owls": "exposed"}
    objects = (
        Adopted(
            subject="v",
            about=ABOUT,
            kind=AdoptedKind.VERSION,
            external_id=f"their name/{version.version}",
            tags=told,
            words=WORDS,
        ),
        Adopted(
            subject="m",
            about=ABOUT,
            kind=AdoptedKind.LOGGED_MODEL,
            external_id=model.model_id,
            tags=told,
            words=WORDS,
        ),
    )

    def theirs() -> tuple[dict[str, str], str, dict[str, str]]:
        found = client.get_model_version("their name", version.version)
        tags = dict(client.get_logged_model(model.model_id).tags)
        return found.tags, found.description, tags

    ids: dict[str, str] = {}
    assert _write(link, objects, ids) == [(False, 4), (False, 2)]
    assert _write(link, objects, ids) == [(False, 1)] * 2
    note = within("Their note.", WORDS, 5000)
    assert theirs() == (
        {"stage": "gold", "provenance.mine": "theirs"} | told,
        within("Their words.", WORDS, 5000),
        {NOTE_TAG: note} | told,
    )
    assert WORDS in note
    _write(link, tuple(replace(item, tags={}, words="") for item in objects), ids)
    tags, description, model_tags = theirs()
    assert tags == {"stage": "gold", "provenance.mine": "theirs"}
    assert (description.strip(), model_tags[NOTE_TAG].strip()) == ("Their words.", "Their note.")
    assert set(model_tags) == {NOTE_TAG}
    client.delete_model_version("their name", version.version)
    client.delete_logged_model(model.model_id)
    for item in objects:
        with pytest.raises(RefusedError, match="is gone from MLflow"):
            link.write(item, None, ids)


def test_what_was_deleted_is_made_again_or_said_to_be_gone(link: Mlflow, client: mlflow.MlflowClient) -> None:
    ids: dict[str, str] = {}
    run, model, name, version, links = _objects("deleted")
    _write(link, (run, model, name, version, links), ids)
    client.delete_run(ids[run.subject])
    with pytest.raises(MissingError, match="is gone from MLflow"):
        link.write(links, ids[links.subject], ids)
    client.delete_registered_model(name.names[0])
    with pytest.raises(MissingError, match="not found"):
        link.write(version, ids[version.subject], ids)
    assert [created for created, _ in _write(link, (run, model, name, version, links), ids)] == [
        True,
        False,
        True,
        True,
        True,
    ]


def test_a_whole_sync_to_a_server_imports_neither_mlflow_nor_what_it_brings(mlflow_server: Server) -> None:
    script = f"""
import sys
sys.path.insert(0, "tests")
from mlflow_deaths import Memory, drain, little
assert drain({mlflow_server.uri!r}, little(700), Memory(), prefetch=True) == []
heavy = {{"mlflow", "sqlalchemy", "alembic", "pandas", "flask", "torch"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60, cwd=Path(__file__).parents[2])


def test_a_password_in_the_uri_opens_a_server_that_asks_for_one(mlflow_server_with_passwords: Server) -> None:
    memory = Memory()
    assert drain(mlflow_server_with_passwords.admin_uri, little(1), memory) == []
    assert len(memory.told) == 14
