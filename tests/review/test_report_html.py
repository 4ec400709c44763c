"""A review as one page: it asks nothing of a network, nobody's words become markup in it, and it leaves nothing out."""

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lineage_fixtures import day
from provenance.artifacts import ArtifactKind
from provenance.plain_text import one_line
from provenance.review import Review, review
from provenance.review.drawings import Drawings, Plot, drawings
from provenance.review.html import to_html, without_drawings
from provenance.review.records import Listed
from provenance.review.sealing import as_data, embedded
from review_fixtures import AS_OF, HOSTILE_NAMES, HOSTILE_WORDS, STORIES, hostile, told

SECTIONS = (
    "verdict",
    "risks",
    "diagram",
    "tests",
    "unknown",
    "chains",
    "flags",
    "changes",
    "policy",
    "artifacts",
    "verification",
)
MEGABYTE = 1_000_000


@dataclass
class Read(HTMLParser):
    """A page as a browser would read it.

    Args:
        elements: Each element with its attributes.
        text: All text outside of scripts and styles.
        raw: The text of each script and style.
    """

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    text: str = ""
    raw: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:
            self.text += data
        else:
            self.raw.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in {"dt", "dd", "p", "li", "td", "th", "h1"}:
            self.text += " "

    def values(self, *names: str) -> Iterator[str]:
        for _, attributes in self.elements:
            yield from (attributes[name] for name in names if name in attributes)


def read(page: str) -> Read:
    parser = Read()
    parser.feed(page)
    parser.close()
    return parser


def reviewed(folder: Path, name: str, trait: str | None = None) -> Review:
    story = STORIES[name]
    with told(folder, story) as registry:
        return review(registry.view(as_of=AS_OF), story.asked, trait=trait)


@pytest.fixture(scope="module")
def transfer(tmp_path_factory: pytest.TempPathFactory) -> Review:
    return reviewed(tmp_path_factory.mktemp("transfer"), "a measured transfer")


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    with hostile(tmp_path_factory.mktemp("hostile")) as registry:
        view = registry.view(as_of=AS_OF)
        models = view.artifacts(kinds=[ArtifactKind.MODEL])
        found = review(view, [one.fact.id for one in models])
        return to_html(found, drawings(view, found))


def first_screen(page: str) -> str:
    """What stands on the page before its second section, without what is drawn, as words."""
    shown = read(without_drawings(page)).text
    return " ".join(shown[: shown.index("What may have been inherited")].split())


# --- what it says ------------------------------------------------------------------------------------------------------


def test_the_first_screen_says_whether_it_may_ship_and_if_not_through_whom_and_what(transfer: Review) -> None:
    said = first_screen(to_html(transfer))
    assert "✕ held back model:student@1 MAY NOT SHIP" in said
    assert "found on model:owl@1 by ada, 2026-03-01 (flag-18)" in said
    assert "teacher teacher:owl-teacher@1" in said
    assert "through data dataset:numbers@1" in said
    assert "A planted trait passes TRANSFERS (evidence-20): effect 3.10 nats" in said


def test_a_page_that_could_not_look_at_everything_says_so_before_anything_else(transfer: Review) -> None:
    page = to_html(replace(transfer, partial=True, unfinished=True))
    assert page.index("This review is partial.") < page.index("<h1>")
    assert "partial" not in first_screen(to_html(transfer))


@pytest.mark.parametrize("name", ["a measured transfer", "an unknown ancestry", "no trait at all"])
def test_every_section_is_there_whatever_there_is_to_say(tmp_path: Path, name: str) -> None:
    page = read(to_html(reviewed(tmp_path, name)))
    ids = set(page.values("id"))
    assert [section for section in SECTIONS if section not in ids] == []
    assert [tag for tag, _ in page.elements].count("h1") == 1


def test_what_is_not_known_never_reads_as_if_nothing_were_missing(tmp_path: Path) -> None:
    page = to_html(reviewed(tmp_path, "an unknown ancestry"))
    assert "? not known" in first_screen(page)
    assert "as far as its ancestry is known" in page
    assert "Nothing is missing" not in page


def test_a_silent_canary_is_told_with_what_it_would_have_found_and_does_not_mean(tmp_path: Path) -> None:
    page = read(to_html(reviewed(tmp_path, "a silent canary"))).text
    assert "NOT_DETECTED" in page
    assert "an effect of 0.20 nats would have been seen" in page
    assert "It does not say that nothing ever passes" in page


def test_what_changed_since_a_date_is_told_first_in_short_and_then_by_which_record(tmp_path: Path) -> None:
    story = STORIES["a measured transfer"]
    with told(tmp_path, story) as registry:
        page = to_html(registry.report(story.asked, since=day("2026-02-15"), as_of=AS_OF))
    assert "1 standing changed; model:student@1 was said to be “passes”." in first_screen(page)
    assert "flag-18" in read(page[page.index('id="changes"') : page.index('id="policy"')]).text


def test_what_counts_no_longer_is_told_as_such(tmp_path: Path) -> None:
    page = read(to_html(reviewed(tmp_path, "several tests of one edge"))).text
    assert "superseded" in page


def test_what_a_list_leaves_out_is_said(transfer: Review) -> None:
    cut = replace(transfer, edges=Listed(total=1234, items=transfer.edges.items))
    shown = len(transfer.edges.items)
    assert f"{shown} of 1,234 edges are shown." in read(to_html(cut)).text
    assert "are shown." not in read(to_html(transfer)).text


def test_a_test_of_several_edges_is_told_in_full_once(tmp_path: Path) -> None:
    page = read(to_html(reviewed(tmp_path, "a clean relay")))
    ids = list(page.values("id"))
    assert sorted(set(ids)) == sorted(ids)


# --- how it is made ----------------------------------------------------------------------------------------------------


def test_the_same_review_makes_the_same_page(tmp_path: Path, transfer: Review) -> None:
    assert to_html(transfer) == to_html(reviewed(tmp_path, "a measured transfer"))


def test_what_is_drawn_can_be_set_aside(tmp_path: Path) -> None:
    story = STORIES["a measured transfer"]
    with told(tmp_path, story) as registry:
        view = registry.view(as_of=AS_OF)
        found = review(view, story.asked)
        page = to_html(found, drawings(view, found))
    bare = without_drawings(page)
    assert bare == without_drawings(to_html(found))
    assert "<svg" in page
    assert "<svg" not in bare


def test_a_plot_stands_beside_its_test_with_the_same_in_words(transfer: Review) -> None:
    plot = Plot(svg=b"<svg/>", told='the "effect" <of> each seed')
    page = read(to_html(transfer, Drawings(tests={"evidence-20": plot}, timeline=plot)))
    shown = [attributes for tag, attributes in page.elements if tag == "img"]
    assert [image["alt"] for image in shown] == [plot.told, plot.told]
    assert {image["src"] for image in shown} == {f"data:image/svg+xml;base64,{b64encode(plot.svg).decode()}"}


def test_flags_and_decisions_are_drawn_along_time(tmp_path: Path) -> None:
    story = STORIES["a withdrawn flag"]
    with told(tmp_path, story) as registry:
        view = registry.view(as_of=AS_OF)
        drawn = drawings(view, review(view, story.asked)).timeline
    assert drawn is not None
    assert drawn.told.startswith("1 flag, none standing")


def test_a_drawing_that_would_not_be_legible_on_the_first_screen_scrolls_in_a_box(
    tmp_path: Path, transfer: Review
) -> None:
    assert '<figure class="critical beside">' in to_html(transfer)
    assert '<figure class="critical scrolled">' in to_html(reviewed(tmp_path, "a relay of 200 nodes"))


def test_the_review_can_be_read_back_from_the_page(hostile_page: str, transfer: Review) -> None:
    assert embedded(to_html(transfer)) == as_data(transfer)
    assert len(embedded(hostile_page)["ruled"]["items"]) == len(HOSTILE_NAMES)


def test_the_page_refers_to_nothing_outside_of_itself(hostile_page: str) -> None:
    page = read(hostile_page)
    ids = set(page.values("id"))
    for target in page.values("href", "xlink:href", "src", "action", "data", "srcset"):
        assert target.startswith("data:image/svg+xml;base64,") or target.removeprefix("#") in ids
    assert not any(sign in raw for raw in page.raw for sign in ("@import", "url("))


def test_only_the_page_s_own_style_and_script_may_count(transfer: Review) -> None:
    page = to_html(transfer)
    (policy,) = [attributes["content"] for _, attributes in read(page).elements if "http-equiv" in attributes]
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)
    assert style is not None
    assert script is not None
    assert f"style-src {digest(style[1])};" in policy
    assert f"script-src {digest(script[1])};" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "style" not in {name for _, attributes in read(page).elements for name in attributes}


def digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def test_the_page_of_a_lineage_of_200_nodes_is_smaller_than_three_megabytes(tmp_path: Path) -> None:
    assert len(to_html(reviewed(tmp_path, "a relay of 200 nodes")).encode()) < 3 * MEGABYTE


# --- words of others ---------------------------------------------------------------------------------------------------


def test_words_of_others_never_become_markup(hostile_page: str) -> None:
    page = read(hostile_page)
    tags = [tag for tag, _ in page.elements]
    assert tags.count("script") == 2
    assert tags.count("style") == 1
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert not any("javascript:" in target for target in page.values("href", "xlink:href", "src"))


def test_words_of_others_are_shown_as_they_are(hostile_page: str) -> None:
    shown = read(hostile_page).text
    for name in HOSTILE_NAMES:
        assert name in shown
    assert one_line(HOSTILE_WORDS[0]) in shown


def test_nothing_invisible_of_others_stands_outside_of_the_data(hostile_page: str) -> None:
    shown = read(without_drawings(hostile_page)).text
    assert {sign for sign in shown if not sign.isprintable()} <= {"\n"}
