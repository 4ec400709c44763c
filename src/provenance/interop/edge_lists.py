"""Lists of edges and of nodes in CSV or TSV, read as a mapping says.

A file that is no table, or holds a word of which nobody said what it means, is refused as a whole, with every line that is at
fault. A row that is sound and can't be recorded is handed on with the reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from provenance.artifacts import ArtifactKind
from provenance.interop.graph import EMPTY_CELL, Edge, Missing, Node, Row, Skipped
from provenance.interop.mapping import TableMapping
from provenance.interop.table import GUESSES, Table
from provenance.relations import RelationKind

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


class _Told(NamedTuple):
    """What a record tells beside the names of both ends.

    Args:
        relation: The relation; None where there is no word for it, or where the word's rows are left out.
        word: The word for the relation; empty where there is none.
        child: Kind of the child; None where the table does not tell, or where that is no artifact's.
        child_word: The word for the child's kind; None where the table does not tell kinds.
        parent: As `child`, of the parent.
        parent_word: As `child_word`, of the parent.
    """

    relation: RelationKind | None
    word: str
    child: ArtifactKind | None
    child_word: str | None
    parent: ArtifactKind | None
    parent_word: str | None


@dataclass(slots=True)
class _EdgeReader:
    """Turns the records of a list of edges into rows."""

    table: Table
    mapping: TableMapping
    columns: Mapping[str, int]

    def row(self, line: int, cells: Sequence[str]) -> Row | None:
        """What a record says; None where a word of it is not known."""
        child, parent = cells[self.columns["child"]].strip(), cells[self.columns["parent"]].strip()
        told = self._told(line, cells)
        if told is None:
            return None
        file = self.table.name
        if obstacle := self._unfit_child(child, told):
            return Skipped(f"{child} <- {parent}", obstacle, file, line)
        kind, obstacle = self._relation(told)
        if kind is None:
            self.table.unknown(line, "relation", told.word)
            return None
        if obstacle or not parent:
            return Missing(child, kind, parent or "(empty)", obstacle or EMPTY_CELL, "", file, line)
        stated = told.relation is not None or kind is self.mapping.default
        return Edge(child, kind, parent, file, line, stated)

    def _told(self, line: int, cells: Sequence[str]) -> _Told | None:
        """What the words of a record mean; None, and noted, where nobody said what one of them means."""
        words = {
            meaning: cells[at].strip().lower() for meaning, at in self.columns.items() if meaning in _WORDED
        }
        for meaning, word in words.items():
            table = getattr(self.mapping, _WORDED[meaning])
            if word not in table and (word or meaning != "relation"):
                self.table.unknown(line, _WORDED[meaning].removesuffix("s"), word)
                return None
        relation, child, parent = (words.get(meaning) for meaning in _WORDED)
        return _Told(
            self.mapping.relations[relation] if relation else None,
            relation or "",
            self.mapping.kinds[child] if child is not None else None,
            child,
            self.mapping.kinds[parent] if parent is not None else None,
            parent,
        )

    @staticmethod
    def _unfit_child(child: str, told: _Told) -> str:
        """Why nothing can be recorded of a child; empty where something can."""
        if told.child_word is not None and told.child is None:
            return _no_artifact(told.child_word)
        if not child:
            return EMPTY_CELL
        if told.word and told.relation is None:
            return f"its relation is {told.word!r}, which is left out"
        if told.relation and told.child not in {None, told.relation.rule.child}:
            return f"{told.relation} is told of a {told.child}"
        return ""

    def _relation(self, told: _Told) -> tuple[RelationKind | None, str]:
        """The relation that is meant, or comes nearest, and why there can't be one; None where nobody says which it is."""
        nearest = told.relation or _NEAREST[told.child or _M]
        if told.parent_word is not None and told.parent is None:
            return nearest, _no_artifact(told.parent_word)
        if told.relation:
            asked = told.relation.rule.parent
            fits = told.parent in {None, asked} or (told.parent is _M and asked is _T)
            return told.relation, "" if fits else f"{told.relation} names a {told.parent}"
        if told.child and told.parent:
            kind = _IMPLIED.get((told.child, told.parent))
            return kind or nearest, "" if kind else f"no relation joins a {told.child} to a {told.parent}"
        return self.mapping.default, ""


_WORDED: Mapping[str, str] = {"relation": "relations", "child_kind": "kinds", "parent_kind": "kinds"}
"""Meaning of a column to the table of a mapping that says what its words mean."""


def _no_artifact(word: str) -> str:
    """Why something of a kind that is mapped to nothing is not recorded."""
    return f"its kind is {word!r}, which is no artifact's"
