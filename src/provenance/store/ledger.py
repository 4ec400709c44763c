"""The ledger: facts in, facts out, each transaction chained to the one before.

Reading gives a `Snapshot`, everything recorded up to a date. Writing happens in a `Transaction`, which holds the writer's lock from its
first look at the registry to its commit, so that what it checked is still true when it appends. A transaction that appends
nothing leaves no trace.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, insert, select

from provenance.artifacts import Artifact, ArtifactId
from provenance.errors import ProvenanceError
from provenance.evidence import Evidence
from provenance.facts import TYPE_NAMES, Fact, Recorded, Snapshot, utc_text
from provenance.relations import WEIGHT_KINDS, Relation
from provenance.store.database import connect, ensure_current, reading, writing
from provenance.store.head import Head, read_head
from provenance.store.projection import StoredProjection
from provenance.store.reading import Reading
from provenance.store.rows import FACTS, read_facts
from provenance.store.sketches import StoredSketches
from provenance.store.tables import (
    ARTIFACT,
    COMMIT,
    EVIDENCE,
    FACT,
    RELATION,
    artifact_values,
    commit_digest,
    evidence_values,
    fact_values,
    relation_values,
    says_kin,
    subject_of,
)
from provenance.store.verification import Verification, verify

_CHUNK = 500  # bound parameters a statement: below every database's limit
T = TypeVar("T")
F = TypeVar("F", bound=Fact)


class Ledger:
    """An open ledger. Safe to share between threads; each call is a transaction of its own.

    Args:
        engine: A database whose tables are current, see `Ledger.open`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str, *, create: bool = False) -> "Ledger":
        """Opens the ledger at a database URL, bringing its tables up to date.

        Raises:
            RegistryError: There is none (and ``create`` is False), it is newer than this program, or can't be reached.
        """
        engine = connect(url)
        try:
            ensure_current(engine, create=create)
        except ProvenanceError:
            engine.dispose()
            raise
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
        return Reading(partial(reading, self._engine), head, as_of or _now(head))

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

    def sketches(self) -> StoredSketches:
        """The sketches of registered weights, by content digest."""
        return StoredSketches(self._engine)

    @contextmanager
    def transaction(self, actor: str) -> Iterator["Transaction"]:
        """The writer's transaction: all that is appended in it is recorded when it ends well, and nothing otherwise."""
        with writing(self._engine) as connection:
            transaction = Transaction(connection, actor)
            yield transaction
            transaction.commit()


class Transaction:
    """A look at the registry that stays true, and a list of facts to append; made by `Ledger.transaction`.

    Args:
        connection: Holds the writer's lock.
        actor: Who records.
    """

    def __init__(self, connection: Connection, actor: str) -> None:
        self._connection = connection
        self._actor = actor
        self._head = read_head(connection)
        self._moment = _now(self._head)
        self._appended: list[Recorded[Any]] = []
        self._positions: dict[ArtifactId, int] = {}

    def append(self, fact: F) -> Recorded[F]:
        """Appends a fact, and returns it with its place in the ledger."""
        recorded = Recorded(self._head.entries + len(self._appended) + 1, fact, self._actor, self._moment)
        self._appended.append(recorded)
        if isinstance(fact, Artifact):
            self._positions[fact.id] = recorded.seq
        return recorded

    def reading(self) -> Reading:
        """What is recorded already; not what was appended just now."""
        return Reading(lambda: nullcontext(self._connection), self._head, self._moment)

    def snapshot(self) -> Snapshot:
        """Everything recorded, and everything appended so far."""
        return Snapshot((*self.reading().snapshot().facts, *self._appended), self._moment)

    def artifacts(self, ids: Iterable[ArtifactId]) -> dict[ArtifactId, Artifact]:
        """Those of the artifacts that are recorded."""
        found: dict[ArtifactId, Artifact] = {}
        for chunk in _chunks(str(one) for one in ids):
            query = FACTS.join(ARTIFACT, ARTIFACT.c.seq == FACT.c.seq)
            for recorded in read_facts(self._connection, query.where(ARTIFACT.c.key.in_(chunk))):
                if isinstance(recorded.fact, Artifact):
                    found[recorded.fact.id] = recorded.fact
                    self._positions[recorded.fact.id] = recorded.seq
        return found

    def find(self, reference: str) -> tuple[Artifact, ...]:
        """As `Ledger.find`, in this transaction; does not see what was appended just now."""
        return self.reading().find(reference)

    def named(self, names: Iterable[str]) -> dict[str, tuple[Artifact, ...]]:
        """All artifacts of any kind and version that bear some names, those appended just now included."""
        found: dict[str, list[Artifact]] = {name: [] for name in names}
        for chunk in _chunks(tuple(found)):
            for artifact in _artifacts(self._connection, ARTIFACT.c.name.in_(chunk)):
                found[artifact.id.name].append(artifact)
        for recorded in self._appended:
            if isinstance(recorded.fact, Artifact) and recorded.fact.id.name in found:
                found[recorded.fact.id.name].append(recorded.fact)
        return {name: tuple(artifacts) for name, artifacts in found.items()}

    def names(self, near: str | None = None) -> tuple[ArtifactId, ...]:
        """As `Ledger.names`; does not see what was appended just now."""
        return self.reading().names(near)

    def relations_of(self, children: Iterable[ArtifactId]) -> tuple[Relation, ...]:
        """The recorded relations of some children to their parents, in the order of the ledger."""
        child = ARTIFACT.alias("child")
        relations: list[Relation] = []
        for chunk in _chunks(str(one) for one in children):
            query = FACTS.join(RELATION, RELATION.c.seq == FACT.c.seq)
            query = query.join(child, child.c.seq == RELATION.c.child).where(child.c.key.in_(chunk))
            found = read_facts(self._connection, query.order_by(FACT.c.seq))
            relations.extend(recorded.fact for recorded in found if isinstance(recorded.fact, Relation))
        return tuple(relations)

    def ancestry(self, ids: Iterable[ArtifactId]) -> tuple[tuple[ArtifactId, ArtifactId], ...]:
        """The (child, parent) pairs of the recorded lineage above some artifacts, by one recursive query a chunk."""
        child, parent = ARTIFACT.alias("child"), ARTIFACT.alias("parent")
        pairs: dict[tuple[ArtifactId, ArtifactId], None] = {}
        for chunk in _chunks(str(one) for one in ids):
            above = select(ARTIFACT.c.seq).where(ARTIFACT.c.key.in_(chunk)).cte("above", recursive=True)
            above = above.union(select(RELATION.c.parent).where(RELATION.c.child == above.c.seq))
            query = (
                select(child.c.key, parent.c.key)
                .select_from(RELATION)
                .join(above, above.c.seq == RELATION.c.child)
                .join(child, child.c.seq == RELATION.c.child)
                .join(parent, parent.c.seq == RELATION.c.parent)
            )
            for lower, upper in self._connection.execute(query):
                pairs[ArtifactId.parse(lower), ArtifactId.parse(upper)] = None
        return tuple(pairs)

    def about(self, type_name: str, subjects: Iterable[str]) -> tuple[Recorded[Any], ...]:
        """The facts of one type about some subjects (see `tables.SUBJECTS`), in order, those appended just now included."""
        wanted = set(subjects)
        stored = [
            recorded
            for chunk in _chunks(sorted(wanted))
            for recorded in read_facts(
                self._connection,
                FACTS.where(FACT.c.type == type_name, FACT.c.subject.in_(chunk)).order_by(FACT.c.seq),
            )
        ]
        fresh = [
            recorded
            for recorded in self._appended
            if TYPE_NAMES[type(recorded.fact)] == type_name and subject_of(recorded.fact) in wanted
        ]
        return (*stored, *fresh)

    def get(self, seq: int) -> Recorded[Fact] | None:
        """The recorded fact at a position."""
        return next(read_facts(self._connection, FACTS.where(FACT.c.seq == seq)), None)

    def discard(self) -> None:
        """Forgets what was appended; a look at what would be."""
        self._appended.clear()
        self._positions.clear()

    def commit(self) -> None:
        """Writes what was appended, chained to the transaction before. Called by `Ledger.transaction`."""
        if not self._appended:
            return
        number = self._head.number + 1
        rows = [fact_values(recorded.seq, number, recorded.fact) for recorded in self._appended]
        recorded_at = utc_text(self._moment)
        header = {
            "number": number,
            "previous": self._head.digest,
            "actor": self._actor,
            "recorded_at": recorded_at,
            "first_seq": rows[0]["seq"],
        }
        digest = commit_digest(**header, fact_digests=[row["digest"] for row in rows])
        self._connection.execute(insert(COMMIT), {**header, "last_seq": rows[-1]["seq"], "digest": digest})
        self._connection.execute(insert(FACT), rows)
        self._index()

    def _index(self) -> None:
        """Writes the index rows of the appended artifacts, relations and tests."""
        appended = [(recorded.seq, recorded.fact) for recorded in self._appended]
        edges = [(seq, fact) for seq, fact in appended if isinstance(fact, Relation | Evidence)]
        self.artifacts(
            {end for _, fact in edges for end in (fact.child, fact.parent)} - self._positions.keys()
        )
        rows: dict[Any, list[dict[str, Any]]] = {
            ARTIFACT: [artifact_values(seq, fact) for seq, fact in appended if isinstance(fact, Artifact)],
            RELATION: [],
            EVIDENCE: [],
        }
        joined = self._joined(
            {fact.pair for _, fact in edges if isinstance(fact, Evidence) and says_kin(fact)}
        )
        for seq, fact in edges:
            ends = self._positions[fact.child], self._positions[fact.parent]
            if isinstance(fact, Relation):
                rows[RELATION].append(relation_values(seq, fact, *ends))
                if fact.kind in WEIGHT_KINDS:
                    joined.add(frozenset(ends))
            else:
                known = frozenset(ends) in joined
                rows[EVIDENCE].append(evidence_values(seq, fact, *ends, joined=known))
        for table, values in rows.items():
            if values:
                self._connection.execute(insert(table), values)

    def _joined(self, pairs: Iterable[frozenset[ArtifactId]]) -> set[frozenset[int]]:
        """Those of some pairs, by their positions, between which a recorded relation hands on weights."""
        joined: set[frozenset[int]] = set()
        wanted = [frozenset(self._positions[end] for end in pair) for pair in pairs]
        for chunk in _chunks(wanted):
            ends = sorted({end for pair in chunk for end in pair})
            query = select(RELATION.c.child, RELATION.c.parent).where(
                RELATION.c.child.in_(ends), RELATION.c.parent.in_(ends), RELATION.c.kind.in_(WEIGHT_KINDS)
            )
            joined.update(frozenset(row) for row in self._connection.execute(query))
        return joined


def _artifacts(connection: Connection, condition: Any) -> list[Artifact]:  # noqa: ANN401 - an SQL expression
    query = FACTS.join(ARTIFACT, ARTIFACT.c.seq == FACT.c.seq).where(condition)
    found = (recorded.fact for recorded in read_facts(connection, query.order_by(FACT.c.seq)))
    return [fact for fact in found if isinstance(fact, Artifact)]


def _now(head: Head) -> datetime:
    """The present, and never before the last record, should the clock have been set back."""
    return max(datetime.now(UTC), head.recorded_at) if head.recorded_at else datetime.now(UTC)


def _chunks(items: Iterable[T]) -> Iterator[Sequence[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk
