"""Arrangement: which way a drawing runs, and what stands in a frame so that it fits a page.

Dozens of parents that have nothing to do but with one artifact (a merge of 65) make a row that no page holds, and as many lines side
by side that nobody follows. They are framed: in rows, each with its relation's words inside (and with what is missing in its own
ancestry), and one line for all of them. What a reviewer must find never goes into a frame: routes, blocks and what was asked about.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, sqrt

from provenance.relations import RelationKind
from provenance.render.pictures import Edge, Node, NodeKind, Picture

CROWD = 8
"""More such neighbours than that are framed."""
_ACROSS, _DOWN = 190, 130  # dots that a node takes with the space about it, from top to bottom
_ALONG, _BESIDE = 330, 70  # the same from left to right, where words stand on the lines
_SHAPE = 0.8  # rows a column, so that a frame of boxes twice as wide as high is a little wider than high


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Neighbours of one artifact, all on one side and joined to it by the same kind of relation, and to no other artifact.

    Args:
        hub: Id of the artifact's node.
        are_parents: Whether they are its parents; else its children.
        kind: The relation.
        edges: What joins them to it, in order.
        gaps: Member to what is missing in its own ancestry, by id.
    """

    hub: str
    are_parents: bool
    kind: RelationKind
    edges: tuple[Edge, ...]
    gaps: Mapping[str, str]

    @property
    def members(self) -> tuple[str, ...]:
        """Their ids."""
        return tuple(edge.parent if self.are_parents else edge.child for edge in self.edges)

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """Their ids as they stand, the row that is next to the artifact coming last for parents and first for children."""
        members, long = self.members, ceil(sqrt(_SHAPE * len(self.edges)))
        return tuple(members[first : first + long] for first in range(0, len(members), long))


def frames(picture: Picture) -> tuple[Frame, ...]:
    """What is framed in a drawing of a picture."""
    degrees = Counter(end for edge in picture.edges for end in (edge.parent, edge.child))
    missing = {node.id for node in picture.nodes if node.kind is NodeKind.UNKNOWN and degrees[node.id] == 1}
    gaps = {edge.child: edge.parent for edge in picture.edges if edge.parent in missing}
    loners = {
        node.id
        for node in picture.nodes
        if degrees[node.id] == 1 + (node.id in gaps) and not node.asked and node.id not in missing
    }
    found: defaultdict[tuple[str, bool, RelationKind], list[Edge]] = defaultdict(list)
    for edge in picture.edges:
        if edge.kind is None or edge.on_route or edge.blocks:
            continue
        if edge.parent in loners:
            found[edge.child, True, edge.kind].append(edge)
        elif edge.child in loners:
            found[edge.parent, False, edge.kind].append(edge)
    crowds = (
        Frame(hub=hub, are_parents=are_parents, kind=kind, edges=tuple(edges), gaps={})
        for (hub, are_parents, kind), edges in found.items()
        if len(edges) > CROWD
    )
    return tuple(
        replace(crowd, gaps={one: gaps[one] for one in crowd.members if one in gaps}) for crowd in crowds
    )


def runs_down(nodes: Sequence[Node], edges: Iterable[Edge]) -> bool:
    """Whether a drawing of these from top to bottom is the more compact one; else it runs from left to right."""
    joined = [(edge.parent, edge.child) for edge in edges if not edge.measured]
    levels = _levels([node.id for node in nodes], joined)
    broad = max(Counter(levels.values()).values(), default=1)
    fan = Counter(end for parent, child in joined for end in ((parent, True), (child, False)))
    broad, long = max(broad, *fan.values(), 1), max(levels.values(), default=0) + 1
    return max(broad * _ACROSS, long * _DOWN) <= max(broad * _BESIDE, long * _ALONG)


def lowest(picture: Picture) -> str | None:
    """Id of a node at the foot of the drawing; None where nothing is drawn."""
    joined = ((edge.parent, edge.child) for edge in picture.edges if not edge.measured)
    levels = _levels([node.id for node in picture.nodes], joined)
    return max(levels, key=levels.__getitem__, default=None)


def _levels(nodes: Sequence[str], joined: Iterable[tuple[str, str]]) -> Mapping[str, int]:
    """Node to the length of the longest way down to it; what is in a cycle, or below one, stays where it is first met."""
    below: defaultdict[str, list[str]] = defaultdict(list)
    waiting = dict.fromkeys(nodes, 0)
    for parent, child in joined:
        below[parent].append(child)
        waiting[child] += 1
    levels, ready = dict.fromkeys(nodes, 0), [node for node in nodes if not waiting[node]]
    for node in ready:
        for child in below[node]:
            levels[child] = max(levels[child], levels[node] + 1)
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    return levels
