"""Which edges to leave out so that no artifact descends from itself; pure, on numbers.

What has a beginning is laid in order by taking away those without parents again and again, in linear time. What remains holds
circles. In each, the same is done once more, and when nobody is without a parent, the one with the fewest goes next, the first by
name among equals: its edges from those that still remain are left out. So a ring loses one edge, whatever its length, and which one
depends on the edges alone, not on the order of their rows.
"""

import heapq
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Arrow(NamedTuple):
    """An edge between nodes.

    Args:
        child: Number of its child.
        parent: Number of its parent.
        row: Which row told it; None for an edge that stands, such as a recorded one.
    """

    child: int
    parent: int
    row: int | None


def lay_in_order(names: Sequence[str], arrows: Sequence[Arrow]) -> tuple[list[int], dict[int, int]]:
    """Puts parents before children.

    Args:
        names: Name of each node.
        arrows: The edges, none from a node to itself.

    Returns:
        All nodes in order, and the rows to leave out, each with the number of artifacts in its circle.
    """
    order, left = _without_beginning(len(names), arrows)
    if not left:
        return order, {}
    import networkx as nx

    rest = [arrow for arrow in arrows if arrow.child in left and arrow.parent in left]
    graph: nx.DiGraph[int] = nx.DiGraph((arrow.parent, arrow.child) for arrow in rest)
    circle_of = {
        node: number
        for number, circle in enumerate(nx.strongly_connected_components(graph))
        if len(circle) > 1
        for node in circle
    }
    inside: dict[int, list[Arrow]] = {}
    for arrow in rest:
        number = circle_of.get(arrow.child)
        if number is not None and number == circle_of.get(arrow.parent):
            inside.setdefault(number, []).append(arrow)
    out: dict[int, int] = {}
    for within in inside.values():
        size = len({arrow.child for arrow in within})
        out |= dict.fromkeys(_left_out(names, within), size)
    order, left = _without_beginning(len(names), [arrow for arrow in arrows if arrow.row not in out])
    return [*order, *sorted(left)], out


def _without_beginning(count: int, arrows: Iterable[Arrow]) -> tuple[list[int], set[int]]:
    """The nodes that have a beginning, in order; and those in circles and below them."""
    missing = [0] * count
    below: dict[int, list[int]] = {}
    for child, parent, _ in arrows:
        missing[child] += 1
        below.setdefault(parent, []).append(child)
    order = [node for node in range(count) if not missing[node]]
    for node in order:  # grows while it is walked
        for child in below.get(node, ()):
            missing[child] -= 1
            if not missing[child]:
                order.append(child)
    return order, {node for node in range(count) if missing[node]}


def _left_out(names: Sequence[str], arrows: Sequence[Arrow]) -> list[int]:
    """The rows to leave out of one circle."""
    above: dict[int, list[Arrow]] = {}
    below: dict[int, list[Arrow]] = {}
    for arrow in arrows:
        above.setdefault(arrow.child, []).append(arrow)
        below.setdefault(arrow.parent, []).append(arrow)
    standing = {node: sum(arrow.row is None for arrow in some) for node, some in above.items()}
    loose = {node: len(some) - standing[node] for node, some in above.items()}
    queue = [(loose[node], names[node], node) for node in above if not standing[node]]
    heapq.heapify(queue)
    done: set[int] = set()
    out = []
    while queue:
        count, _, node = heapq.heappop(queue)
        if node in done or count != loose[node]:
            continue  # it has fewer by now, and stands in the queue with those
        done.add(node)
        out += [arrow.row for arrow in above[node] if arrow.row is not None and arrow.parent not in done]
        for arrow in below.get(node, ()):
            counted = standing if arrow.row is None else loose
            counted[arrow.child] -= 1
            if not standing[arrow.child] and arrow.child not in done:
                heapq.heappush(queue, (loose[arrow.child], names[arrow.child], arrow.child))
    return out
