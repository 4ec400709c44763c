"""The lineage as plain columns: how the store hands it to the graph and to the spread of risk.

A node is the place of an artifact's identity among all identities in the order of their text, so that comparing nodes compares names. An
edge is a place in the columns of relations. Both are plain integers: half a million relations fit into some ten megabytes a
column, and walking them makes no objects.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from provenance.relations import RelationKind


@dataclass(frozen=True, eq=False, kw_only=True)
class LineageTable:
    """Artifacts and relations in columns.

    Args:
        keys: Identity of each node (``kind:name@version``), ascending.
        recorded: Whether each is recorded as an artifact; False for the end of a relation that is not.
        declared_roots: Whether somebody declares that its ancestry begins with it.
        digests: Content digest of each, None where it has no content.
        parents: Node of each edge's parent. Edges ascend by (parent, child, kind), each at most once.
        children: Node of each edge's child.
        kinds: Each edge's verb.
        shares: Each edge's share, see `Relation`.
        clean_fractions: Each edge's fraction of clean rows, see `Relation`.
    """

    keys: Sequence[str]
    recorded: Sequence[bool]
    declared_roots: Sequence[bool]
    digests: Sequence[str | None]
    parents: Sequence[int]
    children: Sequence[int]
    kinds: Sequence[RelationKind]
    shares: Sequence[float | None]
    clean_fractions: Sequence[float | None]
