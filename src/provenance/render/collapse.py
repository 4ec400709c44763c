"""Collapse: which nodes of a graph are so alike that one may stand for all of them.

Two nodes are alike where they are of one sort and have the same ties to the same nodes, or to alike ones: twenty students of one
dataset are alike, and so are twenty students of a dataset each, where one teacher wrote all of these. This is the coarsest partition
that its own classes refine no further (bisimulation in both directions), with one rule more: a class of a few is drawn node by node,
and what hangs on these is told apart by it. That partition is the only one of its kind, so that the order in which it is worked out
says nothing.
"""

from collections.abc import Hashable, Iterable, Mapping
from itertools import count

Ties = Mapping[int, frozenset[tuple[Hashable, int]]]
"""What each node has to do with which other; told of both."""


def alike(
    sorts: Mapping[int, Hashable], ties: Ties, *, alone: Iterable[int], above: int
) -> tuple[tuple[int, ...], ...]:
    """The classes of more than a few alike nodes, each in order, by their first nodes.

    Args:
        sorts: What each node is, beside its ties; nodes of different sorts are not alike.
        ties: What ties it to which others.
        alone: Nodes that are like no other.
        above: Classes of no more than so many are taken apart.
    """
    partition = _Partition(sorts, ties, frozenset(alone), above)
    open_ = partition.begin()
    while open_:
        open_ = partition.refine(open_)
    return tuple(sorted(tuple(sorted(members)) for members in partition.classes.values()))


class _Partition:
    """Classes of nodes, while they are told apart.

    Only nodes beside one whose class has changed are looked at again, so that a chain of thousands takes thousands of looks.
    """

    def __init__(self, sorts: Mapping[int, Hashable], ties: Ties, alone: frozenset[int], above: int) -> None:
        self._sorts, self._ties, self._alone, self._above = sorts, ties, alone, above
        self._fresh = count()
        self._class: dict[int, int] = {}
        self.classes: dict[int, set[int]] = {}

    def begin(self) -> set[int]:
        """Classes by sort alone; the nodes to look at."""
        by_sort: dict[Hashable, set[int]] = {}
        for node, sort in self._sorts.items():
            if node in self._alone:
                self._class[node] = next(self._fresh)
            else:
                by_sort.setdefault(sort, set()).add(node)
        for members in by_sort.values():
            self._found(members)
        return {node for members in self.classes.values() for node in members}

    def refine(self, open_: set[int]) -> set[int]:
        """Parts classes by the ties of some of their nodes; the nodes to look at next."""
        parts: dict[int, dict[Hashable, set[int]]] = {}
        for node in open_:
            ties = frozenset((tie, self._class[other]) for tie, other in self._ties.get(node, ()))
            parts.setdefault(self._class[node], {}).setdefault(ties, set()).add(node)
        changed: set[int] = set()
        for class_, by_ties in parts.items():
            changed |= self._parted(class_, list(by_ties.values()))
        beside = {other for node in changed for _, other in self._ties.get(node, ())}
        return {node for node in beside if self._class[node] in self.classes}

    def _parted(self, class_: int, parts: list[set[int]]) -> set[int]:
        """Makes classes of the parts of one; the nodes whose class is another now.

        Those of the class that were not looked at keep it, and are like none of the parts: these have a tie to a class that is new.
        """
        members = self.classes.pop(class_)
        rest = members.difference(*parts)
        if not rest:
            parts.sort(key=len)
            rest = parts.pop()
        changed = set().union(*parts) if len(rest) > self._above else members
        if len(rest) > self._above:
            self.classes[class_] = rest
        else:
            self._found(rest)
        for part in parts:
            self._found(part)
        return changed

    def _found(self, members: set[int]) -> None:
        """Makes a class of some nodes, or of each its own where they are few."""
        if len(members) > self._above:
            class_ = next(self._fresh)
            self.classes[class_] = members
            self._class.update(dict.fromkeys(members, class_))
        else:
            self._class.update((node, next(self._fresh)) for node in members)
