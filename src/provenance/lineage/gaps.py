"""What is missing in an ancestry, and where trust in it begins.

"Nothing was found" says little of a model whose parents nobody named. A gap is one sentence that names the artifact and what is
not known of it; an artifact's gaps are its own and those of all its ancestors.

Where a test finds two models to share an initialisation and no record joins them, an ancestry is incomplete, too: the model's whose
ancestry does not begin with it by declaration, or both models' where that tells them not apart.
"""

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple, TypeVar

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.evidence import Evidence
from provenance.facts import Recorded
from provenance.lineage.graph import Lineage
from provenance.lineage.kinship import Kindred
from provenance.relations import GENERATING_KINDS, WEIGHT_KINDS, RelationKind, Unresolved

T = TypeVar("T")
_ROUNDING = 0.015  # of the shares of one child together: they are often told in two digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Where trust begins without further questions.

    Args:
        trusted: Names, or patterns with ``*`` and ``?``, over ``kind:name@version`` or the name alone: their ancestry needs no
            proof.
        scratch_needs_data: Whether a model declared to be trained from scratch has to name its training data.
    """

    trusted: tuple[str, ...] = ()
    scratch_needs_data: bool = False

    def covers(self, artifact: ArtifactId) -> bool:
        """Whether an artifact is trusted by name."""
        trusted = _pattern(self.trusted)
        return trusted(str(artifact)) is not None or trusted(artifact.name) is not None


NO_TRUST = Trust()
"""Trust nothing by name, and models from scratch by declaration."""


def gaps(kindred: Kindred, artifact: ArtifactId, trust: Trust = NO_TRUST) -> tuple[str, ...]:
    """What is missing in an artifact's ancestry, see `Gaps.above`."""
    return Gaps(kindred, trust).above(artifact)


@dataclass(frozen=True, eq=False)
class Gaps:
    """What is missing in the ancestries of a lineage.

    Args:
        kindred: The lineage, and what tests say of it.
        trust: Where trust begins without further questions.
    """

    kindred: Kindred
    trust: Trust = NO_TRUST

    def above(self, artifact: ArtifactId) -> tuple[str, ...]:
        """What is missing in an artifact's ancestry, its own gaps first, in words.

        Raises:
            UnknownReferenceError: The artifact is not recorded.
        """
        line = tuple(self._line([artifact]))
        found = [f"{self._keys[node]}: {gap}" for node in line for gap in self._own(node)]
        found += [f"{self._keys[node]}: {_CIRCLE}" for node in self._circles(line)]
        return tuple(found)

    def homes(self, artifacts: Iterable[ArtifactId]) -> Mapping[ArtifactId, tuple[str, ...]]:
        """What is missing in the ancestries of some artifacts, by the artifact of which it is not known, in order of names.

        Raises:
            UnknownReferenceError: One of them is not recorded.
        """
        line = sorted(self._line(artifacts))
        circles = frozenset(self._circles(line))
        found = ((node, (*self._own(node), *((_CIRCLE,) if node in circles else ()))) for node in line)
        return {self._lineage.artifact(node): words for node, words in found if words}

    def roots(self, artifact: ArtifactId) -> tuple[str, ...]:
        """Where an artifact's ancestry ends in something declared or trusted, nearest first, in words.

        Raises:
            UnknownReferenceError: The artifact is not recorded.
        """
        roots = []
        for node in self._line([artifact]):
            if self._trusts(node):
                roots.append(f"{self._keys[node]}: trusted by the policy")
            elif self._lineage.table.declared_roots[node]:
                roots.append(f"{self._keys[node]}: {_DECLARED[self._kind(node)]}")
        return tuple(roots)

    def incomplete(self) -> set[int]:
        """The nodes in whose ancestry anything is missing: those with gaps of their own, those in circles, and all below either.

        What is trusted is complete, whatever lies above it.
        """
        lineage, children = self._lineage, self._lineage.table.children
        nodes = range(len(self._keys))
        found = set(self._lacking()) | self._endless(nodes, lineage.below)
        open_ = list(found)
        while open_:
            for edge in lineage.below(open_.pop()):
                child = children[edge]
                if child not in found and not self._trusts(child):
                    found.add(child)
                    open_.append(child)
        return found

    @property
    def _lineage(self) -> Lineage:
        return self.kindred.lineage

    @property
    def _keys(self) -> Sequence[str]:
        return self._lineage.table.keys

    def _kind(self, node: int) -> str:
        return self._keys[node].partition(":")[0]

    def _trusts(self, node: int) -> bool:
        return bool(self.trust.trusted) and self.trust.covers(self._lineage.artifact(node))

    def _line(self, artifacts: Iterable[ArtifactId]) -> Iterator[int]:
        """Some artifacts and their ancestors, nearest first; above a trusted artifact nothing is asked."""
        lineage, parents = self._lineage, self._lineage.table.parents
        seen = set(map(lineage.node, artifacts))
        frontier = sorted(seen)
        while frontier:
            yield from frontier
            asked = (node for node in frontier if not self._trusts(node))
            above = {parents[edge] for node in asked for edge in lineage.above(node)}
            frontier = sorted(above - seen)
            seen.update(frontier)

    def _circles(self, line: Iterable[int]) -> list[int]:
        """One node, the first by name, of each circle in a line, in order of names."""
        lineage, parents = self._lineage, self._lineage.table.parents
        nodes = frozenset(line)
        left = self._endless(nodes, lineage.within(nodes))
        if not left:
            return []
        import networkx as nx

        graph = nx.DiGraph(
            (parents[edge], node) for node in left for edge in lineage.above(node) if parents[edge] in left
        )
        circles = nx.strongly_connected_components(graph)
        return sorted(min(one) for one in circles if len(one) > 1 or graph.has_edge(*one, *one))

    def _endless(self, nodes: Iterable[int], below: Callable[[int], Sequence[int]]) -> set[int]:
        """Who is left when those without parents are taken away again and again: circles, and all below them."""
        lineage, children = self._lineage, self._lineage.table.children
        missing = {node: 0 if self._trusts(node) else lineage.parent_count(node) for node in nodes}
        free = [node for node, count in missing.items() if count == 0]
        while free:
            for edge in below(free.pop()):
                child = children[edge]
                if missing[child]:
                    missing[child] -= 1
                    if missing[child] == 0:
                        free.append(child)
        return {node for node, count in missing.items() if count}

    def _own(self, node: int) -> tuple[str, ...]:
        """What is not known of an artifact itself, in words; put together once, though all that descends from it asks."""
        if (found := self._told.get(node)) is None:
            found = self._told[node] = tuple(self._missing_of(node))
        return found

    @cached_property
    def _told(self) -> dict[int, tuple[str, ...]]:
        return {}

    def _missing_of(self, node: int) -> Iterator[str]:
        if self._trusts(node):
            return
        yield from _missing(self._said(node), self.trust.scratch_needs_data)
        for unresolved in self._names.get(node, ()):
            yield f"{unresolved.kind} {unresolved.name!r}, {unresolved.reason or 'which is not registered'}"
        roots = self._lineage.table.declared_roots
        for other, test in self._undeclared.get(node, ()):
            if not roots[node] or self._lineage.declared_root(other):
                yield f"shares its initialisation with {other} ({test.id}), and no recorded relation says why"

    def _lacking(self) -> Iterator[int]:
        """The nodes of which something is not known themselves: most share with many others what is said of them."""
        table, verbs = self._lineage.table, self._lineage.verbs
        by = [0] * len(table.keys)
        for verb, child in zip(verbs, table.children, strict=True):
            by[child] |= 1 << verb
        sharing = (
            child for child, share in zip(table.children, table.shares, strict=True) if share is not None
        )
        special = {*self._names, *self._undeclared, *sharing}
        lacks: dict[tuple[str, bool, int], bool] = {}
        for node, (key, root, kinds) in enumerate(zip(table.keys, table.declared_roots, by, strict=True)):
            said = (key[0], root, kinds)
            if node in special:
                lacking = any(self._own(node))
            elif said in lacks:
                lacking = lacks[said]
            else:
                lacking = lacks[said] = bool(_missing(self._said(node), self.trust.scratch_needs_data))
            if lacking and not self._trusts(node):
                yield node

    def _said(self, node: int) -> "_Said":
        lineage = self._lineage
        by = 0
        for edge in lineage.above(node):
            by |= 1 << lineage.verbs[edge]
        return _Said(
            kind=self._kind(node),
            root=lineage.table.declared_roots[node],
            by=by,
            named=_bits(unresolved.kind for unresolved in self._names.get(node, ())),
            left=self._left_over(node) if by & _SHARED else "",
        )

    def _left_over(self, node: int) -> str:
        """What the shares of a merge or a mix leave over; empty where a parent without a share may be all the rest."""
        lineage, shares = self._lineage, self._lineage.table.shares
        origins, shared = _ORIGINS[self._kind(node)], _SHARED
        told = [
            shares[edge] if 1 << lineage.verbs[edge] & shared else None
            for edge in lineage.above(node)
            if 1 << lineage.verbs[edge] & origins
        ]
        known = [share for share in told if share is not None]
        left = 1.0 - sum(known) if known and len(known) == len(told) else 0.0
        return f"{left:.0%}" if left > _ROUNDING else ""

    @cached_property
    def _names(self) -> Mapping[int, tuple[Unresolved, ...]]:
        return self._by_node(self._lineage.open_names)

    @cached_property
    def _undeclared(self) -> "Mapping[int, tuple[tuple[ArtifactId, Recorded[Evidence]], ...]]":
        """The tests of each node that found it to be kin to one with which no record joins it, each with that other one."""
        found = self._by_node(self.kindred.undeclared)
        artifact = self._lineage.artifact
        return {
            node: tuple((other, test) for test in tests for other in test.fact.pair - {artifact(node)})
            for node, tests in found.items()
        }

    def _by_node(self, said: Mapping[ArtifactId, T]) -> dict[int, T]:
        """What is said of artifacts, by their nodes."""
        found = ((self._lineage.find(artifact), what) for artifact, what in said.items())
        return {node: what for node, what in found if node is not None}


_CIRCLE = "recorded as its own ancestor"

_DECLARED: Mapping[str, str] = {
    ArtifactKind.MODEL: "declared to be initialised from scratch",
    ArtifactKind.DATASET: "declared to be written without a model",
}


def _bits(kinds: Iterable[RelationKind]) -> int:
    """Kinds of relation as a set of bits: the places of `Lineage.verbs`."""
    places = tuple(RelationKind)
    return sum(1 << places.index(kind) for kind in set(kinds))


_WEIGHTS = _bits(WEIGHT_KINDS)
_TRAINING_DATA = _bits({RelationKind.TRAINED_ON, RelationKind.DISTILLED_FROM})
_TRAINS = _bits(kind for kind in RelationKind if kind.rule.trains)
# Choosing rows is no authorship: a dataset that was only selected from says nothing of who wrote it.
_AUTHORSHIP = _bits((GENERATING_KINDS - {RelationKind.SELECTED_BY}) | {RelationKind.DERIVED_FROM})
_SHARED = _bits({RelationKind.MERGED_FROM, RelationKind.DERIVED_FROM})
_ORIGINS: Mapping[str, int] = {ArtifactKind.MODEL: _WEIGHTS, ArtifactKind.DATASET: _AUTHORSHIP}


class _Said(NamedTuple):
    """What is said of one artifact's ancestry; kinds of relation are sets of bits.

    Args:
        kind: Kind of the artifact.
        root: Whether its ancestry is declared to begin with it.
        by: The relations to its parents.
        named: The relations by which its card names parents that are not registered.
        left: What the shares of its parents leave over, in words; empty for nothing.
    """

    kind: str
    root: bool
    by: int
    named: int
    left: str


@lru_cache(maxsize=1 << 12)
def _missing(said: _Said, scratch_needs_data: bool) -> tuple[str, ...]:
    """What an artifact of which this is said lacks; half a million artifacts have a few dozen such descriptions."""
    return tuple(_MISSING[said.kind](said, scratch_needs_data))


def _missing_of_model(said: _Said, scratch_needs_data: bool) -> Iterator[str]:
    if not said.root and not (said.by | said.named) & _WEIGHTS:
        yield "no starting weights declared"
    if said.left:
        yield f"{said.left} of its weights come from nobody recorded"
    trained = said.by & _TRAINS or (said.root and scratch_needs_data)
    if trained and not (said.by | said.named) & _TRAINING_DATA:
        yield "no training data declared"


def _missing_of_dataset(said: _Said, _: bool) -> Iterator[str]:
    if not said.root and not said.by & _AUTHORSHIP:
        yield "nobody says who wrote it"
    if said.left:
        yield f"{said.left} of its rows come from nobody recorded"


def _missing_of_teacher(said: _Said, _: bool) -> Iterator[str]:
    if not said.by & _bits({RelationKind.EMBODIED_BY}):
        yield "nobody says which model it is"


_MISSING: Mapping[str, Callable[[_Said, bool], Iterator[str]]] = {
    ArtifactKind.MODEL: _missing_of_model,
    ArtifactKind.DATASET: _missing_of_dataset,
    ArtifactKind.TEACHER: _missing_of_teacher,
}


@lru_cache(maxsize=1 << 8)
def _pattern(names: tuple[str, ...]) -> Callable[[str], re.Match[str] | None]:
    """Matches what any of some patterns matches, as a whole."""
    return re.compile("|".join(map(fnmatch.translate, names)) or r"(?!)").match
