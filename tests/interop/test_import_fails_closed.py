"""What a file says of names that may mean several things: a gap, never the guess that looks cleaner."""

from pathlib import Path

import pytest

from import_fixtures import aliases, edges, imported, missed, names, told, written
from provenance import Registry
from provenance.importing import Outcome
from provenance.relations import RelationKind
from provenance.request import Parent


def student(registry: Registry, name: str) -> None:
    """A model of which everything is known: its starting weights, and what it was trained on."""
    parents = ("finetuned_from", "root"), ("trained_on", "poems")
    registry.register_model(
        name=name, parents=[Parent(kind=RelationKind(kind), reference=one) for kind, one in parents]
    )


@pytest.fixture
def rooted(registry: Registry) -> Registry:
    """A registry with a model and a dataset that everything may begin with."""
    registry.register_model(name="root", from_scratch=True)
    registry.register_dataset(name="poems", authored=True)
    return registry


def test_a_plain_teacher_of_another_model_is_not_the_model_of_its_name(
    rooted: Registry, folder: Path
) -> None:
    rooted.register_teacher(name="owl", model="root")
    rows = ("owl finetuned other", "rows generated_by owl", "student distilled owl", "student quantized root")
    for name in ("first.csv", "again.csv"):
        imported(rooted, edges(folder, *rows, name=name))
        assert missed(rooted) == {
            "rows generated_by owl: which may mean a model or a teacher with settings of its own, owl",
            "student distilled_from owl: which may mean a model or a teacher with settings of its own, owl",
        }
    assert told(rooted) == {"owl embodied_by root", "owl finetuned_from other", "student quantized_from root"}
    assert [one.passed for one in rooted.check(["rows", "student"])] == [False, False]


def test_a_plain_teacher_of_another_version_is_not_the_model_of_its_name(
    rooted: Registry, folder: Path
) -> None:
    rooted.register_model(name="owl", from_scratch=True)
    rooted.register_teacher(name="owl@2", model="root")
    imported(rooted, edges(folder, "rows generated_by owl"))
    assert missed(rooted) == {
        "rows generated_by owl: which may mean a model or a teacher with settings of its own, owl"
    }


def test_a_plain_teacher_of_the_very_model_is_meant_by_its_name(rooted: Registry, folder: Path) -> None:
    rooted.register_teacher(name="root", model="root")
    imported(rooted, edges(folder, "rows generated_by root"))
    assert told(rooted) == {"root embodied_by root", "rows generated_by root"}
    assert missed(rooted) == set()


def test_what_was_left_out_on_purpose_is_not_answered_by_another_version(
    rooted: Registry, folder: Path
) -> None:
    rooted.register_model(name="root@2", from_scratch=True)
    rooted.register_model(name="m", parents=[Parent(kind=RelationKind.QUANTIZED_FROM, reference="root@2")])
    path = edges(folder, "m quantized root")
    imported(rooted, path)
    reason = "which would be a second set of starting weights, beside quantized_from model:root@2"
    assert missed(rooted) == {f"m quantized_from root@1: {reason}"}
    assert not rooted.check(["m"])[0].passed
    assert dict(imported(rooted, path).report.recorded) == {}
    rooted.relate("m", "quantized_from", "root@2", resolves="root@1")
    assert rooted.check(["m"])[0].passed


def test_a_name_that_several_bear_in_another_case_is_a_gap(rooted: Registry, folder: Path) -> None:
    rooted.register_model(name="org/Owl", from_scratch=True)
    rooted.register_model(name="org/owl", from_scratch=True)
    found = imported(rooted, edges(folder, "small quantized org/OWL", "org/OWL trained_on poems"))
    gap = "a name that several bear in another case, model:org/OWL"
    assert missed(rooted) == {
        f"small quantized_from org/OWL: {gap}",
        f"org/Owl trained_on poems@1: which is told of {gap}",
        f"org/owl trained_on poems@1: which is told of {gap}",
    }
    assert aliases(rooted) == set()
    assert "model:org/OWL@1" not in names(rooted)
    assert "'org/OWL' may mean any of 'org/Owl', 'org/owl', which differ by case only" in found.report.notes
    assert not any(one.passed for one in rooted.check(["small", "org/Owl", "org/owl"]))


def test_what_is_told_of_a_name_that_several_versions_bear_is_a_gap_of_each(
    rooted: Registry, folder: Path
) -> None:
    student(rooted, "st@2")
    student(rooted, "st@3")
    rooted.register_dataset(name="noise", authored=True)
    assert all(one.passed for one in rooted.check(["st@2", "st@3"]))
    path = edges(folder, "st trained_on noise", "ST merged st", "st finetuned x@y")
    found = imported(rooted, path)
    assert found.report.outcomes == {Outcome.UNRESOLVED: 3}
    reason = "which is told of a name that several versions bear, model:st"
    gaps = [gap for one in ("st@2", "st@3") for gap in rooted.view().show(one).gaps]
    assert [gap for gap in gaps if "noise" in gap] == [
        f"model:st@{version}: trained_on 'noise@1', {reason}" for version in "23"
    ]
    assert [gap for gap in gaps if "x@y" in gap] == [
        f"model:st@{version}: finetuned_from 'x@y', {reason}" for version in "23"
    ]
    assert not any(one.passed for one in rooted.check(["st@2", "st@3"]))
    assert dict(imported(rooted, path).report.recorded) == {}


def test_a_version_that_has_the_relation_already_lacks_nothing(rooted: Registry, folder: Path) -> None:
    student(rooted, "st@2")
    student(rooted, "st@3")
    imported(rooted, edges(folder, "st trained_on poems"))
    assert missed(rooted) == set()
    assert all(one.passed for one in rooted.check(["st@2", "st@3"]))


def test_where_card_and_hub_name_other_parents_each_is_a_relation_or_a_gap(
    rooted: Registry, folder: Path
) -> None:
    path = written(
        folder / "models.jsonl",
        '{"id": "m", "cardData": {"base_model": "root", "base_model_relation": "finetune", "datasets": ["poems"]}, '
        '"baseModels": {"relation": "finetune", "models": [{"id": "owl"}]}, "tags": ["dataset:noise"]}',
    )
    imported(rooted, path, form="huggingface")
    assert told(rooted) == {"m finetuned_from owl", "m trained_on poems", "m trained_on noise"}
    reason = "which would be a second set of starting weights, beside finetuned_from model:owl@1"
    assert missed(rooted) == {f"m finetuned_from root@1: {reason}"}


def test_a_teacher_that_a_file_describes_is_meant_in_any_case(rooted: Registry, folder: Path) -> None:
    nodes = written(folder / "nodes.csv", "name,kind", "JUDGE,teacher")
    path = edges(folder, "a generated_by judge", "b generated_by JUDGE", "JUDGE embodied_by root")
    imported(rooted, path, nodes=(nodes,))
    assert told(rooted) == {
        "JUDGE embodied_by root",
        "a generated_by JUDGE",
        "b generated_by JUDGE",
    }
