"""The least that a database needs for an answer: hand-written statements through the bare driver, and raw inserts of the same rows."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any

TABLES = (
    "provenance_commit",
    "provenance_fact",
    "provenance_artifact",
    "provenance_relation",
    "provenance_evidence",
)
SETTINGS = ("foreign_keys = ON", "journal_mode = WAL", "synchronous = FULL")

DESCENDANTS = """
WITH RECURSIVE walk(seq) AS (
    SELECT seq FROM provenance_artifact WHERE key = {key}
    UNION
    SELECT r.child FROM walk JOIN provenance_relation r ON r.parent = walk.seq
)
SELECT a.key FROM walk JOIN provenance_artifact a ON a.seq = walk.seq
"""
ANCESTORS = """
WITH RECURSIVE walk(seq) AS (
    SELECT seq FROM provenance_artifact WHERE key = {key}
    UNION
    SELECT r.parent FROM walk JOIN provenance_relation r ON r.child = walk.seq
)
SELECT a.key FROM walk JOIN provenance_artifact a ON a.seq = walk.seq
"""
WHOLE = (
    "SELECT seq, key, declared_root, digest FROM provenance_artifact",
    "SELECT parent, child, kind, share, clean_fraction FROM provenance_relation",
)


class Driver:
    """A connection to a registry's database past the registry.

    Args:
        url: As the registry's settings have it.
    """

    def __init__(self, url: str) -> None:
        self.is_sqlite = url.startswith("sqlite:///")
        if self.is_sqlite:
            self._connection: Any = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
            for setting in SETTINGS:
                self._connection.execute(f"PRAGMA {setting}")
        else:
            import psycopg

            self._connection = psycopg.connect(url, autocommit=True)
        self._mark = "?" if self.is_sqlite else "%s"

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows of a query; ``{key}`` stands for its one parameter."""
        found: list[tuple[Any, ...]] = self._connection.execute(
            query.format(key=self._mark), values
        ).fetchall()
        return found

    def close(self) -> None:
        """Gives the connection back."""
        self._connection.close()

    def insert(self, table: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Inserts rows, many at once."""
        if not rows:
            return
        marks = ", ".join([self._mark] * len(rows[0]))
        cursor = self._connection.cursor()
        cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        cursor.close()

    def within(self, work: Callable[[], object]) -> None:
        """Does some work in one transaction."""
        self._connection.execute("BEGIN IMMEDIATE" if self.is_sqlite else "BEGIN")
        work()
        self._connection.execute("COMMIT")


def insert_raw(source: str, target: str) -> float:
    """Seconds for inserting the rows of one registry into the empty tables of another."""
    here, there = Driver(source), Driver(target)
    rows = {table: here.rows(f"SELECT * FROM {table}") for table in TABLES}

    def insert() -> None:
        for table, some in rows.items():
            there.insert(table, some)

    start = time.perf_counter()
    there.within(insert)
    taken = time.perf_counter() - start
    here.close()
    there.close()
    return taken
