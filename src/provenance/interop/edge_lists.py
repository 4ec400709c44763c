"""Lists of edges and of nodes in CSV or TSV, read as a mapping says.

A file that is no table, or holds a word of which nobody said what it means, is refused as a whole, with every line that is at
fault. A row that is sound and can't be recorded is handed on with the reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from provenance.artifacts import ArtifactKind
from provenance.interop.graph import EMPTY_CELL, Edge, ForeignGraph, Missing, Node, Row, Skipped
from provenance.interop.mapping import UNSAID, TableMapping
from provenance.interop.table import GUESSES, Table
from provenance.relations import RelationKind

NO_KIND = "nobody says what kind of thing it is"

_M, _D, _T = ArtifactKind.MODEL, ArtifactKind.DATASET, ArtifactKind.TEACHER
_IMPLIED: Mapping[tuple[ArtifactKind, ArtifactKind], RelationKind] = {
    (_M, _M): RelationKind.FINETUNED_FROM,
    (_M, _D): RelationKind.TRAINED_ON,
    (_M, _T): RelationKind.DISTILLED_FROM,
    (_D, _M): RelationKind.GENERATED_BY,
    (_D, _D): RelationKind.DERIVED_FROM,
    (_D, _T): RelationKind.GENERATED_BY,
    (_T, _M): RelationKind.EMBODIED_BY,
}
"""Kinds of (child, parent) to the relation between them, where a table tells of the kinds alone."""
_NEAREST: Mapping[ArtifactKind, RelationKind] = {
    _M: RelationKind.TRAINED_ON,
    _D: RelationKind.DERIVED_FROM,
    _T: RelationKind.EMBODIED_BY,
}
"""Kind of a child to the relation under which a parent of no recorded kind is missed."""


def read_edges(path: Path, mapping: TableMapping) -> Iterator[Row]:
    """The rows of a list of edges.

    Raises:
        ContentError: The file is no such table; the message lists every line that is at fault.
    """
    table = Table.open(path, mapping)
    columns = table.columns(("child", "parent"), ("relation", "child_kind", "parent_kind"))
    yield from table.notes(columns)
    reader = _EdgeReader(table, mapping, columns)
    for line, cells in table.records():
        row = reader.row(line, cells)
        if row is not None:
            yield row
    table.finish()


def read_nodes(path: Path, mapping: TableMapping) -> Iterator[Row]:
    """The rows of a list of nodes: a name, a kind, and whatever else is told of them.

    Raises:
        ContentError: The file is no such table; the message lists every line that is at fault.
    """
    table = Table.open(path, mapping)
    columns = table.columns(("name",), ("kind",))
    yield from table.notes(columns)
    name_at, kind_at = columns["name"], columns.get("kind")
    others = [(at, title) for at, title in enumerate(table.header) if at not in {name_at, kind_at}]
    for line, cells in table.records():
        word = cells[kind_at].strip().lower() if kind_at is not None else _M.value
        name = cells[name_at].strip()
        if word not in mapping.kinds:
            table.unknown(line, "kind", word)
        elif (kind := mapping.kinds[word]) is None:
            yield Skipped(name, _no_artifact(word), table.name, line)
        elif not name:
            yield Skipped("a node", EMPTY_CELL, table.name, line)
        else:
            told = {title: cells[at].strip() for at, title in others if cells[at].strip()}
            yield Node(kind, name, told, table.name, line)
    table.finish()


def is_list_of_nodes(path: Path) -> bool:
    """Whether the header of a table names the columns of nodes, and none of an edge's ends."""
    titles = {title.lower() for title in Table.open(path, TableMapping()).header}
    return not titles.isdisjoint(GUESSES["name"]) and titles.isdisjoint(GUESSES["child"])


def say_kinds(graph: ForeignGraph) -> None:
    """Makes edges of those whose parents are of no kind that their list tells, where a list of nodes tells it.

    Such a list may write a name in another case; hubs take no notice of it. A relation that the row states stays; it is still missing its
    parent where that is of a kind which the relation doesn't join.
    """
    kinds: dict[str, set[ArtifactKind]] = {}
    for node in graph.nodes:
        kinds.setdefault(node.name.lower(), set()).add(node.kind)
    left = []
    for row in graph.missing:
        told = kinds.get(row.parent.lower(), set()) if row.reason == NO_KIND else set()
        relation = _relation_to(row, *told) if len(told) == 1 else None
        if relation is None:
            left.append(row)
        else:
            graph.edges.append(Edge(row.child, relation, row.parent, row.file, row.line, row.stated))
    graph.missing[:] = left


def _relation_to(row: Missing, parent: ArtifactKind) -> RelationKind | None:
    """The relation of a row to its parent, now that the parent's kind is known; None where the two don't go together."""
    if row.stated:
        return row.kind if _takes(row.kind, parent) else None
    return _IMPLIED.get((row.kind.rule.child, parent))


class _Meaning(NamedTuple):
    """What the words of a record mean, beside the names of both ends.

    Args:
        kind: The relation that is meant, or comes nearest.
        stated: Whether the table says so.
        worded: Whether the record itself does.
        skipped: Why nothing can be recorded of the child; empty where something can.
        missed: Why the parent can't be recorded; empty where it can.
    """

    kind: RelationKind
    stated: bool
    worded: bool
    skipped: str
    missed: str


class _EdgeReader:
    """Turns the records of a list of edges into rows.

    Args:
        table: The list.
        mapping: What its words mean.
        columns: Where which of its columns stands.
    """

    def __init__(self, table: Table, mapping: TableMapping, columns: Mapping[str, int]) -> None:
        self._table, self._mapping = table, mapping
        self._child, self._parent = columns["child"], columns["parent"]
        self._worded = [(meaning, columns[meaning]) for meaning in _WORDED if meaning in columns]
        self._meanings: dict[tuple[str, ...], _Meaning] = {}  # few words, and many rows

    def row(self, line: int, cells: Sequence[str]) -> Row | None:
        """What a record says; None, and noted, where a word of it is not known."""
        words = tuple([cells[at] for _, at in self._worded])
        meaning = self._meanings.get(words)
        if meaning is None:
            meaning = self._meaning(line, words)
            if meaning is None:
                return None
            self._meanings[words] = meaning
        child, parent, file = cells[self._child].strip(), cells[self._parent].strip(), self._table.name
        if meaning.skipped or not child:
            return Skipped(f"{child} <- {parent}", meaning.skipped or EMPTY_CELL, file, line)
        if meaning.missed or not parent:
            reason = meaning.missed or EMPTY_CELL
            return Missing(child, meaning.kind, parent or "(empty)", reason, "", file, line, meaning.worded)
        return Edge(child, meaning.kind, parent, file, line, meaning.stated)

    def _meaning(self, line: int, cells: Sequence[str]) -> _Meaning | None:
        """What the words of a record mean; None, and noted, where nobody said what one of them means."""
        words = {
            meaning: cell.strip().lower() for (meaning, _), cell in zip(self._worded, cells, strict=True)
        }
        for meaning, word in words.items():
            if word not in getattr(self._mapping, _WORDED[meaning]) and (word or meaning != "relation"):
                self._table.unknown(line, _WORDED[meaning].removesuffix("s"), word)
                return None
        relation = self._mapping.relations[words["relation"]] if words.get("relation") else None
        child, parent = (
            self._mapping.kinds[words[end]] if end in words else None for end in ("child_kind", "parent_kind")
        )
        skipped = _why_skipped(words, relation, child)
        kind = relation or (_IMPLIED.get((child, parent)) if child and parent else self._mapping.default)
        if not skipped and kind is None and not {"child_kind", "parent_kind"} <= words.keys():
            self._table.unknown(line, "relation", words.get("relation", ""))
            return None
        stated = kind is not None and kind in {relation, self._mapping.default}
        kind = kind or _NEAREST[child or _M]
        return _Meaning(kind, stated, relation is not None, skipped, _why_missed(words, kind, child, parent))


def _why_skipped(words: Mapping[str, str], relation: RelationKind | None, child: ArtifactKind | None) -> str:
    """Why nothing can be recorded of a child."""
    if "child_kind" in words and child is None:
        return _no_artifact(words["child_kind"])
    if words.get("relation") and relation is None:
        return f"its relation is {words['relation']!r}, which is left out"
    if relation and child not in {None, relation.rule.child}:
        return f"{relation} is told of a {child}"
    return ""


def _why_missed(
    words: Mapping[str, str], kind: RelationKind, child: ArtifactKind | None, parent: ArtifactKind | None
) -> str:
    """Why a parent can't be recorded."""
    if "parent_kind" in words and parent is None:
        return _no_artifact(words["parent_kind"])
    if parent is None or _takes(kind, parent):
        return ""
    return f"no relation joins a {child or kind.rule.child} to a {parent}"


def _takes(kind: RelationKind, parent: ArtifactKind) -> bool:
    """Whether a relation may lead to a parent of a kind; a model may stand where a teacher is asked for."""
    asked = kind.rule.parent
    return parent is asked or (parent is _M and asked is _T)


_WORDED: Mapping[str, str] = {"relation": "relations", "child_kind": "kinds", "parent_kind": "kinds"}
"""Meaning of a column to the table of a mapping that says what its words mean."""


def _no_artifact(word: str) -> str:
    """Why something of a kind that is mapped to nothing is not recorded."""
    if word in UNSAID:
        return NO_KIND
    return f"its kind is {word!r}, which is no artifact's"
