"""Unknown ancestry: what is missing above the artifacts of a picture, where it comes in.

What is missing is a node of its own, since nothing else is so easily overlooked. Where the same is missing of many artifacts, as
training data of most published models, such nodes would hide everything else: then it stands in the artifacts' nodes.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from provenance.artifacts import ArtifactId
from provenance.lineage.gaps import Gaps
from provenance.render.layout import Layout
from provenance.render.pictures import Edge, Node, NodeKind
from provenance.render.wording import counted, shortened, visible, wrapped

_COLUMNS = 140
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing that is missing.

    Args:
        home: The artifact of which it is not known.
        words: What.
    """

    home: ArtifactId
    words: str

    def __str__(self) -> str:
        return f"{self.home}: {self.words}"


@dataclass(frozen=True, eq=False)
class UnknownAncestry:
    """What is missing above the artifacts of a picture; made by `unknown_ancestry`.

    Args:
        drawn: What is drawn, by the ids of the nodes that it is drawn at.
        noted: What stands in the nodes of artifacts, by the ids of these.
        counted: What comes in at members of one group alone, by the group's id: it is counted there.
        layout: What is drawn, and as what.
    """

    drawn: Mapping[tuple[str, ...], tuple[Gap, ...]]
    noted: Mapping[str, tuple[Gap, ...]]
    counted: Mapping[str, int]
    layout: Layout

    @property
    def total(self) -> int:
        """How much is missing."""
        apart = (*self.drawn.values(), *self.noted.values())
        return sum(map(len, apart)) + sum(self.counted.values())

    @property
    def nodes(self) -> tuple[Node, ...]:
        """One for all that is missing at the same nodes."""
        return tuple(
            self._node(number, ids, gaps) for number, (ids, gaps) in enumerate(self.drawn.items(), 1)
        )

    @property
    def edges(self) -> tuple[Edge, ...]:
        """From what is missing to where it is."""
        return tuple(
            Edge(parent=_id(number), child=id_, kind=None, label="")
            for number, ids in enumerate(self.drawn, 1)
            for id_ in ids
        )

    def _node(self, number: int, ids: tuple[str, ...], gaps: tuple[Gap, ...]) -> Node:
        """A node in which what its edges show anyway is not said again."""
        said = [
            visible(gap.words if self.layout.places.get(gap.home) in ids else str(gap))
            for gap in gaps[:_SHOWN]
        ]
        more = (f"and {counted(len(gaps) - _SHOWN, 'more gap')}",) if len(gaps) > _SHOWN else ()
        return Node(
            id=_id(number),
            kind=NodeKind.UNKNOWN,
            name=f"unknown ancestry: {visible('; '.join(map(str, gaps)))}",
            label=(
                "unknown ancestry:",
                *(line for one in said for line in wrapped(shortened(one, _COLUMNS // len(said)))),
                *more,
            ),
        )


def unknown_ancestry(gaps: Gaps, layout: Layout, above: int | None) -> UnknownAncestry:
    """Finds for all that is missing where in a picture it comes in.

    Something missing counts for everything below it. It is drawn at the artifact of which it is not known; where that one is not
    drawn itself, at those that are drawn nearest below it.

    Args:
        gaps: What is missing.
        layout: What is drawn, and as what.
        above: What is missing of more artifacts than so many stands in their nodes; None for never.
    """
    found: dict[tuple[str, ...], list[Gap]] = {}
    for home, words in gaps.homes(layout.drawn).items():
        ids = tuple(sorted(_comes_in(gaps, layout, home)))
        found.setdefault(ids, []).extend(Gap(home, one) for one in sorted(words))
    groups = {layout.places[members[0]] for members in layout.groups}
    inside = {ids: len(told) for ids, told in found.items() if len(ids) == 1 and ids[0] in groups}
    often = _often({ids: told for ids, told in found.items() if ids not in inside}, layout, above)
    return UnknownAncestry(
        drawn={ids: tuple(found[ids]) for ids in sorted(found.keys() - inside.keys() - often)},
        noted={ids[0]: tuple(found[ids]) for ids in often},
        counted={ids[0]: count for ids, count in inside.items()},
        layout=layout,
    )


def _often(
    found: Mapping[tuple[str, ...], list[Gap]], layout: Layout, above: int | None
) -> frozenset[tuple[str, ...]]:
    """The single artifacts, by their ids, of which nothing is missing but what is missing of many others."""
    if above is None:
        return frozenset()
    said = {
        ids: tuple(gap.words for gap in told)
        for ids, told in found.items()
        if len(ids) == 1 and all(layout.places.get(gap.home) == ids[0] for gap in told)
    }
    times = Counter(said.values())
    return frozenset(ids for ids, words in said.items() if times[words] > above)


def _comes_in(gaps: Gaps, layout: Layout, home: ArtifactId) -> set[str]:
    """The ids of the nodes at which something that is missing of an artifact comes in; above what is trusted, nothing is asked."""
    if home in layout.places:
        return {layout.places[home]}
    ids, seen, open_ = set[str](), {home}, [home]
    while open_:
        children = {link.child for link in gaps.kindred.lineage.children(open_.pop())} - seen
        seen |= children
        for child in children:
            if gaps.trust.covers(child):
                continue
            if child in layout.places:
                ids.add(layout.places[child])
            else:
                open_.append(child)
    return ids


def _id(number: int) -> str:
    return f"unknown ancestry {number}"
