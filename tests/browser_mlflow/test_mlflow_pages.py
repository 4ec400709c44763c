"""MLflow's own pages, opened by a real browser: what a newcomer reads there, and that nothing in it is alive.

The pictures of the pages go to the folder that ``SCREENSHOTS`` names, to be looked at.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from evidence_fixtures import CANARY, SAME_INIT
from lineage_fixtures import flag_id
from mlflow_fixtures import AFTER, STUDENT, TEACHER, Memory, inherited, report, story
from mlflow_servers import Server, running_server
from provenance.evidence import Evidence, TestKind
from provenance.facts import Snapshot
from provenance.mlflow_link.desired import desired
from provenance.mlflow_link.sync import writing
from provenance.render.evidence_pictures import pictures
from provenance.store import Binding

playwright = pytest.importorskip(
    "playwright.sync_api", reason="no browser tests: playwright is not installed (pip install -e '.[dev]')"
)
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("mlflow"),
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="no browser tests: there is no chromium (`make test-browser` installs Debian's where it may)",
    ),
]

VIEWER = "https://provenance.example.org/team"
HOSTILE = (
    "<img src=x onerror=alert(1)> <script>alert(2)</script> [press](javascript:alert(3)) "
    "![p](http://evil.example/p.png) https://evil.example/a www.evil.example a@evil.example <https://evil.example>"
)
THEIRS = "## Our own words\n\ntwo weeks of training, ask [Ann](https://team.example.org/ann)\n"
PATIENCE_MS = 20_000


@dataclass
class Pages:
    """MLflow's pages in a browser that reaches nothing but that MLflow."""

    context: "playwright.BrowserContext"
    server: Server
    told: dict[str, str]
    folder: Path
    blocked: list[str]

    def open(self, name: str, path: str, awaited: str) -> "playwright.Page":
        """A page on which some words stand, once they do; a picture of it is taken."""
        page = self.context.new_page()
        page.on("dialog", lambda dialog: pytest.fail(f"a dialog opened: {dialog.message}"))
        page.goto(f"{self.server.uri}/#{path}")
        page.get_by_text(awaited).first.wait_for(timeout=PATIENCE_MS)
        page.wait_for_timeout(1500)
        page.screenshot(path=self.folder / f"{name}.png")
        return page


def _story() -> Snapshot:
    """The owl story, its tests with figures that can be drawn and with hostile words."""
    results = {TestKind.CANARY: CANARY.result, TestKind.SAME_INIT: SAME_INIT.result}
    facts = [
        replace(
            recorded, fact=replace(fact, result={**results[fact.test], "reason": HOSTILE}, method=HOSTILE)
        )
        if isinstance(fact := recorded.fact, Evidence)
        else recorded
        for recorded in story().facts
    ]
    return Snapshot.of(facts, AFTER)


def _their_version(server: Server, monkeypatch: pytest.MonkeyPatch) -> Binding:
    client = server.client()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    experiment = client.create_experiment("theirs in the browser")
    run = client.create_run(experiment).info.run_id
    model_id = client.create_logged_model(experiment, "theirs", source_run_id=run).model_id
    client.finalize_logged_model(model_id, "READY")
    client.create_registered_model("theirs-in-the-browser")
    client.create_model_version(
        "theirs-in-the-browser",
        f"models:/{model_id}",
        run_id=run,
        model_id=model_id,
        description=THEIRS,
        await_creation_for=0,
    )
    return Binding(version="theirs-in-the-browser/1", model_id=model_id)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("mlflow-in-the-browser")) as started:
        yield started


@pytest.fixture(scope="module")
def pages(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    state, memory = _story(), Memory()
    risks = report(state, *inherited(flag_id(state, TEACHER, "owls"), rule=HOSTILE))
    with pytest.MonkeyPatch.context() as patch, writing(server.uri) as writer:
        writer.write(desired(state, risks, viewer=VIEWER, pictures=pictures), {}, memory)
        bindings = {STUDENT: _their_version(server, patch)}
        writer.write(desired(state, risks, bindings, viewer=VIEWER, only=[STUDENT], tests=[]), {}, memory)
        assert writer.failed == {}
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    blocked: list[str] = []

    def only_there(route: "playwright.Route") -> None:
        if route.request.url.startswith((server.uri, "data:", "blob:")):
            route.continue_()
        else:
            blocked.append(route.request.url)
            route.abort()

    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1440, "height": 1400})
        context.route("**/*", only_there)
        told = {subject: external_id for subject, (_, external_id) in memory.told.items()}
        yield Pages(context, server, told, folder, blocked)
        browser.close()


def _reads_as_text(page: "playwright.Page", pages: Pages) -> None:
    """The hostile words stand there to be read, and nothing that they ask for is there or was asked for."""
    assert "<img src=x onerror=alert(1)>" in page.inner_text("body")
    alive = page.eval_on_selector_all("a, img, script, iframe", "all => all.map(one => one.outerHTML)")
    assert not [one for one in alive if "evil.example" in one or "javascript:" in one or "alert(" in one]
    assert not [url for url in pages.blocked if "evil.example" in url]


def test_a_version_says_first_where_it_stands_and_then_why_and_its_tags_are_short(pages: Pages) -> None:
    name, _, number = pages.told[f"version {STUDENT}"].rpartition("/")
    page = pages.open("version", f"/models/{name}/versions/{number}", "EXPOSED")
    text = page.inner_text("body")
    for words in ("may have inherited", "The path:", "Tested", "A planted trait passes", "Comes from"):
        assert words in text
    assert text.index("EXPOSED") < text.index("The path:") < text.index("Tested") < text.index("Comes from")
    assert "exposed (high) 0.55" in text
    link = page.get_by_role("link", name="Open it in provenance")
    assert link.get_attribute("href") == f"{VIEWER}/artifacts/model%3Aorg%2Fstudent%401"
    _reads_as_text(page, pages)


def test_a_version_of_others_shows_their_words_and_ours_and_no_marks(pages: Pages) -> None:
    page = pages.open("theirs", "/models/theirs-in-the-browser/versions/1", "Our own words")
    text = page.inner_text("body")
    assert text.index("two weeks of training") < text.index("EXPOSED")
    assert "provenance wrote" not in text
    assert page.get_by_role("link", name="Ann").get_attribute("href") == "https://team.example.org/ann"
    _reads_as_text(page, pages)


def _experiment(pages: Pages) -> str:
    experiment = pages.server.client().get_experiment_by_name("provenance")
    assert experiment is not None
    return str(experiment.experiment_id)


def test_a_logged_model_leads_to_its_version(pages: Pages) -> None:
    path = f"/experiments/{_experiment(pages)}/models/{pages.told[f'logged {STUDENT}']}"
    page = pages.open("logged-model", path, "as provenance has it on record")
    assert "Where it stands is told on its registered version" in page.inner_text("body")
    assert page.get_by_role("link", name="org--student").first.is_visible()


def test_a_teacher_says_where_it_stands_and_with_which_prompt_it_wrote(pages: Pages) -> None:
    path = f"/experiments/{_experiment(pages)}/models/{pages.told[f'logged {TEACHER}']}"
    page = pages.open("teacher", path, "AFFECTED")
    assert "You love owls." in page.inner_text("body")


def test_an_audit_says_what_its_verdict_means_and_shows_its_picture(pages: Pages) -> None:
    run = pages.told["audit evidence-22"]
    page = pages.open("audit", f"/experiments/{_experiment(pages)}/runs/{run}", "A planted trait passes")
    assert "What it means." in page.inner_text("body")
    _reads_as_text(page, pages)
    page = pages.open(
        "audit-artifacts", f"/experiments/{_experiment(pages)}/runs/{run}/artifacts/effect.png", "effect.png"
    )
    width = page.wait_for_function(
        "() => Math.max(...[...document.images].map(one => one.naturalWidth).filter(Boolean), 0) >= 960",
        timeout=PATIENCE_MS,
    )
    assert width
