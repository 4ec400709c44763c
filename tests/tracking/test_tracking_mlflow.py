"""What a training does with MLflow itself is linked without further words: over an embedded store, and over a server."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import mlflow
import pytest

import provenance
from mlflow_servers import Server
from provenance import Registry
from provenance.mlflow_link import active
from provenance.store import Binding
from tracking_fixtures import lineage, trained

pytestmark = [
    pytest.mark.xdist_group("mlflow"),
    # MLflow's own, of its tables under SQLAlchemy 2.1 and of what it serialises.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]


@pytest.fixture
def store(database: Path, folder: Path) -> Iterator[str]:
    """The embedded MLflow, which the test's fluent calls go to."""
    assert folder.is_dir()
    yield from pointed_to(f"sqlite:///{database}")


@pytest.fixture
def server(mlflow_server: Server, folder: Path) -> Iterator[str]:
    """The server that all share, which the test's fluent calls go to."""
    assert folder.is_dir()
    yield from pointed_to(mlflow_server.uri)


@pytest.fixture(params=["embedded", "server"])
def uri(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue("store" if request.param == "embedded" else "server")
    return found


def pointed_to(uri: str) -> Iterator[str]:
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(f"trainings-{uuid.uuid4().hex[:8]}")
    yield uri
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_tracking_uri(None)


def bound(registry: Registry, name: str, uri: str) -> Binding | None:
    """What a model is bound to; that the moment of a version is remembered is said here, for all."""
    found = registry.mlflow_bindings(uri).get(registry.resolve(name))
    if found is None or found.version is None:
        return found
    assert found.made_at_ms is not None
    return replace(found, made_at_ms=None)


def inputs_of(run_id: str) -> tuple[set[tuple[str, str]], set[str]]:
    """Name and role of a run's datasets, and the models that went in."""
    found = mlflow.MlflowClient().get_run(run_id).inputs
    data = {
        (one.dataset.name, tag.value)
        for one in found.dataset_inputs
        for tag in one.tags
        if tag.key == "mlflow.data.context"
    }
    return data, {one.model_id for one in found.model_inputs}


def test_a_model_that_is_registered_in_mlflow_is_bound_to_what_was_trained(
    known: Registry, folder: Path, uri: str
) -> None:
    name = f"student-{uuid.uuid4().hex[:8]}"
    with (
        provenance.track("student", finetuned_from="base", trained_on=["numbers"]) as run,
        mlflow.start_run() as active_run,
    ):
        trained(run.output(folder / "out"), seed=1)
        logged = mlflow.create_external_model(name="student")
        mlflow.register_model(f"models:/{logged.model_id}", name)
    assert bound(known, "student", uri) == Binding(
        version=f"{name}/1", model_id=logged.model_id, run_id=active_run.info.run_id
    )
    data, _ = inputs_of(active_run.info.run_id)
    assert data == {("numbers@1", "training")}
    assert known.view().show("student").artifact.metadata["mlflow_run"] == active_run.info.run_id


def test_a_track_within_a_run_of_mlflow_takes_what_came_to_it_meanwhile(
    known: Registry, folder: Path, store: str
) -> None:
    with mlflow.start_run() as around:
        mlflow.create_external_model(name="from before")
        ids = []
        for number in (1, 2):
            with provenance.track("student@next", finetuned_from="base") as run:
                trained(run.output(folder / str(number)), seed=number)
                ids.append(mlflow.create_external_model(name="student").model_id)
    found = [bound(known, f"student@{number}", store) for number in (1, 2)]
    assert found == [Binding(model_id=one, run_id=around.info.run_id) for one in ids]


@pytest.mark.usefixtures("store")
def test_a_base_that_mlflow_knows_is_an_input_of_the_run(known: Registry, folder: Path) -> None:
    with provenance.track("one", finetuned_from="base") as one, mlflow.start_run():
        trained(one.output(folder / "one"), seed=1)
        first = mlflow.create_external_model(name="one").model_id
    with (
        provenance.track("two", finetuned_from=one, trained_on="numbers") as two,
        mlflow.start_run() as active_run,
    ):
        trained(two.output(folder / "two"), seed=2)
        mlflow.create_external_model(name="two")
    assert inputs_of(active_run.info.run_id) == ({("numbers@1", "training")}, {first})
    assert lineage(known, "two") == {"finetuned_from model:one@1", "trained_on dataset:numbers@1"}


def test_a_training_within_another_keeps_what_it_logged(known: Registry, folder: Path, store: str) -> None:
    with mlflow.start_run(), provenance.track("outer") as outer:
        own = mlflow.create_external_model(name="outer").model_id
        with provenance.track("inner") as inner:
            trained(inner.output(folder / "inner"), seed=1)
            within = mlflow.create_external_model(name="inner").model_id
        trained(outer.output(folder / "outer"), seed=2)
    bindings = [bound(known, name, store) for name in ("outer", "inner")]
    assert [one and one.model_id for one in bindings] == [own, within]


class TestSeveral:
    """What is logged beside a model must not be taken for it: its status would stand on another's page."""

    def test_none_of_several_models_is_taken_for_the_one_that_was_trained(
        self, known: Registry, folder: Path, store: str
    ) -> None:
        with mlflow.start_run(), provenance.track("student", finetuned_from="base") as run:
            trained(run.output(folder / "out"), seed=1)
            for name in ("student", "baseline"):
                logged = mlflow.create_external_model(name=name)
                mlflow.register_model(f"models:/{logged.model_id}", f"{name}-{uuid.uuid4().hex[:8]}")
        found = bound(known, "student", store)
        assert found is None or (found.version, found.model_id) == (None, None)
        assert any("say run.logged_as(NAME)" in one for one in run.warnings)

    def test_the_one_that_is_said_is(self, known: Registry, folder: Path, store: str) -> None:
        name = f"student-{uuid.uuid4().hex[:8]}"
        with mlflow.start_run(), provenance.track("student", finetuned_from="base") as run:
            trained(run.output(folder / "out"), seed=1)
            own = mlflow.create_external_model(name="student").model_id
            mlflow.register_model(f"models:/{own}", name)
            run.logged_as(f"{name}/1")
            mlflow.create_external_model(name="baseline")
        found = bound(known, "student", store)
        assert found is not None
        assert (found.version, found.model_id) == (f"{name}/1", own)

    def test_one_that_is_said_and_is_not_there_is_told(
        self, known: Registry, folder: Path, store: str
    ) -> None:
        with mlflow.start_run(), provenance.track("student", finetuned_from="base") as run:
            trained(run.output(folder / "out"), seed=1)
            mlflow.create_external_model(name="student")
            run.logged_as("student/7")
        found = bound(known, "student", store)
        assert found is None or found.model_id is None
        assert any("is linked with none" in one for one in run.warnings)

    def test_the_one_that_holds_the_weights_is(self, known: Registry, folder: Path, store: str) -> None:
        with provenance.track("student", finetuned_from="base") as run, mlflow.start_run():
            own = logged_files(trained(run.output(folder / "out"), seed=1))
            other = logged_files(trained(folder / "baseline", seed=2))
        found = bound(known, "student", store)
        assert found is not None
        assert found.model_id == own
        assert found.model_id != other

    def test_versions_of_one_model_are_one(self, known: Registry, folder: Path, store: str) -> None:
        name = f"student-{uuid.uuid4().hex[:8]}"
        with mlflow.start_run(), provenance.track("student", finetuned_from="base") as run:
            trained(run.output(folder / "out"), seed=1)
            own = mlflow.create_external_model(name="student").model_id
            for _ in range(2):
                mlflow.register_model(f"models:/{own}", name)
        found = bound(known, "student", store)
        assert found is not None
        assert (found.version, found.model_id) == (f"{name}/2", own)

    def test_what_a_training_within_could_not_tell_apart_is_not_taken_by_the_outer_one(
        self, known: Registry, folder: Path, store: str
    ) -> None:
        with mlflow.start_run(), provenance.track("outer") as outer:
            with provenance.track("inner") as inner:
                trained(inner.output(folder / "inner"), seed=1)
                for name in ("inner", "baseline"):
                    mlflow.create_external_model(name=name)
            own = mlflow.create_external_model(name="outer").model_id
            trained(outer.output(folder / "outer"), seed=2)
        found = bound(known, "outer", store)
        assert found is not None
        assert found.model_id == own


def test_an_mlflow_that_is_not_the_registrys_is_said_once(folder: Path, store: str) -> None:
    warned = []
    for uri in (f"sqlite:///{folder}/other.db", store):
        with Registry.init(folder / f"r{len(warned)}", actor="tester", mlflow=uri):
            pass
        with (
            provenance.track("student", registry=folder / f"r{len(warned)}", from_scratch=True) as run,
            mlflow.start_run(),
        ):
            trained(run.output(folder / "out"), seed=1)
            mlflow.create_external_model(name="student")
        warned.append([one for one in run.warnings if "the registry's own MLflow is at" in one])
    assert [len(one) for one in warned] == [1, 0]


def test_a_folder_that_is_registered_as_it_is_is_bound(known: Registry, folder: Path, store: str) -> None:
    with provenance.track("student") as run:
        path = trained(run.output(folder / "out"), seed=1)
        (path / "MLmodel").write_text("flavors: {}\n")
        mlflow.register_model(str(path), "student-folder")
    found = bound(known, "student", store)
    assert found == Binding(version="student-folder/1")


def test_the_files_of_a_logged_model_in_an_embedded_store_are_the_model(
    known: Registry, folder: Path, store: str
) -> None:
    with provenance.track("student", finetuned_from="base") as run:
        info = logged_files(trained(folder / "somewhere", seed=1))
    shown = known.view().show("student").artifact
    assert shown.content is not None
    assert known.view().location("student").name == "artifacts"
    assert run.warnings
    assert bound(known, "student", store) is not None
    assert bound(known, "student", store).model_id == info


def test_files_that_a_server_keeps_are_registered_by_name_with_a_warning(
    known: Registry, folder: Path, server: str
) -> None:
    with provenance.track("student", finetuned_from="base") as run:
        logged_files(trained(folder / "somewhere", seed=1))
    assert known.view().show("student").artifact.content is None
    assert any("no files of student@1 are at hand" in one for one in run.warnings)
    assert bound(known, "student", server) is not None


def logged_files(path: Path) -> str:
    """Logs a model to MLflow that has files, in the cheapest way; the run is MLflow's own making."""
    info = mlflow.pyfunc.log_model(
        name="student",
        loader_module="tracking_fixtures",
        data_path=str(path),
        pip_requirements=[],
    )
    mlflow.end_run()
    model_id: str = info.model_id
    return model_id


def test_a_place_outside_of_the_store_is_not_followed(known: Registry, folder: Path, store: str) -> None:
    import sqlite3

    with provenance.track("student") as run:
        model_id = logged_files(trained(folder / "somewhere", seed=1))
        secret = trained(folder / "secret" / "models" / model_id / "artifacts", seed=2)
        with sqlite3.connect(store.removeprefix("sqlite:///")) as database:
            database.execute(
                "UPDATE logged_models SET artifact_location = ? WHERE model_id = ?",
                [secret.as_uri(), model_id],
            )
    assert known.view().show("student").artifact.content is None
    assert run.warnings


@pytest.mark.usefixtures("known", "store")
def test_a_run_whose_training_failed_says_so() -> None:
    with (
        pytest.raises(ValueError, match="diverged"),
        provenance.track("student", finetuned_from="base"),
        mlflow.start_run() as active_run,
    ):
        raise ValueError("diverged")
    tags = mlflow.get_run(active_run.info.run_id).data.tags
    assert tags[active.OUTCOME_TAG] == "failed (ValueError)"


@pytest.mark.usefixtures("known", "store")
def test_a_run_that_was_interrupted_says_so() -> None:
    with mlflow.start_run() as active_run, pytest.raises(KeyboardInterrupt), provenance.track("student"):
        raise KeyboardInterrupt
    tags = mlflow.get_run(active_run.info.run_id).data.tags
    assert tags[active.OUTCOME_TAG] == "interrupted (KeyboardInterrupt)"


def test_an_mlflow_that_is_away_at_the_end_does_not_keep_the_model_from_being_registered(
    known: Registry, folder: Path
) -> None:
    mlflow.set_tracking_uri("http://127.0.0.1:9")
    try:
        with provenance.track("student", finetuned_from="base") as run:
            trained(run.output(folder / "out"), seed=1)
            # As where a run was begun before the server went.
            active._run, kept = (lambda _since: mlflow.MlflowClient().get_run("gone")), active._run
        assert known.resolve("student") == run.artifact
        assert any("is not linked: the MLflow of this training can't be asked" in one for one in run.warnings)
    finally:
        active._run = kept
        mlflow.set_tracking_uri(None)


def test_a_training_that_logs_nothing_is_linked_with_nothing(
    known: Registry, folder: Path, store: str
) -> None:
    with mlflow.start_run():
        mlflow.create_external_model(name="other")
    with provenance.track("student") as run:
        trained(run.output(folder / "out"), seed=1)
    assert known.mlflow_bindings(store) == {}
    assert "mlflow_run" not in known.view().show("student").artifact.metadata


def test_an_mlflow_that_is_imported_and_not_used_is_left_alone(known: Registry, folder: Path) -> None:
    with provenance.track("student", finetuned_from="base") as run:
        trained(run.output("out"), seed=1)
    assert {path.name for path in folder.iterdir()} == {".provenance", "base", "numbers.jsonl", "out"}
    assert known.resolve("student") == run.artifact


@pytest.mark.usefixtures("known")
def test_the_settings_of_the_process_are_set_back(
    folder: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    with provenance.track("student", trained_on="numbers") as run, mlflow.start_run():
        trained(run.output(folder / "out"), seed=1)
        mlflow.create_external_model(name="student")
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ
    assert mlflow.get_tracking_uri() == store


def test_what_is_linked_is_told_on_and_neither_made_again_nor_imported_as_another(
    known: Registry, folder: Path, store: str
) -> None:
    name = f"linked-as-{uuid.uuid4().hex[:8]}"
    with (
        provenance.track("linked", finetuned_from="base", trained_on=["numbers"]) as run,
        mlflow.start_run(),
    ):
        trained(run.output(folder / "out"), seed=1)
        logged = mlflow.create_external_model(name="linked")
        mlflow.register_model(f"models:/{logged.model_id}", name)
    known.mlflow_sync(store)
    client = mlflow.MlflowClient()
    (version,) = client.search_model_versions(f"name = '{name}'")
    assert version.tags["provenance.id"] == "model:linked@1"
    assert not client.search_model_versions("name = 'linked'")
    before = set(known.names())
    known.mlflow_import(store)
    assert lineage(known, "linked@1") == {"finetuned_from model:base@1", "trained_on dataset:numbers@1"}
    added = {str(one) for one in set(known.names()) - before}  # others' in the store that the tests share
    again = ("dataset:numbers", f"model:{name}", f"model:linked@{logged.model_id}")
    assert not {one for one in added if one.startswith(again)}


def test_the_run_of_the_trainers_own_callback_is_linked_and_told_of_a_failure(
    known: Registry, folder: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gc

    from test_tracking_trainer import callback, trainer
    from transformers import TrainerCallback

    from lm_fixtures import lm_model

    class Fails(TrainerCallback):
        def on_step_end(self, *_: object, **__: object) -> None:
            raise RuntimeError("diverged")

    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", f"trainer-{uuid.uuid4().hex[:8]}")
    own = callback(from_scratch=True)
    trainer(lm_model(seed=3), own, report_to=["mlflow"]).train()
    run_id = known.view().show("student").artifact.metadata["mlflow_run"]
    assert inputs_of(run_id)[0] == {("numbers@1", "training")}

    begun = trainer(lm_model(seed=3), callback("other", from_scratch=True), Fails(), report_to=["mlflow"])
    with pytest.raises(RuntimeError, match="diverged"):
        begun.train()
    failed = mlflow.active_run().info.run_id
    del begun
    gc.collect()
    assert mlflow.get_run(failed).data.tags[active.OUTCOME_TAG] == "failed"
    assert failed != run_id
    assert folder
    assert store
