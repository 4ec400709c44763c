"""Interop: graphs that others gathered, read into plain rows. Nothing is recorded here, and nothing is looked up.

- `provenance.interop.graph`: the rows that every reader hands on.
- `provenance.interop.mapping`: what the columns and words of a table mean.
- `provenance.interop.table`, `provenance.interop.edge_lists`: lists of edges and of nodes in CSV or TSV.
- `provenance.interop.records`, `provenance.interop.huggingface`: dumps of the Hugging Face hub's API.
- `provenance.interop.renames`: what things were called before.
- `provenance.interop.formats`: the formats by name.
"""

from provenance.interop.formats import FORMATS, read_graph
from provenance.interop.graph import Edge, ForeignGraph, Missing, Node, Skipped
from provenance.interop.mapping import TableMapping, mapping_words, read_mapping
from provenance.interop.renames import read_renames

__all__ = [
    "FORMATS",
    "Edge",
    "ForeignGraph",
    "Missing",
    "Node",
    "Skipped",
    "TableMapping",
    "mapping_words",
    "read_graph",
    "read_mapping",
    "read_renames",
]
