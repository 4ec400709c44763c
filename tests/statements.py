"""The statements that are sent to a database, for tests that count them: each is a round trip to a server."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy


@contextmanager
def statements() -> Iterator[list[str]]:
    """What any engine sends meanwhile, less what opens a transaction."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(("BEGIN", "SET")):
            sent.append(statement)

    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", note)
