"""Which artifact each object of MLflow is: the same weights never become strangers, and hostile names are made fit."""

import json
from pathlib import Path

import pytest

from history_fixtures import dataset, history, logged, model_id, recorded, run, taken, version
from mlflow_history_fixtures import artifacts, relations
from provenance import Registry
from provenance.artifacts import Artifact, ArtifactId
from provenance.mlflow_link.history.naming import fit
from provenance.mlflow_link.history.records import Dataset
from provenance.mlflow_link.links import dataset_input
from provenance.store import Binding

ONE, TWO = model_id(1), model_id(2)
PLACES = [
    (f"models:/{ONE}", f"models:/{ONE}"),
    (f"models:/{ONE}", f"mlflow-artifacts:/1/models/{ONE}/artifacts"),
    (f"models:/{ONE}", f"models:/{ONE}/weights"),
    ("s3://bucket/r/model", "s3://bucket/r/model"),
    (f"models:/{ONE}", "models:/first/1"),
    ("file:///anywhere", "models:/first/1"),
    ("runs:/r/net", "runs:/r/net"),
    (f"models:/{ONE}", "runs:/r/net"),
]


@pytest.mark.parametrize(("source", "other"), PLACES)
def test_versions_of_the_same_weights_are_converted_from_the_first(
    registry: Registry, source: str, other: str
) -> None:
    recorded(
        registry,
        run("r", dataset("rows"), outputs=(ONE,)),
        logged(ONE, "r", "net"),
        version("first", 1, source, "r", created=5),
        version("second", 1, other, "r", created=6),
    )
    assert {one for one in relations(registry) if " converted_from " in one} == {
        "model:second@1 converted_from model:first@1"
    }
    assert "model:first@1 trained_on dataset:rows@d1" in relations(registry)


def test_versions_from_different_places_are_different_weights(registry: Registry) -> None:
    recorded(registry, run("r"), version("net", 1, "s3://a", "r"), version("net", 2, "s3://b", "r"))
    assert not relations(registry)


def test_a_copy_of_what_a_projection_wrote_is_the_artifact_that_it_shows(registry: Registry) -> None:
    base = registry.register_model(name="base", from_scratch=True).artifact
    memory = registry.mlflow_memory("sqlite:///nowhere.db")
    memory.put_all({f"version {base}": ("digest", "base/1"), f"logged {base}": ("digest", ONE)})
    ours = version("base", 1, f"models:/{ONE}", words={"provenance.key": "k"})
    recorded(registry, ours, version("shop", 1, "models:/base/1"))
    assert relations(registry) == {f"model:shop@1 converted_from {base}"}


def test_copies_of_copies_in_a_circle_come_to_an_end(registry: Registry) -> None:
    recorded(registry, version("a", 1, "models:/b/1"), version("b", 1, "models:/a/1"))
    assert artifacts(registry) == {"model:a@1", "model:b@1"}


def test_a_logged_model_that_is_registered_later_is_the_same_weights(registry: Registry) -> None:
    made = (run("r", dataset("rows"), outputs=(ONE,)), logged(ONE, "r", "net"))
    recorded(registry, *made)
    recorded(registry, *made, version("shop", 1, f"models:/{ONE}", "r"))
    assert relations(registry) == {
        f"model:net@{ONE} trained_on dataset:rows@d1",
        f"model:shop@1 converted_from model:net@{ONE}",
    }


def test_who_stands_for_the_weights_stays_when_the_first_version_is_deleted(registry: Registry) -> None:
    made = (run("r", inputs=(TWO,), outputs=(ONE,)), logged(ONE, "r", "net"), logged(TWO, None, "base"))
    second = version("shop", 2, f"models:/{ONE}", "r")
    recorded(registry, *made, version("shop", 1, f"models:/{ONE}", "r"), second)
    before = relations(registry)
    assert recorded(registry, *made, second).report.recorded == {}
    assert relations(registry) == before


def test_a_version_that_was_captured_under_another_name_is_that_artifact(registry: Registry) -> None:
    captured = registry.register_model(name="team/net", from_scratch=True)
    registry.mlflow_memory("sqlite:///nowhere.db").bind(
        captured.artifact, Binding(version="net/7", model_id=ONE)
    )
    imported = recorded(registry, logged(ONE, None, "net"), version("net", 7, f"models:/{ONE}"))
    assert imported.report.recorded == {}
    assert artifacts(registry) == {str(captured.artifact)}


def test_bindings_name_the_objects_and_a_run_that_made_nothing_else(registry: Registry) -> None:
    found = taken(
        registry,
        history(
            run("r", outputs=(ONE,)),
            logged(ONE, "r", "net"),
            version("net", 1, f"models:/{ONE}", "r"),
            version("net", 2, f"models:/{ONE}", "r"),
            run("twins", outputs=(TWO, model_id(3))),
            logged(TWO, "twins", "left"),
            logged(model_id(3), "twins", "right"),
        ),
    )
    assert {str(key): value for key, value in found.bindings.items()} == {
        "model:net@1": Binding(version="net/1", model_id=ONE, run_id="r", made_at_ms=1),
        "model:net@2": Binding(version="net/2", made_at_ms=2),
        f"model:left@{TWO}": Binding(model_id=TWO),
        f"model:right@{model_id(3)}": Binding(model_id=model_id(3)),
    }


def test_a_dataset_input_that_we_wrote_is_the_dataset_that_is_recorded(
    registry: Registry, folder: Path
) -> None:
    rows = folder / "rows.jsonl"
    rows.write_text('{"text": "a"}\n', encoding="utf-8")
    known = registry.register_dataset(rows, name="rows", authored=True).artifact
    shown = dataset_input(registry.view().snapshot.artifacts[known].fact, "training")
    ours = Dataset(shown.name, shown.digest, "training", "provenance", "{}")
    forged = Dataset(shown.name, "0" * 36, "training", "provenance", "{}")
    recorded(registry, run("r", ours, outputs=(ONE,)), logged(ONE, "r"))
    recorded(registry, run("s", forged, Dataset("<", "x", None, "provenance", "")))
    assert relations(registry) == {f"model:net@{ONE} trained_on {known}"}
    assert len(artifacts(registry)) == 4


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "\N{RIGHT-TO-LEFT OVERRIDE}txt.exe",
    "two\nlines\x1b[2J",
    "n" * 10_000,
    "a@b",
    "..",
    "",
    " padded ",
    "org//model",
    "half a pair \ud800",
]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_name_that_no_artifact_can_bear_is_made_fit(registry: Registry, name: str) -> None:
    recorded(registry, version(name or " ", 1), run("r", dataset(name, name[:36])))
    assert len(artifacts(registry)) == 2
    for one in registry.view().snapshot.all(Artifact):
        told = one.fact.metadata.get("mlflow.version") or one.fact.metadata.get("mlflow.dataset", "")
        assert len(json.dumps(dict(one.fact.metadata))) < 5_000
        assert told or not name.strip()


def test_different_hostile_names_stay_different() -> None:
    names = ["a/ b", "a-- b", "a: b", "a:  b", "a<b", "a>b", "n" * 300, "n" * 301]
    assert len({fit(one) for one in names}) == len(names)
    assert all(ArtifactId.parse(f"model:{fit(one)}@1") for one in names)


def test_sources_are_kept_as_text_without_logins_and_signatures(registry: Registry) -> None:
    source = "https://user:secret@host/net.bin?signature=secret#secret"
    recorded(registry, run("r", dataset("rows")), version("net", 1, source))
    told = " ".join(
        value for one in registry.view().snapshot.all(Artifact) for value in one.fact.metadata.values()
    )
    assert "secret" not in told
    assert "https://***@host/net.bin" in told


def test_metadata_says_where_an_artifact_stands_in_mlflow(registry: Registry) -> None:
    recorded(
        registry,
        run("r", outputs=(ONE,)),
        logged(ONE, "r", "net"),
        version("shop", 3, f"models:/{ONE}", "r", created=1_700_000_000_000, aliases=("champion", "live")),
    )
    (one,) = registry.view().snapshot.all(Artifact)
    assert one.fact.metadata == {
        "mlflow.logged_model": "net",
        "mlflow.model_id": ONE,
        "mlflow.experiment": "trainings",
        "mlflow.run_id": "r",
        "mlflow.version": "shop/3",
        "mlflow.source": f"models:/{ONE}",
        "mlflow.aliases": "champion, live",
        "mlflow.created_at": "2023-11-14T22:13:20.000000Z",
    }


@pytest.mark.parametrize("moment", [10**18, -(10**18)])
def test_a_moment_that_no_clock_shows_is_left_out(registry: Registry, moment: int) -> None:
    recorded(registry, version("net", 1, created=moment))
    (one,) = registry.view().snapshot.all(Artifact)
    assert "mlflow.created_at" not in one.fact.metadata
