"""provenance search, and what register says of the weights."""

import shutil

from command_line import Terminal
from provenance import Registry


def test_a_registered_model_is_searched_for_by_name_and_files_by_path(story: Terminal) -> None:
    by_name, by_path = story("search", "model:student"), story("search", "./student")
    assert by_name.out.splitlines()[1].split()[0] == "model:base@1"
    assert "SAME_INIT (" in by_name.out
    assert "hits among 2 sketches" in by_name.err
    assert {line.split()[0] for line in by_path.out.splitlines()[1:]} == {"model:base@1", "model:student@1"}


def test_a_stranger_has_no_hits_and_that_is_no_error(story: Terminal) -> None:
    answer = story("search", "./stranger")
    assert (answer.out, answer.err[:22]) == ("", "0 hits among 2 sketche")


def test_what_has_no_sketch_is_an_error_that_says_why(story: Terminal) -> None:
    story("register", "model", "--name", "api")
    assert "was registered by name only" in story("search", "api", code=4).err
    assert "error: " in story("search", "./numbers.jsonl", code=4).err
    assert "'nobody' is registered" in story("search", "nobody", code=4).err


def test_undeclared_kin_is_a_warning_beside_the_report(story: Terminal) -> None:
    answer = story("register", "model", "./student", "--name", "unsaid", "--json")
    (warning,) = answer.json["warnings"]
    assert answer.err == f"warning: {warning}\n"
    assert "under another name" in warning
    assert len(answer.json["evidence"]) == 1
    told = story("register", "model", "./base", "--name", "again")
    assert told.out.splitlines()[1].startswith("  weights tested: evidence-")


def test_a_family_is_listed_with_what_makes_each_member_kin(story: Terminal) -> None:
    story("register", "model", "./student", "--name", "unsaid")
    lines = {line.split()[0]: line for line in story("family", "base").out.splitlines()}
    assert lines["model:student@1"].split()[1:] == ["same", "model:base@1", "record"]
    assert "evidence-" in lines["model:unsaid@1"]
    assert "(identical)" in lines["model:unsaid@1"]


def test_a_missing_path_is_told_in_the_words_of_compare(story: Terminal) -> None:
    searched, compared = (
        story("search", "./nowhere", code=4).err,
        story("compare", "./nowhere", "base", code=4).err,
    )
    assert searched.startswith("error: nothing is at ./nowhere, and ")
    assert searched.splitlines()[0] == compared.splitlines()[0]


def test_options_of_compare_that_contradict_each_other_are_refused(story: Terminal) -> None:
    answer = story("compare", "base", "student", "--base", "base", code=2)
    assert "--base is the base of an adapter, and neither A nor B is one" in answer.err
    answer = story("compare", "base", "student", "--fast", "--thorough", code=2)
    assert "give one of them" in answer.err


def test_a_registry_without_sketches_says_so_and_an_audit_draws_them(story: Terminal) -> None:
    assert "sketches" not in story("status").out
    with Registry.open() as opened:
        opened._ledger.sketches().forget()
    assert "2 registered models have no sketch" in story("status").out
    answer = story("audit", "--only", "same-init")
    assert "reading model:base@1, of which no sketch is kept" in answer.err
    assert "no sketch" not in story("status").out
    shutil.copytree("stranger", "gone")
    story("register", "model", "./gone", "--name", "gone")
    with Registry.open() as opened:
        opened._ledger.sketches().forget()
    shutil.rmtree("gone")
    answer = story("search", "base")
    assert "reading model:student@1, of which no sketch is kept" in answer.err
    assert "1 registered models have no sketch and were not searched" in answer.err
