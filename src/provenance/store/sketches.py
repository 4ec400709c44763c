"""The sketches of registered weights, by content digest: derived from files, no part of the record, may be thrown away.

A sketch is written once and never needs to be written again, since the bytes that it was drawn from can't change under their digest.
What a search scans (a digest, a plan, 512 bytes of signs) lies apart from the bodies, which are a thousand times as large.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, delete, insert, select

from provenance.store.database import reading, writing
from provenance.store.tables import SKETCH, SKETCH_BODY, SKETCH_PLAN


@dataclass(frozen=True, slots=True, kw_only=True)
class SketchIndex:
    """What a search looks at: one entry a sketch, in no order.

    Args:
        digests: Content digests.
        plans: For each, the key of its plan.
        bits: For each, its signs.
        plan_texts: Key to plan.
    """

    digests: tuple[str, ...]
    plans: tuple[str, ...]
    bits: tuple[bytes, ...]
    plan_texts: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class StoredSketches:
    """The sketches that a registry holds.

    Args:
        engine: The registry's database.
    """

    engine: Engine

    def put(self, digest: str, *, method: str, plan: bytes, bits: bytes, body: bytes) -> None:
        """Keeps the sketch of some content, in place of an older one.

        Args:
            digest: The content's digest.
            method: Name and version of the way in which it was drawn: only sketches of one method can be compared.
            plan: What the signs are of.
            bits: The signs.
            body: The whole sketch.
        """
        key = hashlib.sha256(plan).hexdigest()
        with writing(self.engine) as connection:
            for table in (SKETCH_BODY, SKETCH):
                connection.execute(delete(table).where(table.c.digest == digest))
            if connection.execute(select(SKETCH_PLAN.c.key).where(SKETCH_PLAN.c.key == key)).first() is None:
                connection.execute(insert(SKETCH_PLAN), {"key": key, "body": plan})
            connection.execute(
                insert(SKETCH), {"digest": digest, "method": method, "plan": key, "bits": bits}
            )
            connection.execute(insert(SKETCH_BODY), {"digest": digest, "body": body})

    def get(self, digest: str, *, method: str) -> bytes | None:
        """The whole sketch of some content, where there is one of that method."""
        query = select(SKETCH_BODY.c.body).join(SKETCH, SKETCH.c.digest == SKETCH_BODY.c.digest)
        with reading(self.engine) as connection:
            found = connection.execute(
                query.where(SKETCH.c.digest == digest, SKETCH.c.method == method)
            ).scalar()
        return None if found is None else bytes(found)

    def index(self, *, method: str) -> SketchIndex:
        """What a search looks at, of all sketches of a method."""
        query = select(SKETCH.c.digest, SKETCH.c.plan, SKETCH.c.bits).where(SKETCH.c.method == method)
        with reading(self.engine) as connection:
            # From the driver's own cursor: rows as objects would take most of the time of a search.
            rows = connection.execute(query).cursor.fetchall()
            plans = {row.key: bytes(row.body) for row in connection.execute(select(SKETCH_PLAN))}
        digests, keys, bits = zip(*rows, strict=True) if rows else ((), (), ())
        return SketchIndex(digests=digests, plans=keys, bits=bits, plan_texts=plans)

    def digests(self, *, method: str) -> frozenset[str]:
        """The digests of the contents that there is a sketch of."""
        with reading(self.engine) as connection:
            return frozenset(
                connection.execute(select(SKETCH.c.digest).where(SKETCH.c.method == method)).scalars()
            )

    def forget(self) -> None:
        """Throws all sketches away."""
        with writing(self.engine) as connection:
            for table in (SKETCH_BODY, SKETCH, SKETCH_PLAN):
                connection.execute(delete(table))
