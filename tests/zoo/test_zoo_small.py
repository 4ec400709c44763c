"""The small zoo: every way of being related is found, and no stranger is taken for a relative."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from benchmarks.zoo.catalogue import SMALL, Pair, pairs

from provenance.evidence import Verdict
from provenance.sameinit import Comparison

pytestmark = pytest.mark.xdist_group("zoo")

ALL = [pair for family in SMALL for pair in pairs(family)]
RELATED = [pair for pair in ALL if pair.related and not pair.beyond]
HIDDEN = [pair for pair in ALL if pair.beyond]
STRANGERS = [pair for pair in ALL if not pair.related]
TURNED = {
    "fine-tuned",
    "permuted",
    "all disguises",
    "MoE-upcycled",
    "head only",
    "random sign flips",
    "independent",
}
"""Kinds that are compared both ways round."""

Compare = Callable[[Pair], Comparison]


def named(pair: Pair) -> str:
    return f"{pair.family}, {pair.kind}"


@pytest.mark.parametrize("pair", RELATED, ids=named)
def test_relatives_are_found(pair: Pair, compared: Compare) -> None:
    found = compared(pair)
    assert found.verdict is Verdict.SAME_INIT, found.reason


@pytest.mark.parametrize("pair", STRANGERS, ids=named)
def test_strangers_are_never_called_relatives(pair: Pair, compared: Compare) -> None:
    found = compared(pair)
    assert found.verdict is not Verdict.SAME_INIT, found.reason


@pytest.mark.parametrize("pair", HIDDEN, ids=named)
def test_relatives_that_no_exact_test_finds_are_never_called_independent(
    pair: Pair, compared: Compare
) -> None:
    found = compared(pair)
    assert found.verdict is not Verdict.INDEPENDENT, found.reason


@pytest.mark.parametrize("pair", [pair for pair in ALL if pair.kind in TURNED], ids=named)
def test_who_comes_first_makes_no_difference(pair: Pair, compared: Compare) -> None:
    one, other = compared(pair), compared(replace(pair, a=pair.b, b=pair.a))
    assert (one.verdict, one.kinship, one.rho_min) == (other.verdict, other.kinship, other.rho_min)
    assert one.log10_p == pytest.approx(other.log10_p, rel=1e-9)
    assert one.aligned_cosine == pytest.approx(other.aligned_cosine, abs=1e-6)
