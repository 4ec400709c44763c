"""A report opened from disk by a real browser: nothing is fetched, it zooms, prints, reads on any screen, and obeys no words."""

import re
from pathlib import Path

from browser_fixtures import IN_BROWSER, NARROW, WIDE, Browser, Site, alive, barriers, sideways

from provenance.review.documents import Form, written
from review_fixtures import HOSTILE_NAMES

pytestmark = [*IN_BROWSER]

STUDENT = "model:org/student@1"


def _report(site: Site, folder: Path, *refs: str) -> str:
    """The address of a report on disk."""
    path = folder / "review.html"
    review = site.registry.report(refs)
    path.write_text(written(Form.HTML, site.registry.view(as_of=review.as_of), review), encoding="utf-8")
    return path.as_uri()


def test_a_report_opens_from_disk_and_answers_on_its_first_screen(
    browser: Browser, owls: Site, tmp_path: Path
) -> None:
    page = browser.open(_report(owls, tmp_path, STUDENT), expect=None)
    seen = page.evaluate(
        """() => [...document.querySelectorAll("main *, header *, body > *")].filter((one) => {
            const box = one.getBoundingClientRect();
            return one.children.length === 0 && box.top < innerHeight && box.height > 0;
        }).map((one) => one.textContent).join(" ")"""
    )
    for words in ("may not ship", "owls", "owl-teacher", "numbers"):
        assert words in re.sub(r"\s+", " ", seen).lower()
    for width in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": 900})
        browser.picture(page, f"report-{width}")
        assert barriers(page, colours=width == WIDE) == []
        assert sideways(page) <= 0
    assert page.locator("h1").count() == 1


def test_a_report_zooms_its_diagram(browser: Browser, owls: Site, tmp_path: Path) -> None:
    page = browser.open(_report(owls, tmp_path, STUDENT), expect=None)
    diagram = page.locator(".diagram svg").first
    before = diagram.bounding_box()
    page.get_by_role("button", name="Zoom in").first.click()
    after = diagram.bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] > before["width"]


def test_a_report_says_the_same_without_javascript(browser: Browser, owls: Site, tmp_path: Path) -> None:
    address = _report(owls, tmp_path, STUDENT)
    page = browser.open(address, expect=None, javascript=False)
    assert "may not ship" in page.inner_text("body").lower()
    assert page.locator("svg").first.is_visible()
    assert page.locator("svg g.node").count() > 3


def test_a_report_prints_to_pages_that_can_be_read(browser: Browser, owls: Site, tmp_path: Path) -> None:
    page = browser.open(_report(owls, tmp_path, STUDENT), expect=None)
    printed = page.pdf(format="A4", print_background=True)
    if browser.screenshots is not None:
        (browser.screenshots / "report.pdf").write_bytes(printed)
    pages = len(re.findall(rb"/Type\s*/Page\b", printed))
    assert printed.startswith(b"%PDF")
    assert 2 <= pages <= 20
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 700, "height": 990})  # an A4 sheet less its margins
    assert sideways(page) <= 0
    assert not page.locator("button").first.is_visible()


def test_hostile_words_are_text_in_a_report(browser: Browser, mallory: Site, tmp_path: Path) -> None:
    address = _report(mallory, tmp_path, f"model:{HOSTILE_NAMES[1]}@1", f"model:{HOSTILE_NAMES[4]}@1")
    page = browser.open(address, expect=None)
    text = page.inner_text("body")
    assert HOSTILE_NAMES[0] in text
    assert HOSTILE_NAMES[1] in text
    for width in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": 900})
        browser.picture(page, f"report-hostile-{width}")
        assert alive(page) == []
        assert sideways(page) <= 0
    assert barriers(page, colours=False) == []
