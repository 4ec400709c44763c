"""Store: the append-only, hash-chained ledger, in SQLite or PostgreSQL.

- `tables`: what the database holds, as SQLModel classes.
- `database`: opening a database by URL, its locks and its migrations.
- `ledger`: the ledger itself, opened; hands out readings and transactions.
- `reading`: everything up to a date, as far as a question needs it; by `excerpt` (the facts that an answer rests on), `walks` (the
  lineage in columns, recursively) and `catalogue` (names, aliases, pages); and what a stretch of it bears on, by `affected`.
- `head`, `rows`: where the chain ends, and how the rows of a query become facts.
- `transaction`, `appended`, `bulk`: a look that stays true, and the writing of what is appended.
- `verification`: walking the chain and saying what does not hold.
- `projection`: what has been projected to MLflow, how far, and what others made there; may change, like the sketches.
- `told`: the same as plain values.
- `locks`: what keeps two processes from doing the same work at once.
- `imports`: the imports that were begun and not finished; may change, too.
- `sketches`: the sketches of registered weights, for comparing and searching without their files.
"""

from provenance.store.affected import Affected
from provenance.store.head import Head
from provenance.store.imports import Begun, StoredImports
from provenance.store.ledger import Ledger
from provenance.store.projection import StoredProjection
from provenance.store.reading import Reading
from provenance.store.sketches import SketchIndex, StoredSketches
from provenance.store.told import Binding, Cursor, Failure
from provenance.store.transaction import Transaction
from provenance.store.verification import Problem, Verification
from provenance.store.vicinity import Reach, Vicinity

__all__ = [
    "Affected",
    "Begun",
    "Binding",
    "Cursor",
    "Failure",
    "Head",
    "Ledger",
    "Problem",
    "Reach",
    "Reading",
    "SketchIndex",
    "StoredImports",
    "StoredProjection",
    "StoredSketches",
    "Transaction",
    "Verification",
    "Vicinity",
]
