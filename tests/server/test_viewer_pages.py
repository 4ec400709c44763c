"""The viewer's pages, through the real app: what they say, where they lead, and that no name breaks out of them."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import pytest
from starlette.testclient import TestClient

from provenance import Registry
from provenance.artifacts import ArtifactId
from provenance.server.app import create_app
from provenance.view import View
from review_fixtures import HOSTILE_NAMES, HOSTILE_WORDS, STORIES, hostile, told

HOST = "http://127.0.0.1"
VOID = {"meta", "link", "input", "br", "img", "hr"}


class _Page(HTMLParser):
    """What a page holds: its title, headings, links, ids and text, and whether its elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.attributes: set[str] = set()
        self.elements: set[str] = set()
        self.text = ""
        self.title = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.attributes |= {name for name, _ in attrs}
        self.elements.add(tag)
        self.links += [given[name] or "" for name in ("href", "src", "xlink:href") if name in given]
        if "id" in given:
            self.ids.append(given["id"] or "")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open, tag
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "title" and "svg" not in self._open:
            self.title += data
        self.text += data


def _address(page: str, ref: str, **query: str) -> str:
    asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    return f"/{page}/{quote(ref, safe='')}{'?' if asked else ''}{asked}"


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The viewer of a measured transfer."""
    folder = tmp_path_factory.mktemp("story")
    with told(folder, STORIES["a measured transfer"]) as registry, _browser(registry) as browser:
        yield browser


@pytest.fixture(scope="module")
def hostile_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The viewer of a registry of which every text is hostile."""
    with hostile(tmp_path_factory.mktemp("hostile")) as registry, _browser(registry) as browser:
        yield browser


def _browser(registry: Registry) -> TestClient:
    return TestClient(create_app(registry), base_url=HOST)


def _read(browser: TestClient, address: str, status: int = 200) -> _Page:
    answer = browser.get(address)
    assert answer.status_code == status, (address, answer.text)
    assert answer.headers["content-type"].startswith("text/html")
    return _Page(answer.text)


# --- what pages say ----------------------------------------------------------------------------------------------------


def test_the_first_page_says_what_is_held_back_and_why(story: TestClient) -> None:
    page = _read(story, "/")
    assert "held back model:student@1" in _plain(page.text)
    assert "canary transferred" in page.text
    assert "5 models" not in page.text  # said the other way round, whatever the number
    assert "models 5" in _plain(page.text)


def test_the_page_of_an_artifact_says_the_verdict_before_anything_else(story: TestClient) -> None:
    text = _plain(_read(story, _address("artifacts", "model:student@1")).text)
    assert text.index("may not ship") < text.index("What it may have inherited")
    assert "held back" in text


def test_an_artifact_is_found_by_whatever_means_it(story: TestClient) -> None:
    for ref in ("student", "model:student", "model:student@1"):
        assert "model:student@1" in _read(story, _address("artifacts", ref)).title


def test_a_name_that_nobody_registered_leads_to_the_nearest(story: TestClient) -> None:
    page = _read(story, _address("artifacts", "model:studemt@1"), 404)
    assert "Nearest: model:student@1" in page.text


def test_as_of_a_date_a_page_says_how_much_it_does_not_show(story: TestClient) -> None:
    page = _read(story, _address("artifacts", "model:student@1", as_of="2026-03-15"))
    assert "As of 2026-03-15 23:59:59 UTC" in page.text
    assert "5 later records are not shown" in page.text
    assert _address("artifacts", "model:student@1") in page.links  # to the present
    kept = [link for link in page.links if urlsplit(link).path.startswith(("/artifacts", "/why", "/risks"))]
    # Those to the present, to the record before and to the one after.
    assert len([link for link in kept if "as_of=2026-03-15" not in link]) == 3


def test_what_was_not_registered_by_a_date_has_no_page_at_that_date(story: TestClient) -> None:
    page = _read(story, _address("artifacts", "model:student@1", as_of="2026-01-15"), 404)
    assert "was registered as of 2026-01-15" in page.text
    assert _address("artifacts", "model:student@1") in page.links


def test_what_is_unknown_never_reads_like_clear(tmp_path: Path) -> None:
    with told(tmp_path, STORIES["an unknown ancestry"]) as registry, _browser(registry) as browser:
        page = _plain(_read(browser, _address("artifacts", "model:student@1")).text)
        why = _plain(_read(browser, _address("why", "model:student@1", trait="owls")).text)
        first = _plain(_read(browser, "/").text)
    assert "not known model:student@1 may not ship yet" in page
    assert "But its ancestry is incomplete" in page
    assert "org/unheard-of" in page
    assert "But its ancestry is incomplete" in why
    assert "not known model:student@1" in first


def test_a_test_without_a_conclusion_never_reassures(tmp_path: Path) -> None:
    with told(tmp_path, STORIES["an inconclusive test"]) as registry, _browser(registry) as browser:
        (latest, *_) = [one.id for one in registry.view().reading.latest_tests(1)]
        page = _plain(_read(browser, f"/evidence/{latest}").text)
        audit = _plain(_read(browser, "/audit").text)
    assert "It is no all-clear" in page
    assert "came to no conclusion, which counts like a hit" in audit


def test_an_audit_that_is_watched_loads_itself_anew_and_can_be_stopped(story: TestClient) -> None:
    answer = story.get("/audit?watch=true")
    assert answer.headers["refresh"] == "10"
    assert "/audit" in _Page(answer.text).links
    assert "refresh" not in story.get("/audit").headers


def test_lists_come_as_csv(story: TestClient) -> None:
    risks = story.get("/risks?as=csv")
    assert risks.headers["content-disposition"] == 'attachment; filename="risks.csv"'
    assert "model:owl@1,owls,affected,1.0,high,model:owl@1" in risks.text
    impact = story.get(_address("impact", "model:owl@1") + "?trait=owls&as=csv")
    assert impact.text.splitlines()[0] == "artifact,status,score,depth,via"
    _read(story, "/impact/nobody?as=csv", 404)
    _read(story, "/risks?as=csv&trait=nix", 404)


def test_a_filter_that_means_nothing_is_told(story: TestClient) -> None:
    _read(story, "/risks?status=fine", 422)
    assert "no trait &#39;nix&#39;" in story.get("/risks?trait=nix").text
    assert "is no number" in _read(story, _address("lineage", "student") + "?depth=-1", 400).text
    _read(story, "/audit?ref=nobody", 404)


def test_a_lineage_keeps_all_of_its_state_in_its_address(story: TestClient) -> None:
    here = _address("lineage", "model:student@1") + "?direction=up&collapse=all&trait=owls"
    page = _read(story, here)
    opened = [link for link in page.links if "open=dataset" in link]
    assert opened
    assert all("direction=up" in link and "collapse=all" in link and "trait=owls" in link for link in opened)
    unfolded = _read(story, opened[0])
    assert "owl-teacher" in unfolded.text
    assert here in unfolded.links  # fold


def test_a_lineage_too_large_to_be_drawn_is_listed(
    story: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from provenance.server.drawing import Most
    from provenance.server.pages import routes

    monkeypatch.setattr(routes, "PAGE", Most(nodes=99, edges=1))
    assert "Too large to be drawn here" in _read(story, _address("artifacts", "model:student@1")).text
    monkeypatch.setattr(routes, "PAGE", Most(nodes=2, edges=99))
    page = _read(story, _address("lineage", "model:student@1"))
    assert "svg" not in page.elements
    assert "Too large to be drawn here" in page.text
    assert _address("artifacts", "dataset:numbers@1") in page.links


def test_downloads_of_a_lineage_draw_what_the_page_shows(story: TestClient) -> None:
    page = _read(story, _address("lineage", "model:student@1") + "?open=dataset%3Anumbers%401")
    (mermaid,) = [link for link in page.links if ".mmd" in link]
    drawn = story.get(mermaid).text
    assert "owl-teacher" in drawn
    assert "digits" not in drawn  # two relations away, and not opened


def test_flags_and_lineages_have_their_timeline(story: TestClient) -> None:
    for address in ("/flags", _address("artifacts", "model:student@1")):
        (source,) = [link for link in _read(story, address).links if link.startswith("/timeline.svg")]
        answer = story.get(source)
        assert answer.headers["content-type"] == "image/svg+xml"
        assert "flag-" in answer.text
    _read(story, "/timeline.svg?ref=model:base", 404)


# --- a large registry --------------------------------------------------------------------------------------------------


def test_a_large_registry_says_what_is_still_being_worked_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threading import Event

    from provenance.server import caching
    from provenance.server.pages import routes

    monkeypatch.setattr(caching, "WORKED_OUT_UP_TO", 1)
    monkeypatch.setattr(routes, "WORKED_OUT_UP_TO", 1)
    begun, survey = Event(), View.survey
    monkeypatch.setattr(View, "survey", lambda self, trait=None: begun.wait(30) and survey(self, trait))
    with told(tmp_path, STORIES["a measured transfer"]) as registry, _browser(registry) as browser:
        try:
            first = _plain(_read(browser, "/").text)
            risks = _plain(_read(browser, "/risks").text)
            listed = _plain(_read(browser, "/artifacts?status=clear").text)
            audit = _plain(_read(browser, "/audit").text)
            above = _plain(_read(browser, "/audit?ref=student").text)
        finally:
            begun.set()
    assert "Being worked out." in first
    assert "Nothing is known to be clear until then." in risks
    assert "Being worked out." in listed
    assert "does not say that none is owed" in audit
    assert "that the edges ask for" in above


# --- links -------------------------------------------------------------------------------------------------------------


def _crawled(browser: TestClient, *, most: int) -> dict[str, _Page]:
    """The pages that links lead to from the first one; every link is followed once, and has to lead somewhere."""
    waiting, pages, seen = ["/"], {}, set()
    while waiting and len(seen) < most:
        address = waiting.pop(0)
        if address in seen:
            continue
        seen.add(address)
        answer = browser.get(address)
        assert answer.status_code == 200, (address, answer.status_code)
        if not answer.headers["content-type"].startswith("text/html") or "attachment" in answer.headers.get(
            "content-disposition", ""
        ):
            continue
        pages[address] = page = _Page(answer.text)
        for link in page.links:
            there = urlsplit(urljoin(f"{HOST}{address}", link))
            assert f"{there.scheme}://{there.netloc}" == HOST, link
            waiting.append(f"{there.path}?{there.query}" if there.query else there.path)
    return pages


def _is_document(address: str) -> bool:
    return urlsplit(address).path.startswith(("/reports", "/diagrams", "/api", "/docs"))


def test_every_link_of_a_small_registry_leads_somewhere_and_says_where(
    story: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from provenance.server.pages import routes

    monkeypatch.setattr(routes, "render", lambda *_, **__: b"<svg></svg>")  # Graphviz has tests of its own
    pages = _crawled(_without_drawings(story), most=130)
    for address, page in pages.items():
        if _is_document(address):
            continue
        assert page.headings.count(1) == 1, address
        assert all(
            after <= before + 1 for before, after in zip(page.headings, page.headings[1:], strict=False)
        )
        assert len(page.ids) == len(set(page.ids)), address
        assert page.title.endswith("· provenance"), address
    titles = {page.title.removesuffix(" · provenance") for page in pages.values()}
    assert titles >= {
        "Home",
        "Artifacts",
        "Risks",
        "Flags",
        "Audit",
        "model:student@1",
        "Lineage of model:owl@1",
    }


class _without_drawings:  # noqa: N801 - reads as a sentence
    """A browser that takes downloads for granted: they have tests of their own, and take their time."""

    def __init__(self, browser: TestClient) -> None:
        self._browser = browser

    def get(self, address: str) -> Any:
        taken = re.match(r"/(reports|diagrams)/|/evidence/.*\.(png|svg)", address)
        return self._browser.head("/audit") if taken else self._browser.get(address)


# --- hostile names -----------------------------------------------------------------------------------------------------


def _plain(text: str) -> str:
    return " ".join(text.split())


def _hostile_pages() -> list[str]:
    refs = [f"model:{name}@1" for name in HOSTILE_NAMES]
    trait = HOSTILE_NAMES[0]
    return [
        "/",
        "/artifacts",
        f"/artifacts?q={quote(HOSTILE_WORDS[0])}",
        "/flags",
        f"/risks?trait={quote(trait)}",
        "/audit",
        *(_address("artifacts", ref) for ref in refs),
        *(_address("why", ref, trait=trait) for ref in refs[:3]),
        *(_address("impact", ref, trait=trait) for ref in refs[:2]),
        _address("lineage", refs[0]),
        _address("artifacts", f"teacher:{HOSTILE_NAMES[1]}@1"),
    ]


@pytest.mark.parametrize("address", _hostile_pages())
def test_hostile_words_stay_words(hostile_one: TestClient, address: str) -> None:
    answer = hostile_one.get(address)
    assert answer.status_code == 200
    page = _Page(answer.text)
    assert page.elements <= _ELEMENTS
    assert not {name for name in page.attributes if name.startswith("on") or name == "style"}
    assert answer.text.count("<script") == 1
    assert not any(link.startswith(("javascript:", "//", "http")) for link in page.links)
    # Diagrams keep spaces together by no-break spaces, and set apart what runs from right to left.
    assert not {sign for sign in answer.text if not sign.isprintable()} - set("\n\xa0\u2067\u2069")
    assert answer.text.count("\u2067") == answer.text.count("\u2069")


def test_hostile_tests_and_flags_have_pages(hostile_one: TestClient) -> None:
    served = hostile_one.app.state.served  # type: ignore[attr-defined]
    for one in served.view().reading.latest_tests(3):
        assert _Page(hostile_one.get(f"/evidence/{one.id}").text).elements <= _ELEMENTS


def test_errors_say_hostile_words_as_words(hostile_one: TestClient) -> None:
    for words in HOSTILE_WORDS:
        for address in (f"/artifacts/{quote(words, safe='')}", f"/nowhere/{quote(words, safe='')}"):
            answer = hostile_one.get(address)
            assert answer.status_code in {400, 404}
            assert _Page(answer.text).elements <= _ELEMENTS


def test_every_hostile_artifact_is_reached_by_its_own_link(hostile_one: TestClient) -> None:
    listed = _read(hostile_one, "/artifacts")
    links = [link for link in listed.links if link.startswith("/artifacts/")]
    titles = {_read(hostile_one, link).title.removesuffix(" · provenance") for link in dict.fromkeys(links)}
    names = {str(one) for one in hostile_one.app.state.served.registry.names()}  # type: ignore[attr-defined]
    assert titles == names
    assert all(ArtifactId.parse(name) for name in names)


_ELEMENTS = frozenset(
    [
        "html",
        "head",
        "meta",
        "title",
        "link",
        "script",
        "body",
        "a",
        "header",
        "nav",
        "form",
        "input",
        "label",
        "button",
        "main",
        "footer",
        "code",
        "p",
        "span",
        "b",
        "h1",
        "h2",
        "h3",
        "h4",
        "ul",
        "ol",
        "li",
        "dl",
        "dt",
        "dd",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "div",
        "figure",
        "figcaption",
        "img",
        "br",
        "pre",
        "details",
        "summary",
        "section",
        "article",
        "select",
        "option",
        "fieldset",
        "legend",
        "progress",
        "bdi",
        "svg",
        "g",
        "path",
        "polygon",
        "ellipse",
        "polyline",
        "text",
        "tspan",
        "desc",
        "rect",
        "line",
    ]
)
"""All that a page is made of."""
