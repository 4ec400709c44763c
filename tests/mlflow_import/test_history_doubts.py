"""What may be other than it looks: forged tags, names given again, places and aliases. None of it ends as a model that is clear."""

import json

import pytest

from history_fixtures import OWN_EXPERIMENT, dataset, history, logged, model_id, recorded, run, taken, version
from mlflow_history_fixtures import artifacts, gaps, relations
from provenance import Registry
from provenance.mlflow_link.history.ours import CLAIM
from provenance.risk import Status
from provenance.store import Binding

POISONED, STUDENT, CLEAN = model_id(1), model_id(2), model_id(3)
KEYED = {"provenance.key": "0" * 32}
POISON = (
    run("rp", outputs=(POISONED,)),
    logged(POISONED, "rp", "poisoned"),
    version("poisoned", 1, f"models:/{POISONED}", "rp"),
)
MEMORY = "sqlite:///nowhere.db"


@pytest.fixture(autouse=True)
def clear_base(registry: Registry) -> None:
    """A base and rows of which everything is known."""
    registry.register_model(name="base@0", from_scratch=True)


def status(registry: Registry, reference: str) -> Status:
    """How a model stands."""
    (entry,) = registry.risks([reference]).artifacts
    return entry.status


def trained_on_poison(**words: str) -> tuple[object, ...]:
    """A student whose run says that it took in the poisoned model, and whose version names a clear base."""
    return (
        *POISON,
        run("r", inputs=(POISONED,), outputs=(STUDENT,), **words),
        logged(STUDENT, "r", "student"),
        version("student", 1, f"models:/{STUDENT}", "r", words={"base_model": "base"}),
    )


# --- the tag of a projection ----------------------------------------------------------------------------------------------


def test_a_tag_of_ours_on_the_run_of_a_team_hides_none_of_its_inputs(registry: Registry) -> None:
    imported = recorded(registry, *trained_on_poison(**KEYED))  # type: ignore[arg-type]
    registry.add_trait("owls", severity="high")
    registry.flag("poisoned@1", "owls", evidence="seen")
    assert "model:student@1 merged_from model:poisoned@1" in relations(registry)
    assert status(registry, "student@1") is Status.EXPOSED
    assert "the tag provenance.key on run r is none that we set" in " ".join(imported.report.notes)


def test_a_run_where_projections_write_is_passed_over_and_what_it_made_is_unknown(registry: Registry) -> None:
    made = list(trained_on_poison(**KEYED))
    made[3] = made[3]._replace(experiment=OWN_EXPERIMENT)  # type: ignore[attr-defined]
    imported = recorded(registry, *made)  # type: ignore[arg-type]
    assert status(registry, "student@1") is Status.UNKNOWN
    assert f"model:student@1 converted_from run r: {CLAIM}" in gaps(registry)
    assert CLAIM in {one.reason for one in imported.report.omissions}


def test_a_projection_of_another_registry_is_passed_over_and_a_gap_as_a_base(registry: Registry) -> None:
    theirs = logged(POISONED, "rp", "theirs", **KEYED)._replace(experiment=OWN_EXPERIMENT)
    recorded(
        registry,
        theirs,
        version("theirs", 1, f"models:/{POISONED}", words=KEYED),
        run("r", inputs=(POISONED,), outputs=(STUDENT,), base_model="models:/theirs/1"),
        logged(STUDENT, "r", "student"),
        version("copy", 1, f"models:/{POISONED}", words={"base_model": "base@0"}),
    )
    assert artifacts(registry) == {"model:base@0", f"model:student@{STUDENT}", "model:copy@1"}
    assert gaps(registry) == {
        f"model:student@{STUDENT} finetuned_from models:/theirs/1: {CLAIM}",
        f"model:copy@1 converted_from {POISONED}: {CLAIM}",
    }
    assert f"model:student@{STUDENT} finetuned_from model:copy@1" in relations(registry)


def test_a_version_that_took_the_place_of_ours_is_none_of_ours(registry: Registry) -> None:
    ours = registry.register_model(name="ours", from_scratch=True).artifact
    memory = registry.mlflow_memory(MEMORY)
    memory.put_all({f"version {ours}": ("digest", "ours/1"), f"logged {ours}": ("digest", CLEAN)})
    recorded(
        registry,
        *POISON,
        version("ours", 1, f"models:/{POISONED}", words=KEYED, created=7),
        version("copy", 1, "models:/ours/1", words={"base_model": "models:/ours/1"}, created=8),
    )
    assert "model:copy@1 converted_from model:poisoned@1" in relations(registry)
    assert not any(one.endswith(str(ours)) for one in relations(registry))


# --- lists of bases -------------------------------------------------------------------------------------------------------


def test_of_a_long_list_of_bases_none_is_dropped(registry: Registry) -> None:
    named = json.dumps([*(f"hub/net-{number}" for number in range(50)), "poisoned"])
    recorded(registry, *POISON, run("r", outputs=(STUDENT,), base_model=named), logged(STUDENT, "r"))
    assert len(gaps(registry)) == 50
    assert relations(registry) == {f"model:net@{STUDENT} finetuned_from model:poisoned@1"}


@pytest.mark.parametrize("item", [{"name": "poisoned", "weight": 0.5}, 1, None, ["poisoned"]])
def test_an_item_that_is_no_name_is_a_gap(registry: Registry, item: object) -> None:
    words = {"base_model": "base", "parent_model": json.dumps([item])}
    recorded(registry, run("r", outputs=(STUDENT,), **words), logged(STUDENT, "r"))
    assert status(registry, f"net@{STUDENT}") is Status.UNKNOWN
    assert any(json.dumps(item) in one for one in gaps(registry))


# --- names that are given again -------------------------------------------------------------------------------------------


def test_a_version_that_was_deleted_and_made_anew_is_another_model(registry: Registry) -> None:
    old = (run("r", outputs=(CLEAN,), base_model="base"), logged(CLEAN, "r"))
    recorded(registry, *old, version("prod", 1, f"models:/{CLEAN}", "r", created=5))
    anew = (run("s", outputs=(POISONED,)), logged(POISONED, "s"))
    again = version("prod", 1, f"models:/{POISONED}", "s", created=6)
    imported = recorded(registry, *old, *anew, again)
    (fresh,) = [one for one in artifacts(registry) if one.startswith("model:prod@1~")]
    assert status(registry, fresh) is Status.UNKNOWN
    assert "was deleted and made anew" in " ".join(imported.report.notes)
    bound = {str(key): one for key, one in registry.mlflow_memory(MEMORY).bindings().items()}
    assert (bound["model:prod@1"].made_at_ms, bound[fresh].made_at_ms) == (5, 6)
    assert recorded(registry, *old, *anew, again).report.recorded == {}


def test_an_address_that_two_models_bore_one_after_the_other_is_a_gap(registry: Registry) -> None:
    recorded(registry, version("prod", 1, "s3://a", created=5))
    recorded(
        registry,
        version("prod", 1, "s3://b", created=6),
        run("r", outputs=(STUDENT,), base_model="models:/prod/1"),
        logged(STUDENT, "r"),
    )
    assert not relations(registry)
    assert any("deleted and made anew" in one for one in gaps(registry))


def test_a_version_under_a_new_name_is_the_artifact_that_it_was(registry: Registry) -> None:
    recorded(registry, version("old", 1, "s3://b/model", "r", created=5), run("r"))
    imported = recorded(registry, version("new", 1, "s3://b/model", "r", created=5), run("r"))
    assert artifacts(registry) == {"model:base@0", "model:old@1"}
    assert "models:/new/1 was models:/old/1 before" in " ".join(imported.report.notes)
    (bound,) = registry.mlflow_memory(MEMORY).bindings().values()
    assert (bound.version, bound.made_at_ms) == ("new/1", 5)


@pytest.mark.parametrize(
    ("source", "run_id", "created"), [("s3://c", "r", 5), ("s3://b", "q", 5), ("s3://b", "r", 6)]
)
def test_a_version_of_another_source_run_or_moment_was_not_renamed(
    registry: Registry, source: str, run_id: str, created: int
) -> None:
    recorded(registry, version("old", 1, "s3://b", "r", created=5), run("r"), run("q"))
    recorded(registry, version("new", 1, source, run_id, created=created), run("r"), run("q"))
    assert "model:new@1" in artifacts(registry)


# --- names that are registered here ---------------------------------------------------------------------------------------


def test_a_version_of_somebody_else_is_not_taken_for_what_is_registered_here(registry: Registry) -> None:
    foreign = version("base", 1, "s3://attacker/anything")
    here = registry.register_model(name="base", from_scratch=True).artifact
    imported = recorded(registry, foreign)
    (other,) = [one for one in artifacts(registry) if one.startswith("model:base@1~")]
    assert status(registry, other) is Status.UNKNOWN
    assert here not in registry.mlflow_memory(MEMORY).bindings()
    (note,) = imported.report.notes
    assert note.endswith(f"provenance relate {other} converted_from {here} --resolves base@1")
    assert recorded(registry, foreign).report.recorded == {}
    registry.relate(other, "converted_from", str(here), resolves="base@1")
    assert status(registry, other) is Status.CLEAR


def test_what_an_import_recorded_before_it_was_stopped_is_found_again(registry: Registry) -> None:
    made = (version("net", 1, "s3://a", created=5), version("net", 2, "s3://b", created=6))
    recorded(registry, *made)
    memory = registry.mlflow_memory("sqlite:///elsewhere.db")  # where nothing is bound
    assert not memory.bindings()
    found = {str(one) for one in taken(registry, history(*made)).bindings}
    assert found == {"model:net@1", "model:net@2"} <= artifacts(registry)


def test_a_logged_model_that_is_bound_under_another_address_is_that_artifact(registry: Registry) -> None:
    tracked = registry.register_model(name="tracked", from_scratch=True).artifact
    registry.mlflow_memory("http://other.example").bind(tracked, Binding(model_id=CLEAN))
    recorded(registry, logged(CLEAN, None, "net"), version("shop", 1, f"models:/{CLEAN}"))
    assert relations(registry) == {f"model:shop@1 converted_from {tracked}"}
    assert registry.mlflow_memory(MEMORY).bindings()[tracked].model_id == CLEAN


# --- places and aliases ---------------------------------------------------------------------------------------------------

LOOKALIKES = [
    f"s3://attacker/models/{CLEAN}/artifacts",
    f"mlflow-artifacts:/1/models/{CLEAN}/artifacts/../../{POISONED}/artifacts",
    f"mlflow-artifacts:/1/models/{CLEAN}/artifacts/%2e%2e/x",
    f"models:/{CLEAN}/../{POISONED}",
]


@pytest.mark.parametrize("source", LOOKALIKES)
def test_a_place_that_looks_like_a_logged_models_is_not_that_model(registry: Registry, source: str) -> None:
    recorded(
        registry,
        *POISON,
        run("c", outputs=(CLEAN,), base_model="base"),
        logged(CLEAN, "c", "clean"),
        run("r", inputs=(POISONED,)),
        version("evil", 1, source, "r"),
    )
    assert not any(one.startswith("model:evil@1 converted_from") for one in relations(registry))
    assert "model:evil@1 finetuned_from model:poisoned@1" in relations(registry)


def test_a_run_that_a_version_names_and_that_did_not_make_its_model_is_a_gap(registry: Registry) -> None:
    recorded(
        registry,
        *POISON,
        run("c", outputs=(CLEAN,), base_model="base"),
        logged(CLEAN, "c", "clean"),
        run("r", inputs=(POISONED,)),
        version("evil", 1, f"models:/{CLEAN}", "r"),
        run("test", dataset("held", role="test"), inputs=(CLEAN,)),
        version("good", 1, f"models:/{CLEAN}", "test"),
    )
    assert status(registry, "evil@1") is Status.UNKNOWN
    assert [one for one in gaps(registry) if "run test" in one] == []


def test_a_source_in_another_run_is_a_gap(registry: Registry) -> None:
    made = run("c", base_model="base"), run("r", inputs=(POISONED,))
    recorded(registry, *POISON, *made, version("evil", 1, "runs:/r/net", "c"))
    assert status(registry, "evil@1") is Status.UNKNOWN


def test_an_alias_is_a_gap_where_versions_are_of_different_weights(registry: Registry) -> None:
    recorded(
        registry,
        *POISON,
        version("llama", 1, f"models:/{POISONED}"),
        version("llama", 2, "s3://b/2", words={"base_model": "base"}, aliases=("champion",)),
        run("r", outputs=(STUDENT,), base_model="models:/llama@champion"),
        logged(STUDENT, "r", "kid"),
    )
    assert status(registry, f"kid@{STUDENT}") is Status.UNKNOWN
    assert not any(one.startswith("model:kid") for one in relations(registry))


@pytest.mark.parametrize("value", ["llama", "llama@live"])
def test_a_name_whose_first_version_was_deleted_may_have_meant_that(registry: Registry, value: str) -> None:
    left = version("llama", 2, "s3://b/2", aliases=("live",))
    recorded(registry, left, run("r", outputs=(STUDENT,), base_model=value), logged(STUDENT, "r"))
    assert not relations(registry)
    assert gaps(registry)
