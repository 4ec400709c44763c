"""A foreign graph in plain rows: what every reader hands on, and all that an import knows of its files.

A row keeps the file and the line that it stands in, so that whatever becomes of it can be told. There may be a million of them:
they are tuples with names, which are made in a third of the time that a frozen dataclass takes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from provenance.artifacts import ArtifactKind
from provenance.relations import DeclaredBy, RelationKind

EMPTY_CELL = "an empty cell"
NO_NAME = "a name that no artifact can bear"


class Node(NamedTuple):
    """An artifact that a file describes.

    Args:
        kind: What it is.
        name: Its name, as it stands there.
        metadata: What else the file says of it.
        file: Which file.
        line: Line in it; of a JSON array, the number of the record; 0 where there are no lines.
        version: Its version, where the file knows versions; without one, whatever the name means.
    """

    kind: ArtifactKind
    name: str
    metadata: Mapping[str, str]
    file: str
    line: int
    version: str | None = None


class Edge(NamedTuple):
    """A parent that a file names. The kinds of both ends follow from the relation; a model may stand where a teacher is asked for.

    Args:
        child: The child's name, as it stands there.
        kind: The relation.
        parent: The parent's name, as it stands there.
        file: Which file.
        line: Line in it; of a JSON array, the number of the record.
        stated: Whether the file says which relation it is; otherwise it was inferred.
        child_version: The child's version, as in `Node`.
        parent_version: The parent's version, as in `Node`; not where the relation asks for a teacher.
        known_only: Whether the parent's name may only mean what is recorded or described; nothing is recorded by a name alone.
    """

    child: str
    kind: RelationKind
    parent: str
    file: str
    line: int
    stated: bool = True
    child_version: str | None = None
    parent_version: str | None = None
    known_only: bool = False


class Missing(NamedTuple):
    """A parent that a file names and that can't be recorded as one: the child's ancestry is unknown there.

    Args:
        child: The child's name, as it stands there.
        kind: The relation that the file states, or that comes nearest.
        parent: What stands where the parent's name should.
        reason: Why it can't be recorded; one of few, so that it can be counted.
        detail: What is particular about this one.
        file: Which file.
        line: Line in it; of a JSON array, the number of the record.
        stated: Whether the file says which relation it is; otherwise it is the nearest.
        child_version: The child's version, as in `Node`.
    """

    child: str
    kind: RelationKind
    parent: str
    reason: str
    detail: str
    file: str
    line: int
    stated: bool = False
    child_version: str | None = None


class Skipped(NamedTuple):
    """A row of which nothing can be recorded.

    Args:
        what: What it is about, in a few words.
        reason: Why; one of few, so that it can be counted.
        file: Which file.
        line: Line in it; of a JSON array, the number of the record.
    """

    what: str
    reason: str
    file: str
    line: int


class Note(NamedTuple):
    """What people should know of how a file was read."""

    text: str


Row: TypeAlias = Node | Edge | Missing | Skipped | Note


@dataclass(slots=True)
class ForeignGraph:
    """All rows of some files, by what they are.

    Args:
        declared_by: Who says what they say.
    """

    declared_by: DeclaredBy = DeclaredBy.REGISTRANT

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def take(self, rows: Iterable[Row]) -> None:
        """Takes the rows of one file."""
        for row in rows:
            if isinstance(row, Edge):
                self.edges.append(row)
            elif isinstance(row, Node):
                self.nodes.append(row)
            elif isinstance(row, Missing):
                self.missing.append(row)
            elif isinstance(row, Skipped):
                self.skipped.append(row)
            else:
                self.notes.append(row.text)

    @property
    def rows(self) -> int:
        """How many rows were read; a record of several facts counts once for each."""
        return len(self.nodes) + len(self.edges) + len(self.missing) + len(self.skipped)


def legible(text: str) -> str:
    """A text as the ledger can hold it: what is no Unicode, such as half a pair of surrogates, stands escaped."""
    return text.encode("utf-8", "backslashreplace").decode()
