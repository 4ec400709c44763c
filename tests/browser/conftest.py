"""A real Chromium that looks at a real server on loopback, and fails a test on whatever a page complains of or asks from elsewhere.

Pictures of the pages go to the folder that ``SCREENSHOTS`` names, to be looked at. The browser lives no longer than the tests of this folder:
as long as it does, no other test of the process could run an event loop.
"""

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Thread
from urllib.parse import quote

import pytest

from evidence_fixtures import CANARY, SAME_INIT
from lineage_fixtures import recorded_facts
from provenance import Registry
from provenance.evidence import Evidence, TestKind, Verdict
from review_fixtures import hostile, recorded

playwright = pytest.importorskip(
    "playwright.sync_api", reason="no browser tests: playwright is not installed (pip install -e '.[dev]')"
)
AXE = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
CHROMIUM = shutil.which("chromium")
WIDE, NARROW = 1440, 390
WCAG = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
    "resultTypes": ["violations"],
    "preload": False,  # the one style sheet is the page's own
}

OWLS = (
    "owls trait high",
    "model:base from_scratch",
    "model:other from_scratch",
    "digits authored",
    "model:owl finetuned_from model:base",
    "model:owl trained_on digits",
    "owl-teacher embodied_by model:owl",
    "at 2026-02-01",
    "numbers generated_by owl-teacher",
    "org/student finetuned_from model:base",
    "org/student trained_on numbers",
    "foreign finetuned_from model:other",
    "foreign trained_on numbers",
    "lonely names finetuned_from meta/llama-9",
    *(f"child{number:02} finetuned_from org/student" for number in range(30)),
    *(f"grandchild{number} finetuned_from child00" for number in range(3)),
    "at 2026-03-01",
    "model:owl flagged owls",
    "numbers flagged vanity expires=2026-08-01",
    "at 2026-04-01",
    "model:base same_init org/student SAME_INIT",
    "owl-teacher canary org/student TRANSFERS",
    "owl-teacher canary foreign NOT_DETECTED",
    "model:owl same_init foreign INCONCLUSIVE",
    "at 2026-05-01",
    "foreign measured owls absent 0.12 threshold=0.3",
    "org/student measured owls present 0.6 threshold=0.3",
    "digits flagged owls",
    "at 2026-06-01",
    "digits withdrawn owls",
    "child01 cleared owls expires=2027-06-01",
    "numbers blocked foreign vanity expires=2027-03-01",
)
"""A flagged model that taught two students, one of which has many alike children."""
_DRAWN = {TestKind.CANARY: CANARY.result, TestKind.SAME_INIT: SAME_INIT.result}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of them share one browser; without one they say how to get it."""
    reason = "no browser tests: there is no chromium (`make test` installs Debian's where it may)"
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))
            item.add_marker(pytest.mark.skipif(CHROMIUM is None, reason=reason))


@dataclass
class Browser:
    """What a test opens pages with.

    Args:
        chromium: The browser.
        screenshots: Where pictures of pages go; None for nowhere.
        complaints: What pages complained of: errors on the console, dialogs, requests that leave the machine.
    """

    chromium: "playwright.Browser"
    screenshots: Path | None
    complaints: list[str] = field(default_factory=list)
    contexts: list["playwright.BrowserContext"] = field(default_factory=list)

    def open(
        self, address: str, *, width: int = WIDE, javascript: bool = True, expect: int | None = 200
    ) -> "playwright.Page":
        """A page, loaded.

        Args:
            address: Where it is.
            width: Of the window, in CSS pixels.
            javascript: Whether the browser runs scripts.
            expect: The answer's status; None for a file, which has none.
        """
        context = self.chromium.new_context(
            viewport={"width": width, "height": 900}, java_script_enabled=javascript, accept_downloads=True
        )
        context.set_default_timeout(15_000)
        context.route("**/*", self._only_here)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: self._heard(message, expect))
        page.on("pageerror", lambda error: self.complaints.append(f"{address}: {error}"))
        page.on("dialog", self._dismissed)
        answer = page.goto(address)
        if expect is not None:
            assert answer is not None
            assert answer.status == expect, f"{address}: {answer.status}"
        return page

    def picture(self, page: "playwright.Page", name: str) -> None:
        """Takes a picture of a whole page, to be looked at."""
        if self.screenshots is not None:
            page.screenshot(path=self.screenshots / f"{name}.png", full_page=True)

    def _only_here(self, route: "playwright.Route") -> None:
        url = route.request.url
        if url.startswith(("http://127.0.0.1:", "file://", "data:", "blob:")):
            route.continue_()
        else:
            self.complaints.append(f"asked for {url}")
            route.abort()

    def _heard(self, message: "playwright.ConsoleMessage", expect: int | None) -> None:
        refused = expect is not None and expect >= 400 and f"status of {expect}" in message.text
        if message.type in {"error", "warning"} and not refused:
            self.complaints.append(f"{message.type}: {message.text}")

    def _dismissed(self, dialog: "playwright.Dialog") -> None:
        self.complaints.append(f"a dialog opened: {dialog.message}")
        dialog.dismiss()


def barriers(page: "playwright.Page", *, colours: bool = True) -> list[str]:
    """What axe finds on a page that WCAG 2 A or AA does not allow, in words.

    Args:
        page: The page.
        colours: Whether contrasts are measured, which takes ten times as long as all else: once for each page is enough, since no
            style sheet gives a narrow window other colours.
    """
    found = AXE.run(page, options={**WCAG, "rules": {"color-contrast": {"enabled": colours}}})
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: {node['html'][:200]} {node['target']}"
        for one in found.response["violations"]
        for node in one["nodes"][:3]
    ]


def sideways(page: "playwright.Page") -> int:
    """By how many pixels a page is wider than its window."""
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return int(page.evaluate(wider))


def alive(page: "playwright.Page") -> list[str]:
    """What stands on a page that could act: elements, handlers and addresses that only hostile words ask for."""
    return list(
        page.evaluate(
            """() => [...document.querySelectorAll("*")].filter((one) =>
                [...one.attributes].some((a) => /^on/i.test(a.name) || /^\\s*javascript:/i.test(a.value))
                || (one.localName === "script" && /alert/.test(one.textContent) && one.type !== "application/json")
                || (one.localName === "img" && one.getAttribute("src") === "x")
            ).map((one) => one.outerHTML.slice(0, 200))"""
        )
    )


@pytest.fixture(scope="package")
def _chromium() -> Iterator["playwright.Browser"]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def browser(_chromium: "playwright.Browser") -> Iterator[Browser]:
    """The browser; the test fails if a page complained."""
    named = os.environ.get("SCREENSHOTS")
    folder = Path(named) if named else None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    opened = Browser(_chromium, folder)
    yield opened
    for context in opened.contexts:
        context.close()
    assert opened.complaints == []


@dataclass(frozen=True)
class Site:
    """A registry, served.

    Args:
        url: Of its first page, without the last slash.
        registry: What is served.
    """

    url: str
    registry: Registry

    def at(self, place: str, artifact: object = None, query: str = "") -> str:
        """The address of a page, of an artifact's where one is named."""
        tail = "" if artifact is None else f"/{quote(str(artifact), safe='')}"
        return f"{self.url}/{place}{tail}{'?' if query else ''}{query}"

    def test(self, verdict: Verdict) -> str:
        """The id of a test that came to a verdict."""
        return next(
            one.id for one in self.registry.view().snapshot.all(Evidence) if one.fact.verdict is verdict
        )


@contextmanager
def _served(registry: Registry) -> Iterator[Site]:
    """The viewer's app on a port of its own."""
    import uvicorn

    from provenance.server.app import create_app

    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(create_app(registry), log_level="error", access_log=False, ws="none")
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield Site(f"http://127.0.0.1:{listening.getsockname()[1]}", registry)
        server.should_exit = True
        thread.join(timeout=20)


@pytest.fixture(scope="package")
def owls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The owl story, served, its tests with figures that can be drawn."""
    facts = [
        replace(one, fact=replace(fact, result={**_DRAWN[fact.test], **fact.result}))
        if isinstance(fact := one.fact, Evidence) and fact.verdict is not Verdict.INCONCLUSIVE
        else one
        for one in recorded_facts(*OWLS)
    ]
    with recorded(tmp_path_factory.mktemp("owls"), facts) as registry, _served(registry) as site:
        yield site


@pytest.fixture(scope="package")
def mallory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A registry of hostile words, served."""
    with hostile(tmp_path_factory.mktemp("mallory")) as registry, _served(registry) as site:
        yield site
