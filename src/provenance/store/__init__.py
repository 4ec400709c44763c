"""Store: the append-only, hash-chained ledger, in SQLite or PostgreSQL.

- `tables`: what the database holds, as SQLModel classes.
- `database`: opening a database by URL, its locks and its migrations.
- `ledger`: reading facts and appending transactions.
- `verification`: walking the chain and saying what does not hold.
- `projection`: the one table that may change: what has been projected to MLflow.
"""

from provenance.store.ledger import Head, Ledger, Transaction
from provenance.store.projection import StoredProjection
from provenance.store.verification import Problem, Verification

__all__ = ["Head", "Ledger", "Problem", "StoredProjection", "Transaction", "Verification"]
