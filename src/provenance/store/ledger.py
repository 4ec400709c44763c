"""The ledger: facts in, facts out, each transaction chained to the one before.

Reading gives a `Snapshot`, everything recorded up to a date. Writing happens in a `Transaction`, which holds the writer's lock from its
first look at the registry to its commit, so that what it checked is still true when it appends. A transaction that appends
nothing leaves no trace.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial

from sqlalchemy import Engine

from provenance.artifacts import Artifact, ArtifactId
from provenance.errors import ProvenanceError
from provenance.facts import Snapshot
from provenance.store.database import connect, ensure_current, reading, writing
from provenance.store.head import Head, find_head, read_head
from provenance.store.imports import StoredImports
from provenance.store.projection import StoredProjection
from provenance.store.reading import Reading
from provenance.store.sketches import StoredSketches
from provenance.store.transaction import Transaction
from provenance.store.verification import Verification, verify
from provenance.store.watch import FlagFeed, StoredWatch


class Ledger:
    """An open ledger. Safe to share between threads; each call is a transaction of its own.

    Args:
        engine: A database whose tables are current, see `Ledger.open`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str, *, create: bool = False, read_only: bool = False) -> "Ledger":
        """Opens the ledger at a database URL, bringing its tables up to date; after that, one that only reads does not write.

        Raises:
            RegistryError: There is none (and ``create`` is False), it is newer than this program, or can't be reached.
        """
        engine = connect(url)
        try:
            ensure_current(engine, create=create)
        except ProvenanceError:
            engine.dispose()
            raise
        if read_only:
            engine.dispose()
            engine = connect(url, read_only=True)
        return cls(engine)

    def close(self) -> None:
        """Gives the database connections back."""
        self._engine.dispose()

    def head(self) -> Head:
        """The end of the chain."""
        with reading(self._engine) as connection:
            return read_head(connection)

    def at(self, as_of: datetime | None = None) -> Reading:
        """Everything recorded up to ``as_of`` (default: now), to be read as far as it is needed."""
        with reading(self._engine) as connection:
            head = read_head(connection, as_of)
        return Reading(partial(reading, self._engine), head, as_of or head.now, as_of=as_of)

    def when_last(self, digest: str, moment: datetime) -> Reading | None:
        """Everything recorded when a transaction was the last one, asked for a date; None where the chain does not hold it."""
        with reading(self._engine) as connection:
            head = find_head(connection, digest)
        return None if head is None else Reading(partial(reading, self._engine), head, moment, as_of=moment)

    def snapshot(self, as_of: datetime | None = None) -> Snapshot:
        """All facts recorded up to ``as_of`` (default: now)."""
        return self.at(as_of).snapshot()

    def look(self, as_of: datetime | None = None) -> tuple[Snapshot, Head]:
        """All facts recorded up to ``as_of`` (default: now), and the end of the chain that holds them."""
        found = self.at(as_of)
        return found.snapshot(), found.head

    def find(self, reference: str) -> tuple[Artifact, ...]:
        """The artifacts that a reference may mean now, see `Reading.find`."""
        return self.at().find(reference)

    def names(self, near: str | None = None) -> tuple[ArtifactId, ...]:
        """The identities of all artifacts, or some that a mistyped name may have meant, see `Reading.names`."""
        return self.at().names(near)

    def verify(self, expected_head: str | None = None) -> Verification:
        """Recomputes every digest and says what does not hold; see `provenance.store.verification`."""
        with reading(self._engine) as connection:
            return verify(connection, expected_head)

    def projection(self, target: str) -> StoredProjection:
        """The memory of what ``target`` was told."""
        return StoredProjection(self._engine, target)

    def watch(self, key: str) -> StoredWatch:
        """The memory of how far one watch was told."""
        return StoredWatch(self._engine, key)

    def flag_feed(self) -> FlagFeed:
        """What happened to flags, in order; see `provenance.watching`."""
        return FlagFeed(self._engine)

    def imports(self) -> StoredImports:
        """The imports that were begun and not finished."""
        return StoredImports(self._engine)

    def sketches(self) -> StoredSketches:
        """The sketches of registered weights, by content digest."""
        return StoredSketches(self._engine)

    @contextmanager
    def transaction(self, actor: str) -> Iterator[Transaction]:
        """The writer's transaction: all that is appended in it is recorded when it ends well, and nothing otherwise."""
        with writing(self._engine) as connection:
            transaction = Transaction(connection, actor)
            yield transaction
            transaction.commit()
