"""A real Chromium that looks at a real server on loopback, and fails a test on whatever a page complains of or asks from elsewhere.

Pictures of the pages go to the folder that ``SCREENSHOTS`` names, to be looked at. The browser lives no longer than the tests of one
module: as long as it does, no other test of the process could run an event loop.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from browser_fixtures import CHROMIUM, Browser, Site, playwright, served

from evidence_fixtures import CANARY, SAME_INIT
from lineage_fixtures import recorded_facts
from provenance.evidence import Evidence, TestKind, Verdict
from review_fixtures import hostile, recorded

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


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="session")
def owls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The owl story, served, its tests with figures that can be drawn."""
    facts = [
        replace(one, fact=replace(fact, result={**_DRAWN[fact.test], **fact.result}))
        if isinstance(fact := one.fact, Evidence) and fact.verdict is not Verdict.INCONCLUSIVE
        else one
        for one in recorded_facts(*OWLS)
    ]
    with recorded(tmp_path_factory.mktemp("owls"), facts) as registry, served(registry) as site:
        yield site


@pytest.fixture(scope="session")
def mallory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A registry of hostile words, served."""
    with hostile(tmp_path_factory.mktemp("mallory")) as registry, served(registry) as site:
        yield site
