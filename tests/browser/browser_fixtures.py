"""What tests in a browser share: pages that complain, a served registry, and what is looked for on every page."""

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright import sync_api as playwright

from provenance import Registry
from provenance.evidence import Evidence, Verdict

AXE = Axe()
CHROMIUM = shutil.which("chromium")
IN_BROWSER = (
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="no browser tests: there is no chromium (`make test` installs Debian's where it may)",
    ),
)
"""What each module of such tests is marked with: they share one browser, and say how to get it where there is none."""
WIDE, NARROW = 1440, 390
WCAG = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
    "resultTypes": ["violations"],
    "preload": False,  # the one style sheet is the page's own
}


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
def served(registry: Registry) -> Iterator[Site]:
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
