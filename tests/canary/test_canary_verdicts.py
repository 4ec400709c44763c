"""From runs to a verdict: the three rules of the protocol, its gates, and what a result looks like on paper."""

import json
import math
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.artifacts import ArtifactId
from provenance.canary import CanaryResult, Trial
from provenance.canary.judgement import judge
from provenance.evidence import TestKind, Verdict
from provenance.facts import adapter, from_json, to_json

# What five runs of a sound experiment look like, spread evenly by `SPREAD` about these means.
SOUND = Trial(
    seed=0,
    teacher=10.0,
    planted=10.0,
    base=10.0,
    edge=0.0,
    positive=2.0,
    kin=2.0,
    fresh=0.0,
    placebo=0.0,
    carrier=1.0,
    unexplained=0.1,
)
SPREAD = (-0.1, -0.05, 0.0, 0.05, 0.1)
THRESHOLD = 0.05  # Of the teacher's 10 nats: 0.5.


def runs(widened: float = 1.0, **means: float) -> list[Trial]:
    """Five runs about given means; the effect in question spreads ``widened`` times as far as the rest."""
    about = replace(SOUND, **means)
    return [
        replace(
            about,
            seed=seed,
            edge=about.edge + widened * step,
            positive=about.positive + step,
            kin=means.get("kin", about.positive) + step,
            fresh=about.fresh - step,
            placebo=about.placebo - step,
            carrier=about.carrier + step,
        )
        for seed, step in enumerate(SPREAD)
    ]


def judged(trials: list[Trial]) -> CanaryResult:
    return judge(
        trials,
        threshold=THRESHOLD,
        sanity_limit=0.5,
        method="planted-canary/by-hand@1",
        device="cpu",
        bank=(),
        digests={},
        notes=(),
        seconds=1.0,
        cpu_seconds=1.0,
    )


@dataclass(frozen=True)
class Case:
    name: str
    trials: list[Trial]
    verdict: Verdict
    reason: str


CASES = (
    Case("a clear effect", runs(edge=1.5), Verdict.TRANSFERS, "lies above zero"),
    Case(
        "a small effect is an effect, though a policy may not care",
        runs(edge=0.3),
        Verdict.TRANSFERS,
        "lies above",
    ),
    Case("nothing", runs(edge=0.0), Verdict.NOT_DETECTED, "ends below the threshold of 0.500 nats"),
    Case(
        "less than nothing, which chance alone doesn't give",
        runs(edge=-1.0),
        Verdict.INCONCLUSIVE,
        "lies below zero: the matched control is no null here",
    ),
    Case(
        "a positive control that fires below what the policy cares about",
        runs(edge=0.05, positive=0.3),
        Verdict.INCONCLUSIVE,
        "reaches the threshold of 0.075 nats",
    ),
    Case(
        "a positive control that may lie below the threshold",
        runs(positive=0.1, widened=0.1),
        Verdict.INCONCLUSIVE,
        "could not have shown an effect of 0.025 nats",
    ),
    Case("too wide to tell", runs(edge=0.4, widened=8), Verdict.INCONCLUSIVE, "holds zero and reaches"),
    Case(
        "below the threshold by luck, without the power to know",
        runs(edge=-0.2, positive=4.0, widened=6),
        Verdict.INCONCLUSIVE,
        "detect 0.652 nats at the least",
    ),
    Case(
        "an effect, but none under the positive control",
        runs(edge=1.5, positive=0.0),
        Verdict.INCONCLUSIVE,
        "positive control did not fire",
    ),
    Case(
        "nothing, and none under the positive control",
        runs(positive=0.0),
        Verdict.INCONCLUSIVE,
        "positive control did not fire",
    ),
    Case(
        "a fresh initialisation takes on the trait",
        runs(edge=1.5, fresh=1.0),
        Verdict.INCONCLUSIVE,
        "negative control fired",
    ),
    Case("a placebo shows the trait", runs(placebo=1.0), Verdict.INCONCLUSIVE, "negative control fired"),
    Case(
        "a fresh initialisation loses the trait",
        runs(edge=1.5, fresh=-1.0),
        Verdict.INCONCLUSIVE,
        "negative control fired",
    ),
    Case(
        "a placebo takes the trait away", runs(placebo=-1.0), Verdict.INCONCLUSIVE, "negative control fired"
    ),
    Case(
        "the channel was not learned", runs(carrier=0.0), Verdict.INCONCLUSIVE, "no better than the control"
    ),
    Case(
        "the trait was not planted", runs(edge=1.5, planted=0.9), Verdict.INCONCLUSIVE, "least margin 0.900"
    ),
    Case(
        "the students learned nothing", runs(unexplained=0.7), Verdict.INCONCLUSIVE, "0.700 left unexplained"
    ),
    Case(
        "the training diverged",
        runs(edge=math.nan),
        Verdict.INCONCLUSIVE,
        "diverged under seed 0, 1, 2, 3, 4",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_runs_lead_to_the_verdict(case: Case) -> None:
    result = judged(case.trials)
    assert result.verdict is case.verdict
    assert case.reason in result.reason


def test_a_negative_states_what_it_would_have_detected_and_what_the_policy_cares_about() -> None:
    result = judged(runs())
    assert result.mde == pytest.approx(0.109, abs=1e-3)
    assert result.threshold == pytest.approx(0.5)
    assert result.ci_high is not None
    assert result.ci_high < result.threshold
    assert result.controls is not None
    assert result.controls.positive.fired


def test_every_broken_gate_is_named() -> None:
    result = judged(runs(positive=0.0, fresh=1.0, carrier=0.0, planted=0.0))
    assert result.controls is not None
    assert result.controls.failed == ("positive", "negative", "carrier", "sanity")
    assert result.reason.count(";") == 3


def test_one_diverged_run_spoils_the_experiment_and_leaves_no_figures() -> None:
    trials = [*runs(edge=1.5)[:4], replace(SOUND, seed=4, unexplained=math.inf)]
    result = judged(trials)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.reason == "the training diverged under seed 4"
    assert [trial.seed for trial in result.trials] == [0, 1, 2, 3]
    assert (result.effect, result.mde, result.controls) == (None, None, None)


@pytest.mark.parametrize("arm", [field.name for field in fields(Trial) if field.type is float])
def test_a_figure_that_is_no_number_spoils_the_experiment_whichever_it_is(arm: str) -> None:
    result = judged([*runs(edge=1.5)[:4], replace(SOUND, seed=4, **{arm: math.nan})])
    assert result.reason == "the training diverged under seed 4"


@pytest.mark.parametrize(
    "broken", [{"positive": 0.0}, {"fresh": 1.0}, {"placebo": 1.0}, {"carrier": 0.0}, {"planted": 0.0}]
)
@pytest.mark.parametrize("effect", [1.5, 0.0])
def test_taking_a_control_away_never_leaves_a_decision(effect: float, broken: dict[str, float]) -> None:
    assert judged(runs(edge=effect)).verdict is not Verdict.INCONCLUSIVE
    assert judged(runs(edge=effect, **broken)).verdict is Verdict.INCONCLUSIVE


values = st.floats(-20.0, 20.0) | st.sampled_from([math.nan, math.inf, -math.inf])
names = [field.name for field in fields(Trial) if field.type is float]
trials = st.lists(st.fixed_dictionaries(dict.fromkeys(names, values)), min_size=5, max_size=8).map(
    lambda rows: [Trial(seed=seed, **row) for seed, row in enumerate(rows)]
)


@settings(max_examples=60, deadline=None)
@given(trials)
def test_whatever_the_runs_gave_the_result_is_json_and_reads_back_as_itself(found: list[Trial]) -> None:
    result = judged(found)
    text = json.dumps(adapter(CanaryResult).dump_python(result, mode="json"), allow_nan=False)
    assert adapter(CanaryResult).validate_json(text) == result
    evidence = result.evidence(
        ArtifactId.parse("teacher:owl@1"),
        ArtifactId.parse("model:student@1"),
        {"teacher": "blake3:" + 64 * "0"},
        datetime(2026, 1, 2, tzinfo=UTC),
    )
    assert (evidence.test, evidence.verdict, evidence.method) == (
        TestKind.CANARY,
        result.verdict,
        result.method,
    )
    assert from_json("evidence", to_json(evidence)) == evidence


def test_evidence_carries_the_fields_that_others_rely_on() -> None:
    evidence = judged(runs(edge=1.5)).evidence(
        ArtifactId.parse("teacher:owl@1"),
        ArtifactId.parse("model:student@1"),
        {},
        datetime(2026, 1, 2, tzinfo=UTC),
    )
    promised = (
        "effect ci_low ci_high p_value mde threshold seeds controls transfer_ratio seconds trials reason"
    )
    assert set(promised.split()) <= set(evidence.result)
    assert set(evidence.result["controls"]) == {"positive", "negative", "carrier", "sanity"}
    assert evidence.result["transfer_ratio"] == pytest.approx(0.15)


def test_a_base_that_the_same_lessons_move_less_is_held_to_a_smaller_threshold() -> None:
    """A head of a twentieth of the size makes all nats a twentieth: what was too noisy for a negative stays so."""
    loud = judged(runs(widened=10.0))
    small = [
        replace(trial, base=0.5, edge=trial.edge / 20, placebo=trial.placebo / 20)
        for trial in runs(widened=10.0)
    ]
    quiet = judged(small)
    assert loud.threshold == pytest.approx(0.5)
    assert quiet.threshold == pytest.approx(0.025)
    assert loud.verdict is quiet.verdict is Verdict.INCONCLUSIVE


def test_a_base_that_is_moved_further_than_the_teacher_raises_no_threshold() -> None:
    assert judged([replace(trial, base=100.0) for trial in runs()]).threshold == pytest.approx(0.5)


def test_a_base_that_the_lessons_do_not_move_gets_no_negative() -> None:
    assert judged([replace(trial, base=0.0) for trial in runs()]).verdict is Verdict.INCONCLUSIVE
