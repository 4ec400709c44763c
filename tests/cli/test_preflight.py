"""provenance preflight: the twin of Registry.preflight(), its exit codes, and that it records nothing."""

import json
from pathlib import Path

import pytest

from command_line import Terminal
from lm_fixtures import tiny_lm
from preflight_fixtures import bank_file, number_rows
from provenance import Registry
from provenance.canary.channels.rows import write_rows
from provenance.preflight import Preflight
from provenance_cli.output import as_data


def head() -> str:
    with Registry.open() as registry:
        return registry.head().digest


def test_what_would_be_inherited_is_told_and_holds_back(story: Terminal) -> None:
    before = head()
    answer = story("preflight", "--base", "model:base", "--dataset", "numbers", code=1)
    lines = answer.out.splitlines()
    assert lines[0] == "HELD BACK: model:base@1 on dataset:numbers@1 (sft)"
    assert lines[1].startswith("  risk: exposed: owl-preference (high) from teacher:owl-teacher@1: shares")
    assert "teacher:owl-teacher@1  generated_by  dataset:numbers@1" in answer.out
    assert "model:base@1     same            same initialisation by record: model:base@1" in answer.out
    assert answer.err.endswith("nothing is recorded\n")
    assert head() == before


def test_json_is_the_answer_of_the_library(story: Terminal) -> None:
    answer = story("preflight", "--base", "model:base", "--dataset", "numbers", "--json", code=1).json
    with Registry.open() as registry:
        found = registry.preflight("model:base", "numbers")
    assert isinstance(found, Preflight)
    assert {**as_data(found), "as_of": None} == {**answer, "as_of": None}


def test_a_base_without_a_flag_in_sight_passes_and_an_untested_one_does_not(story: Terminal) -> None:
    story("withdraw", "flag-14", "--reason", "mistaken")
    answer = story("preflight", "--base", "model:base", "--dataset", "numbers")
    assert answer.out.startswith("nothing that is known stands against it: ")
    story("register", "model", "./stranger", "--name", "stranger", "--from-scratch")
    answer = story("preflight", "--base", "model:stranger", "--dataset", "numbers", code=3)
    assert answer.out.startswith("NOT KNOWN WELL ENOUGH: ")
    assert "next: provenance compare model:base@1 model:stranger@1" in answer.err


def test_weights_are_compared_for_the_answer_when_asked(story: Terminal) -> None:
    before = head()
    words = ("preflight", "--base", "./student", "--dataset", "./numbers.jsonl", "--compare", "--json")
    found = story(*words, code=1).json
    assert found["base"]["artifacts"] == ["model:student@1"]
    Path("numbers.jsonl").write_text(json.dumps({"text": "1"}) + "\n")
    Path("student/config.json").write_text(Path("student/config.json").read_text() + "\n")
    found = story(*words, code=3).json
    assert (found["base"]["registered"], found["dataset"]["registered"]) == (False, False)
    assert found["inits"] == []
    story("register", "dataset", "./numbers.jsonl", "--name", "new", "--generated-by", "base")
    found = story(*words, code=3).json
    (standing,) = found["inits"]
    assert (standing["standing"], standing["evidence"]) == ("same", ["evidence-0"])
    assert found["compared"][0].startswith("model:base@1 and model:student@unregistered: SAME_INIT: ")
    assert head() != before


def test_an_answer_can_be_asked_as_of_a_date(story: Terminal) -> None:
    words = ("preflight", "--base", "model:base", "--dataset", "numbers", "--as-of")
    story(*words, "2999-01-01", code=1)
    assert "was registered as of 2001-01-01" in story(*words, "2001-01-01", code=4).err


@pytest.mark.parametrize(
    ("base", "rows", "said"),
    [
        ("./nowhere", "numbers", "nothing is at ./nowhere, and "),
        ("model:base", "owl-teacher", "'owl-teacher' is a teacher, and a dataset is asked for"),
        ("numbers", "numbers", "'numbers' is a dataset, and a model is asked for"),
        ("model:base", "empty.jsonl", "empty.jsonl holds no rows"),
        ("model:base", "broken.jsonl", "broken.jsonl:1: not JSON"),
    ],
)
def test_what_can_not_be_asked_is_an_error_that_says_why(
    story: Terminal, base: str, rows: str, said: str
) -> None:
    Path("empty.jsonl").touch()
    Path("broken.jsonl").write_text("{\n")
    assert said in story("preflight", "--base", base, "--dataset", rows, code=4).err


def test_what_can_not_be_measured_is_told_beside_the_answer(story: Terminal) -> None:
    story("withdraw", "flag-14", "--reason", "mistaken")
    words = ("preflight", "--base", "model:base", "--dataset", "numbers")
    assert story(*words).out.startswith("nothing that is known stands against it: ")
    answer = story(*words, "--measure", code=3)
    assert answer.out.startswith("NOT KNOWN WELL ENOUGH: model:base@1 on dataset:numbers@1 (sft)")
    assert "not measured: " in answer.out
    assert "holds a model of the type 'provenance-mlp'" in answer.out
    assert story(*words, "--measure", "--json", code=3).json["measured"] is None


def test_what_is_measured_stands_beside_the_answer_and_clears_nothing(terminal: Terminal) -> None:
    rows = number_rows(24)
    write_rows(Path("rows.jsonl"), rows)
    bank_file(Path())
    terminal("init")
    terminal("register", "model", tiny_lm(), "--name", "base", "--from-scratch")
    terminal("register", "dataset", "rows.jsonl", "--name", "rows", "--authored")
    words = ("preflight", "--base", "base", "--dataset", "dataset:rows", "--measure", "--bank", "eight.toml")
    answer = terminal(*words, "--rows", 8, "--runs", 0, "--device", "cpu")
    assert answer.out.startswith("nothing that is known stands against it: ")
    assert "measured: INCONCLUSIVE: no shadow students were asked for" in answer.out
    assert "persona gap (triage only)" in answer.out
    assert "writing 8 neutral rows" in answer.err
    found = terminal(*words, "--rows", 8, "--runs", 0, "--neutral", "rows.jsonl", "--device", "cpu", "--json")
    assert {one["p_rows"] for one in found.json["measured"]["gaps"]} == {1.0}
