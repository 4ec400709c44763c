"""Recipes: what names a model, and that it is made whole or not at all."""

from pathlib import Path

import pytest
from benchmarks.zoo import building
from benchmarks.zoo.building import ACTIONS, build, folder_of, zoo_home
from benchmarks.zoo.catalogue import FAMILIES, INDEPENDENT, SMALL, Family, pairs
from benchmarks.zoo.recipes import Recipe

VERSIONS = dict.fromkeys(["", *ACTIONS], "1")
BASE = Recipe("mlp", 16, 0).then("train", data="digits", order=0, steps=2)


def test_equal_recipes_have_equal_digests_however_their_options_are_ordered() -> None:
    same = Recipe("mlp", 16, 0).then("train", steps=2, order=0, data="digits")
    assert BASE.digest(VERSIONS) == same.digest(VERSIONS)


@pytest.mark.parametrize(
    "other",
    [
        Recipe("mlp", 16, 1).then("train", data="digits", order=0, steps=2),
        Recipe("mlp", 16, 0).then("train", data="digits", order=1, steps=2),
        BASE.then("merge", other=Recipe("mlp", 16, 1), share=0.5),
        Recipe("mlp", 16, 0),
    ],
)
def test_unlike_recipes_have_unlike_digests(other: Recipe) -> None:
    assert BASE.digest(VERSIONS) != other.digest(VERSIONS)


def test_a_model_that_a_step_takes_is_part_of_the_digest() -> None:
    merged = [BASE.then("merge", other=Recipe("mlp", 16, seed), share=0.5) for seed in (1, 2)]
    assert merged[0].digest(VERSIONS) != merged[1].digest(VERSIONS)


def test_changed_code_changes_the_digests_of_what_it_makes_and_no_others() -> None:
    changed = VERSIONS | {"prune": "2"}
    assert BASE.digest(VERSIONS) == BASE.digest(changed)
    pruned = BASE.then("prune", share=0.5)
    assert pruned.digest(VERSIONS) != pruned.digest(changed)


def test_a_model_is_made_once_and_is_the_same_when_made_again(tmp_path: Path) -> None:
    recipe = BASE.then("permute", seed=1)
    first = build(recipe, tmp_path / "one") / "model.safetensors"
    made = first.stat().st_mtime_ns
    build(recipe, tmp_path / "one")
    assert first.stat().st_mtime_ns == made
    again = build(recipe, tmp_path / "two") / "model.safetensors"
    assert first.read_bytes() == again.read_bytes()


def test_a_step_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    recipe = BASE.then("merge", other=Recipe("mlp", 8, 0), share=0.5)
    with pytest.raises(RuntimeError, match="must match the size"):
        build(recipe, tmp_path)
    assert not folder_of(recipe, tmp_path).exists()
    assert not list(tmp_path.glob("unfinished-*"))


def test_a_disguise_that_changes_the_function_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "TOLERANCE", 0.0)
    with pytest.raises(AssertionError, match="permute moved the outputs of mlp"):
        build(BASE.then("permute", seed=1), tmp_path)


def test_the_zoo_is_kept_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVENANCE_ZOO", str(tmp_path))
    assert zoo_home() == tmp_path


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_no_recipe_names_an_action_that_does_not_exist(family: Family) -> None:
    for pair in pairs(family):
        for recipe in (pair.a, pair.b):
            assert {step.action for step in recipe.steps} <= ACTIONS.keys()


def test_there_are_276_independent_pairs_of_each_kind_of_architecture() -> None:
    counts = {
        family.architecture: sum(pair.kind == INDEPENDENT for pair in pairs(family))
        for family in FAMILIES[:5]
    }
    assert counts == dict.fromkeys(("llama", "gpt2", "mixtral", "mlp", "conv"), 276)
    assert {family.architecture for family in SMALL} == counts.keys()
