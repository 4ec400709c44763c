"""Names that differ by case, renames and aliases: which artifact is meant, and what clashes."""

from pathlib import Path

import pytest

from command_line import Terminal
from import_fixtures import aliases, edges, imported, names, told, written
from provenance import Registry
from provenance.errors import ConflictError, ContentError, UnknownReferenceError


def test_a_parent_in_another_case_is_the_artifact_that_is_described(registry: Registry, folder: Path) -> None:
    imported(
        registry,
        edges(
            folder,
            "Org/Tuned finetuned Base",
            "small quantized org/tuned",
            "mix merged base",
            "mix merged BASE",
        ),
    )
    assert told(registry) == {
        "Org/Tuned finetuned_from BASE",
        "small quantized_from Org/Tuned",
        "mix merged_from BASE",
    }
    assert aliases(registry) == {
        "org/tuned = model:Org/Tuned@1",
        "Base = model:BASE@1",
        "base = model:BASE@1",
    }
    assert registry.resolve("org/tuned") == registry.resolve("Org/Tuned")


def test_two_that_differ_by_case_and_are_each_described_are_two_and_that_is_told(
    registry: Registry, folder: Path
) -> None:
    found = imported(registry, edges(folder, "a finetuned base", "A finetuned other", "b finetuned A"))
    assert told(registry) == {"a finetuned_from base", "A finetuned_from other", "b finetuned_from A"}
    assert (
        "'A', 'a' differ by case only, and are each described: taken for artifacts of their own"
        not in aliases(registry)
    )
    assert any("'A', 'a' differ by case only" in note for note in found.report.notes)


def test_a_later_file_in_another_case_finds_what_is_recorded(registry: Registry, folder: Path) -> None:
    imported(registry, edges(folder, "tuned finetuned org/base"))
    found = imported(
        registry, edges(folder, "Tuned trained_on rows", "other finetuned Org/Base", name="later.csv")
    )
    assert told(registry) == {
        "tuned finetuned_from org/base",
        "tuned trained_on rows",
        "other finetuned_from org/base",
    }
    assert found.report.recorded["aliases"] == 2


def test_renames_are_heeded_and_kept_as_aliases(registry: Registry, folder: Path) -> None:
    renames = written(
        folder / "renames.csv", "old,new", "old/base,mid/base", "mid/base,new/base", "llama3:8b,llama3-8b"
    )
    path = edges(folder, "a finetuned old/base", "b finetuned new/base", "c finetuned llama3:8b")
    imported(registry, path, renames=renames)
    assert told(registry) == {
        "a finetuned_from new/base",
        "b finetuned_from new/base",
        "c finetuned_from llama3-8b",
    }
    assert aliases(registry) == {"old/base = model:new/base@1", "mid/base = model:new/base@1"}
    assert str(registry.resolve("mid/base")) == "model:new/base@1"
    found = imported(registry, edges(folder, "d finetuned mid/base", name="later.csv"))
    assert dict(found.report.recorded) == {"models": 1, "relations": 1}
    assert "d finetuned_from new/base" in told(registry)


def test_an_artifact_that_bears_the_old_name_itself_keeps_it(registry: Registry, folder: Path) -> None:
    imported(registry, edges(folder, "a finetuned old"))
    renames = written(folder / "renames.csv", "old,new", "old,new")
    found = imported(
        registry, edges(folder, "b finetuned old", "c finetuned new", name="later.csv"), renames=renames
    )
    assert told(registry) == {"a finetuned_from old", "b finetuned_from old", "c finetuned_from new"}
    assert "'old' was renamed to 'new', and what is recorded by the old name keeps it" in found.report.notes


def test_an_old_name_that_means_another_artifact_keeps_its_meaning(registry: Registry, folder: Path) -> None:
    registry.register_model(name="first", from_scratch=True)
    registry.add_alias("old", "first")
    renames = written(folder / "renames.csv", "old,new", "old,second")
    for _ in range(2):
        found = imported(registry, edges(folder, "b finetuned old", "c finetuned second"), renames=renames)
        assert told(registry) == {"b finetuned_from first", "c finetuned_from second"}
        assert (
            "'old' was renamed to 'second', and what is recorded by the old name keeps it"
            in found.report.notes
        )


def test_a_rename_is_heeded_in_any_case_but_where_any_case_of_the_old_name_is_recorded(
    registry: Registry, folder: Path
) -> None:
    registry.register_model(name="owl", from_scratch=True)
    renames = written(folder / "renames.csv", "old,new", "Owl,dove", "Old,new")
    path = edges(folder, "a finetuned Owl", "b finetuned OLD", "c finetuned old", "d finetuned new")
    for _ in range(2):
        found = imported(registry, path, renames=renames)
        assert told(registry) == {
            "a finetuned_from owl",
            "b finetuned_from new",
            "c finetuned_from new",
            "d finetuned_from new",
        }
        assert (
            "'Owl' was renamed to 'dove', and what is recorded by the old name keeps it" in found.report.notes
        )
    assert names(registry).isdisjoint({"model:OLD@1", "model:old@1", "model:dove@1"})


def test_a_list_of_renames_may_tell_of_case_alone(registry: Registry, folder: Path) -> None:
    renames = written(folder / "renames.csv", "old,new", "Org/Base,org/base", "a,B", "b,A")
    path = edges(folder, "m finetuned ORG/BASE", "n finetuned org/base", "o finetuned a", "p finetuned b")
    imported(registry, path, renames=renames)
    assert {"m finetuned_from org/base", "n finetuned_from org/base"} < told(registry)


def test_a_name_that_several_versions_bear_means_the_first_or_is_a_gap(
    registry: Registry, folder: Path
) -> None:
    for name in ("base", "base@2", "other@2", "other@3", "only@7"):
        registry.register_model(name=name, from_scratch=True)
    imported(
        registry,
        edges(folder, "a finetuned base", "b finetuned other", "c finetuned only", "other finetuned a"),
    )
    assert {str(one.parent) for one in registry.view().lineage.parents(registry.resolve("a"))} == {
        "model:base@1"
    }
    assert {str(one.parent) for one in registry.view().lineage.parents(registry.resolve("c"))} == {
        "model:only@7"
    }
    assert "b finetuned_from other" not in told(registry)
    assert "model:other@1" not in names(registry)


def test_an_alias_is_recorded_once_and_finds_its_artifact(registry: Registry) -> None:
    registry.register_model(name="org/new", from_scratch=True)
    first = registry.add_alias("org/old", "org/new")
    assert registry.add_alias("org/old", "org/new").id == first.id
    assert str(registry.resolve("org/old")) == str(registry.view().resolve("org/old")) == "model:org/new@1"
    assert registry.view().show("org/old").artifact.id == registry.resolve("org/new")
    registry.register_model(name="child")
    registry.relate("child", "finetuned_from", "org/old")
    assert told(registry) == {"child finetuned_from org/new"}


def test_aliases_that_clash_are_refused(registry: Registry) -> None:
    registry.register_model(name="a", from_scratch=True)
    registry.register_model(name="b", from_scratch=True)
    registry.add_alias("c", "a")
    with pytest.raises(
        ConflictError, match="'c' is an alias of model:a@1 already, and can't mean model:b@1 as well"
    ):
        registry.add_alias("c", "b")
    with pytest.raises(ConflictError, match="'b' is the name of model:b@1 itself"):
        registry.add_alias("b", "a")
    with pytest.raises(ContentError, match="the alias 'x@y' holds '@'"):
        registry.add_alias("x@y", "a")
    with pytest.raises(UnknownReferenceError, match="no artifact 'nobody' is registered"):
        registry.add_alias("d", "nobody")


def test_the_command_adds_and_lists_aliases(terminal: Terminal) -> None:
    terminal("init")
    terminal("register", "model", "--name", "org/new", "--from-scratch")
    assert terminal("alias", "add", "org/old", "org/new").out == "org/old means model:org/new@1\n"
    assert terminal("alias", "add", "org/old", "org/new", "--json").json["artifact"] == "model:org/new@1"
    assert terminal("alias", "ls", "--json").json == [{"name": "org/old", "artifact": "model:org/new@1"}]
    assert "model:org/new@1" in terminal("show", "org/old").out
    assert (
        "is the name of model:org/new@1 itself" in terminal("alias", "add", "org/new", "org/new", code=4).err
    )
