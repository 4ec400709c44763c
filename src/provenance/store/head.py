"""The head: where the ledger's chain ends, now or at a date."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select

from provenance.errors import LedgerError
from provenance.facts import utc_moment, utc_text
from provenance.store.tables import COMMIT, GENESIS


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of the chain; noted elsewhere, it proves later that nothing before it was changed.

    Args:
        number: Number of transactions.
        entries: Number of facts.
        digest: Digest of the last transaction.
        recorded_at: When that was, aware, UTC; None for an empty ledger.
    """

    number: int
    entries: int
    digest: str
    recorded_at: datetime | None

    @property
    def now(self) -> datetime:
        """The present, and never before the last record, should the clock have been set back."""
        present = datetime.now(UTC)
        return present if self.recorded_at is None else max(present, self.recorded_at)


def read_head(connection: Connection, as_of: datetime | None = None) -> Head:
    """The end of the chain, as of a date (default: now).

    Raises:
        LedgerError: Its date can't be what was recorded.
    """
    query = select(COMMIT).order_by(COMMIT.c.number.desc())
    if as_of is not None:
        # Dates ascend with numbers, and the index is by date.
        query = select(COMMIT).order_by(COMMIT.c.recorded_at.desc(), COMMIT.c.number.desc())
        query = query.where(COMMIT.c.recorded_at <= utc_text(as_of))
    row = connection.execute(query.limit(1)).one_or_none()
    if row is None:
        return Head(number=0, entries=0, digest=GENESIS, recorded_at=None)
    return _head(row)


def find_head(connection: Connection, digest: str) -> Head | None:
    """The end of the chain when a transaction was the last one; None where the chain does not hold it.

    Raises:
        LedgerError: Its date can't be what was recorded.
    """
    row = connection.execute(select(COMMIT).where(COMMIT.c.digest == digest)).first()
    return None if row is None else _head(row)


def read_heads(connection: Connection, until: int, most: int) -> tuple[Head, ...]:
    """The ends of the transactions up to one of them, oldest first; where there are more than ``most``, these evenly among them.

    The first and the last are always told.

    Args:
        connection: Sees one state of the database.
        until: Number of the last transaction.
        most: How many at most, two or more.

    Raises:
        LedgerError: A date can't be what was recorded.
    """
    steps = min(until, most) - 1
    numbers = [1 + round(step * (until - 1) / steps) for step in range(steps + 1)] if steps > 0 else [until]
    query = select(COMMIT).where(COMMIT.c.number.in_(numbers)).order_by(COMMIT.c.number)
    return tuple(map(_head, connection.execute(query)))


def _head(row: Any) -> Head:  # noqa: ANN401 - a row
    try:
        recorded_at = utc_moment(row.recorded_at)
    except ValueError as error:
        raise LedgerError(
            f"transaction {row.number} of the ledger can't be read: {error}",
            hint="Run `provenance verify` to see what was changed.",
        ) from error
    return Head(number=row.number, entries=row.last_seq, digest=row.digest, recorded_at=recorded_at)
