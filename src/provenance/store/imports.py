"""The memory of imports that were begun; it may change, can be thrown away, and is no part of the record."""

from dataclasses import dataclass

from sqlalchemy import Engine, delete, insert, select

from provenance.store.database import reading, writing
from provenance.store.tables import IMPORT


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """An import that was begun and not finished.

    Args:
        key: Digest of what is imported, and how.
        position: How many facts of it are recorded.
        body: What it is, for people.
    """

    key: str
    position: int
    body: str


@dataclass(frozen=True, slots=True)
class StoredImports:
    """The imports that were begun and not finished.

    Args:
        engine: The registry's database.
    """

    engine: Engine

    def all(self) -> tuple[Begun, ...]:
        """All of them, in order of their keys."""
        with reading(self.engine) as connection:
            rows = connection.execute(select(IMPORT).order_by(IMPORT.c.key))
            return tuple(Begun(key=row.key, position=row.position, body=row.body) for row in rows)

    def put(self, begun: Begun) -> None:
        """Remembers how far one is."""
        with writing(self.engine) as connection:
            connection.execute(delete(IMPORT).where(IMPORT.c.key == begun.key))
            connection.execute(
                insert(IMPORT), {"key": begun.key, "position": begun.position, "body": begun.body}
            )

    def forget(self, key: str) -> None:
        """Forgets one: it is finished."""
        with writing(self.engine) as connection:
            connection.execute(delete(IMPORT).where(IMPORT.c.key == key))
