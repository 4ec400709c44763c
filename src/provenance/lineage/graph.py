"""The graph of artifacts: who comes from whom.

`Lineage` lies over the columns of a `LineageTable` and knows nothing but what is recorded there. Inside, an artifact is a node and a
relation an edge, both plain integers; artifacts and links are made when they are asked for. A node is smaller than another where its
name comes first, so that comparing nodes compares names. Every walk is breadth first over an explicit frontier, so that neither a
chain of a hundred thousand fine-tunes nor a cycle in imported data can hurt it, and every answer has one order: by distance, then by
name.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from provenance.artifacts import ArtifactId, ArtifactKind
from provenance.errors import UnknownReferenceError
from provenance.facts import Snapshot
from provenance.lineage.columns import columns
from provenance.lineage.exposures import Exposure, exposures
from provenance.lineage_table import LineageTable
from provenance.relations import Link, RelationKind, Resolution, Unresolved
from provenance.shown import Shown

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
    via: Link


@dataclass(frozen=True, eq=False)
class Lineage(Shown):
    """Artifacts and relations as a graph; made by `Lineage.of` or `Lineage.over`.

    Args:
        table: The artifacts and relations.
        snapshot: What else is known of them: flags, evidence, open names, decisions.
    """

    table: LineageTable
    snapshot: Snapshot

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Lineage":
        """The graph of a snapshot's artifacts and relations. Where one edge was recorded twice, the later record stands."""
        return cls(columns(snapshot), snapshot)

    @classmethod
    def over(cls, table: LineageTable, findings: Snapshot) -> "Lineage":
        """The graph of a table, beside findings that need not repeat its artifacts and relations."""
        return cls(table, findings)

    # --- nodes and edges -----------------------------------------------------------------------------------------------

    def node(self, artifact: ArtifactId) -> int:
        """The node of an artifact.

        Raises:
            UnknownReferenceError: The artifact is not recorded.
        """
        node = self.find(artifact)
        if node is None:
            raise UnknownReferenceError(f"{artifact} is not recorded", hint="`provenance ls` lists what is.")
        return node

    def find(self, artifact: ArtifactId) -> int | None:
        """The node of an artifact; None where there is none."""
        keys, key = self.table.keys, str(artifact)
        node = bisect_left(keys, key)
        return node if node < len(keys) and keys[node] == key else None

    def artifact(self, node: int) -> ArtifactId:
        """The artifact of a node."""
        known = self._known[node]
        if known is None:
            known = self._known[node] = ArtifactId.recorded(self.table.keys[node])
        return known

    def link(self, edge: int) -> Link:
        """The relation of an edge."""
        table = self.table
        return Link(
            child=self.artifact(table.children[edge]),
            kind=table.kinds[edge],
            parent=self.artifact(table.parents[edge]),
            share=table.shares[edge],
            clean_fraction=table.clean_fractions[edge],
        )

    def below(self, node: int) -> Sequence[int]:
        """The edges to a node's children, in order of these and of the kind of relation."""
        return range(self._first_below[node], self._first_below[node + 1])

    def above(self, node: int) -> Sequence[int]:
        """The edges to a node's parents, in order of these and of the kind of relation."""
        return self._by_child[self._first_above[node] : self._first_above[node + 1]]

    def parent_count(self, node: int) -> int:
        """The number of edges to a node's parents."""
        return self._first_above[node + 1] - self._first_above[node]

    def within(self, nodes: Iterable[int]) -> Callable[[int], Sequence[int]]:
        """`below` for a part of the graph that is closed under ancestry: the edges to a node's children that belong to it."""
        below: dict[int, list[int]] = {}
        for node in nodes:
            for edge in self.above(node):
                below.setdefault(self.table.parents[edge], []).append(edge)
        return lambda node: below.get(node, ())

    @cached_property
    def verbs(self) -> bytes:
        """The kind of each edge, as its place among the `RelationKind`."""
        return bytes(map(_PLACES.__getitem__, self.table.kinds))

    @cached_property
    def _known(self) -> list[ArtifactId | None]:
        return [None] * len(self.table.keys)

    @cached_property
    def _first_below(self) -> list[int]:
        return _offsets(self.table.parents, len(self.table.keys))

    @cached_property
    def _first_above(self) -> list[int]:
        return _offsets(self.table.children, len(self.table.keys))

    @cached_property
    def _by_child(self) -> list[int]:
        """The edges in order of their child; those of one child stay in order of the parent."""
        return sorted(range(len(self.table.children)), key=self.table.children.__getitem__)

    # --- artifacts -----------------------------------------------------------------------------------------------------

    def __contains__(self, artifact: ArtifactId) -> bool:
        return self.find(artifact) is not None

    @property
    def artifacts(self) -> Iterator[ArtifactId]:
        """The recorded artifacts, in order of their names."""
        return (self.artifact(node) for node, recorded in enumerate(self.table.recorded) if recorded)

    def recorded(self, artifact: ArtifactId) -> bool:
        """Whether an artifact is recorded itself, and not only as the end of a relation."""
        node = self.find(artifact)
        return node is not None and self.table.recorded[node]

    def declared_root(self, artifact: ArtifactId) -> bool:
        """Whether somebody declares that ancestry begins with an artifact."""
        node = self.find(artifact)
        return node is not None and self.table.declared_roots[node]

    def digest(self, artifact: ArtifactId) -> str | None:
        """The content digest of an artifact; None where it has no content, or is not recorded."""
        node = self.find(artifact)
        return None if node is None else self.table.digests[node]

    @cached_property
    def open_names(self) -> Mapping[ArtifactId, tuple[Unresolved, ...]]:
        """The names of each artifact's parents that no relation or resolution answers to; see `Snapshot.open_names`."""
        meant = {(one.fact.child, one.fact.kind, one.fact.name) for one in self.snapshot.all(Resolution)}
        names: dict[ArtifactId, dict[Unresolved, None]] = {}
        for recorded in self.snapshot.all(Unresolved):
            fact = recorded.fact
            if (fact.child, fact.kind, fact.name) not in meant and not self._answers(fact):
                names.setdefault(fact.child, {})[fact] = None
        return {child: tuple(found) for child, found in names.items()}

    def _answers(self, name: Unresolved) -> bool:
        """Whether a relation of the same kind leads to a parent that is meant by the name."""
        node = self.find(name.child)
        return node is not None and any(
            self.table.kinds[edge] is name.kind
            and name.is_answered_by(self.artifact(self.table.parents[edge]))
            for edge in self.above(node)
        )

    # --- walks ---------------------------------------------------------------------------------------------------------

    def parents(self, artifact: ArtifactId) -> tuple[Link, ...]:
        """The relations to its parents, in order of their names.

        Raises:
            UnknownReferenceError: The artifact is not recorded.
        """
        return tuple(map(self.link, self.above(self.node(artifact))))

    def children(self, artifact: ArtifactId) -> tuple[Link, ...]:
        """The relations to its children, in order of their names.

        Raises:
            UnknownReferenceError: The artifact is not recorded.
        """
        return tuple(map(self.link, self.below(self.node(artifact))))

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
        return _listed(self.walk([artifact], up=True, depth=depth, relations=relations), kinds)

    def descendants(
        self,
        artifact: ArtifactId,
        *,
        depth: int | None = None,
        kinds: Collection[ArtifactKind] | None = None,
        relations: Collection[RelationKind] | None = None,
    ) -> tuple[Relative, ...]:
        """Everything that comes from it, nearest first; arguments and errors as for `ancestors`."""
        return _listed(self.walk([artifact], up=False, depth=depth, relations=relations), kinds)

    def line(self, artifacts: Iterable[ArtifactId]) -> frozenset[ArtifactId]:
        """Artifacts and all their ancestors.

        Raises:
            UnknownReferenceError: One of them is not recorded.
        """
        return frozenset(map(self.artifact, self.lines(map(self.node, artifacts))))

    def lines(self, nodes: Iterable[int]) -> set[int]:
        """Nodes and all that lie above them."""
        parents, seen = self.table.parents, set(nodes)
        open_ = list(seen)
        while open_:
            above = {parents[edge] for edge in self.above(open_.pop())} - seen
            seen |= above
            open_ += above
        return seen

    def roots(self, artifact: ArtifactId) -> tuple[ArtifactId, ...]:
        """The artifacts without parents among its ancestors and itself, in order of their names."""
        ends = (node for node in self.lines([self.node(artifact)]) if not self.above(node))
        return tuple(map(self.artifact, sorted(ends)))

    def path(self, ancestor: ArtifactId, descendant: ArtifactId) -> tuple[Link, ...] | None:
        """A shortest way down from one artifact to another; empty from an artifact to itself, None where there is none."""
        start, end = self.node(ancestor), self.node(descendant)
        via: dict[int, int] = {}
        for node, edge, _ in self._walk([start], up=False):
            via[node] = edge
            if node == end:
                break
        if start == end:
            return ()
        if end not in via:
            return None
        way = [via[end]]
        while (parent := self.table.parents[way[-1]]) != start:
            way.append(via[parent])
        return tuple(map(self.link, reversed(way)))

    def exposures(self, artifact: ArtifactId) -> tuple[Exposure, ...]:
        """The exposures of which it is the student, the teacher, or one of the datasets between, by teacher and student.

        There is one for each teacher, student and manner, with a shortest chain of datasets.
        """
        found = exposures(self, artifact)
        return tuple(sorted(found, key=lambda one: (str(one.teacher), str(one.student), one.how)))

    def walk(
        self,
        starts: Iterable[ArtifactId],
        *,
        up: bool,
        depth: int | None = None,
        relations: Collection[RelationKind] | None = None,
    ) -> Iterator[Relative]:
        """Walks up or down from the starts, which are not listed themselves, level by level and each level by name."""
        for node, edge, level in self._walk(list(map(self.node, starts)), up, depth, relations):
            yield Relative(self.artifact(node), level, self.link(edge))

    def _walk(
        self,
        starts: list[int],
        up: bool,
        depth: int | None = None,
        relations: Collection[RelationKind] | None = None,
    ) -> Iterator[tuple[int, int, int]]:
        """The same in nodes: each with the edge by which it was found, and its level."""
        edges, ends = (self.above, self.table.parents) if up else (self.below, self.table.children)
        kinds = self.table.kinds
        frontier, seen, level = starts, set(starts), 0
        while frontier and (depth is None or level < depth):
            level += 1
            found: dict[int, int] = {}
            for node in frontier:
                for edge in edges(node):
                    end = ends[edge]
                    if end not in seen and (relations is None or kinds[edge] in relations):
                        seen.add(end)
                        found[end] = edge
            frontier = sorted(found)
            for node in frontier:
                yield node, found[node], level

    # --- for networkx --------------------------------------------------------------------------------------------------

    @cached_property
    def graph(self) -> "nx.MultiDiGraph[ArtifactId]":
        """The same for networkx: edges run from parent to child, keyed by `RelationKind`, and carry the `relation` as a `Link`."""
        import networkx as nx

        graph: nx.MultiDiGraph[ArtifactId] = nx.MultiDiGraph()
        graph.add_nodes_from(map(self.artifact, range(len(self.table.keys))))
        for link in map(self.link, range(len(self.table.kinds))):
            graph.add_edge(link.parent, link.child, link.kind, relation=link)
        return graph

    @cached_property
    def digraph(self) -> "nx.DiGraph[str]":
        """The same as a simple graph over identities as text, with plain attributes that other tools and file formats know.

        Edges run from parent to child. Nodes have ``kind``, ``name``, ``version``, ``recorded``, ``declared_root`` and, where there is
        content, ``digest``; edges have ``relation`` (several between the same two are joined by commas) and, where they
        are told, ``share`` and ``clean_fraction``.
        """
        import networkx as nx

        graph: nx.DiGraph[str] = nx.DiGraph()
        table = self.table
        for node, key in enumerate(table.keys):
            artifact, digest = self.artifact(node), table.digests[node]
            graph.add_node(
                key,
                kind=artifact.kind.value,
                name=artifact.name,
                version=artifact.version,
                recorded=table.recorded[node],
                declared_root=table.declared_roots[node],
                **({} if digest is None else {"digest": digest}),
            )
        for edge, kind in enumerate(table.kinds):
            parent, child = table.keys[table.parents[edge]], table.keys[table.children[edge]]
            others = [graph.edges[parent, child]["relation"]] if graph.has_edge(parent, child) else []
            told = {"share": table.shares[edge], "clean_fraction": table.clean_fractions[edge]}
            graph.add_edge(parent, child, relation=", ".join([*others, kind.value]))
            graph.edges[parent, child].update((name, said) for name, said in told.items() if said is not None)
        return graph


_PLACES = {kind: place for place, kind in enumerate(RelationKind)}


def _offsets(ends: Sequence[int], nodes: int) -> list[int]:
    """Where the edges of each node begin among all edges in order of that end; one more says where the last one's end."""
    counts = [0] * (nodes + 1)
    for end in ends:
        counts[end + 1] += 1
    return list(accumulate(counts))


def _listed(relatives: Iterable[Relative], kinds: Collection[ArtifactKind] | None) -> tuple[Relative, ...]:
    return tuple(relative for relative in relatives if kinds is None or relative.artifact.kind in kinds)
