"""Common ancestors: nearest first, and which of them are lowest."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage_fixtures import model, snapshot
from provenance.lineage import Lineage, common_ancestors

#       base
#      /    \
#   left    right
#      \    /   \
#       mix    leaf
#        |
#       tuned
DIAMOND = (
    "base from_scratch",
    "left finetuned_from base",
    "right finetuned_from base",
    "mix merged_from left",
    "mix merged_from right",
    "tuned finetuned_from mix",
    "leaf finetuned_from right",
)


def common(names: Sequence[str], lines: Sequence[str] = DIAMOND) -> list[tuple[str, tuple[int, ...], bool]]:
    found = common_ancestors(Lineage.of(snapshot(*lines)), [model(name) for name in names])
    return [(one.artifact.name, one.depths, one.lowest) for one in found]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("tuned", "leaf"), [("right", (2, 1), True), ("base", (3, 2), False)]),
        (("left", "right"), [("base", (1, 1), True)]),
        (("tuned", "mix"), [("mix", (1, 0), True), ("left", (2, 1), False), ("right", (2, 1), False)]),
        (("tuned", "leaf", "left"), [("base", (3, 2, 1), True)]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value[0], str) else "",
)
def test_they_come_nearest_first_and_say_which_are_lowest(
    names: tuple[str, ...], expected: list[tuple[str, tuple[int, ...], bool]]
) -> None:
    assert common(names)[: len(expected)] == expected


def test_strangers_have_none() -> None:
    assert common(("left", "other"), (*DIAMOND, "other from_scratch")) == []


def test_two_may_be_lowest() -> None:
    lines = [f"{child} merged_from {parent}" for child in ("one", "two") for parent in ("a", "b")]
    assert common(("one", "two"), lines) == [("a", (1, 1), True), ("b", (1, 1), True)]


def test_of_a_circle_all_are_lowest() -> None:
    lines = ("a merged_from b", "b merged_from a", "one finetuned_from a", "two finetuned_from b")
    assert common(("one", "two"), lines) == [("a", (1, 2), True), ("b", (2, 1), True)]


@st.composite
def lineages(draw: st.DrawFn) -> tuple[str, ...]:
    pairs = draw(st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12))
    return tuple(f"m{max(pair)} merged_from m{min(pair)}" for pair in sorted(pairs) if len(set(pair)) == 2)


@settings(deadline=None)
@given(lineages())
def test_the_lowest_are_those_from_which_no_other_descends(lines: tuple[str, ...]) -> None:
    state = snapshot(*(f"m{number}" for number in range(7)), *lines)
    lineage = Lineage.of(state)
    found = common_ancestors(lineage, [model("m5"), model("m6")])
    names = {one.artifact for one in found}
    assert names == lineage.line([model("m5")]) & lineage.line([model("m6")])
    for one in found:
        below = {relative.artifact for relative in lineage.descendants(one.artifact)}
        assert one.lowest == names.isdisjoint(below)
