"""The command: what it prints, its options, and the report of rows."""

import csv
from pathlib import Path

import pytest

from command_line import Terminal
from import_fixtures import edges, written
from provenance import Registry
from provenance.importing import Source


@pytest.fixture
def shell(terminal: Terminal) -> Terminal:
    terminal("init")
    return terminal


def test_a_list_of_edges_is_imported_in_one_line(shell: Terminal, folder: Path) -> None:
    edges(folder, "tuned finetuned base", "odd finetuned odd")
    answer = shell("import", "edges.csv", "--format", "edges")
    assert answer.out.splitlines() == [
        "2 rows read, recorded 3 models, 1 relations, 1 unresolved names (1 of the artifacts are placeholders)",
        "rows  outcome                     reason                        first in",
        "1     recorded",
        "1     left out, ancestry unknown  which is the artifact itself  edges.csv:3",
    ]
    assert "edges.csv: by its header, child in 'child'" in answer.err
    assert shell("import", "edges.csv", "--format", "edges").out.startswith(
        "2 rows read, recorded nothing new\n"
    )
    assert "unknown: model:base@1: no starting weights declared" in shell("check", "tuned", code=3).out


def test_json_has_the_counts(shell: Terminal, folder: Path) -> None:
    edges(folder, "tuned finetuned base")
    answer = shell("import", "edges.csv", "--format", "edges", "--json").json
    assert answer["recorded"] == {"models": 2, "placeholders": 1, "relations": 1}
    assert answer["outcomes"] == {"recorded": 1}
    assert answer["rows"] == 1
    assert answer["dry_run"] is False


def test_the_report_tells_the_fate_of_each_row(shell: Terminal, folder: Path) -> None:
    edges(folder, "tuned finetuned base", "odd finetuned odd", "x@y finetuned base")
    shell("import", "edges.csv", "--format", "edges", "--dry-run", "--report", "fates.csv")
    with (folder / "fates.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["file", "line", "row", "outcome", "reason", "detail"],
            ["edges.csv", "2", "tuned finetuned_from base", "recorded", "", ""],
            [
                "edges.csv",
                "3",
                "odd finetuned_from odd",
                "left out, ancestry unknown",
                "which is the artifact itself",
                "",
            ],
            [
                "edges.csv",
                "4",
                "x@y finetuned_from base",
                "skipped",
                "a name that no artifact can bear",
                "the name 'x@y' holds '@'",
            ],
        ]
    assert shell("status", "--json").json["entries"] == 0
    assert (
        "cannot write"
        in shell("import", "edges.csv", "--format", "edges", "--report", "no/fates.csv", code=4).err
    )


def test_a_mapping_is_a_file_and_words_over_it(shell: Terminal, folder: Path) -> None:
    written(folder / "map.toml", 'child = "b"', 'parent = "a"', "[relations]", 'sft = "finetuned_from"')
    written(folder / "edges.csv", "a,b,how", "base,tuned,sft", "base,small,squeezed")
    words = ("--map", "map.toml", "--map", "relation=how", "--map", "relations.squeezed=pruned_from")
    answer = shell("import", "edges.csv", "--format", "edges", *words)
    assert answer.out.startswith(
        "2 rows read, recorded 3 models, 2 relations (1 of the artifacts are placeholders)\n"
    )
    assert "by its header" not in answer.err


def test_a_dump_of_the_hub_is_imported(shell: Terminal, folder: Path) -> None:
    written(folder / "models.jsonl", '{"id": "o/m", "cardData": {"base_model": "o/base", "datasets": ["d"]}}')
    answer = shell("import", "models.jsonl", "--format", "huggingface")
    assert answer.out.startswith(
        "3 rows read, recorded 1 datasets, 2 models, 2 relations (2 of the artifacts are placeholders)\n"
    )
    assert "warning: 1 relations are not stated there" in answer.err


def test_bad_files_and_words_end_with_an_error_and_nothing_recorded(shell: Terminal, folder: Path) -> None:
    written(folder / "edges.csv", "child,relation,parent", "a,finetuned,b", "c,finetuned")
    answer = shell("import", "edges.csv", "--format", "edges", code=4)
    assert "error: edges.csv:3: 2 cells, where 3 are expected" in answer.err
    assert "hint: Nothing was recorded." in answer.err
    assert shell("status", "--json").json["entries"] == 0
    shell("import", "edges.csv", "--format", "edges", "--map", "map.toml", code=4)
    shell("import", "nothing.csv", "--format", "edges", code=2)
    answer = shell("import", "edges.csv", code=2)
    assert "say how the files are to be read, with --format: edges, huggingface, ecosystem" in answer.err
    written(folder / "edges.csv", "child,relation,parent")
    answer = shell("import", "edges.csv", "--format", "edges")
    assert answer.out == "0 rows read, recorded nothing new\n"


def test_names_that_a_terminal_would_obey_are_printed_escaped(shell: Terminal, folder: Path) -> None:
    written(
        folder / "edges.csv", "child,relation,parent", "\x1b[31mred,finetuned,b", "c,finetuned,\x1b[31mred"
    )
    shell("import", "edges.csv", "--format", "edges", "--report", "fates.csv")
    assert "\x1b" not in (folder / "fates.csv").read_text(encoding="utf-8")
    assert "\x1b" not in shell("risks", "c").out


def test_whoever_stops_an_import_is_told_how_it_goes_on(
    shell: Terminal, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edges(folder, "tuned finetuned base")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("provenance.importing.recording._Run.record", stop)
    answer = shell("import", "edges.csv", "--format", "edges", code=130)
    assert "What is recorded stays; the same command goes on from there." in answer.err


def test_status_says_that_an_import_is_not_finished(
    shell: Terminal, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provenance.importing.recording.BATCH_FACTS", 2)
    edges(folder, *(f"m{number} finetuned base" for number in range(9)))

    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with Registry.open(folder) as registry, pytest.raises(KeyboardInterrupt):
        registry.import_lineage(Source(files=(Path("edges.csv"),)), progress=stop)
    answer = shell("status").out
    assert (
        "import    the import of edges.csv was not finished: 3 of 19 facts are recorded; the same command goes on"
        in answer
    )
    for words in (("risks", "m0"), ("impact", "base")):
        assert "warning: this is not all" in shell(*words).err
    shell("import", "edges.csv", "--format", "edges")
    assert "this is not all" not in shell("risks", "m0").err
    assert "import " not in shell("status").out
    assert shell("import", "--give-up").err == "no import is unfinished\n"
    assert "takes no files" in shell("import", "edges.csv", "--give-up", code=2).err
    assert "name the files to import" in shell("import", "--format", "edges", code=2).err
