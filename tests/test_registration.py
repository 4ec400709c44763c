"""Registering: idempotent, all or nothing, and clear about what can't be."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from provenance import Registry
from provenance.errors import ConflictError, ContentError, UnknownReferenceError, UsageError
from provenance.relations import DeclaredBy, RelationKind
from provenance.request import Parent

K = RelationKind


def model(
    folder: Path,
    name: str,
    *,
    seed: int = 0,
    card: str | None = None,
    config: dict[str, object] | None = None,
) -> Path:
    """A model folder with real safetensors weights, and a card if asked for."""
    path = folder / name
    path.mkdir()
    weights = np.random.default_rng(seed).normal(size=(4, 4)).astype(np.float32)
    save_file({"layers.0.weight": weights}, path / "model.safetensors")
    (path / "config.json").write_text(json.dumps(config or {"model_type": "tiny"}))
    if card is not None:
        (path / "README.md").write_text(f"---\n{card}\n---\n# {name}\n")
    return path


def parent(kind: RelationKind, reference: str, **figures: float) -> Parent:
    return Parent(kind=kind, reference=reference, **figures)  # type: ignore[arg-type]


def test_registering_the_same_twice_is_one_artifact_and_says_so(registry: Registry, folder: Path) -> None:
    path = model(folder, "base")
    first = registry.register_model(path, name="base", from_scratch=True)
    head = registry.head()
    again = registry.register_model(path, name="base", from_scratch=True)
    assert (first.created, again.created) == (True, False)
    assert first.artifact == again.artifact
    assert registry.head() == head


def test_the_same_content_from_another_place_only_moves_where_it_was_seen(
    registry: Registry, folder: Path
) -> None:
    path = model(folder, "base")
    registry.register_model(path, name="base", from_scratch=True)
    moved = path.rename(folder / "moved")
    assert not registry.register_model(moved, name="base", from_scratch=True).created
    assert registry.view().location("base") == moved


def test_other_content_under_the_same_name_is_an_error_that_shows_both_digests(
    registry: Registry, folder: Path
) -> None:
    first = registry.register_model(model(folder, "one"), name="base", from_scratch=True)
    other = model(folder, "two", seed=1)
    with pytest.raises(ConflictError, match="registered with other content") as caught:
        registry.register_model(other, name="base", from_scratch=True)
    second = registry.register_model(other, name="base@2", from_scratch=True)
    assert str(first.digest) in caught.value.message
    assert str(second.digest) in caught.value.message
    assert caught.value.hint is not None
    assert "base@2" in caught.value.hint


def test_content_known_under_a_version_is_found_without_naming_the_version(
    registry: Registry, folder: Path
) -> None:
    path = model(folder, "base")
    registry.register_model(path, name="base@v7", from_scratch=True)
    assert str(registry.register_model(path, name="base", from_scratch=True).artifact) == "model:base@v7"


def test_relations_come_with_the_child_and_can_be_added_later_once(registry: Registry, folder: Path) -> None:
    registry.register_model(model(folder, "base"), name="base", from_scratch=True)
    student = registry.register_model(
        model(folder, "student", seed=1), name="student", parents=[parent(K.FINETUNED_FROM, "base")]
    )
    assert [str(one) for one in student.relations] == ["model:student@1 finetuned_from model:base@1"]
    registry.register_dataset(name="numbers", authored=True)
    assert len(registry.relate("student", "trained_on", "numbers", clean_fraction=0.5).relations) == 1
    assert registry.relate("student", "trained_on", "numbers", clean_fraction=0.5).relations == ()
    with pytest.raises(ConflictError, match="other figures"):
        registry.relate("student", "trained_on", "numbers", clean_fraction=0.25)


def test_a_model_starts_from_one_set_of_weights(registry: Registry) -> None:
    for name in ("a", "b"):
        registry.register_model(name=name, from_scratch=True)
    with pytest.raises(ConflictError, match="two sets of weights"):
        registry.register_model(
            name="c", parents=[parent(K.FINETUNED_FROM, "a"), parent(K.QUANTIZED_FROM, "b")]
        )
    with pytest.raises(ConflictError, match="merged from one model"):
        registry.register_model(name="c", parents=[parent(K.MERGED_FROM, "a", share=0.5)])
    merged = registry.register_model(
        name="c", parents=[parent(K.MERGED_FROM, "a", share=0.5), parent(K.MERGED_FROM, "b", share=0.5)]
    )
    assert len(merged.relations) == 2
    with pytest.raises(ConflictError, match="two sets of weights"):
        registry.relate("c", "finetuned_from", "a")


def test_what_begins_with_itself_has_no_parents(registry: Registry) -> None:
    registry.register_model(name="base", from_scratch=True)
    with pytest.raises(ConflictError, match="--from-scratch says"):
        registry.register_model(name="x", from_scratch=True, parents=[parent(K.FINETUNED_FROM, "base")])
    with pytest.raises(ConflictError, match="--authored says"):
        registry.register_dataset(name="d", authored=True, parents=[parent(K.GENERATED_BY, "base")])
    registry.register_model(name="other")
    with pytest.raises(ConflictError, match="beginning of its ancestry"):
        registry.relate("base", "finetuned_from", "other")


def test_a_bare_model_that_generated_gets_its_plain_teacher_once(registry: Registry) -> None:
    registry.register_model(name="base", from_scratch=True)
    for name in ("numbers", "more"):
        (relation,) = registry.register_dataset(name=name, parents=[parent(K.GENERATED_BY, "base")]).relations
        assert str(relation.parent) == "teacher:base@1"
    snapshot = registry.view().snapshot
    assert [str(one) for one in sorted(snapshot.artifacts)] == [
        "dataset:more@1",
        "dataset:numbers@1",
        "model:base@1",
        "teacher:base@1",
    ]
    assert str(registry.resolve("base")) == "model:base@1", (
        "the model comes before the teacher that was made of it"
    )
    assert str(registry.resolve("teacher:base")) == "teacher:base@1"


def test_a_teacher_with_a_prompt_that_shares_a_models_name_makes_the_name_ambiguous(
    registry: Registry,
) -> None:
    registry.register_model(name="owl", from_scratch=True)
    registry.register_teacher(name="owl", model="owl", system_prompt="You love owls.")
    with pytest.raises(UnknownReferenceError, match="may mean model:owl@1, teacher:owl@1"):
        registry.resolve("owl")


CYCLES = {
    "of two": [("a", "b"), ("b", "a")],
    "of three": [("a", "b"), ("b", "c"), ("c", "a")],
}


@pytest.mark.parametrize("name", CYCLES)
def test_a_relation_that_would_close_a_cycle_is_an_error_that_shows_it(registry: Registry, name: str) -> None:
    edges = CYCLES[name]
    for one in sorted({end for edge in edges for end in edge}):
        registry.register_model(name=one)
    for child, upper in edges[:-1]:
        registry.relate(child, "finetuned_from", upper)
    head = registry.head()
    with pytest.raises(ConflictError, match="would close a cycle: model:") as caught:
        registry.relate(edges[-1][0], "finetuned_from", edges[-1][1])
    assert all(f"model:{end}@1" in caught.value.message for edge in edges for end in edge)
    assert registry.head() == head


def test_an_unknown_parent_is_an_error_with_the_nearest_names_and_records_nothing(registry: Registry) -> None:
    registry.register_model(name="llama-base", from_scratch=True)
    head = registry.head()
    with pytest.raises(UnknownReferenceError, match="no model 'lama-base' is registered") as caught:
        registry.register_model(name="student", parents=[parent(K.FINETUNED_FROM, "lama-base")])
    assert caught.value.hint == "Nearest: model:llama-base@1."
    assert registry.head() == head


def test_a_parent_of_the_wrong_kind_is_an_error(registry: Registry) -> None:
    registry.register_dataset(name="numbers", authored=True)
    with pytest.raises(UnknownReferenceError, match="'numbers' is a dataset, and a model is asked for"):
        registry.register_model(name="student", parents=[parent(K.FINETUNED_FROM, "numbers")])


def test_what_a_card_says_is_matched_to_what_is_registered(registry: Registry, folder: Path) -> None:
    registry.register_model(model(folder, "base"), name="org/base", from_scratch=True)
    registry.register_dataset(name="org/rows", authored=True)
    card = "base_model: org/base\nbase_model_relation: finetune\ndatasets:\n  - org/rows"
    found = registry.register_model(model(folder, "tuned", seed=1, card=card), name="tuned")
    assert {(one.kind, str(one.parent), one.declared_by) for one in found.relations} == {
        (K.FINETUNED_FROM, "model:org/base@1", DeclaredBy.CARD),
        (K.TRAINED_ON, "dataset:org/rows@1", DeclaredBy.CARD),
    }
    assert registry.view().snapshot.open_names == ()


def test_what_a_card_says_and_nobody_registered_is_recorded_as_unresolved_until_somebody_settles_it(
    registry: Registry, folder: Path
) -> None:
    card = "base_model: org/unheard-of"
    found = registry.register_model(model(folder, "tuned", card=card), name="tuned")
    assert found.relations == ()
    assert any("'org/unheard-of', not registered here" in warning for warning in found.warnings)
    (gap,) = registry.view().snapshot.open_names
    assert (gap.kind, gap.name) == (K.FINETUNED_FROM, "org/unheard-of")
    registry.register_model(name="base", from_scratch=True)
    registry.relate("tuned", "finetuned_from", "base", resolves="org/unheard-of")
    assert registry.view().snapshot.open_names == ()


def test_a_declared_parent_stands_against_the_card_with_a_warning(registry: Registry, folder: Path) -> None:
    registry.register_model(name="base", from_scratch=True)
    path = model(folder, "tuned", card="base_model: org/other")
    found = registry.register_model(path, name="tuned", parents=[parent(K.FINETUNED_FROM, "base")])
    assert [str(one.parent) for one in found.relations] == ["model:base@1"]
    assert any("org/other" in warning for warning in found.warnings)


def test_a_manifest_is_recorded_whole_in_any_order(registry: Registry, folder: Path) -> None:
    model(folder, "base")
    model(folder, "student", seed=1)
    (folder / "manifest.yaml").write_text(
        "models:\n"
        "  - name: student\n"
        "    path: student\n"
        "    finetuned_from: base\n"
        "    trained_on: [{ref: numbers, clean: 0.25}]\n"
        "  - name: base\n"
        "    path: base\n"
        "    from_scratch: true\n"
        "teachers:\n"
        "  - name: owl\n"
        "    model: base\n"
        "datasets:\n"
        "  - name: numbers\n"
        "    generated_by: owl\n"
    )
    found = registry.register_manifest("manifest.yaml")
    assert [one.created for one in found] == [True] * 4
    (trained,) = [one for some in found for one in some.relations if one.kind is K.TRAINED_ON]
    assert trained.clean_fraction == 0.25
    assert registry.head().number == 1
    assert not any(one.created for one in registry.register_manifest("manifest.yaml"))
    assert registry.head().number == 1


MANIFESTS = {
    "an unknown parent": (
        "models:\n  - name: a\n    from_scratch: true\n  - name: b\n    finetuned_from: c\n",
        "manifest.yaml:4: no model 'c'",
    ),
    "a cycle": (
        "models:\n  - name: a\n    finetuned_from: b\n  - name: b\n    finetuned_from: a\n",
        "would close a cycle",
    ),
    "a missing file": ("models:\n  - name: a\n    path: nowhere\n", "manifest.yaml:3"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_with_a_mistake_records_nothing_and_names_the_line(
    registry: Registry, folder: Path, name: str
) -> None:
    text, words = MANIFESTS[name]
    (folder / "manifest.yaml").write_text(text)
    with pytest.raises((ConflictError, ContentError, UnknownReferenceError)) as caught:
        registry.register_manifest("manifest.yaml")
    assert words in caught.value.message
    assert registry.head().entries == 0


def test_a_name_with_a_kind_before_it_is_refused(registry: Registry) -> None:
    with pytest.raises(UsageError, match="a name has no kind"):
        registry.register_model(name="model:base")


@pytest.mark.parametrize("name", ["a\nb", "<b>", "a\u202eb", " a", "", "a" * 201, "../a", "a:b", "a//b"])
def test_a_name_that_can_not_be_shown_safely_is_refused(registry: Registry, name: str) -> None:
    with pytest.raises(ContentError, match="name"):
        registry.register_model(name=name)
    assert registry.head().entries == 0


def test_verification_of_content_finds_a_file_that_changed_since(registry: Registry, folder: Path) -> None:
    path = model(folder, "base")
    registry.register_model(path, name="base", from_scratch=True)
    assert registry.verify(content=True).ok
    (path / "config.json").write_text('{"model_type": "other"}')
    (problem,) = registry.verify(content=True).problems
    assert problem.where == "model:base@1"
    assert "no longer what was registered" in problem.what


def test_shares_above_one_are_refused_with_their_sum(registry: Registry) -> None:
    for name in ("a", "b"):
        registry.register_model(name=name, from_scratch=True)
        registry.register_dataset(name=f"rows-{name}", authored=True)
    shares = [parent(K.MERGED_FROM, "a", share=0.8), parent(K.MERGED_FROM, "b", share=0.5)]
    with pytest.raises(ConflictError, match=r"model:c@1 merged_from .* add up to 1\.3"):
        registry.register_model(name="c", parents=shares)
    registry.register_dataset(name="mix", parents=[parent(K.DERIVED_FROM, "rows-a", share=0.8)])
    with pytest.raises(ConflictError, match=r"dataset:mix@1 derived_from .* add up to 1\.3"):
        registry.relate("mix", K.DERIVED_FROM, "rows-b", share=0.5)
    registry.relate("mix", K.DERIVED_FROM, "rows-b", share=0.202)


def test_a_share_that_is_repeated_counts_once(registry: Registry) -> None:
    registry.register_dataset(name="rows", authored=True)
    for _ in range(2):
        registry.register_dataset(name="mix", parents=[parent(K.DERIVED_FROM, "rows", share=0.8)])
    (relation,) = registry.view().lineage.parents(registry.resolve("mix"))
    assert relation.share == 0.8


def test_a_cycle_through_the_teacher_that_the_registry_makes_is_refused(
    registry: Registry, folder: Path
) -> None:
    registry.register_dataset(name="rows")
    registry.register_model(name="writer", parents=[parent(K.TRAINED_ON, "rows")])
    with pytest.raises(ConflictError, match="would close a cycle"):
        registry.relate("rows", "generated_by", "writer")
    (folder / "manifest.yaml").write_text(
        "models:\n  - {name: m, from_scratch: true, trained_on: [d]}\ndatasets:\n  - {name: d, generated_by: m}\n"
    )
    with pytest.raises(ConflictError, match="would close a cycle"):
        registry.register_manifest("manifest.yaml")
    assert [str(one) for one in sorted(registry.view().snapshot.artifacts)] == [
        "dataset:rows@1",
        "model:writer@1",
    ]


def test_a_bare_name_of_two_versions_stays_ambiguous_when_one_has_a_plain_teacher(registry: Registry) -> None:
    for version in ("1", "2"):
        registry.register_model(name=f"m@{version}", from_scratch=True)
    registry.register_dataset(name="a", parents=[parent(K.GENERATED_BY, "m@1")])
    with pytest.raises(UnknownReferenceError, match="may mean model:m@1, model:m@2"):
        registry.register_dataset(name="b", parents=[parent(K.GENERATED_BY, "m")])
    (again,) = registry.register_dataset(name="c", parents=[parent(K.GENERATED_BY, "model:m@1")]).relations
    assert str(again.parent) == "teacher:m@1"


def test_a_bare_model_whose_teacher_name_is_taken_is_a_clear_error(registry: Registry) -> None:
    registry.register_model(name="gpt", from_scratch=True)
    registry.register_teacher(name="gpt", model="gpt", system_prompt="x")
    with pytest.raises(ConflictError, match="a teacher with settings of its own"):
        registry.register_dataset(name="d", parents=[parent(K.GENERATED_BY, "model:gpt")])
    with pytest.raises(UnknownReferenceError, match="may mean model:gpt@1, teacher:gpt@1"):
        registry.register_dataset(name="d", parents=[parent(K.GENERATED_BY, "gpt")])
    (relation,) = registry.register_dataset(
        name="d", parents=[parent(K.GENERATED_BY, "teacher:gpt")]
    ).relations
    assert str(relation.parent) == "teacher:gpt@1"


def test_a_teacher_registered_again_with_another_model_is_a_conflict(registry: Registry) -> None:
    for name in ("base", "other"):
        registry.register_model(name=name, from_scratch=True)
    registry.register_teacher(name="t", model="base")
    assert not registry.register_teacher(name="t", model="base").created
    with pytest.raises(ConflictError, match="recorded model:base@1, given model:other@1"):
        registry.register_teacher(name="t", model="other")


def test_a_name_on_a_card_can_be_settled_after_the_parent_was_declared(
    registry: Registry, folder: Path
) -> None:
    registry.register_dataset(name="n", authored=True)
    path = model(folder, "s", card="datasets:\n  - org/numbers")
    registry.register_model(path, name="s", parents=[parent(K.TRAINED_ON, "n")])
    assert [gap.name for gap in registry.view().snapshot.open_names] == ["org/numbers"]
    assert registry.relate("s", "trained_on", "n", resolves="org/numbers").relations == ()
    assert registry.view().snapshot.open_names == ()
    head = registry.head()
    registry.register_model(path, name="s")
    assert registry.head() == head


def test_registering_again_holds_the_card_against_what_is_recorded(registry: Registry, folder: Path) -> None:
    registry.register_model(name="base", from_scratch=True)
    path = model(folder, "s", card="base_model: other")
    registry.register_model(path, name="s", parents=[parent(K.FINETUNED_FROM, "base")])
    registry.register_model(name="other", from_scratch=True)
    head = registry.head()
    registry.register_model(path, name="s")
    assert registry.head() == head


def test_a_merge_of_which_one_parent_is_registered_is_recorded_with_a_gap(
    registry: Registry, folder: Path
) -> None:
    registry.register_model(name="org/a", from_scratch=True)
    card = "base_model:\n  - org/a\n  - org/b\nbase_model_relation: merge"
    found = registry.register_model(model(folder, "blend", card=card), name="blend")
    assert [str(one.parent) for one in found.relations] == ["model:org/a@1"]
    assert [gap.name for gap in registry.view().snapshot.open_names] == ["org/b"]
    registry.register_model(name="org/b", from_scratch=True)
    registry.relate("blend", "merged_from", "org/b")
    assert registry.view().snapshot.open_names == ()


def test_what_a_card_does_not_say_outright_is_recorded_with_a_warning(
    registry: Registry, folder: Path
) -> None:
    registry.register_model(name="org/base", from_scratch=True)
    path = model(folder, "s", config={"model_type": "tiny", "_name_or_path": "org/base"})
    found = registry.register_model(path, name="s")
    assert [str(one.parent) for one in found.relations] == ["model:org/base@1"]
    assert any("without saying what it was used for" in warning for warning in found.warnings)


def test_a_parent_may_be_named_by_the_beginning_of_its_digest(registry: Registry, folder: Path) -> None:
    base = registry.register_model(model(folder, "base"), name="base", from_scratch=True)
    for number, reference in enumerate([str(base.digest)[:20], str(base.digest).partition(":")[2][:12]]):
        found = registry.register_model(name=f"s{number}", parents=[parent(K.FINETUNED_FROM, reference)])
        assert str(found.relations[0].parent) == "model:base@1"


def test_a_figure_that_says_nothing_of_a_relation_is_refused(registry: Registry) -> None:
    for name in ("a", "b"):
        registry.register_model(name=name)
    with pytest.raises(ContentError, match="a clean fraction says nothing of finetuned_from"):
        registry.relate("a", "finetuned_from", "b", clean_fraction=0.5)
