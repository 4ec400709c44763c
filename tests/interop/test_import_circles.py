"""Which edges are left out of circles: few, the same whatever the order of rows, and never one that stands."""

from graphlib import TopologicalSorter

from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.importing.circles import Arrow, lay_in_order

NODES = [f"model:{letter}@1" for letter in "abcdefgh"]
ends = st.integers(0, len(NODES) - 1)
pairs = st.lists(st.tuples(ends, ends).filter(lambda pair: pair[0] != pair[1]), max_size=30, unique=True)


def arrows(pairs: list[tuple[int, int]], standing: int = 0) -> list[Arrow]:
    """Edges child to parent; the first of them stand."""
    return [Arrow(*pair, None if row < standing else row) for row, pair in enumerate(pairs)]


def left_out(names: list[str], pairs: list[tuple[int, int]], standing: int = 0) -> set[tuple[int, int]]:
    return {pairs[row] for row in lay_in_order(names, arrows(pairs, standing))[1]}


def chained(pairs: set[tuple[int, int]]) -> None:
    """Raises where the pairs close a circle."""
    graph: dict[int, set[int]] = {}
    for child, parent in pairs:
        graph.setdefault(child, set()).add(parent)
    TopologicalSorter(graph).prepare()


@settings(deadline=None)
@given(pairs)
def test_what_is_left_closes_no_circle_and_lies_in_order(pairs: list[tuple[int, int]]) -> None:
    order, out = lay_in_order(NODES, arrows(pairs))
    left = {pair for row, pair in enumerate(pairs) if row not in out}
    place = {node: at for at, node in enumerate(order)}
    assert sorted(order) == list(range(len(NODES)))
    assert all(place[parent] < place[child] for child, parent in left)


@settings(deadline=None)
@given(pairs)
def test_nothing_is_left_out_that_is_in_no_circle(pairs: list[tuple[int, int]]) -> None:
    out = left_out(NODES, pairs)
    for child, parent in out:
        reached, frontier = {child}, [child]
        while frontier:
            node = frontier.pop()
            frontier += [one for one, other in pairs if other == node and one not in reached]
            reached.update(frontier)
        assert parent in reached, "the parent descends from the child"


@settings(deadline=None)
@given(pairs, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(pairs: list[tuple[int, int]], random: object) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert left_out(NODES, pairs) == left_out(NODES, shuffled)


@settings(deadline=None)
@given(pairs, st.randoms(use_true_random=False))
def test_the_numbers_of_nodes_change_nothing(pairs: list[tuple[int, int]], random: object) -> None:
    numbers = list(range(len(NODES)))
    random.shuffle(numbers)  # type: ignore[attr-defined]
    names = [NODES[numbers.index(number)] for number in range(len(NODES))]
    renumbered = [(numbers[child], numbers[parent]) for child, parent in pairs]
    named = {(NODES[child], NODES[parent]) for child, parent in left_out(NODES, pairs)}
    assert {(names[child], names[parent]) for child, parent in left_out(names, renumbered)} == named


@settings(deadline=None)
@given(pairs, pairs)
def test_what_stands_is_never_left_out(standing: list[tuple[int, int]], new: list[tuple[int, int]]) -> None:
    _, out = lay_in_order(NODES, arrows(standing))
    stands = [pair for row, pair in enumerate(standing) if row not in out]
    pairs = [*stands, *(pair for pair in new if pair not in stands)]
    gone = left_out(NODES, pairs, len(stands))
    assert gone.isdisjoint(stands)
    chained(set(pairs) - gone)


@settings(deadline=None)
@given(pairs, st.integers(0, len(NODES)))
def test_an_import_that_was_stopped_leaves_out_the_same(pairs: list[tuple[int, int]], done: int) -> None:
    order, out = lay_in_order(NODES, arrows(pairs))
    recorded = set(order[:done])
    kept = [pair for row, pair in enumerate(pairs) if row not in out and pair[0] in recorded]
    rest = [pair for pair in pairs if pair not in kept]
    assert left_out(NODES, [*kept, *rest], len(kept)) == {pairs[row] for row in out}


def test_a_ring_of_any_length_loses_the_one_edge_of_its_first_name() -> None:
    size = 50_000
    names = [f"model:m{number:06}@1" for number in range(size)]
    ring = [Arrow(number, (number + 1) % size, number) for number in range(size)]
    _, out = lay_in_order(names, ring)
    assert out == {0: size}


def test_circles_that_stand_are_left_alone_and_last() -> None:
    standing = [Arrow(0, 1, None), Arrow(1, 0, None), Arrow(2, 1, 0)]
    order, out = lay_in_order(NODES[:3], standing)
    assert (order, out) == ([0, 1, 2], {})
