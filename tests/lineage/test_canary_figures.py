"""Which canaries count as silent with power, and which of several stands: by their recorded figures, and by those of real results."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lineage_fixtures import POWER, model, snapshot, teacher
from provenance.canary import CanaryResult, Trial
from provenance.canary.judgement import judge
from provenance.evidence import Evidence, TestKind, Verdict
from provenance.lineage.canary_figures import has_measured, has_power, saw_effect
from provenance.lineage.evidence_index import EvidenceIndex
from provenance.lineage.graph import Lineage

SILENT = Evidence(
    test=TestKind.CANARY,
    parent=teacher("owl"),
    child=model("pupil"),
    verdict=Verdict.NOT_DETECTED,
    method="planted-canary/told,seeds=5@2",
    result=POWER,
    tested_at=datetime(2026, 1, 1, tzinfo=UTC),
)
CONTROLS = POWER["controls"]
WITHOUT = {
    "no figures": {},
    "no smallest effect": {"threshold": 0.5, "controls": CONTROLS},
    "no threshold": {"mde": 0.2, "controls": CONTROLS},
    "figures that are none": POWER | {"mde": None},
    "less power than the threshold asks for": POWER | {"mde": 0.6},
    "no controls": {"mde": 0.2, "threshold": 0.5},
    "controls that are none": POWER | {"controls": None},
    "a control missing": POWER | {"controls": {k: v for k, v in CONTROLS.items() if k != "carrier"}},
    "a control that failed": POWER | {"controls": CONTROLS | {"positive": {"ok": False}}},
}
STANDS = {
    "of silence and a doubt that measured the newer": (["NOT_DETECTED", "INCONCLUSIVE effect=0.1"], 1),
    "either way": (["INCONCLUSIVE effect=0.1", "NOT_DETECTED"], 1),
    "a training that diverged settles nothing": (["NOT_DETECTED", "INCONCLUSIVE"], 0),
    "nor does a silence without figures": (["INCONCLUSIVE", "NOT_DETECTED bare"], 0),
    "or beside one with figures": (["NOT_DETECTED", "NOT_DETECTED bare"], 0),
    "an effect that was seen outranks a newer silence": (["INCONCLUSIVE effect=0 above=0.5", "NOT_DETECTED"], 0),
    "a transfer outranks an effect that was seen": (["TRANSFERS", "INCONCLUSIVE effect=0 above=0.5"], 0),
    "of two transfers the one with a measure": (["TRANSFERS effect=2 kin=4", "TRANSFERS"], 0),
    "of two with a measure the newer": (["TRANSFERS effect=2 kin=4", "TRANSFERS transfer_ratio=0.1"], 1),
}  # fmt: skip
STEPS = (-0.1, -0.05, 0.0, 0.05, 0.1)


def real(*, edge: float = 0.0, planted: float = 10.0, higher: float | None = None) -> Evidence:
    """The evidence of five runs about these means, with students at four times the rows where their mean is given."""
    trials = [
        Trial(
            seed=seed,
            teacher=10.0,
            planted=planted,
            base=10.0,
            edge=edge + step,
            positive=2.0 + step,
            kin=2.0 + step,
            fresh=-step,
            placebo=-step,
            carrier=1.0 + step,
            unexplained=0.1,
            doses=(edge + step,) if higher is None else (edge + step, higher + step),
            unique_rows=(100,) if higher is None else (100, 400),
        )
        for seed, step in enumerate(STEPS)
    ]
    result: CanaryResult = judge(
        trials,
        threshold=0.05,
        sanity_limit=0.5,
        doses=(1.0,) if higher is None else (1.0, 4.0),
        method="planted-canary/by-hand@2",
        device="cpu",
        bank=(),
        digests={},
        notes=(),
        seconds=1.0,
        cpu_seconds=1.0,
    )
    return result.evidence(teacher("owl"), model("pupil"), {}, datetime(2026, 1, 1, tzinfo=UTC))


def test_a_silent_canary_with_its_figures_has_power() -> None:
    assert has_power(SILENT)


@pytest.mark.parametrize("case", WITHOUT)
def test_a_silent_canary_has_no_power_with(case: str) -> None:
    assert not has_power(replace(SILENT, result=WITHOUT[case]))


@pytest.mark.parametrize(
    "method", ["planted-canary/mlp-aux@1", "screen/mlp@3", "told/test@2", "planted-canary/mlp-aux"]
)
def test_only_planted_canaries_of_a_sound_version_are_silent_with_power(method: str) -> None:
    assert not has_power(replace(SILENT, method=method))


def test_a_real_silence_has_power() -> None:
    silent = real()
    assert silent.verdict is Verdict.NOT_DETECTED
    assert has_power(silent)
    assert not saw_effect(silent)


@pytest.mark.parametrize(
    "seen",
    [pytest.param(real(higher=1.0), id="another dose"), pytest.param(real(edge=1.0, planted=0.5), id="a control failed")],
)  # fmt: skip
def test_a_real_result_says_whether_it_saw_an_effect_that_it_could_not_conclude(seen: Evidence) -> None:
    assert seen.verdict is Verdict.INCONCLUSIVE
    assert has_measured(seen)
    assert saw_effect(seen)


@pytest.mark.parametrize("case", STANDS)
def test_which_canary_stands(case: str) -> None:
    canaries, place = STANDS[case]
    state = snapshot("owl embodied_by base", *(f"owl canary pupil {canary}" for canary in canaries))
    assert (
        EvidenceIndex(Lineage.of(state)).canary(teacher("owl"), model("pupil")) == state.all(Evidence)[place]
    )
