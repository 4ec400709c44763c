"""Store: the append-only, hash-chained ledger, in SQLite or PostgreSQL.

- `tables`: what the database holds, as SQLModel classes.
- `database`: opening a database by URL, its locks and its migrations.
- `ledger`: reading facts and appending transactions.
- `verification`: walking the chain and saying what does not hold.
- `projection`: what has been projected to MLflow; may change, like the sketches.
- `sketches`: the sketches of registered weights, for comparing and searching without their files.
"""

from provenance.store.head import Head
from provenance.store.ledger import Ledger, Transaction
from provenance.store.projection import StoredProjection
from provenance.store.reading import Reading
from provenance.store.sketches import SketchIndex, StoredSketches
from provenance.store.verification import Problem, Verification

__all__ = [
    "Head",
    "Ledger",
    "Problem",
    "Reading",
    "SketchIndex",
    "StoredProjection",
    "StoredSketches",
    "Transaction",
    "Verification",
]
