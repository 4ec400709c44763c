"""Every verdict of every test has its words, and figures are told as far as they are there."""

from dataclasses import replace

import pytest

from evidence_fixtures import CANARY, SAME_INIT
from provenance.evidence import VERDICTS, Verdict
from provenance.meanings import MEANINGS, figures, p_value


def test_every_verdict_of_every_test_says_what_it_means_and_what_it_does_not() -> None:
    assert set(MEANINGS) == {(test, verdict) for test, said in VERDICTS.items() for verdict in said}
    for words in MEANINGS.values():
        assert words.means.count(".") == words.means_not.count(".") == 1
        assert words.means_not.startswith("It ")


def test_figures_come_with_their_units_and_only_where_the_result_has_them() -> None:
    assert figures(CANARY) == (
        "effect 1.40 nats (95 % interval 1.26 to 1.53), an effect of 0.15 nats would have been seen"
    )
    shared = replace(CANARY, result={**CANARY.result, "transfer_ratio": 0.14})
    assert "14 % of the teacher's own shift" in figures(shared)
    assert "teacher" not in figures(replace(shared, verdict=Verdict.NOT_DETECTED))
    assert figures(SAME_INIT) == "p = 3.2e-88, cosine of the weights 0.97"
    assert figures(replace(CANARY, result={"effect": "much", "mde": True})) == ""


@pytest.mark.parametrize(("log10_p", "told"), [(0.0, "p = 1"), (-2.0, "p = 0.01"), (-4000.0, "p < 1e-300")])
def test_a_p_value_is_never_told_as_nought(log10_p: float, told: str) -> None:
    assert p_value(log10_p) == told
