"""The graph of artifacts: who comes from whom.

`Lineage` is a view of a snapshot and knows nothing but what is recorded there. Every walk is breadth first over an explicit
frontier, so that neither a chain of a hundred thousand fine-tunes nor a cycle in imported data can hurt it, and every answer has
one order: by distance, then by name.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeAlias

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.errors import UnknownReferenceError
from provenance.facts import Snapshot
from provenance.relations import GENERATING_KINDS, Relation, RelationKind, Unresolved

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True, slots=True)
class Relative:
    """An ancestor or a descendant.

    Args:
        artifact: Which.
        depth: Number of relations to it on a shortest way.
        via: The last relation of that way.
    """

    artifact: ArtifactId
    depth: int
    via: Relation


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """A teacher's hand in what a student was trained on.

    Args:
        teacher: Who wrote, rewrote or selected the data, or was imitated directly.
        student: Who was trained on it.
        how: The relation by which the teacher left its mark; `DISTILLED_FROM` where no dataset lies between.
        datasets: A shortest chain of datasets from the teacher's to the one that the student saw.
    """

    teacher: ArtifactId
    student: ArtifactId
    how: RelationKind
    datasets: tuple[ArtifactId, ...] = ()


class _Step(Protocol):
    """The relations to follow from an artifact, each with the artifact at its other end."""

    def __call__(self, artifact: ArtifactId, /) -> Iterator[tuple[Relation, ArtifactId]]: ...


_Adjacency: TypeAlias = Mapping[ArtifactId, tuple[Relation, ...]]


@dataclass(frozen=True, eq=False)
class Lineage:
    """The artifacts and relations of a snapshot as a graph; made by `Lineage.of`.

    Args:
        snapshot: What is known.
    """

    snapshot: Snapshot
    _above: _Adjacency = field(repr=False)
    _below: _Adjacency = field(repr=False)

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Lineage":
        """Builds the graph. Where one edge was recorded twice, the later record stands."""
        relations = {recorded.fact.key: recorded.fact for recorded in snapshot.all(Relation)}
        ends = {end for relation in relations.values() for end in (relation.parent, relation.child)}
        artifacts = sorted(ends.union(snapshot.artifacts), key=str)
        rank = {artifact: place for place, artifact in enumerate(artifacts)}
        above: dict[ArtifactId, list[Relation]] = {artifact: [] for artifact in artifacts}
        below: dict[ArtifactId, list[Relation]] = {artifact: [] for artifact in artifacts}
        in_order = sorted(
            relations.values(), key=lambda edge: (rank[edge.parent], rank[edge.child], edge.kind)
        )
        for relation in in_order:
            above[relation.child].append(relation)
            below[relation.parent].append(relation)
        return cls(
            snapshot,
            {artifact: tuple(edges) for artifact, edges in above.items()},
            {artifact: tuple(edges) for artifact, edges in below.items()},
        )

    @cached_property
    def graph(self) -> "nx.MultiDiGraph[ArtifactId]":
        """The same for networkx: edges run from parent to child, keyed by `RelationKind`, and carry the `relation`."""
        import networkx as nx

        graph: nx.MultiDiGraph[ArtifactId] = nx.MultiDiGraph()
        graph.add_nodes_from(self._below)
        for relations in self._below.values():
            for relation in relations:
                graph.add_edge(relation.parent, relation.child, relation.kind, relation=relation)
        return graph

    def __contains__(self, artifact: ArtifactId) -> bool:
        return artifact in self._above

    @cached_property
    def open_names(self) -> Mapping[ArtifactId, tuple[Unresolved, ...]]:
        """The unresolved names of each artifact's parents."""
        names: dict[ArtifactId, list[Unresolved]] = {}
        for unresolved in self.snapshot.open_names:
            names.setdefault(unresolved.child, []).append(unresolved)
        return {child: tuple(found) for child, found in names.items()}

    def parents(self, artifact: ArtifactId) -> tuple[Relation, ...]:
        """The relations to its parents, in order of their names.

        Raises:
            UnknownReferenceError: The artifact is not recorded.
        """
        return self._edges(self._above, artifact)

    def children(self, artifact: ArtifactId) -> tuple[Relation, ...]:
        """The relations to its children, in order of their names.

        Raises:
            UnknownReferenceError: The artifact is not recorded.
        """
        return self._edges(self._below, artifact)

    def ancestors(
        self,
        artifact: ArtifactId,
        *,
        depth: int | None = None,
        kinds: Collection[ArtifactKind] | None = None,
        relations: Collection[RelationKind] | None = None,
    ) -> tuple[Relative, ...]:
        """Everything that it comes from, nearest first.

        Args:
            artifact: Whose ancestors.
            depth: How far to go, in relations; None for all the way.
            kinds: Which kinds of artifact to list; the way may lead through others.
            relations: Which relations to follow.

        Raises:
            UnknownReferenceError: The artifact is not recorded.
        """
        return _listed(_breadth_first([artifact], self._up, depth, relations), kinds)

    def descendants(
        self,
        artifact: ArtifactId,
        *,
        depth: int | None = None,
        kinds: Collection[ArtifactKind] | None = None,
        relations: Collection[RelationKind] | None = None,
    ) -> tuple[Relative, ...]:
        """Everything that comes from it, nearest first; arguments and errors as for `ancestors`."""
        return _listed(_breadth_first([artifact], self._down, depth, relations), kinds)

    def line(self, artifacts: Iterable[ArtifactId]) -> frozenset[ArtifactId]:
        """Artifacts and all their ancestors.

        Raises:
            UnknownReferenceError: One of them is not recorded.
        """
        starts = frozenset(artifacts)
        return starts.union(relative.artifact for relative in _breadth_first(starts, self._up))

    def roots(self, artifact: ArtifactId) -> tuple[ArtifactId, ...]:
        """The artifacts without parents among its ancestors and itself, in order of their names."""
        ends = (member for member in self.line([artifact]) if not self._above[member])
        return tuple(sorted(ends, key=str))

    def path(self, ancestor: ArtifactId, descendant: ArtifactId) -> tuple[Relation, ...] | None:
        """A shortest way down from one artifact to another; empty from an artifact to itself, None where there is none."""
        if ancestor == descendant:
            return ()
        via: dict[ArtifactId, Relation] = {}
        for relative in _breadth_first([ancestor], self._down):
            via[relative.artifact] = relative.via
            if relative.artifact == descendant:
                break
        else:
            return None
        way = [via[descendant]]
        while way[-1].parent != ancestor:
            way.append(via[way[-1].parent])
        return tuple(reversed(way))

    def exposures(self, artifact: ArtifactId) -> tuple[Exposure, ...]:
        """The exposures of which it is the student, the teacher, or one of the datasets between, by teacher and student.

        There is one for each teacher, student and manner, with a shortest chain of datasets.
        """
        if artifact.kind is ArtifactKind.MODEL:
            found = self._teachers(artifact)
        elif artifact.kind is ArtifactKind.TEACHER:
            found = self._students(artifact)
        else:
            found = self._through(artifact)
        return tuple(sorted(found, key=lambda one: (str(one.teacher), str(one.student), one.how)))

    def _up(self, artifact: ArtifactId, /) -> Iterator[tuple[Relation, ArtifactId]]:
        return ((relation, relation.parent) for relation in self.parents(artifact))

    def _down(self, artifact: ArtifactId, /) -> Iterator[tuple[Relation, ArtifactId]]:
        return ((relation, relation.child) for relation in self.children(artifact))

    def _edges(self, adjacency: _Adjacency, artifact: ArtifactId) -> tuple[Relation, ...]:
        edges = adjacency.get(artifact)
        if edges is None:
            raise UnknownReferenceError(f"{artifact} is not recorded", hint="`provenance ls` lists what is.")
        return edges

    def _teachers(self, student: ArtifactId) -> Iterator[Exposure]:
        """The exposures of a student."""
        seen = []
        for relation in self.parents(student):
            if relation.kind is RelationKind.DISTILLED_FROM:
                yield Exposure(teacher=relation.parent, student=student, how=relation.kind)
            elif relation.kind is RelationKind.TRAINED_ON:
                seen.append(relation.parent)
        for (teacher, how), datasets in self._authors(seen).items():
            yield Exposure(teacher=teacher, student=student, how=how, datasets=datasets)

    def _students(self, teacher: ArtifactId) -> Iterator[Exposure]:
        """The exposures of a teacher."""
        written: dict[RelationKind, list[ArtifactId]] = {}
        for relation in self.children(teacher):
            if relation.kind is RelationKind.DISTILLED_FROM:
                yield Exposure(teacher=teacher, student=relation.child, how=relation.kind)
            elif relation.kind in GENERATING_KINDS:
                written.setdefault(relation.kind, []).append(relation.child)
        for how, datasets in written.items():
            for student, chain in self._readers(datasets).items():
                yield Exposure(teacher=teacher, student=student, how=how, datasets=chain)

    def _through(self, dataset: ArtifactId) -> Iterator[Exposure]:
        """The exposures that lead through a dataset."""
        for (teacher, how), above in self._authors([dataset]).items():
            for student, below in self._readers([dataset]).items():
                yield Exposure(teacher=teacher, student=student, how=how, datasets=(*above, *below[1:]))

    def _authors(
        self, datasets: list[ArtifactId]
    ) -> dict[tuple[ArtifactId, RelationKind], tuple[ArtifactId, ...]]:
        """Who left a mark on these datasets or on what they derive from, and how; with the chain of datasets down from there."""
        chains = self._derivations(datasets, self._up)
        authors: dict[tuple[ArtifactId, RelationKind], tuple[ArtifactId, ...]] = {}
        for dataset in chains:
            for relation in self.parents(dataset):
                mark = (relation.parent, relation.kind)
                if relation.kind in GENERATING_KINDS and mark not in authors:
                    authors[mark] = _chain(chains, dataset)
        return authors

    def _readers(self, datasets: list[ArtifactId]) -> dict[ArtifactId, tuple[ArtifactId, ...]]:
        """Who was trained on these datasets or on what derives from them; with the chain of datasets down to there."""
        chains = self._derivations(datasets, self._down)
        readers: dict[ArtifactId, tuple[ArtifactId, ...]] = {}
        for dataset in chains:
            for relation in self.children(dataset):
                if relation.kind is RelationKind.TRAINED_ON and relation.child not in readers:
                    readers[relation.child] = tuple(reversed(_chain(chains, dataset)))
        return readers

    def _derivations(self, datasets: list[ArtifactId], step: _Step) -> dict[ArtifactId, ArtifactId | None]:
        """The datasets joined to these by derivation, nearest first, each with its neighbour on the way back."""
        back: dict[ArtifactId, ArtifactId | None] = dict.fromkeys(datasets)
        for relative in _breadth_first(datasets, step, None, {RelationKind.DERIVED_FROM}):
            relation = relative.via
            back[relative.artifact] = relation.child if step == self._up else relation.parent
        return back


def _breadth_first(
    starts: Iterable[ArtifactId],
    step: _Step,
    depth: int | None = None,
    relations: Collection[RelationKind] | None = None,
) -> Iterator[Relative]:
    """Walks away from the starts, which are not listed themselves, level by level and each level by name."""
    frontier = list(starts)
    seen = set(frontier)
    level = 0
    while frontier and (depth is None or level < depth):
        level += 1
        found: dict[ArtifactId, Relation] = {}
        for artifact in frontier:
            for relation, other in step(artifact):
                if other not in seen and (relations is None or relation.kind in relations):
                    seen.add(other)
                    found[other] = relation
        frontier = sorted(found, key=str)
        for artifact in frontier:
            yield Relative(artifact, level, found[artifact])


def _listed(relatives: Iterable[Relative], kinds: Collection[ArtifactKind] | None) -> tuple[Relative, ...]:
    return tuple(relative for relative in relatives if kinds is None or relative.artifact.kind in kinds)


def _chain(back: Mapping[ArtifactId, ArtifactId | None], dataset: ArtifactId) -> tuple[ArtifactId, ...]:
    """Follows the way back from a dataset to where its walk began."""
    chain = [dataset]
    while (neighbour := back[chain[-1]]) is not None:
        chain.append(neighbour)
    return tuple(chain)
