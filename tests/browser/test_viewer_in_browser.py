"""Every page of the viewer, opened by a real browser: it loads in silence, reads on any screen, works without scripts, and obeys no words."""

import re

import pytest
from browser_fixtures import IN_BROWSER, NARROW, WIDE, Browser, Site, alive, barriers, sideways

from provenance.evidence import Verdict
from review_fixtures import HOSTILE_NAMES

pytestmark = [*IN_BROWSER]

STUDENT = "model:org/student@1"
PAGES = {
    "home": ("", None, ""),
    "catalogue": ("artifacts", None, ""),
    "search": ("artifacts", None, "q=student"),
    "found-nothing": ("artifacts", None, "q=nothing-of-the-kind"),
    "artifact": ("artifacts", STUDENT, ""),
    "lineage": ("lineage", STUDENT, ""),
    "lineage-critical": ("lineage", STUDENT, "critical=true&depth=all&trait=owls"),
    "risks": ("risks", None, ""),
    "impact": ("impact", "model:owl@1", "trait=owls"),
    "why": ("why", STUDENT, "trait=owls"),
    "flags": ("flags", None, ""),
    "audit": ("audit", None, ""),
    "docs": ("docs", None, ""),
    "earlier": ("artifacts", STUDENT, "as_of=2026-02-15"),
}


def _looked_at(browser: Browser, address: str, name: str, *, colours: bool = True) -> None:
    """A page in a wide window and then in a narrow one."""
    page = browser.open(address)
    for width in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": 900})
        browser.picture(page, f"{name}-{width}")
        assert barriers(page, colours=colours and width == WIDE) == []
        assert sideways(page) <= 0
        assert page.locator("h1").count() == 1
        assert alive(page) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_in_silence_and_reads_on_any_screen(name: str, browser: Browser, owls: Site) -> None:
    place, artifact, query = PAGES[name]
    _looked_at(browser, owls.at(place, artifact, query), name)


@pytest.mark.parametrize("verdict", [Verdict.TRANSFERS, Verdict.INCONCLUSIVE, Verdict.SAME_INIT])
def test_a_test_shows_its_picture_and_what_it_does_not_mean(
    verdict: Verdict, browser: Browser, owls: Site
) -> None:
    address = owls.at("evidence", owls.test(verdict))
    _looked_at(browser, address, f"evidence-{verdict.value.lower()}")
    page = browser.open(address)
    assert verdict.value in page.inner_text("main")
    images = page.eval_on_selector_all("main img", "all => all.map(one => [one.naturalWidth, one.alt])")
    assert all(width > 0 and words for width, words in images)
    assert bool(images) is (verdict is not Verdict.INCONCLUSIVE)


def test_what_is_not_there_is_said_on_a_page(browser: Browser, owls: Site) -> None:
    page = browser.open(owls.at("artifacts", "model:nobody@1"), expect=404)
    browser.picture(page, "not-found")
    assert "nobody" in page.inner_text("main")
    assert barriers(page) == []


@pytest.mark.parametrize("name", range(len(HOSTILE_NAMES)))
def test_hostile_names_are_text(name: int, browser: Browser, mallory: Site) -> None:
    for place in ("artifacts", "lineage", "impact", "why"):
        page = browser.open(mallory.at(place, f"model:{HOSTILE_NAMES[name]}@1"), width=NARROW)
        browser.picture(page, f"hostile-{place}-{name}")
        assert HOSTILE_NAMES[name] in page.inner_text("h1")
        assert alive(page) == []
        assert sideways(page) <= 0


@pytest.mark.parametrize("place", ["", "artifacts", "risks", "flags", "audit", "artifacts?q=%3Cscript%3E"])
def test_hostile_words_are_text(place: str, browser: Browser, mallory: Site) -> None:
    _looked_at(browser, mallory.at(place), f"hostile-{place.partition('?')[0] or 'home'}", colours=False)


def test_a_click_unfolds_the_lineage_in_place(browser: Browser, owls: Site) -> None:
    page = browser.open(owls.at("lineage", STUDENT, "depth=1"))
    before = page.locator("svg g.node").count()
    page.evaluate("window.stayed = true")
    page.locator("table a[data-swap]").first.click()
    page.locator("svg g.node").nth(before).wait_for()
    assert "open=" in page.url
    assert page.evaluate("window.stayed"), "the page was loaded anew"
    browser.picture(page, "lineage-unfolded")
    page.go_back()
    page.locator("svg g.node").nth(before).wait_for(state="detached")


def test_a_click_on_a_node_of_the_diagram_leads_on(browser: Browser, owls: Site) -> None:
    page = browser.open(owls.at("lineage", STUDENT, "depth=1"))
    page.locator("svg g.node a").filter(has_text="numbers").first.click()
    page.wait_for_url(re.compile("open=dataset|artifacts/dataset"))


def test_a_search_finds_by_part_of_a_name(browser: Browser, owls: Site) -> None:
    page = browser.open(owls.at(""))
    page.get_by_role("searchbox").first.fill("teacher")
    page.keyboard.press("Enter")
    page.wait_for_url("**/artifacts?*")
    page.get_by_role("link", name="owl-teacher").first.click()
    page.wait_for_url("**/artifacts/teacher*")
    assert "owl-teacher" in page.inner_text("h1")


def test_the_slider_leads_to_an_earlier_date(browser: Browser, owls: Site) -> None:
    page = browser.open(owls.at("artifacts", STUDENT))
    assert "EXPOSED" in page.inner_text("main").upper()
    slider = page.get_by_role("slider").first
    slider.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**as_of=*")


def test_all_of_it_works_without_javascript(browser: Browser, owls: Site) -> None:
    page = browser.open(owls.at("lineage", STUDENT, "depth=1"), javascript=False)
    before = page.locator("svg g.node").count()
    page.locator("table a[data-swap]").first.click()
    page.wait_for_url("**open=*")
    assert page.locator("svg g.node").count() > before
    page.locator("select[name=direction]").select_option("up")
    page.get_by_role("button", name="Draw").click()
    page.wait_for_url("**direction=up*")
    assert page.get_by_role("searchbox").first.is_visible()


@pytest.mark.parametrize("form", ["svg", "png", "pdf", "dot", "mmd"])
def test_a_lineage_can_be_downloaded_in_every_format(form: str, browser: Browser, owls: Site) -> None:
    page = browser.open(owls.at("lineage", STUDENT))
    with page.expect_download() as waiting:
        page.get_by_role("link", name=form, exact=True).click()
    path = waiting.value.path()
    begins = {"svg": b"<", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph", "mmd": b"---"}
    assert path.read_bytes().startswith(begins[form])
    assert waiting.value.suggested_filename.endswith(f".{form}")
