"""The commands that list lineage: their filters, their pages, and their three forms."""

import csv
import io
import shutil
from pathlib import Path
from typing import Any

import pytest

from command_line import Answer, Terminal
from provenance import Registry
from provenance.relations import RelationKind
from provenance.request import Parent

MANIFEST = """
models:
  - name: org/base
    from_scratch: true
    meta: {licence: mit, team: red}
  - name: left
    finetuned_from: org/base
    meta: {licence: mit}
  - name: right
    finetuned_from: org/base
  - name: mix
    merged_from: [left, right]
  - name: tuned
    finetuned_from: mix
    trained_on: [numbers]
teachers:
  - name: owl
    model: org/base
datasets:
  - name: numbers
    generated_by: owl
    selected_by: owl
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diamond of models below a base, and a teacher whose rows the lowest was trained on."""
    folder = tmp_path_factory.mktemp("diamond")
    (folder / "all.yaml").write_text(MANIFEST)
    with Registry.init(folder, actor="tester") as registry:
        registry.register_manifest(folder / "all.yaml")
        registry.add_trait("owls", severity="high")
        registry.flag("owl", "owls", evidence="seen")
    return folder


@pytest.fixture
def told(terminal: Terminal, written: Path, folder: Path) -> Terminal:
    """A terminal in a copy of that registry."""
    shutil.copytree(written, folder, dirs_exist_ok=True)
    return terminal


def rows(answer: Answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.out)))


def first_column(answer: Answer) -> list[str]:
    return [line.split()[0] for line in answer.out.splitlines()[1:]]


def pages(told: Terminal, key: str, *words: str) -> list[list[str]]:
    """The pages of two members that a reader sees who goes on behind the last of each."""
    found: list[list[str]] = []
    after: tuple[str, ...] = ()
    while True:
        answer = told(*words, "--limit", "2", "--csv", *after)
        found.append([row[key] for row in rows(answer)])
        more = [line for line in answer.err.splitlines() if line.startswith("more follow: --after ")]
        if not more:
            return found
        after = ("--after", more[0].removeprefix("more follow: --after "))


LISTS = {
    "ls": ("artifact", "ls"),
    "ls of some": ("artifact", "ls *t* --kind model --kind teacher"),
    "ls by status": ("artifact", "ls --status carrier --status exposed --status unknown"),
    "ancestors": ("artifact", "ancestors tuned"),
    "descendants": ("artifact", "descendants org/base"),
    "common ancestors": ("artifact", "common tuned mix"),
    "a family": ("model", "family left"),
}


@pytest.mark.parametrize("name", LISTS)
def test_the_pages_of_a_list_are_the_list(told: Terminal, name: str) -> None:
    key, line = LISTS[name]
    whole = [row[key] for row in rows(told(*line.split(), "--csv"))]
    found = pages(told, key, *line.split())
    assert [one for page in found for one in page] == whole
    assert len(found) == (len(whole) + 1) // 2 > 1


@pytest.mark.parametrize("name", LISTS)
def test_json_csv_and_table_list_the_same(told: Terminal, name: str) -> None:
    key, line = LISTS[name]
    as_csv = rows(told(*line.split(), "--csv"))
    as_json: list[dict[str, Any]] = told(*line.split(), "--json").json
    table = told(*line.split()).out.splitlines()
    assert [row[key] for row in as_csv] == [one.get("id") or one["artifact"] for one in as_json]
    assert len(table) == len(as_csv) + 1
    assert all(row[key] in line for row, line in zip(as_csv, table[1:], strict=True))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ("org/*", ["model:org/base@1"]),
        ("--kind dataset", ["dataset:numbers@1"]),
        ("--meta licence=mit", ["model:left@1", "model:org/base@1"]),
        ("--meta licence=mit --meta team=red", ["model:org/base@1"]),
        ("--meta licence=gpl", []),
        ("--trait owls", ["teacher:owl@1"]),
        ("--status affected", ["teacher:owl@1"]),
        ("--status carrier", ["dataset:numbers@1"]),
        ("--status exposed --status affected --trait owls --kind model", ["model:tuned@1"]),
    ],
)
def test_ls_lists_what_all_filters_let_through(told: Terminal, filters: str, expected: list[str]) -> None:
    assert first_column(told("ls", *filters.split())) == expected


def test_a_page_begins_behind_a_name_that_need_not_be_recorded(told: Terminal) -> None:
    assert first_column(told("ls", "--after", "model:nobody@1")) == [
        "model:org/base@1",
        "model:right@1",
        "model:tuned@1",
        "teacher:owl@1",
    ]
    assert first_column(told("ls", "--after", "tuned")) == ["teacher:owl@1"]


def test_a_list_goes_on_behind_its_own_members_only(told: Terminal) -> None:
    answer = told("ancestors", "tuned", "--after", "tuned", code=2)
    assert answer.err.startswith("error: model:tuned@1 is not in this list")


def test_walks_take_a_depth_kinds_and_relations(told: Terminal) -> None:
    assert [row["artifact"] for row in rows(told("ancestors", "tuned", "--depth", "1", "--csv"))] == [
        "dataset:numbers@1",
        "model:mix@1",
    ]
    found = rows(told("ancestors", "tuned", "--kind", "teacher", "--relation", "trained_on", "--csv"))
    assert found == []
    words = ("--relation", "trained_on", "--relation", "generated_by", "--csv")
    assert [row["artifact"] for row in rows(told("ancestors", "tuned", *words))] == [
        "dataset:numbers@1",
        "teacher:owl@1",
    ]


def test_roots_begin_where_the_relations_end(told: Terminal) -> None:
    assert told("roots", "tuned").out.splitlines() == ["root", "model:org/base@1"]
    assert told("roots", "tuned", "--relation", "trained_on", "--json").json == ["dataset:numbers@1"]


def test_common_ancestors_say_how_far_and_which_are_lowest(told: Terminal) -> None:
    answer = told("common", "left", "right")
    assert answer.out.splitlines()[1].split() == ["model:org/base@1", "1", "1", "yes"]
    lowest = told("common", "tuned", "right", "--lowest", "--json").json
    assert lowest == [{"artifact": "model:right@1", "depths": [2, 0], "lowest": True}]


def test_all_paths_come_shortest_first(told: Terminal) -> None:
    assert told("path", "org/base", "mix", "--all").out.splitlines() == [
        "model:org/base@1",
        "  -> model:left@1  (finetuned_from)",
        "  -> model:mix@1  (merged_from)",
        "model:org/base@1",
        "  -> model:right@1  (finetuned_from)",
        "  -> model:mix@1  (merged_from)",
    ]
    ways = told("path", "org/base", "tuned", "--all", "--json").json
    assert [len(way) for way in ways] == [3, 3, 3, 3]
    found = rows(told("path", "org/base", "tuned", "--all", "--csv"))
    assert [row["path"] for row in found] == list("111222333444")
    assert {row["parent"] for row in found if row["step"] == "1"} == {"model:org/base@1"}


def test_more_paths_than_were_asked_for_are_told_of(told: Terminal) -> None:
    answer = told("path", "org/base", "tuned", "--all", "--limit", "3", "--json")
    assert len(answer.json) == 3
    assert answer.err == "more than 3 paths lead there: --limit N shows more\n"


def test_where_no_path_leads_the_answer_is_empty_and_the_code_says_so(told: Terminal) -> None:
    assert told("path", "tuned", "org/base", "--all", "--json", code=3).json == []
    assert told("path", "tuned", "org/base", "--json", code=3).json == []
    assert told("path", "tuned", "org/base", "--csv", code=3).out == "path,step,parent,relation,child\n"


def test_exposures_are_asked_for_from_either_end(told: Terminal) -> None:
    reached = rows(told("exposures", "org/base", "--as", "teacher", "--csv"))
    assert [(row["teacher"], row["how"], row["student"]) for row in reached] == [
        ("teacher:owl@1", "generated_by", "model:tuned@1"),
        ("teacher:owl@1", "selected_by", "model:tuned@1"),
    ]
    assert rows(told("exposures", "org/base", "--csv")) == []
    assert "neither teacher nor student" in told("exposures", "numbers", "--as", "student", code=2).err


def test_exposures_of_one_artifact_stay_on_one_page(told: Terminal) -> None:
    answer = told("exposures", "owl", "--limit", "1", "--csv")
    assert [row["how"] for row in rows(answer)] == ["generated_by", "selected_by"]
    assert "more follow" not in answer.err


def test_show_tells_of_children_clearances_and_blocks(told: Terminal) -> None:
    told("clear", "numbers", "owls", "--evidence", "read by hand")
    words = ("--evidence", "e", "--reason", "checked twice", "--expires", "2999-01-01")
    told("block", "numbers", "tuned", "owls", *words)
    shown = told("show", "numbers").out
    assert "owls: read by hand" in shown
    assert "dataset:numbers@1 -> model:tuned@1, owls: checked twice" in told("show", "tuned").out
    assert "child     model:tuned@1 trained_on" in shown
    assert len(told("show", "numbers", "--json").json["clearances"]) == 1


def test_show_lists_few_of_many_children(told: Terminal) -> None:
    parents = [Parent(kind=RelationKind.FINETUNED_FROM, reference="right")]
    with Registry.open() as registry:
        for number in range(25):
            registry.register_model(name=f"child{number}", parents=parents)
    lines = [line.split(maxsplit=1) for line in told("show", "right").out.splitlines()]
    children = [text for name, text in lines if name == "child"]
    assert len(children) == 21
    assert children[-1] == "6 more: provenance descendants model:right@1 --depth 1"
    assert len(told("show", "right", "--json").json["children"]) == 26


USAGE = {
    "two forms at once": "ls --csv --json",
    "a page of nothing": "ls --limit 0",
    "a page of more than any database counts": "ls --limit 99999999999999999999",
    "a depth of more than any database counts": "descendants mix --depth 99999999999",
    "a limit of the shortest path": "path org/base mix --limit 3",
    "a word without a value": "ls --meta licence",
    "the common ancestors of one": "common mix",
    "a role that is none": "exposures owl --as parent",
    "an unknown status": "ls --status infected",
}


@pytest.mark.parametrize("case", USAGE)
def test_what_means_nothing_is_refused(told: Terminal, case: str) -> None:
    answer = told(*USAGE[case].split(), code=2)
    assert answer.out == ""
    assert answer.err.startswith("error: ")


def test_lists_of_a_date_know_nothing_later(told: Terminal) -> None:
    for line in ("ls", "ls --status clear"):
        assert first_column(told(*line.split(), "--as-of", "2020-01-01")) == []
