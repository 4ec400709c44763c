"""`diagram`: every format to a file or to stdout, what is left out said aside, wrong wishes refused before anything is drawn."""

import json
import struct
from pathlib import Path

import pytest

from command_line import Terminal


@pytest.fixture
def crowded(story: Terminal) -> Terminal:
    """The owl story with a dozen alike children of the base."""
    for number in range(12):
        story("register", "model", "--name", f"child-{number:02}", "--finetuned-from", "base")
    return story


def test_each_format_goes_to_stdout_too(story: Terminal) -> None:
    beginnings = {"svg": "<?xml", "dot": "digraph", "mmd": "---\ntitle"}
    for form, beginning in beginnings.items():
        assert story("diagram", "student", "--format", form).out.startswith(beginning)
    assert story("diagram", "student").out == story("diagram", "student", "--format", "dot").out


def test_a_format_that_is_named_goes_before_the_extension(story: Terminal) -> None:
    story("diagram", "student", "-o", "picture.txt", "--format", "mmd")
    assert Path("picture.txt").read_text(encoding="utf-8").startswith("---\ntitle")


def test_a_png_is_as_wide_as_asked_for(story: Terminal) -> None:
    story("diagram", "student", "-o", "picture.png", "--width", "523")
    assert struct.unpack(">I", Path("picture.png").read_bytes()[16:20]) == (523,)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("-o picture.svg --width 500", "svg has no width in pixels"),
        ("-o picture.png --width 40000", "a PNG cannot be 40000 pixels wide"),
        ("-o picture.gif", "no diagram can be written as 'gif'"),
        ("--collapse few", "--collapse 'few' is no count"),
        ("--collapse 0", "--collapse '0' is no count"),
        ("--json -o picture.svg", "--json prints to stdout"),
    ],
)
def test_a_wish_that_means_nothing_is_refused_with_what_to_do(
    story: Terminal, words: str, error: str
) -> None:
    answer = story("diagram", "student", *words.split(), code=2)
    assert answer.out == ""
    first, hint = answer.err.splitlines()
    assert first == f"error: {error}"
    assert hint.startswith("hint: ")


def test_what_is_drawn_as_a_group_or_left_out_is_said_aside(crowded: Terminal) -> None:
    together = crowded("diagram", "base", "--json")
    (group,) = [node["group"] for node in together.json["nodes"] if node["group"]]
    assert f"{group['count']} artifacts drawn as 1 group of alike ones" in together.err
    each = crowded("diagram", "base", "--collapse", "none", "--json")
    assert not [node for node in each.json["nodes"] if node["group"]]
    assert "group" not in each.err
    near = crowded("diagram", "student", "--depth", "1", "--direction", "up", "--json")
    assert near.json["hidden"] == 1
    assert "1 artifact of the lineage not drawn" in near.err


def test_only_the_routes_are_drawn_where_that_is_asked_for(crowded: Terminal) -> None:
    found = crowded("diagram", "student", "--critical", "--json").json
    names = {node["name"] for node in found["nodes"]}
    assert {"teacher:owl-teacher@1", "dataset:numbers@1", "model:student@1"} <= names
    assert not any("child" in name for name in names)


def test_nodes_lead_to_the_viewer_where_the_registry_has_one(story: Terminal) -> None:
    settings = Path(".provenance") / "config.toml"
    assert "href" not in story("diagram", "student", "--format", "svg").out
    with settings.open("a", encoding="utf-8") as file:
        file.write(f"viewer = {json.dumps('https://viewer.example/registry')}\n")
    drawn = story("diagram", "student", "--format", "svg").out
    assert 'xlink:href="https://viewer.example/registry/artifacts/model%3Astudent%401"' in drawn
