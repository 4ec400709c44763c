"""The plan of an import: which facts are to be recorded, in which order, and what becomes of every row.

All of a graph is looked at before anything is recorded. What can't be a relation by the rules of the registry is left out and kept
as a gap in its child's ancestry, so that an import never makes anything look cleaner than its files do. A parent that nobody
describes is recorded as a placeholder: its ancestry is unknown.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import filterfalse

from provenance.artifacts import Alias, Artifact, ArtifactId, ArtifactKind
from provenance.fact_text import read_id
from provenance.facts import Fact
from provenance.importing.report import Outcome
from provenance.references import PLAIN
from provenance.relations import DeclaredBy, Relation, RelationKind, Unresolved

PLACEHOLDER: Mapping[str, str] = {"placeholder": "named by others, described by nobody"}
"""Metadata of an artifact of which an import knows nothing but its name."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a row.

    Args:
        outcome: What.
        reason: Why, where it is not recorded; one of few.
        detail: What is particular about this row.
    """

    outcome: Outcome
    reason: str = ""
    detail: str = ""


RECORDED = Fate(Outcome.RECORDED)
KNOWN = Fate(Outcome.KNOWN)
REPEATED = Fate(Outcome.REPEATED, "the same stands in another row")


@dataclass(slots=True)
class Plan:
    """What an import is to record, and what becomes of its rows.

    Attributes:
        ids: Identity of each node, the recorded ones first.
        known: How many nodes are recorded.
        order: All nodes, parents before children.
        described: What is told of nodes beside their names.
        relations: Of each child, its new (parent, kind).
        gaps: Of each child, what is missing in its ancestry.
        aliases: Of each node, its further names.
        declared_by: Who says so.
        node_fates: What becomes of the rows that describe an artifact, by their place; of those that are not here, they are recorded.
        edge_fates: The same for the rows that name a parent.
        missing_fates: The same for the rows that name a parent which can't be recorded.
        notes: What people should know, a sentence each.
        assumed: How many of the relations the files do not state.
    """

    ids: list[str]
    known: int
    order: list[int] = field(default_factory=list)
    described: dict[int, Mapping[str, str]] = field(default_factory=dict)
    relations: dict[int, list[tuple[int, RelationKind]]] = field(default_factory=dict)
    gaps: dict[int, dict[Unresolved, None]] = field(default_factory=dict)
    aliases: dict[int, list[str]] = field(default_factory=dict)
    declared_by: DeclaredBy = DeclaredBy.REGISTRANT
    node_fates: dict[int, Fate] = field(default_factory=dict)
    edge_fates: dict[int, Fate] = field(default_factory=dict)
    missing_fates: dict[int, Fate] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    assumed: int = 0

    def id(self, node: int) -> ArtifactId:
        """The identity of a node."""
        return read_id(self.ids[node])

    def gap(self, child: int, kind: RelationKind, name: str, reason: str) -> Unresolved:
        """A parent of a child that can't be recorded."""
        return Unresolved(child=self.id(child), kind=kind, name=name, reason=reason)

    @property
    def size(self) -> int:
        """How many facts are to be recorded."""
        facts = (*self.relations.values(), *self.gaps.values(), *self.aliases.values())
        return len(self.ids) - self.known + sum(map(len, facts))

    def units(self) -> Iterator[list[Fact]]:
        """The facts of each artifact of which anything is to be recorded, parents before children, each artifact's together.

        First of all comes what is told of artifacts that are recorded already, and of what they have as ancestors by that.
        """
        first = self._asked_about()
        for node in (*filter(first.__contains__, self.order), *filterfalse(first.__contains__, self.order)):
            if node >= self.known or node in self.relations or node in self.gaps or node in self.aliases:
                yield list(self._facts(node))

    def _asked_about(self) -> set[int]:
        """Recorded nodes of which anything is told, and all new ones above them."""
        found = {node for told in (self.relations, self.gaps) for node in told if node < self.known}
        open_ = list(found)
        while open_:
            above = {parent for parent, _ in self.relations.get(open_.pop(), ())} - found
            found |= above
            open_ += above
        return found

    def _facts(self, node: int) -> Iterator[Fact]:
        own = self.id(node)
        if node >= self.known:
            plain = PLAIN if own.kind is ArtifactKind.TEACHER else None
            metadata = PLACEHOLDER if self._is_placeholder(node) else self.described.get(node, {})
            yield Artifact(id=own, generation=plain, metadata=metadata)
        for parent, kind in self.relations.get(node, ()):
            yield Relation(child=own, kind=kind, parent=self.id(parent), declared_by=self.declared_by)
        yield from self.gaps.get(node, ())
        for name in self.aliases.get(node, ()):
            yield Alias(name=name, artifact=own)

    def _is_placeholder(self, node: int) -> bool:
        return node not in self.described and node not in self.relations and node not in self.gaps
