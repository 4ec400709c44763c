"""The weights relations of a lineage, as far as kinship follows them: lines up to ancestors and down to descendants, over nodes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from provenance.lineage.graph import Lineage
from provenance.relations import WEIGHT_KINDS, RelationKind

_WEIGHTS = bytes(verb for verb, kind in enumerate(RelationKind) if kind in WEIGHT_KINDS)


@dataclass(frozen=True, eq=False)
class WeightLines:
    """Who has weights from whom.

    Args:
        lineage: Who comes from whom.
        denied: The edges that are not followed, since the weights contradict them.
    """

    lineage: Lineage
    denied: frozenset[int]

    def recorded(self, node: int) -> list[int]:
        """The edges to the models that a model has its weights from, denied ones included."""
        verbs = self.lineage.verbs
        return [edge for edge in self.lineage.above(node) if verbs[edge] in _WEIGHTS]

    def parents(self, node: int) -> list[int]:
        """The models that a model has its weights from; one may stand there twice."""
        above = self.lineage.table.parents
        return [above[edge] for edge in self.recorded(node) if edge not in self.denied]

    def children(self, node: int) -> list[int]:
        """The models that have their weights from a model; one may stand there twice."""
        verbs, below = self.lineage.verbs, self.lineage.table.children
        return [
            below[edge]
            for edge in self.lineage.below(node)
            if verbs[edge] in _WEIGHTS and edge not in self.denied
        ]

    def line(self, node: int) -> dict[int, int]:
        """A model and those that it has its weights from, nearest first and each level by name, with their places."""
        line, frontier = [node], [node]
        seen = {node}
        while frontier:
            frontier = sorted({parent for one in frontier for parent in self.parents(one)} - seen)
            seen.update(frontier)
            line += frontier
        return {one: place for place, one in enumerate(line)}

    def stem(self, node: int) -> dict[int, int]:
        """A model and those that it alone comes from, nearest first, with their places: its line up to the first merge."""
        stem, parents = {node: 0}, self.parents(node)
        while len(set(parents)) == 1 and parents[0] not in stem and self._has_one_start(node):
            (node,) = set(parents)
            stem[node] = len(stem)
            parents = self.parents(node)
        return stem

    def descendants(self, nodes: Iterable[int]) -> set[int]:
        """Models and all that have weights from them."""
        found = set(nodes)
        open_ = list(found)
        while open_:
            fresh = set(self.children(open_.pop())) - found
            found |= fresh
            open_ += fresh
        return found

    def _has_one_start(self, node: int) -> bool:
        return len({self.lineage.table.parents[edge] for edge in self.recorded(node)}) == 1


@dataclass(frozen=True, eq=False)
class Marks:
    """The least mark at or above each model; worked out as far up as is asked, and each model once.

    Args:
        lines: Who has weights from whom.
        own: The models that bear a mark themselves.
        ends: Whether the mark of a model hides those above it.
    """

    lines: WeightLines
    own: Mapping[int, int]
    ends: bool
    _least: dict[int, int | None] = field(default_factory=dict, init=False, repr=False)

    def least(self, node: int) -> int | None:
        """The least mark that a model has or inherits; None for none."""
        if node not in self._least:
            self._work_out(node)
        return self._least[node]

    def _work_out(self, node: int) -> None:
        """Looks up from a model to what is known, and hands the marks found there down again, the least first."""
        known, below = self._least, dict[int, list[int]]()
        fresh, open_ = {node}, [node]
        while open_:
            one = open_.pop()
            if self.ends and one in self.own:
                continue
            for parent in self.lines.parents(one):
                below.setdefault(parent, []).append(one)
                if parent not in known and parent not in fresh:
                    fresh.add(parent)
                    open_.append(parent)
        marked = [(self.own[one], one) for one in fresh if one in self.own]
        marked += [(mark, one) for one in below if (mark := known.get(one)) is not None]
        for mark, source in sorted(marked):
            open_ = [source]
            while open_:
                one = open_.pop()
                if one in fresh:
                    if one in known:
                        continue
                    known[one] = mark
                open_ += [child for child in below.get(one, ()) if child not in known]
        for one in fresh:
            known.setdefault(one, None)
