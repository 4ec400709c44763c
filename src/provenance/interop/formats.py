"""The formats that an import knows, by name."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from provenance.errors import UsageError
from provenance.interop.edge_lists import is_list_of_nodes, read_edges, read_nodes, say_kinds
from provenance.interop.graph import ForeignGraph, Row
from provenance.interop.huggingface import read_model_infos
from provenance.interop.mapping import ECOSYSTEM, TableMapping
from provenance.relations import DeclaredBy


class _Read(Protocol):
    """Reads one file, as a mapping says."""

    def __call__(self, path: Path, mapping: TableMapping, /) -> Iterator[Row]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way to write a graph down.

    Args:
        read: Its reader.
        mapping: What columns and words mean unless somebody says otherwise; None where there are no columns.
        declared_by: Who says what stands in it.
        meaning: One line for people.
    """

    read: _Read
    mapping: TableMapping | None = None
    declared_by: DeclaredBy = DeclaredBy.REGISTRANT
    meaning: str


def _table(path: Path, mapping: TableMapping) -> Iterator[Row]:
    return read_nodes(path, mapping) if is_list_of_nodes(path) else read_edges(path, mapping)


def _model_infos(path: Path, _: TableMapping) -> Iterator[Row]:
    return read_model_infos(path)


FORMATS: Mapping[str, Format] = {
    "edges": Format(read=read_edges, mapping=TableMapping(), meaning="a list of edges, CSV or TSV"),
    "huggingface": Format(
        read=_model_infos,
        declared_by=DeclaredBy.CARD,
        meaning="model infos of the Hugging Face hub's API, JSON or JSON lines",
    ),
    "ecosystem": Format(
        read=_table, mapping=ECOSYSTEM, meaning="nodes and edges of Stanford CRFM's ecosystem graphs, CSV"
    ),
}
"""Name to format. A further one is a further line."""


def read_graph(
    files: Sequence[Path],
    format_: str,
    *,
    words: Mapping[str, Any] | None = None,
    nodes: Sequence[Path] = (),
) -> ForeignGraph:
    """All rows of some files.

    Args:
        files: The files, of one format.
        format_: Its name in `FORMATS`.
        words: Keys of a mapping, see `provenance.interop.mapping`.
        nodes: Lists of nodes that tell more of what the files name.

    Raises:
        ContentError: A file is not what it should be; the message lists every line that is at fault.
        UsageError: There is no such format, or it has no columns to be mapped.
    """
    found = FORMATS.get(format_)
    if found is None:
        raise UsageError(f"there is no format {format_!r}", hint=f"Formats: {', '.join(FORMATS)}.")
    if found.mapping is None and words:
        raise UsageError(f"the format {format_} has no columns to be mapped")
    mapping = (found.mapping or TableMapping()).changed(words or {})
    graph = ForeignGraph(found.declared_by)
    for path in files:
        graph.take(found.read(path, mapping))
    for path in nodes:
        graph.take(read_nodes(path, mapping))
    say_kinds(graph)
    return graph
