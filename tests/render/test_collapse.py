"""Which nodes are alike: literal graphs, and laws on graphs that Hypothesis makes up."""

from collections.abc import Hashable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.render.collapse import Ties, alike

Links = tuple[tuple[int, int], ...]

CASES: Mapping[str, tuple[Links, str, set[int], int, list[tuple[int, ...]]]] = {
    "a star": (tuple((0, n) for n in range(1, 6)), "m", {0}, 4, [(1, 2, 3, 4, 5)]),
    "a star of no more than the count": (tuple((0, n) for n in range(1, 6)), "m", {0}, 5, []),
    "two sorts": (tuple((0, n) for n in range(1, 7)), "mdmdmdm", {0}, 2, [(1, 3, 5), (2, 4, 6)]),
    "one of them asked about": (tuple((0, n) for n in range(1, 6)), "m", {0, 3}, 3, [(1, 2, 4, 5)]),
    "one of them with a child of its own": (
        (*((0, n) for n in range(1, 6)), (3, 6)), "m", {0}, 3, [(1, 2, 4, 5)]
    ),
    "two parents, one of them shared": (
        (*((0, n) for n in range(2, 8)), (1, 6), (1, 7)), "m", {0}, 3, [(2, 3, 4, 5)]
    ),
    "pairs below one node": (
        ((0, 1), (0, 2), (0, 3), (1, 4), (2, 5), (3, 6)), "m", {0}, 2, [(1, 2, 3), (4, 5, 6)]
    ),
    "pairs of which one is told apart at its end": (
        ((0, 1), (0, 2), (0, 3), (0, 4), (1, 5), (2, 6), (3, 7), (4, 8)), "m", {0, 5}, 2, [(2, 3, 4), (6, 7, 8)]
    ),
    "a chain": (tuple((n, n + 1) for n in range(2_000)), "m", set(), 8, []),
    "a circle": (tuple((n, (n + 1) % 5) for n in range(5)), "m", set(), 4, [(0, 1, 2, 3, 4)]),
    "a circle with one asked about": (tuple((n, (n + 1) % 9) for n in range(9)), "m", {0}, 4, []),
    "what stands alone": ((), "mmm", set(), 2, [(0, 1, 2)]),
}  # fmt: skip
"""Links from parent to child; sorts of nodes, the last standing for all others; who is like no other; the count; the classes."""


def tied(links: Links) -> Ties:
    ties: dict[int, set[tuple[Hashable, int]]] = {}
    for parent, child in links:
        ties.setdefault(child, set()).add(("from", parent))
        ties.setdefault(parent, set()).add(("to", child))
    return {node: frozenset(told) for node, told in ties.items()}


@pytest.mark.parametrize("case", CASES)
def test_nodes_are_alike_with_the_same_ties_to_the_same_or_alike_nodes(case: str) -> None:
    links, sorts, alone, above, expected = CASES[case]
    size = max([len(sorts) - 1, *(end for link in links for end in link)]) + 1
    told = {node: sorts[min(node, len(sorts) - 1)] for node in range(size)}
    assert list(alike(told, tied(links), alone=alone, above=above)) == expected


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[int, str], Links, set[int], int]:
    size = draw(st.integers(2, 12))
    node = st.integers(0, size - 1)
    sorts = {one: draw(st.sampled_from("md")) for one in range(size)}
    links = draw(st.lists(st.tuples(node, node), max_size=2 * size, unique=True))
    return sorts, tuple(links), draw(st.sets(node, max_size=2)), draw(st.integers(1, 3))


@settings(max_examples=150, deadline=None)
@given(graphs(), st.randoms())
def test_numbers_say_nothing(graph: tuple[dict[int, str], Links, set[int], int], dice: object) -> None:
    sorts, links, alone, above = graph
    names = list(sorts)
    dice.shuffle(names)  # type: ignore[attr-defined]
    renamed = alike(
        {names[node]: sort for node, sort in sorts.items()},
        tied(tuple((names[parent], names[child]) for parent, child in links)),
        alone={names[node] for node in alone},
        above=above,
    )
    found = {
        frozenset(names[node] for node in one) for one in alike(sorts, tied(links), alone=alone, above=above)
    }
    assert set(map(frozenset, renamed)) == found


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_the_classes_are_those_of_a_plain_fixed_point(
    graph: tuple[dict[int, str], Links, set[int], int],
) -> None:
    sorts, links, alone, above = graph
    ties = tied(links)
    class_: dict[int, Hashable] = {node: node if node in alone else sort for node, sort in sorts.items()}
    for _ in range(3 * len(sorts)):
        seen = {
            node: (class_[node], frozenset((tie, class_[other]) for tie, other in ties.get(node, ())))
            for node in sorts
        }
        members = {one: [node for node in sorts if seen[node] == one] for one in seen.values()}
        class_ = {
            node: min(members[one]) if len(members[one]) > above else ("alone", node)
            for node, one in seen.items()
        }
    expected = {frozenset(node for node in sorts if class_[node] == one) for one in class_.values()}
    found = alike(sorts, ties, alone=alone, above=above)
    assert set(map(frozenset, found)) == {one for one in expected if len(one) > above}
