"""Many flags from a file: all or none, and every error with its line."""

import json
from pathlib import Path

import pytest

from command_line import Terminal
from provenance import Registry
from provenance.errors import ContentError, ProvenanceError
from provenance.flag_rows import FlagRow, read
from provenance.moments import read_moment
from statements import statements

HEADER = "artifact,trait,evidence,confidence,expires\n"


def written(folder: Path, text: str, name: str = "found.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_and_json_lines_say_the_same(tmp_path: Path) -> None:
    text = HEADER + 'model:org/base@1,owls,"picks owl, in\n60 %",0.5,2999-01-01\n\nother,cats,seen,,\n'
    objects: list[dict[str, object]] = [
        {
            "artifact": "model:org/base@1",
            "trait": "owls",
            "evidence": "picks owl, in\n60 %",
            "confidence": 0.5,
            "expires": "2999-01-01",
        },
        {"artifact": "other", "trait": "cats", "evidence": "seen", "confidence": None},
    ]
    lines = "".join(json.dumps(one) + "\n\n" for one in objects)
    rows = read(written(tmp_path, text))
    assert rows == (
        FlagRow(
            artifact="model:org/base@1",
            trait="owls",
            evidence="picks owl, in\n60 %",
            confidence=0.5,
            expires_at=read_moment("2999-01-01"),
            place=f"{tmp_path / 'found.csv'}:3",
        ),
        FlagRow(artifact="other", trait="cats", evidence="seen", place=f"{tmp_path / 'found.csv'}:5"),
    )
    found = read(written(tmp_path, lines, "found.jsonl"))
    assert [(one.artifact, one.trait, one.evidence, one.confidence, one.expires_at) for one in found] == [
        (one.artifact, one.trait, one.evidence, one.confidence, one.expires_at) for one in rows
    ]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", HEADER + "x,owls,\n", ":2: no evidence"),
        ("a.csv", HEADER + "x,owls,seen\nx,owls,seen,half\n", ":3: the confidence 'half' is no number"),
        ("a.csv", HEADER + "x,owls,seen,1,tomorrow\n", ":2: 'tomorrow' is no date"),
        ("a.csv", HEADER + "x,owls,seen,1,,more\n", ":2: 6 fields under a header of 5"),
        ("a.csv", HEADER + 'x,owls,"seen\n', ":2: not CSV: unexpected end of data"),
        ("a.csv", "artifact,trait,words\nx,owls,seen\n", ":1: unknown column 'words'"),
        ("a.csv", "x,owls,seen\ny,owls,seen\n", ":1: unknown column 'owls'"),
        ("a.csv", "\nartifact,trait\n", ":2: no column 'evidence'"),
        ("a.csv", "\n", " is empty"),
        ("a.jsonl", "\n", " is empty"),
        ("a.jsonl", '{"artifact": "x"}\n', ":1: no trait"),
        ("a.jsonl", '{"artifact": "x", "trait": 1, "evidence": "e"}\n', ":1: the trait is no text: 1"),
        ("a.jsonl", "\n[1]\n", ":2: not a JSON object"),
        ("a.jsonl", "{\n", ":1: not JSON"),
        ("a.jsonl", "[" * 100_000, ":1: not JSON"),
        ("a.jsonl", '{"artifact": "x", "trait": "t", "evidence": "e", "confidence": []}', "the confidence"),
        ("a.txt", "", "is no file of flags by its name"),
    ],
)
def test_a_row_that_is_no_flag_is_an_error_with_its_line(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    with pytest.raises(ContentError, match=r".") as caught:
        read(written(tmp_path, text, name))
    assert said in caught.value.message
    assert str(tmp_path / name) in caught.value.message


@pytest.fixture
def owls(terminal: Terminal) -> Terminal:
    """A terminal where a model has a child, and two traits have names."""
    terminal("init")
    terminal("register", "model", "--name", "base", "--from-scratch")
    terminal("register", "model", "--name", "child", "--quantized-from", "base")
    terminal("trait", "add", "owls", "--severity", "high")
    terminal("trait", "add", "cats", "--severity", "low")
    return terminal


def test_all_flags_of_a_file_are_raised_together_and_what_they_change_is_shown(
    owls: Terminal, folder: Path
) -> None:
    path = written(folder, HEADER + "base,owls,seen,,\nchild,cats,seen,0.5,2999-01-01\nbase,owls,seen,,\n")
    dry = owls("flag", "--from", path, "--dry-run", "--csv")
    assert dry.out.splitlines() == [
        "artifact,trait,before,after",
        "model:child@1,cats,clear,affected",
        "model:base@1,owls,clear,affected",
        "model:child@1,owls,clear,exposed",
    ]
    assert owls("verify", "--json").json["entries"] == 5
    answer = owls("flag", "--from", path, "--json").json
    assert (answer["flags"], answer["created"], answer["recorded"]) == (
        ["flag-6", "flag-7", "flag-6"],
        2,
        True,
    )
    assert [(one["artifact"], one["after"]) for one in answer["changed"]] == [
        ("model:child@1", "affected"),
        ("model:base@1", "affected"),
        ("model:child@1", "exposed"),
    ]
    assert owls("flag", "--from", path).out == "recorded 0 flags; 3 stood already\n"


def test_a_header_without_rows_raises_no_flag_and_an_empty_file_is_none(owls: Terminal, folder: Path) -> None:
    assert owls("flag", "--from", written(folder, HEADER)).out == "recorded 0 flags; 0 stood already\n"
    for name in ("none.jsonl", "none.csv"):
        assert f"{name} is empty" in owls("flag", "--from", written(folder, "", name), code=4).err


def test_all_that_is_unknown_in_a_file_is_told_at_once(owls: Terminal, folder: Path) -> None:
    rows = ("nobody,owls,seen,,", "base,dogs,seen,,", "child,owls,seen,,", "nobody,dogs,seen,,")
    answer = owls("flag", "--from", written(folder, HEADER + "\n".join(rows)), code=4)
    assert answer.err.splitlines()[:2] == [
        f"error: {folder / 'found.csv'}:2: no artifact 'nobody' is registered (also in 5)",
        f"{folder / 'found.csv'}:3: there is no trait 'dogs' (also in 5)",
    ]
    assert "Nothing was recorded" in answer.err
    many = HEADER + "".join(f"nobody{number},owls,seen,,\n" for number in range(60))
    assert "\n10 more\n" in owls("flag", "--from", written(folder, many), code=4).err
    assert owls("verify", "--json").json["entries"] == 5


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("nobody,owls,seen,,", "no artifact 'nobody' is registered"),
        ("base,dogs,seen,,", "there is no trait 'dogs'"),
        ("base,owls,seen,2,", "the confidence 2.0 of a flag on model:base@1 is outside (0, 1]"),
        ("base,owls,seen,nan,", "the confidence nan"),
        ("base,owls,seen,,2001-01-01", "the flag would have ended already"),
        ("model:a:b@,owls,seen,,", "the name 'a:b' holds"),
    ],
)
def test_one_row_that_can_not_be_recorded_keeps_all_out(
    owls: Terminal, folder: Path, row: str, said: str
) -> None:
    path = written(folder, HEADER + f"child,owls,seen,,\n{row}\nbase,owls,seen,,\n")
    code = 2 if "ended" in said else 4
    answer = owls("flag", "--from", path, code=code)
    assert answer.err.startswith(f"error: {path}:3: {said}")
    assert owls("verify", "--json").json["entries"] == 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("flag base owls", "say --evidence"),
        ("flag base --evidence e", "name REF and TRAIT"),
        ("flag base owls --from found.csv", "leave out REF"),
        ("flag --from found.csv --evidence e", "leave out REF"),
        ("flag base owls --evidence e --json --csv", "--json and --csv exclude each other"),
    ],
)
def test_a_flag_is_told_by_options_or_by_a_file(owls: Terminal, folder: Path, words: str, said: str) -> None:
    written(folder, HEADER)
    assert said in owls(*words.split(), code=2).err
    assert owls("verify", "--json").json["entries"] == 5


@pytest.mark.usefixtures("owls")
def test_thousand_flags_are_a_few_statements(folder: Path) -> None:
    with Registry.open(folder) as registry:
        counts = []
        for number in (1, 1000):
            rows = [
                FlagRow(artifact="child", trait="owls", evidence=f"seen {number} {row}")
                for row in range(number)
            ]
            with statements() as sent:
                assert registry.flag_many(rows).created == number
            counts.append(len(sent))
    assert counts[1] <= counts[0] + 4  # lists go in chunks of 500


@pytest.mark.usefixtures("owls")
def test_the_error_of_a_row_keeps_its_kind(folder: Path) -> None:
    with (
        Registry.open(folder) as registry,
        pytest.raises(ProvenanceError, match="there is no trait") as caught,
    ):
        registry.flag_many([FlagRow(artifact="child", trait="dogs", evidence="e", place="here:1")])
    assert caught.value.message == "here:1: there is no trait 'dogs'"
