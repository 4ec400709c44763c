"""What a notebook shows of answers and records: called as a notebook calls it, on real registries and on hostile names."""

import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import provenance.canary.result
import provenance.differences
import provenance.review
import provenance.sameinit.comparison  # noqa: F401 - so that all classes that are shown are there
from lineage_fixtures import model, recorded_facts
from provenance import Registry
from provenance.canary.result import CanaryResult
from provenance.differences.report import Cause, Diff, Difference, How, Turn
from provenance.evidence import Evidence, Verdict
from provenance.notebooks import ROWS, _macros, _style, html
from provenance.risk import ArtifactRisks, RiskReport, Status
from provenance.risk.report import Impact, ImpactItem
from provenance.sameinit.comparison import Comparison
from provenance.shown import Shown
from provenance.traits import TraitMeasurement
from provenance.view import View

STORY = (
    "base from_scratch",
    "owl embodied_by base",
    "numbers generated_by owl",
    "student finetuned_from base",
    "student trained_on numbers",
    "student names finetuned_from org/left-out",
    "owls trait high",
    "owl flagged owls",
    "student measured owls present 0.9 threshold=0.3",
    "base same_init student SAME_INIT",
    "owl canary student NOT_DETECTED",
)
HOSTILE = "<script>alert(1)</script>&amp;\u202e\"'"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry.init(tmp_path_factory.mktemp("shown"), actor=HOSTILE) as opened:
        with opened._ledger.transaction(HOSTILE) as transaction:
            for one in recorded_facts(*STORY):
                transaction.append(one.fact)
        yield opened


class _Text(HTMLParser):
    """The words of a page without its style sheet, and the elements that it has."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words, self.elements = "", set[str]()
        self.feed(re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL))
        self.words = " ".join(self.words.split())

    def handle_starttag(self, tag: str, _: object) -> None:
        self.elements.add(tag)
        self.words += " " if tag in {"dd", "dt", "li", "p", "td", "th"} else ""

    def handle_data(self, data: str) -> None:
        self.words += data


def shown(one: Shown) -> _Text:
    return _Text(one._repr_html_())


ANSWERS: dict[str, tuple[Callable[[View], Shown], tuple[str, ...]]] = {
    "a check": (lambda view: view.check(["student"])[0], ("held back", "model:student@1", "risk")),
    "risks": (lambda view: view.risks(["student"]), ("what 1 artifact may have inherited", "owls", "policy")),
    "a page of risks": (lambda view: view.risk_page(limit=2), ("in the whole registry", "what 2 artifacts")),
    "risks of one": (
        lambda view: view.risks(["student"]).artifacts[0],
        ("by this route:", "What is missing in its ancestry", "org/left-out"),
    ),
    "why": (lambda view: view.why("student", "owls"), ("teacher:owl@1: the trait was not measured", "0.9")),
    "impact": (
        lambda view: view.impact("owl"),
        ("2 artifacts downstream", "were a covert trait found on it"),
    ),
    "a description": (lambda view: view.show("student"), ("Comes from", "finetuned_from", "canary of")),
    "a test": (
        lambda view: view.snapshot.all(Evidence)[1].fact,
        (
            "No planted trait was seen to pass NOT_DETECTED",
            "does not mean",
            "an effect of 0.20 nats would have been seen",
        ),
    ),
    "a measurement": (lambda view: view.snapshot.all(TraitMeasurement)[0].fact, ("does not mean", "0.9")),
    "a lineage": (lambda view: view.lineage, ("Lineage of model:base@1", "owl@1", "risk not assessed")),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_shows_itself(registry: Registry, answer: str) -> None:
    ask, words = ANSWERS[answer]
    page = shown(ask(registry.view()))
    for one in words:
        assert one in page.words, page.words


def test_a_picture_shows_itself_as_a_drawing(registry: Registry) -> None:
    drawn = registry.view().picture(["student"])
    assert drawn._repr_svg_().startswith("<svg")
    assert not hasattr(drawn, "_repr_html_")


def test_a_review_shows_its_headline_and_what_the_gate_says(registry: Registry) -> None:
    review = registry.report(["student"])
    page = shown(review)
    assert review.headline in page.words
    assert review.ruled.items[0].sentence in page.words


def test_an_experiment_shows_its_figures_beside_its_verdict() -> None:
    silent = CanaryResult.__new__(CanaryResult)
    canary = {
        "verdict": Verdict.NOT_DETECTED, "reason": "nothing passed", "effect": 0.04, "ci_low": -0.2, "ci_high": 0.3,
        "mde": 0.25, "threshold": 0.5, "p_value": 0.4, "transfer_ratio": None, "notes": (), "method": "told@1",
    }  # fmt: skip
    for name, value in canary.items():
        object.__setattr__(silent, name, value)
    page = shown(silent)
    assert "NOT_DETECTED nothing passed" in page.words
    assert "smallest effect it would have detected, in nats" in page.words
    compared = Comparison(
        a="/a", b="/b", verdict=Verdict.INDEPENDENT, kinship=None, log10_p=-0.3, p_value_kind="exact", aligned_cosine=0.01,
        coverage=0.9, rho_min=0.05, tests=(), assumptions=("drawn alone",), reason="nothing in common", method="told@1",
        seconds=1.0, bytes_read=1,
    )  # fmt: skip
    page = shown(compared)
    assert "smallest cosine it would have found 0.05" in page.words
    assert "This holds as far as: drawn alone" in page.words


def test_differences_show_what_moved_them(registry: Registry) -> None:
    now = registry.view().snapshot.as_of
    turn = Turn(
        at=now,
        before=Status.CLEAR,
        after=Status.EXPOSED,
        causes=(Cause(how=How.RECORDED, says="owls on owl"),),
    )
    one = Difference(
        artifact=model("student"), trait="owls", before=None, after=Status.EXPOSED, turns=(turn,)
    )
    page = shown(
        Diff(since=now, until=now, policy_before="a:1", policy_digest="b:2", partial=True, differences=(one,))
    )
    assert page.words.startswith("PARTIAL: something could not be looked at.")
    assert "The policies differ" in page.words
    assert "not recorded" in page.words
    assert "owls on owl" in page.words


def test_what_is_shown_is_bounded_and_says_what_it_leaves_out(registry: Registry) -> None:
    view = registry.view()
    one = view.risks(["student"]).artifacts[0]
    many = replace(one, risks=one.risks * 1_000)
    report = RiskReport(
        as_of=view.snapshot.as_of, policy_digest="p:1", partial=False, artifacts=(many,) * 5_000
    )
    page = report._repr_html_()
    assert len(page) < 400_000
    assert f"… and {5_000 - ROWS:,} more." in page
    assert f"{ROWS * 995:,} milder risks of these not listed." in page
    item = ImpactItem(artifact=model("student"), status=Status.EXPOSED, score=0.5, depth=2, via=model("base"))
    impact = Impact(source=model("base"), trait=None, partial=True, items=(item,) * 4_371)
    assert "… and 4,321 more." in shown(impact).words
    assert shown(impact).words.startswith("PARTIAL")


def test_a_large_lineage_is_listed(tmp_path: Path) -> None:
    with Registry.init(tmp_path, actor="tester") as opened:
        with opened._ledger.transaction("tester") as transaction:
            for one in recorded_facts(
                "hub from_scratch", *(f"child-{n:03} finetuned_from hub" for n in range(99))
            ):
                transaction.append(one.fact)
        page = shown(opened.view().lineage)
    assert "100 artifacts, 99 relations" in page.words
    assert "… and 50 more." in page.words
    assert "svg" not in page.elements


@pytest.mark.parametrize("name", ["Lineage", "Description", "ArtifactRisks", "Check"])
def test_words_of_others_are_text(name: str, tmp_path: Path) -> None:
    hostile = re.sub(r"[<>@:\\`\u202e]", "", HOSTILE)
    with Registry.init(tmp_path, actor=HOSTILE) as opened:
        opened.register_model(name=hostile, from_scratch=True)
        (only,) = (one.fact.id for one in opened.view().artifacts())
        opened.add_trait(hostile, severity="high", description=HOSTILE)
        opened.flag(only, hostile, evidence=HOSTILE)
        view = opened.view()
        told = {
            "Lineage": view.lineage,
            "Description": view.show(only),
            "ArtifactRisks": view.risks([only]).artifacts[0],
            "Check": view.check([only])[0],
        }[name]
        page = shown(told)
    assert "script" not in page.elements
    assert "\u202e" not in page.words


def test_every_class_that_is_shown_has_a_macro_or_derives_from_one_that_has() -> None:
    open_, classes = [Shown], set[type[Shown]]()
    while open_:
        below = open_.pop().__subclasses__()
        classes.update(below)
        open_ += below
    assert len(classes) >= 14
    macros = _macros()
    assert [one for one in classes if not any(hasattr(macros, base.__name__) for base in one.__mro__)] == []


def test_the_style_sheet_touches_nothing_but_its_own_box() -> None:
    rules = [rule for rule in re.findall(r"([^{}]+)\{", _style()) if rule.strip()]
    assert rules
    assert all(one.strip().startswith(".provenance-shown") for rule in rules for one in rule.split(","))


def test_the_same_object_shows_the_same_bytes_and_stays_what_it_was(registry: Registry) -> None:
    found = registry.view().risks(["student"]).artifacts[0]
    again: ArtifactRisks = pickle.loads(pickle.dumps(found))
    assert again == found
    assert html(again) == html(found)
    with pytest.raises(AttributeError):
        object.__setattr__(found, "anything", 1)


def test_importing_an_object_loads_nothing_that_draws() -> None:
    code = (
        "import sys, provenance.evidence, provenance.risk.report, provenance.view; "
        "sys.exit(' '.join(m for m in ('jinja2', 'matplotlib', 'provenance.notebooks', 'provenance.pages') if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
    assert done.returncode == 0
