"""A picture of a test is the same for the same evidence, and says what the evidence says."""

import re
import sys
from dataclasses import replace
from subprocess import run as run_program
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest

from evidence_fixtures import CANARY, CONTROLS, SAME_INIT, TRIALS
from lineage_fixtures import model, teacher
from provenance.evidence import Evidence, Verdict
from provenance.render.canary_picture import rows_of
from provenance.render.depth_picture import points_of
from provenance.render.evidence_pictures import picture, pictures


def _words(evidence: Evidence) -> str:
    svg = picture(evidence, "svg")
    assert svg is not None
    return " ".join(
        " ".join(part.itertext()) for part in ET.fromstring(svg).iter() if part.tag.endswith("text")
    )


@pytest.mark.parametrize("evidence", [CANARY, SAME_INIT], ids=["canary", "same-init"])
def test_the_same_evidence_gives_the_same_bytes_whatever_its_user_set(evidence: Evidence) -> None:
    first = picture(evidence)
    with mpl.rc_context({"font.size": 30, "savefig.dpi": 40, "axes.facecolor": "red"}):
        second = picture(evidence)
    assert first == second
    assert first is not None
    assert first.startswith(b"\x89PNG")
    assert picture(evidence, "svg") == picture(evidence, "svg")
    assert not re.search(rb"Matplotlib|20\d\d-", first)


def test_asking_what_there_is_to_see_loads_no_matplotlib() -> None:
    program = (
        "import sys, provenance.render.evidence_pictures;"
        "sys.exit(any(name.split('.')[0] in {'matplotlib', 'numpy'} for name in sys.modules))"
    )
    assert run_program([sys.executable, "-c", program], check=False).returncode == 0
    assert list(pictures(CANARY)) == ["effect.png"]
    assert list(pictures(SAME_INIT)) == ["along-depth.png"]
    assert pictures(CANARY)["effect.png"]() == picture(CANARY)


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"effect": 1.0},
        {"trials": "none", "tests": "none"},
        {"trials": [{"edge": None}, 3, None], "tests": [None, 3, {"flips": 0, "heads": 0}]},
        {"trials": [{"edge": float("inf")}, {"edge": True}]},
    ],
)
def test_a_result_without_figures_has_no_picture(result: dict[str, object]) -> None:
    for evidence in (CANARY, SAME_INIT):
        without = replace(evidence, result=result)
        assert picture(without) is None
        assert pictures(without) == {}


def test_a_canary_shows_each_run_of_the_edge_and_of_its_controls_with_their_intervals() -> None:
    rows = {row.arm.trial: row for row in rows_of(CANARY)}
    assert list(rows) == ["edge", "kin", "positive", "fresh", "placebo"]
    assert rows["edge"].runs == (1.2, 1.3, 1.4, 1.5, 1.6)
    assert rows["edge"].told == "1.40 [1.26, 1.53]"
    assert rows["placebo"].told == "0.00 [-0.14, 0.13]"
    words = _words(CANARY)
    for told in (
        "A planted trait passes (TRANSFERS)",
        "threshold 0.50",
        "no effect",
        "nats",
        "must stay at 0",
    ):
        assert told in words


def test_a_control_that_is_one_experiment_with_another_is_drawn_once() -> None:
    trials = [{**trial, "kin": trial["positive"]} for trial in TRIALS]
    rows = rows_of(replace(CANARY, result={**CANARY.result, "trials": trials}))
    assert [row.arm.trial for row in rows] == ["edge", "positive", "fresh", "placebo"]


def test_a_control_that_failed_says_so_in_words() -> None:
    controls = {**CONTROLS, "negative": {**CONTROLS["negative"], "ok": False}}
    failed = replace(CANARY, verdict=Verdict.INCONCLUSIVE, result={**CANARY.result, "controls": controls})
    assert _words(failed).count("FAILED") == 2
    assert "FAILED" not in _words(CANARY)


def test_a_same_init_test_shows_its_groups_from_input_to_output() -> None:
    points = points_of(SAME_INIT)
    places = list(dict.fromkeys(point.place for point in points))
    assert places == ["embedding", *map(str, range(12)), "head"]
    assert [point.z for point in points if point.place == "head"] == [pytest.approx(8 / 192**0.5)]
    assert [point.place for point in points if point.aligned] == ["3"]
    words = _words(SAME_INIT)
    for told in (
        "Same initialisation (SAME_INIT)",
        "95 % of independent groups",
        "standard deviations",
        "cosine",
    ):
        assert told in words


def test_what_would_have_been_found_is_drawn_where_nothing_was() -> None:
    found_nothing = replace(
        SAME_INIT, verdict=Verdict.INDEPENDENT, result={**SAME_INIT.result, "rho_min": 0.051}
    )
    assert "a shared initialisation of 0.051 or more would have been found" in _words(found_nothing)


def test_names_of_people_are_text_in_a_picture_and_what_has_no_glyph_shows() -> None:
    hostile = replace(CANARY, parent=teacher("$x^{2}$ & 梟"), child=model("m" * 200))
    words = _words(hostile)
    assert "$x^{2}$ & \ufffd" in words
    assert "m…m" in words


@pytest.mark.parametrize("figure", [1e29, -1e29, 1e308, float("inf"), float("nan"), 0.0, 1e-300])
def test_figures_of_any_size_can_be_drawn_or_are_left_out(figure: float) -> None:
    trials = [{**trial, "edge": figure, "fresh": figure} for trial in TRIALS]
    told = {"effect": figure, "ci_low": figure, "ci_high": figure, "threshold": figure, "trials": trials}
    drawn = picture(replace(CANARY, result={**CANARY.result, **told}))
    assert (drawn is None) is (not abs(figure) < 1e30)
    groups = [{**group, "cosine": figure} for group in SAME_INIT.result["tests"]]
    groups.append({"name": "more", "part": "mlp", "flips": figure, "heads": figure})
    told = {"rho_min": figure, "log10_p": figure, "aligned_cosine": figure, "tests": groups}
    assert picture(replace(SAME_INIT, verdict=Verdict.INDEPENDENT, result={**SAME_INIT.result, **told}))
