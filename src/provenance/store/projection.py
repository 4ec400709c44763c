"""The memory of what has been projected to another system; it may change, can be thrown away, and is no part of the record.

The ledger itself is the list of what is to be projected: the cursor says up to which of its positions the other system was told
everything. What it would not take is remembered beside the cursor, so that one object does not hold up all others for ever.
"""

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, and_, delete, func, insert, or_, select, update

from provenance.artifacts import ArtifactId
from provenance.facts import utc_moment, utc_text
from provenance.store.database import reading, writing
from provenance.store.locks import held, is_held
from provenance.store.rows import listed, texts
from provenance.store.tables import BINDING, COMMIT, CURSOR, FACT, FAILURE, PROJECTED, SCAN
from provenance.store.told import Binding, Cursor, Failure

_AT_ONCE = 100
_AT_LEAST_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class StoredProjection:
    """What one target was told, subject by subject.

    Args:
        engine: The registry's database.
        target: The other system: its URI, without who writes there.
    """

    engine: Engine
    target: str

    def all(self) -> dict[str, tuple[str, str]]:
        """Subject to (digest of the state that was projected, the other system's name for the object)."""
        return self._told()

    def told(self, subjects: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Of some subjects, as in `all`."""
        known = PROJECTED.c.subject.in_(texts("subjects"))
        return self._told(known, subjects=listed(subjects))

    def _told(self, *which: Any, **values: str) -> dict[str, tuple[str, str]]:  # noqa: ANN401 - clauses
        query = select(PROJECTED).where(PROJECTED.c.target == self.target, *which)
        with reading(self.engine) as connection:
            rows = connection.execute(query, values)
            return {row.subject: (row.state_digest, row.external_id) for row in rows}

    def put(self, subject: str, state_digest: str, external_id: str) -> None:
        """Remembers that a subject's state was projected, and no longer that it failed."""
        self.put_all({subject: (state_digest, external_id)})

    def put_all(self, told: Mapping[str, tuple[str, str]]) -> None:
        """The same of many: subject to (digest of the state, the target's name for the object)."""
        rows = [
            {
                "target": self.target,
                "subject": subject,
                "state_digest": digest,
                "external_id": external_id,
            }
            for subject, (digest, external_id) in told.items()
        ]
        if not rows:
            return
        with writing(self.engine) as connection:
            for table in (PROJECTED, FAILURE):
                which = table.c.target == self.target, table.c.subject.in_(texts("subjects"))
                connection.execute(delete(table).where(*which), {"subjects": listed(told)})
            connection.execute(insert(PROJECTED), rows)

    @contextmanager
    def remembering(self) -> Iterator["Remembering"]:
        """What remembers many subjects one by one, some at a time, and the rest at the end, however that comes."""
        kept = Remembering(self)
        try:
            yield kept
        finally:
            kept.flush()

    def doubt(self, subjects: Iterable[str]) -> None:
        """Has some subjects looked at again, whatever state they were told in; their names in the target stay known."""
        which = PROJECTED.c.target == self.target, PROJECTED.c.subject.in_(texts("subjects"))
        with writing(self.engine) as connection:
            connection.execute(
                update(PROJECTED).where(*which).values(state_digest=""), {"subjects": listed(subjects)}
            )

    # --- how far it came ------------------------------------------------------------------------------------------------

    def cursor(self) -> Cursor | None:
        """Up to where the target was told everything.

        None before that was so for the first time, and where the ledger is another than it was then: brought back from an older copy.
        """
        query = (
            select(CURSOR)
            .join(FACT, FACT.c.seq == CURSOR.c.position)
            .join(COMMIT, and_(COMMIT.c.number == FACT.c.commit_number, COMMIT.c.digest == CURSOR.c.head))
        )
        with reading(self.engine) as connection:
            row = connection.execute(query.where(CURSOR.c.target == self.target)).one_or_none()
        if row is None:
            return None
        return Cursor(
            position=row.position,
            head=row.head,
            moment=utc_moment(row.moment),
            basis=row.basis,
            bindings=row.bindings,
        )

    def move(self, cursor: Cursor) -> None:
        """Remembers that everything up to a position was told, or failed and is remembered."""
        row = {
            "target": self.target,
            "position": cursor.position,
            "head": cursor.head,
            "moment": utc_text(cursor.moment),
            "basis": cursor.basis,
            "bindings": cursor.bindings,
        }
        with writing(self.engine) as connection:
            connection.execute(delete(CURSOR).where(CURSOR.c.target == self.target))
            connection.execute(insert(CURSOR), row)

    def oldest_after(self, position: int) -> datetime | None:
        """When the first fact after a position was recorded; None where there is none."""
        query = (
            select(COMMIT.c.recorded_at)
            .join(FACT, FACT.c.commit_number == COMMIT.c.number)
            .where(FACT.c.seq == position + 1)
        )
        with reading(self.engine) as connection:
            found = connection.execute(query).scalar()
        return None if found is None else utc_moment(found)

    # --- what failed ----------------------------------------------------------------------------------------------------

    def failures(self) -> tuple[Failure, ...]:
        """What the target would not take, the oldest first."""
        query = select(FAILURE).where(FAILURE.c.target == self.target)
        with reading(self.engine) as connection:
            found = connection.execute(query.order_by(FAILURE.c.since, FAILURE.c.subject)).all()
        return tuple(
            Failure(
                subject=row.subject,
                about=row.about,
                message=row.message,
                since=utc_moment(row.since),
                attempts=row.attempts,
            )
            for row in found
        )

    def recovered(self, subjects: Iterable[str]) -> None:
        """Forgets that some subjects failed: they need nothing any more."""
        which = FAILURE.c.target == self.target, FAILURE.c.subject.in_(texts("subjects"))
        with writing(self.engine) as connection:
            connection.execute(delete(FAILURE).where(*which), {"subjects": listed(subjects)})

    def failed(self, subject: str, *, about: str, message: str) -> None:
        """Remembers that a subject was refused, once more."""
        which = (FAILURE.c.target == self.target, FAILURE.c.subject == subject)
        with writing(self.engine) as connection:
            before = connection.execute(select(FAILURE).where(*which)).one_or_none()
            connection.execute(delete(FAILURE).where(*which))
            row = {
                "target": self.target,
                "subject": subject,
                "about": about,
                "message": message,
                "since": before.since if before is not None else utc_text(datetime.now(UTC)),
                "attempts": before.attempts + 1 if before is not None else 1,
            }
            connection.execute(insert(FAILURE), row)

    # --- what others made -----------------------------------------------------------------------------------------------

    def bind(self, artifact: ArtifactId, binding: Binding) -> None:
        """Remembers the objects of an artifact that others made; see `bind_all`."""
        self.bind_all({artifact: binding})

    def bind_all(self, bindings: Mapping[ArtifactId, Binding]) -> None:
        """Remembers the objects of artifacts that others made; what a binding leaves open stays as it was."""
        with writing(self.engine) as connection:
            known = self._bindings(connection, artifacts=bindings)
            last = connection.execute(select(func.max(BINDING.c.number)).where(self._bound)).scalar() or 0
            merged = {
                artifact: known[artifact].completed(binding) if artifact in known else binding
                for artifact, binding in bindings.items()
            }
            changed = {
                artifact: binding for artifact, binding in merged.items() if binding != known.get(artifact)
            }
            if not changed:
                return
            connection.execute(
                delete(BINDING).where(self._bound, BINDING.c.artifact.in_(texts("artifacts"))),
                {"artifacts": listed(map(str, changed))},
            )
            rows = [
                {
                    "target": self.target,
                    "artifact": str(artifact),
                    "version": binding.version,
                    "model_id": binding.model_id,
                    "run_id": binding.run_id,
                    "made_at_ms": binding.made_at_ms,
                    "number": number,
                }
                for number, (artifact, binding) in enumerate(changed.items(), last + 1)
            ]
            connection.execute(insert(BINDING), rows)

    def bindings(self, artifacts: Iterable[ArtifactId] | None = None) -> dict[ArtifactId, Binding]:
        """The objects that others made, by artifact; of all artifacts, or of some."""
        with reading(self.engine) as connection:
            return self._bindings(connection, artifacts=artifacts)

    def bound_anywhere(self, model_ids: Iterable[str]) -> dict[str, ArtifactId]:
        """Which artifacts some logged models are, by their ids, in whatever MLflow that was remembered: no two have an id in common."""
        query = select(BINDING.c.model_id, BINDING.c.artifact).where(
            BINDING.c.model_id.in_(texts("model_ids"))
        )
        with reading(self.engine) as connection:
            found = connection.execute(query, {"model_ids": listed(model_ids)})
            return {row.model_id: ArtifactId.parse(row.artifact) for row in found}

    def known(self, external_ids: Iterable[str]) -> dict[str, str]:
        """Which of some objects are of our own making: their names there to our subjects.

        Versions count where they were made, runs and logged models wherever that was: their ids are random, so that they stay ours when
        their MLflow moves.
        """
        is_there = or_(PROJECTED.c.target == self.target, PROJECTED.c.external_id.not_like("%/%"))
        query = select(PROJECTED.c.external_id, PROJECTED.c.subject).where(
            PROJECTED.c.external_id.in_(texts("external_ids")), is_there
        )
        with reading(self.engine) as connection:
            found = connection.execute(query, {"external_ids": listed(external_ids)})
            return {row.external_id: row.subject for row in found}

    def bound(self) -> int:
        """Of how many artifacts others made objects."""
        with reading(self.engine) as connection:
            query = select(func.count()).select_from(BINDING).where(self._bound)
            return int(connection.execute(query).scalar_one())

    def bound_after(self, number: int) -> tuple[tuple[ArtifactId, ...], int]:
        """The artifacts whose bindings are new or changed after a number, and the last number that there is."""
        query = select(BINDING.c.artifact, BINDING.c.number).where(self._bound, BINDING.c.number > number)
        with reading(self.engine) as connection:
            found = connection.execute(query.order_by(BINDING.c.number)).all()
        return tuple(ArtifactId.parse(row.artifact) for row in found), found[-1].number if found else number

    @property
    def _bound(self) -> Any:  # noqa: ANN401 - a clause
        return BINDING.c.target == self.target

    def _bindings(
        self, connection: Connection, *, artifacts: Iterable[ArtifactId] | None
    ) -> dict[ArtifactId, Binding]:
        query, values = select(BINDING).where(self._bound), {}
        if artifacts is not None:
            query = query.where(BINDING.c.artifact.in_(texts("artifacts")))
            values = {"artifacts": listed(map(str, artifacts))}
        return {
            ArtifactId.parse(row.artifact): Binding(
                version=row.version,
                model_id=row.model_id,
                run_id=row.run_id,
                made_at_ms=row.made_at_ms,
            )
            for row in connection.execute(query, values)
        }

    # --- one at a time --------------------------------------------------------------------------------------------------

    @contextmanager
    def held(self, *, patience_s: float = 0.0, purpose: str = "projection") -> Iterator[bool]:
        """Keeps others from doing the same with this target; tells whether it is ours to do. It ends with the process.

        Args:
            patience_s: How long to wait for another process that does, in seconds.
            purpose: What is done, a word: telling it, unless said otherwise.
        """
        with held(self.engine, purpose, self._key(purpose), patience_s=patience_s) as is_ours:
            yield is_ours

    def is_held(self) -> bool:
        """Whether some process tells this target just now."""
        return is_held(self.engine, "projection", self._key("projection"))

    def _key(self, purpose: str) -> str:
        return hashlib.sha256(f"{purpose}\n{self.target}".encode()).hexdigest()

    # --- what was read there --------------------------------------------------------------------------------------------

    def scanned(self) -> str:
        """What `remember_scan` was told last; empty before that."""
        with reading(self.engine) as connection:
            return connection.execute(select(SCAN.c.body).where(SCAN.c.target == self.target)).scalar() or ""

    def remember_scan(self, body: str) -> None:
        """Remembers how far the target's own history was read."""
        with writing(self.engine) as connection:
            connection.execute(delete(SCAN).where(SCAN.c.target == self.target))
            connection.execute(insert(SCAN), {"target": self.target, "body": body})

    def registry(self) -> str:
        """What tells this registry from others: the digest of its first transaction; empty before that."""
        with reading(self.engine) as connection:
            return connection.execute(select(COMMIT.c.digest).where(COMMIT.c.number == 1)).scalar() or ""

    def forget(self, *, names: Iterable[str] = ()) -> None:
        """Forgets everything that this target was told, so that every object is looked at again; what others made there stays known.

        Args:
            names: Subjects of which only the state is forgotten: what the target calls them stays known.
        """
        told = PROJECTED.c.target == self.target
        named = PROJECTED.c.subject.in_(texts("names"))
        with writing(self.engine) as connection:
            connection.execute(delete(PROJECTED).where(told, ~named), {"names": listed(names)})
            connection.execute(update(PROJECTED).where(told).values(state_digest=""))
            for table in (CURSOR, FAILURE):
                connection.execute(delete(table).where(table.c.target == self.target))


class Remembering:
    """Remembers what was projected, some at a time: each time costs the disk a few milliseconds.

    What a killed process had not remembered yet is found again by its key.

    Args:
        memory: Where to.
    """

    def __init__(self, memory: StoredProjection) -> None:
        self._memory = memory
        self._told: dict[str, tuple[str, str]] = {}
        self._since = time.monotonic()

    def put(self, subject: str, state_digest: str, external_id: str) -> None:
        """As `StoredProjection.put`, within a second."""
        self._told[subject] = (state_digest, external_id)
        if len(self._told) >= _AT_ONCE or time.monotonic() - self._since > _AT_LEAST_EVERY_S:
            self.flush()

    def flush(self) -> None:
        """Remembers what was put so far."""
        self._memory.put_all(self._told)
        self._told.clear()
        self._since = time.monotonic()
