"""Importing: a foreign graph planned as a whole, and recorded in batches that can be stopped and gone on with at any time.

- `provenance.importing.known`: what the registry holds, as far as an import asks.
- `provenance.importing.names`: which artifact a name means: renames, aliases, names that differ by case only.
- `provenance.importing.circles`: which edges to leave out so that no artifact descends from itself.
- `provenance.importing.planning`, `provenance.importing.plan`: every row weighed against the rules; what is to be recorded.
- `provenance.importing.recording`: the plan in batches, parents before children, each artifact with all that is said of it.
- `provenance.importing.report`: what became of every row.
"""

from provenance.importing.aliases import add_alias
from provenance.importing.recording import (
    Imported,
    ImportProgress,
    Origin,
    Source,
    import_graph,
    record_graph,
    unfinished,
)
from provenance.importing.report import ImportReport, Omission, Outcome, RowFate

__all__ = [
    "ImportProgress",
    "ImportReport",
    "Imported",
    "Omission",
    "Origin",
    "Outcome",
    "RowFate",
    "Source",
    "add_alias",
    "import_graph",
    "record_graph",
    "unfinished",
]
