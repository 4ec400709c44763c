"""What becomes of runs, logged models, versions and datasets: relations, gaps, and what is passed over."""

import pytest

from history_fixtures import dataset, history, logged, model_id, recorded, run, taken, version
from mlflow_history_fixtures import artifacts, gaps, relations
from provenance import Registry
from provenance.importing import Imported
from provenance.mlflow_link.history.graph import EVALUATED
from provenance.relations import RelationKind
from provenance.risk import Status

BASE, STUDENT, OTHER = model_id(1), model_id(2), model_id(3)


def reasons(imported: Imported) -> dict[str, int]:
    """Why rows were not recorded, and how many."""
    return {one.reason: one.rows for one in imported.report.omissions}


def test_a_run_hands_its_model_inputs_and_datasets_on_to_what_it_made(registry: Registry) -> None:
    recorded(
        registry,
        run("r1", dataset("pile"), outputs=(BASE,)),
        logged(BASE, "r1", "base"),
        version("base", 1, f"models:/{BASE}", "r1"),
        run("r2", dataset("chat", "d2", None), inputs=(BASE,), outputs=(STUDENT,)),
        logged(STUDENT, "r2", "student"),
    )
    assert relations(registry) == {
        "model:base@1 trained_on dataset:pile@d1",
        f"model:student@{STUDENT} finetuned_from model:base@1",
        f"model:student@{STUDENT} trained_on dataset:chat@d2",
    }


def test_the_relation_to_a_model_input_is_inferred_and_counted_as_assumed(registry: Registry) -> None:
    made = (logged(BASE, name="base"), run("r", inputs=(BASE,), outputs=(STUDENT,)), logged(STUDENT, "r"))
    assert recorded(registry, *made).report.assumed == 1


def test_several_model_inputs_are_a_merge(registry: Registry) -> None:
    recorded(
        registry,
        logged(BASE, name="a"),
        logged(OTHER, name="b"),
        run("r", inputs=(BASE, OTHER), outputs=(STUDENT,)),
        logged(STUDENT, "r", "soup"),
    )
    assert relations(registry) == {
        f"model:soup@{STUDENT} merged_from model:a@{BASE}",
        f"model:soup@{STUDENT} merged_from model:b@{OTHER}",
    }


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("adapter", RelationKind.ADAPTER_OF),
        ("LoRA", RelationKind.ADAPTER_OF),
        ("quantized", RelationKind.QUANTIZED_FROM),
        ("pruned_from", RelationKind.PRUNED_FROM),
        ("whatever", RelationKind.FINETUNED_FROM),
    ],
)
def test_a_tag_may_state_the_relation(registry: Registry, word: str, kind: RelationKind) -> None:
    recorded(
        registry,
        logged(BASE, name="base"),
        run("r", inputs=(BASE,), outputs=(STUDENT,), base_model_relation=word),
        logged(STUDENT, "r", "net"),
    )
    assert relations(registry) == {f"model:net@{STUDENT} {kind} model:base@{BASE}"}


@pytest.mark.parametrize("role", ["eval", "evaluation", "Validation", "val", "test", " testing "])
def test_a_dataset_for_evaluation_is_recorded_and_no_parent(registry: Registry, role: str) -> None:
    imported = recorded(registry, run("r", dataset("held", role=role), outputs=(BASE,)), logged(BASE, "r"))
    assert not relations(registry)
    assert "dataset:held@d1" in artifacts(registry)
    assert reasons(imported) == {EVALUATED: 1}


@pytest.mark.parametrize("role", ["train", "training", "finetuning", None, ""])
def test_a_dataset_in_any_other_role_is_one_that_was_trained_on(registry: Registry, role: str | None) -> None:
    recorded(registry, run("r", dataset("rows", role=role), outputs=(BASE,)), logged(BASE, "r"))
    assert relations(registry) == {f"model:net@{BASE} trained_on dataset:rows@d1"}


def test_a_version_of_an_older_mlflow_is_what_its_run_made(registry: Registry) -> None:
    recorded(registry, run("r", dataset("rows")), version("old", 4, "s3://bucket/r/artifacts/model", "r"))
    assert relations(registry) == {"model:old@4 trained_on dataset:rows@d1"}


def test_a_model_that_its_own_run_evaluated_is_not_its_own_parent(registry: Registry) -> None:
    imported = recorded(registry, run("r", inputs=(BASE,), outputs=(BASE,)), logged(BASE, "r"))
    assert not relations(registry)
    assert not gaps(registry)
    assert reasons(imported) == {"a base model that is the model itself": 1}


def test_a_model_input_that_is_gone_leaves_the_ancestry_unknown(registry: Registry) -> None:
    recorded(registry, run("r", inputs=(OTHER,), outputs=(BASE,)), logged(BASE, "r"))
    assert gaps(registry) == {
        f"model:net@{BASE} finetuned_from {OTHER}: what MLflow no longer has",
    }


def test_a_model_of_which_mlflow_knows_no_base_is_of_unknown_ancestry(registry: Registry) -> None:
    recorded(registry, run("r", dataset("rows"), outputs=(BASE,)), logged(BASE, "r"))
    (entry,) = registry.risks([f"net@{BASE}"]).artifacts
    assert entry.status is Status.UNKNOWN


def test_a_deleted_run_still_tells_where_a_living_model_comes_from(registry: Registry) -> None:
    made = run("r", dataset("rows"), outputs=(BASE,), deleted=True)
    imported = recorded(registry, made, logged(BASE, "r"), run("s", dataset("gone"), deleted=True))
    assert relations(registry) == {f"model:net@{BASE} trained_on dataset:rows@d1"}
    assert "dataset:gone@d1" not in artifacts(registry)
    assert reasons(imported) == {"a deleted run": 1}


def test_runs_without_a_model_are_counted_and_their_datasets_recorded(registry: Registry) -> None:
    imported = recorded(registry, run("r", dataset("rows")), run("s"))
    assert artifacts(registry) == {"dataset:rows@d1"}
    assert reasons(imported) == {"a run that made no model": 2}


def test_what_a_projection_wrote_is_passed_over(registry: Registry) -> None:
    ours = {"provenance.key": "k", "provenance.relations": "finetuned_from model:base@1"}
    mine = registry.register_model(name="mine", from_scratch=True).artifact
    memory = registry.mlflow_memory("sqlite:///nowhere.db")
    memory.put_all({f"version {mine}": ("digest", "mine/1"), f"logged {mine}": ("digest", BASE)})
    imported = recorded(registry, version("mine", 1, f"models:/{BASE}", words=ours), logged(BASE, **ours))
    assert artifacts(registry) == {str(mine)}
    assert reasons(imported) == {"an object that our projection wrote": 2}


def test_a_run_that_a_projection_wrote_tells_nothing(registry: Registry) -> None:
    ours = {"provenance.key": "k"}
    memory = registry.mlflow_memory("sqlite:///nowhere.db")
    memory.put_all({"record of model:net@1": ("digest", "r"), "logged model:net@1": ("digest", BASE)})
    record = run("r", dataset("rows@1", "0" * 36), outputs=(BASE,), **ours)
    imported = recorded(registry, record, logged(BASE, "r", **ours))
    assert not artifacts(registry)
    assert sum(reasons(imported).values()) == 2


def test_a_logged_model_that_is_not_complete_is_left_for_the_next_import(registry: Registry) -> None:
    made, uploading = run("r", outputs=(BASE,)), logged(BASE, "r")._replace(status="PENDING")
    assert reasons(recorded(registry, made, uploading))["a logged model that is still being uploaded"] == 1
    assert not artifacts(registry)
    recorded(registry, made, logged(BASE, "r"), version("net", 1, f"models:/{BASE}", "r"))
    assert artifacts(registry) == {"model:net@1"}


def test_a_logged_model_that_was_never_completed_is_a_base_or_a_version_all_the_same(
    registry: Registry,
) -> None:
    half = logged(BASE, name="base")._replace(status="PENDING")
    recorded(registry, half, run("r", inputs=(BASE,), outputs=(STUDENT,)), logged(STUDENT, "r"))
    assert relations(registry) == {f"model:net@{STUDENT} finetuned_from model:base@{BASE}"}


def test_a_model_input_that_a_projection_wrote_is_the_artifact_that_it_shows(registry: Registry) -> None:
    base = registry.register_model(name="base", from_scratch=True)
    registry.mlflow_memory("sqlite:///nowhere.db").put(f"logged {base.artifact}", "digest", BASE)
    ours = {"provenance.key": "k"}
    made = (logged(BASE, **ours), run("r", inputs=(BASE,), outputs=(STUDENT,)), logged(STUDENT, "r"))
    recorded(registry, *made)
    assert relations(registry) == {f"model:net@{STUDENT} finetuned_from model:base@1"}


def test_tags_of_others_under_our_prefix_are_no_facts(registry: Registry) -> None:
    forged = {"provenance.relations": "finetuned_from model:evil@1", "provenance.status": "clear"}
    recorded(registry, version("net", words=forged))
    assert artifacts(registry) == {"model:net@1"}
    assert not relations(registry)


def test_a_second_import_records_nothing(registry: Registry) -> None:
    made = (
        run("r1", dataset("pile"), outputs=(BASE,), base_model="hub/unheard-of"),
        logged(BASE, "r1", "base"),
        version("base", 1, f"models:/{BASE}", "r1"),
        version("base", 2, f"models:/{BASE}", "r1"),
        run("r2", inputs=(BASE, OTHER), outputs=(STUDENT,)),
        logged(STUDENT, "r2", "student"),
    )
    first, head = recorded(registry, *made), registry.head()
    assert first.report.recorded
    assert recorded(registry, *made).report.recorded == {}
    assert registry.head() == head


def test_words_of_an_old_version_say_nothing_without_those_of_its_run(registry: Registry) -> None:
    made = run("r", base_model_relation="adapter")
    named = version("net", 1, "s3://bucket/net", "r", words={"base_model": "org/base"})
    recorded(registry, made, named)
    before = gaps(registry)
    assert before == {"model:net@1 adapter_of org/base: "}
    later = history(named, looked_for=frozenset({"s"}))
    assert not taken(registry, later).graph.edges
    assert taken(
        registry, history(named, looked_for=frozenset({"r"}))
    ).graph.edges  # it was looked for, and is gone
