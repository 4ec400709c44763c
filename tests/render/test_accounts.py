"""A drawing in a page: told in sentences, leading somewhere, clashing with nothing, asking nothing of anyone."""

import re
from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from provenance.errors import UsageError
from provenance.render import Picture, render
from provenance.render.account import account
from render_fixtures import DEMO, DEMO_STATUSES, MERGE, MERGE_STATUSES, OWL, OWL_STATUSES, UNKNOWN, pictured

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
OWL_PICTURE = pictured(OWL, OWL_STATUSES, "student")
CASES = {
    "owl": OWL_PICTURE,
    "demo": pictured(DEMO, DEMO_STATUSES, "grandchild-distilled"),
    "group": pictured(MERGE, MERGE_STATUSES, "merged"),
    "frame": pictured(MERGE, MERGE_STATUSES, "merged", collapse=None),
}


def svg(picture: Picture, prefix: str = "lineage") -> str:
    return render(picture, "svg", links=lambda identity: f"/artifacts/{identity}", prefix=prefix).decode()


def test_the_account_tells_who_is_asked_about_who_is_flagged_and_by_which_route_it_arrives() -> None:
    told = account(OWL_PICTURE)
    assert told.startswith("Lineage of model:student@1. 4 artifacts: ancestors and descendants. 1 affected,")
    assert "Asked about: model:student@1 (EXPOSED: owl-preference (high))." in told
    assert "Flagged: teacher:owl-teacher@1 (AFFECTED: owl-preference (high))." in told
    route = "teacher:owl-teacher@1, then dataset:numbers@1, then model:student@1."
    assert f"A flagged trait arrives by this route: {route}" in told


def test_the_account_tells_what_is_missing_and_what_was_decided() -> None:
    told = account(pictured(UNKNOWN, None, "assistant-tuned"))
    assert "Missing: unknown ancestry: " in told
    assert "Stopped: dataset mixed@1 to model assistant@1: BLOCKED: insecure-code until 2027-03-01" in told


@pytest.mark.parametrize("case", CASES)
def test_title_and_account_come_first_where_a_screen_reader_looks(case: str) -> None:
    root = ET.fromstring(svg(CASES[case]))
    assert [one.tag for one in root][:2] == [f"{SVG}title", f"{SVG}desc"]
    assert root.findtext(f"{SVG}title") == CASES[case].title
    assert root.findtext(f"{SVG}desc") == account(CASES[case])


def test_a_drawing_is_an_image_and_one_with_links_a_group_of_them() -> None:
    assert ET.fromstring(render(OWL_PICTURE, "svg")).get("role") == "img"
    root = ET.fromstring(svg(OWL_PICTURE))
    assert root.get("role") == "group"
    links = [one.get(HREF) for one in root.iter(f"{SVG}a") if one.get(HREF)]
    assert sorted(links) == sorted(f"/artifacts/{node.artifact}" for node in OWL_PICTURE.nodes)


def test_an_address_keeps_every_sign_and_none_makes_no_link() -> None:
    address = "/a?x=1&y=\"<>'\\\\N%5C"
    root = ET.fromstring(render(OWL_PICTURE, "svg", links=lambda _: address))
    assert {one.get(HREF) for one in root.iter(f"{SVG}a")} == {None, address}
    assert "href" not in render(OWL_PICTURE, "svg", links=lambda _: None).decode()


@pytest.mark.parametrize("case", CASES)
def test_two_drawings_in_one_page_share_no_id(case: str) -> None:
    ids = [re.findall(r'\bid="([^"]*)"', svg(CASES[case], prefix)) for prefix in ("one", "two")]
    assert max(Counter([*ids[0], *ids[1]]).values()) == 1


@pytest.mark.parametrize("case", CASES)
def test_a_drawing_asks_nothing_of_a_page_and_names_no_other_place(case: str) -> None:
    text = svg(CASES[case])
    assert not re.search(r"<!DOCTYPE|<!--|<script|<style|<image|\bstyle=|\bon\w+=|javascript:", text)
    assert set(re.findall(r"https?://[^\s\"]+", text)) == {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


@pytest.mark.parametrize("case", CASES)
def test_every_tooltip_tells_the_whole(case: str) -> None:
    root = ET.fromstring(svg(CASES[case]))
    told = {one.findtext(f"{SVG}title") for one in root.iter(f"{SVG}a")}
    for node in CASES[case].nodes:
        assert any(
            one and one.startswith("; ".join((node.name, *node.standing, *node.notes))) for one in told
        )


@pytest.mark.parametrize("width", [0, -5, 40_000])
def test_a_width_that_no_png_has_is_refused(width: int) -> None:
    with pytest.raises(UsageError, match=f"a PNG cannot be {width} pixels wide"):
        render(OWL_PICTURE, "png", width=width)


def test_a_width_at_which_a_picture_is_too_high_is_refused() -> None:
    chain = ("m0 from_scratch", *(f"m{number} finetuned_from m{number - 1}" for number in range(1, 300)))
    long = pictured(chain, None, "m0")
    with pytest.raises(UsageError, match=r"900 pixels wide, this picture is higher than the 32,767"):
        render(long, "png", width=900)
    with pytest.raises(UsageError, match=r"10000 pixels wide, this picture is higher than the 6,710"):
        render(long, "png", width=10_000)


def test_a_tooltip_longer_than_graphviz_reads_is_cut() -> None:
    nodes = tuple(replace(node, name="\\&" * 20_000) for node in OWL_PICTURE.nodes)
    assert "…</title>" in svg(replace(OWL_PICTURE, nodes=nodes))


@pytest.mark.parametrize("name", ["control \x07 and \ud800", "right to left \u202e here", "]]> <b>&amp;"])
def test_what_no_glyph_stands_for_is_no_fault_of_the_drawing(name: str) -> None:
    nodes = tuple(replace(node, name=name, label=(name,), notes=(name,)) for node in OWL_PICTURE.nodes)
    hostile = replace(OWL_PICTURE, title=name, summary=(name,), footer=name, nodes=nodes)
    text = svg(hostile)
    ET.fromstring(text)
    assert "\u202e" not in text
    assert "\u202e" not in render(hostile, "mmd").decode()
