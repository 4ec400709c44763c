"""Files: each format by its extension, from the Graphviz that pip brought."""

import io
import os
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from provenance.errors import MissingExtraError, UsageError
from provenance.render import FORMATS, draw, render, to_dot, to_mermaid
from provenance.render.styles import signed
from render_fixtures import DEMO, DEMO_STATUSES, OWL, OWL_STATUSES, pictured

OWL_PICTURE = pictured(OWL, OWL_STATUSES, "student")
BEGINNINGS = {
    "svg": b"<?xml",
    "png": b"\x89PNG\r\n\x1a\n",
    "pdf": b"%PDF-",
    "dot": b"digraph",
    "mmd": b"---\ntitle",
}


@pytest.fixture
def no_dot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A search path on which no program is found."""
    monkeypatch.setenv("PATH", str(tmp_path))


def test_every_format_has_a_beginning_to_be_known_by() -> None:
    assert set(BEGINNINGS) == set(FORMATS)


@pytest.mark.usefixtures("no_dot")
@pytest.mark.parametrize("extension", FORMATS)
def test_a_file_is_written_in_the_format_of_its_extension(tmp_path: Path, extension: str) -> None:
    draw(OWL_PICTURE, tmp_path / f"owl.{extension.upper()}")
    assert (tmp_path / f"owl.{extension.upper()}").read_bytes().startswith(BEGINNINGS[extension])


@pytest.mark.parametrize("name", ["owl.gif", "owl"])
def test_an_unknown_extension_is_an_error_that_lists_the_formats(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="no diagram can be written as") as caught:
        draw(OWL_PICTURE, tmp_path / name)
    assert caught.value.hint == "Formats: svg, png, pdf, dot, mmd."
    assert not list(tmp_path.iterdir())


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot write .*No such file"):
        draw(OWL_PICTURE, tmp_path / "missing" / "owl.dot")


def test_dot_and_mermaid_are_the_text_itself() -> None:
    assert render(OWL_PICTURE, "dot").decode() == to_dot(OWL_PICTURE)
    assert render(OWL_PICTURE, "mmd").decode() == to_mermaid(OWL_PICTURE)


@pytest.mark.parametrize("extension", ["svg", "png", "pdf"])
def test_drawing_twice_gives_the_same_bytes(extension: str) -> None:
    first = render(OWL_PICTURE, extension)
    time.sleep(1.1 if extension == "pdf" else 0)
    assert render(OWL_PICTURE, extension) == first


def test_a_pdf_is_dated_by_what_it_shows() -> None:
    assert b"/CreationDate (D:20261231000000" in render(OWL_PICTURE, "pdf")


def test_drawing_leaves_standard_error_and_the_environment_alone(capfd: pytest.CaptureFixture[str]) -> None:
    before = dict(os.environ)
    render(OWL_PICTURE, "png")
    assert dict(os.environ) == before
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("no_dot")
def test_without_any_graphviz_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    with pytest.raises(MissingExtraError, match="needs Graphviz") as caught:
        render(OWL_PICTURE, "svg")
    assert caught.value.hint == "pip install 'pygraphviz>=2.0.4'"


def test_an_installed_dot_is_preferred(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho drawn by $0 $@\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert b"drawn by" in render(OWL_PICTURE, "png")


def test_a_png_has_the_colours_of_the_statuses() -> None:
    image = pytest.importorskip("PIL.Image").open(io.BytesIO(render(OWL_PICTURE, "png"))).convert("RGB")
    seen = (
        set(image.getdata()) if not hasattr(image, "get_flattened_data") else set(image.get_flattened_data())
    )
    assert {(0xA5, 0x00, 0x26), (0xF0, 0x8A, 0x3C), (0xDC, 0xCB, 0xEB)} <= seen


def test_every_word_of_the_picture_is_in_the_svg() -> None:
    drawn = pictured(DEMO, DEMO_STATUSES, "grandchild-distilled")
    root = ET.fromstring(render(drawn, "svg"))
    texts = {
        (one.text or "").replace("\xa0", " ").strip() for one in root.iter("{http://www.w3.org/2000/svg}text")
    }
    nodes = {text for node in drawn.nodes for text in (*node.label, *signed(node), *node.notes)}
    edges = {text for edge in drawn.edges for text in (edge.label, *(found.text for found in edge.findings))}
    assert nodes | edges | {drawn.title, drawn.footer, *drawn.summary} <= texts


def test_three_hundred_nodes_are_all_drawn() -> None:
    chain = tuple(f"m{number} finetuned_from m{(number - 1) // 2}" for number in range(1, 300))
    drawn = pictured(("m0 from_scratch", *chain, "m0 flagged owls"), {"m7": "exposed"}, "m0")
    root = ET.fromstring(render(drawn, "svg"))
    classes = [one.get("class") for one in root.iter("{http://www.w3.org/2000/svg}g")]
    assert classes.count("node") == len(drawn.nodes) >= 300
