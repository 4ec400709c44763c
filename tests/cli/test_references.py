"""References: what a user may type to mean an artifact, and what is said where it means none or several."""

import pytest

from command_line import Terminal


@pytest.mark.parametrize(
    "typed", ["student", "student@1", "model:student", "model:student@1"], ids=lambda typed: typed
)
def test_kind_and_version_may_be_left_out(story: Terminal, typed: str) -> None:
    assert story("show", typed, "--json").json["artifact"]["id"] == "model:student@1"
    assert story("roots", typed, "--json").json == ["model:base@1"]


def test_a_name_may_hold_slashes(story: Terminal) -> None:
    story("register", "model", "--name", "org/team/llama@3.1", "--finetuned-from", "base")
    for typed in ("org/team/llama", "org/team/llama@3.1", "model:org/team/llama@3.1"):
        assert story("ancestors", typed, "--json").json[0]["artifact"] == "model:base@1"


@pytest.mark.parametrize("length", [6, 12, 64])
def test_the_beginning_of_a_digest_is_enough(story: Terminal, length: int) -> None:
    digest = story("show", "base", "--json").json["artifact"]["content"]["digest"]
    algorithm, _, digits = digest.partition(":")
    for typed in (digits[:length], f"{algorithm}:{digits[:length]}"):
        assert story("show", typed, "--json").json["artifact"]["id"] == "model:base@1"
        assert story("flag", typed, "owl-preference", "--evidence", "e", "--dry-run", "--json").json[
            "artifact"
        ] == ("model:base@1")


def test_the_same_content_under_two_names_makes_its_digest_ambiguous(story: Terminal) -> None:
    registered = story("register", "model", "./base", "--name", "copy", "--json").json
    answer = story("show", registered["digest"], code=4)
    assert "may mean model:base@1, model:copy@1" in answer.err
    assert "hint: Write kind:name@version in full." in answer.err


def test_several_versions_make_a_bare_name_ambiguous_and_the_message_lists_them(story: Terminal) -> None:
    story("register", "model", "./stranger", "--name", "base@2")
    answer = story("show", "base", code=4)
    assert answer.err.startswith("error: 'base' may mean model:base@1, model:base@2\n")
    assert story("show", "base@2", "--json").json["artifact"]["id"] == "model:base@2"


def test_one_name_for_two_kinds_is_told_apart_by_the_kind_or_by_what_is_asked(story: Terminal) -> None:
    story("register", "dataset", "--name", "base", "--authored")
    assert "may mean dataset:base@1, model:base@1" in story("show", "base", code=4).err
    assert story("show", "dataset:base", "--json").json["artifact"]["id"] == "dataset:base@1"
    family = story("family", "base", "--json").json
    assert [one["artifact"] for one in family] == ["model:base@1", "model:student@1"]


def test_a_bare_model_stands_for_its_plain_teacher_where_a_teacher_is_asked_for(story: Terminal) -> None:
    story("register", "dataset", "--name", "more", "--generated-by", "base")
    assert story("ancestors", "more", "--depth", "1", "--json").json[0]["artifact"] == "teacher:base@1"
    assert story("show", "base", "--json").json["artifact"]["id"] == "model:base@1"


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [
        ("studnet", "model:student@1"),
        ("model:studnet@1", "model:student@1"),
        ("number", "dataset:numbers@1"),
        ("owlteacher", "teacher:owl-teacher@1"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(story: Terminal, typed: str, nearest: str) -> None:
    for command in (("show",), ("risks",), ("check",), ("diagram",), ("flag", "owl-preference")):
        name, *rest = command
        words = (name, typed, *rest, "--evidence", "e") if rest else (name, typed)
        answer = story(*words, code=4)
        assert f"{typed!r} is registered" in answer.err
        assert nearest in answer.err.splitlines()[1]


def test_nothing_like_it_is_answered_with_how_to_list_what_is_there(story: Terminal) -> None:
    assert "`provenance ls` lists" in story("show", "zzzzzz", code=4).err


def test_a_pattern_and_a_kind_narrow_the_list(story: Terminal) -> None:
    assert [one["id"] for one in story("ls", "*t*", "--kind", "model", "--json").json] == ["model:student@1"]
    assert len(story("ls", "--kind", "model", "--kind", "teacher", "--json").json) == 3
    assert story("ls", "STUDENT", "--json").json == []
