"""Writing many rows by the database's own driver: what SQLAlchemy does for each row would take longer than writing it."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from sqlalchemy import Connection

from provenance.store.tables import ARTIFACT, COMMIT, EVIDENCE, FACT, RELATION


def write_rows(connection: Connection, table: Any, rows: Sequence[tuple[object, ...]]) -> None:  # noqa: ANN401 - a table
    """Writes rows into a table, in one statement.

    Args:
        connection: Holds the writer's lock.
        table: One of `provenance.store.tables`.
        rows: A value for each column, in the order of the table's.
    """
    names = [column.name for column in table.columns]
    with closing(connection.connection.cursor()) as cursor:
        if connection.dialect.name == "postgresql":
            with cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join("?" * len(names))
            insert = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - our own names
            cursor.executemany(insert, rows)


def count_anew(connection: Connection) -> None:
    """Has PostgreSQL count the rows of the record again: until it does, by itself and a while later, it plans for the few there were.

    Whoever does not own the tables gets a warning from the server instead, which nobody hears.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            f"ANALYZE {', '.join(table.name for table in (COMMIT, FACT, ARTIFACT, RELATION, EVIDENCE))}"
        )
