"""The memory of what has been projected to another system: the only table that may change, and that may be thrown away."""

from dataclasses import dataclass

from sqlalchemy import Engine, delete, insert, select

from provenance.store.database import reading, writing
from provenance.store.tables import PROJECTED


@dataclass(frozen=True, slots=True)
class StoredProjection:
    """What one target (a URI) was told, subject by subject.

    Args:
        engine: The registry's database.
        target: The other system.
    """

    engine: Engine
    target: str

    def all(self) -> dict[str, tuple[str, str]]:
        """Subject to (digest of the state that was projected, the other system's name for the object)."""
        query = select(PROJECTED).where(PROJECTED.c.target == self.target)
        with reading(self.engine) as connection:
            return {row.subject: (row.state_digest, row.external_id) for row in connection.execute(query)}

    def put(self, subject: str, state_digest: str, external_id: str) -> None:
        """Remembers that a subject's state was projected."""
        row = {
            "target": self.target,
            "subject": subject,
            "state_digest": state_digest,
            "external_id": external_id,
        }
        with writing(self.engine) as connection:
            connection.execute(
                delete(PROJECTED).where(PROJECTED.c.target == self.target, PROJECTED.c.subject == subject)
            )
            connection.execute(insert(PROJECTED), row)

    def forget(self) -> None:
        """Forgets everything that this target was told, so that every object is looked at again."""
        with writing(self.engine) as connection:
            connection.execute(delete(PROJECTED).where(PROJECTED.c.target == self.target))
