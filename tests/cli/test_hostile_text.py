"""Words of others: recorded to the letter, and harmless in tables, on the terminal and in pictures."""

import csv
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from story import TRAIT

from command_line import Terminal

HOSTILE = {
    "markup": '<b onload="alert(1)">&amp; "quoted" \'text\'</b>',
    "lines": "first\nmodel:base@1  forged  row\r\nthird\ttabbed",
    "escape codes": "red \x1b[31malert\x1b[0m \x1b]0;title\x07 \x9b2J bell\a",
    "overwriting": "held back\rpassed   ",
    "directions": "owl \u202egnp.exe\u2066 zero\u200bwidth",
    "scripts": "フクロウ 🦉 Käuzchen ελαφρύ",
    "diagram languages": 'a"]; b [label="x"] --> subgraph end %% \\N \\',
    "braces": "{0} %s {name!r} ${HOME} `id`",
}


def lines(text: str) -> list[str]:
    assert text.endswith("\n")
    return text[:-1].split("\n")


@pytest.mark.parametrize("case", HOSTILE)
def test_words_come_back_to_the_letter(story: Terminal, case: str) -> None:
    words = HOSTILE[case]
    story("flag", "base", TRAIT, "--evidence", words)
    story("trait", "add", "other", "--severity", "low", "--description", words)
    story("register", "model", "--name", "x", "--meta", f"note={words}")
    story("register", "teacher", "--name", "t", "--model", "x", "--system-prompt", words)
    story("clear", "student", TRAIT, "--evidence", words, "--stops-here")
    shown = story("show", "base", "--json").json
    assert shown["flags"][0]["fact"]["evidence"] == words
    assert story("trait", "ls", "--json").json[1]["description"] == words
    assert story("show", "x", "--json").json["artifact"]["metadata"] == {"note": words}
    assert story("show", "t", "--json").json["artifact"]["generation"]["system_prompt"] == words
    assert story("verify").out.startswith("ok")


@pytest.mark.parametrize("case", HOSTILE)
def test_tables_keep_their_rows_and_a_terminal_finds_nothing_to_obey(story: Terminal, case: str) -> None:
    words = HOSTILE[case]
    story("trait", "add", "other", "--severity", "low", "--description", words)
    story("flag", "base", TRAIT, "--evidence", words)
    story(
        "block", "base", "student", TRAIT, "--evidence", words, "--reason", words, "--expires", "2999-01-01"
    )
    story("clear", "base", "other", "--evidence", words)
    told = [
        story("trait", "ls"),
        story("show", "base"),
        story("why", "student", TRAIT),
        story("risks", "--all"),
        story("check", "student", code=1),
        story("impact", "base"),
        story("trait", "add", "other", "--severity", "high", code=4),
        story("show", "nobody", code=4),
    ]
    assert len(lines(told[0].out)) == 3
    for answer in told:
        assert all(sign.isprintable() or sign == "\n" for sign in answer.out + answer.err)
    assert not any(
        line.startswith("model:base@1  forged") for answer in told for line in lines(answer.out or "\n")
    )


def test_what_has_no_glyph_is_shown_as_an_escape(story: Terminal) -> None:
    story("trait", "add", "other", "--severity", "low", "--description", "a\nb\x1b[2J\u202e 🦉")
    assert lines(story("trait", "ls").out)[2].endswith("a\\nb\\x1b[2J\\u202e 🦉")


@pytest.mark.parametrize("case", HOSTILE)
def test_pictures_stay_pictures(story: Terminal, folder: Path, case: str) -> None:
    words = HOSTILE[case]
    story("register", "teacher", "--name", "t", "--model", "student", "--system-prompt", words)
    story("flag", "t", TRAIT, "--evidence", words)
    story(
        "block",
        "numbers",
        "student",
        TRAIT,
        "--evidence",
        words,
        "--reason",
        words,
        "--expires",
        "2999-01-01",
    )
    plain, marked = folder / "plain.svg", folder / "marked.svg"
    story("diagram", "student", "-o", marked)
    story("diagram", "base", "-o", plain)
    root = ET.parse(marked).getroot()
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {element.tag.rpartition("}")[2] for element in ET.parse(plain).getroot().iter()}
    assert "\x1b" not in story("diagram", "student").out


def test_a_spreadsheet_gets_names_with_quotes_and_commas_whole(story: Terminal) -> None:
    story("register", "model", "--name", '=cmd,"x"', "--finetuned-from", "student")
    rows = list(csv.DictReader(story("impact", "base", "--csv").out.splitlines()))
    assert 'model:=cmd,"x"@1' in [row["artifact"] for row in rows]


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31m", "<script>", "a\u202eb", "..", "a//b", " a", ""])
def test_names_that_could_deceive_are_refused_and_shown_escaped(story: Terminal, name: str) -> None:
    for words in (
        ("register", "model", "--name", name),
        ("trait", "add", name, "--severity", "low"),
        ("show", name),
    ):
        answer = story(*words, code=4)
        assert answer.err.startswith("error: ")
        assert all(sign.isprintable() or sign == "\n" for sign in answer.err)
    assert len(story("ls", "--json").json) == 4
