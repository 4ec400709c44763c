"""The ledger: facts in, facts out, each transaction chained to the one before.

Reading gives a `Snapshot`, everything recorded up to a date. Writing happens in a `Transaction`, which holds the writer's lock from its
first look at the registry to its commit, so that what it checked is still true when it appends. A transaction that appends
nothing leaves no trace.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, insert, select

from provenance.artifacts import Artifact, ArtifactId, Reference
from provenance.errors import ProvenanceError
from provenance.evidence import Evidence
from provenance.facts import TYPE_NAMES, Fact, Recorded, Snapshot, utc_moment, utc_text
from provenance.references import SHORTEST_PREFIX, is_digest
from provenance.relations import WEIGHT_KINDS, Relation
from provenance.store.database import connect, ensure_current, reading, writing
from provenance.store.projection import StoredProjection
from provenance.store.sketches import StoredSketches
from provenance.store.tables import (
    ARTIFACT,
    COMMIT,
    EVIDENCE,
    FACT,
    GENESIS,
    RELATION,
    artifact_values,
    commit_digest,
    evidence_values,
    fact_values,
    relation_values,
    says_kin,
    subject_of,
    to_domain,
)
from provenance.store.verification import Verification, verify

_CHUNK = 500  # bound parameters a statement: below every database's limit
T = TypeVar("T")
F = TypeVar("F", bound=Fact)


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
            return _head(connection)

    def snapshot(self, as_of: datetime | None = None) -> Snapshot:
        """All facts recorded up to ``as_of`` (default: now)."""
        return self.look(as_of)[0]

    def look(self, as_of: datetime | None = None) -> tuple[Snapshot, Head]:
        """All facts recorded up to ``as_of`` (default: now), and the end of the chain that holds them."""
        with reading(self._engine) as connection:
            moment = as_of or _now(_head(connection))
            return Snapshot(tuple(_facts(connection, moment)), moment), _head(connection, moment)

    def find(self, reference: str) -> tuple[Artifact, ...]:
        """The artifacts that bear a reference's name; or else those whose content digest begins with it.

        None or several are the caller's to explain, see `provenance.references`.
        """
        with reading(self._engine) as connection:
            return _find(connection, reference)

    def names(self) -> tuple[ArtifactId, ...]:
        """The identities of all artifacts, in order."""
        with reading(self._engine) as connection:
            return _names(connection)

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
        self._head = _head(connection)
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

    def snapshot(self) -> Snapshot:
        """Everything recorded, and everything appended so far."""
        return Snapshot((*_facts(self._connection, self._moment), *self._appended), self._moment)

    def artifacts(self, ids: Iterable[ArtifactId]) -> dict[ArtifactId, Artifact]:
        """Those of the artifacts that are recorded."""
        found: dict[ArtifactId, Artifact] = {}
        for chunk in _chunks(str(one) for one in ids):
            query = _select_facts().join(ARTIFACT, ARTIFACT.c.seq == FACT.c.seq)
            for recorded in _read(self._connection, query.where(ARTIFACT.c.key.in_(chunk))):
                if isinstance(recorded.fact, Artifact):
                    found[recorded.fact.id] = recorded.fact
                    self._positions[recorded.fact.id] = recorded.seq
        return found

    def find(self, reference: str) -> tuple[Artifact, ...]:
        """As `Ledger.find`, in this transaction; does not see what was appended just now."""
        return _find(self._connection, reference)

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

    def names(self) -> tuple[ArtifactId, ...]:
        """The identities of all recorded artifacts, in order."""
        return _names(self._connection)

    def relations_of(self, children: Iterable[ArtifactId]) -> tuple[Relation, ...]:
        """The recorded relations of some children to their parents, in the order of the ledger."""
        child = ARTIFACT.alias("child")
        relations: list[Relation] = []
        for chunk in _chunks(str(one) for one in children):
            query = _select_facts().join(RELATION, RELATION.c.seq == FACT.c.seq)
            query = query.join(child, child.c.seq == RELATION.c.child).where(child.c.key.in_(chunk))
            found = _read(self._connection, query.order_by(FACT.c.seq))
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
            for recorded in _read(
                self._connection,
                _select_facts()
                .where(FACT.c.type == type_name, FACT.c.subject.in_(chunk))
                .order_by(FACT.c.seq),
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
        return next(_read(self._connection, _select_facts().where(FACT.c.seq == seq)), None)

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


def _find(connection: Connection, reference: str) -> tuple[Artifact, ...]:
    found: list[Artifact] = []
    if not is_digest(reference):
        found = _artifacts(connection, ARTIFACT.c.name == Reference.parse(reference).name)
    if not found and len(reference.rpartition(":")[2]) >= SHORTEST_PREFIX:
        prefix = reference if is_digest(reference) else f"blake3:{reference}"
        found = _artifacts(connection, ARTIFACT.c.digest.startswith(prefix, autoescape=True))
    return tuple(found)


def _names(connection: Connection) -> tuple[ArtifactId, ...]:
    keys = connection.execute(select(ARTIFACT.c.key).order_by(ARTIFACT.c.key)).scalars()
    return tuple(ArtifactId.parse(key) for key in keys)


def _artifacts(connection: Connection, condition: Any) -> list[Artifact]:  # noqa: ANN401 - an SQL expression
    query = _select_facts().join(ARTIFACT, ARTIFACT.c.seq == FACT.c.seq).where(condition)
    found = (recorded.fact for recorded in _read(connection, query.order_by(FACT.c.seq)))
    return [fact for fact in found if isinstance(fact, Artifact)]


def _select_facts() -> Any:  # noqa: ANN401 - SQLAlchemy's select of five columns
    return select(FACT.c.seq, FACT.c.type, FACT.c.body, COMMIT.c.actor, COMMIT.c.recorded_at).join(
        COMMIT, COMMIT.c.number == FACT.c.commit_number
    )


def _read(connection: Connection, query: Any) -> Iterator[Recorded[Fact]]:  # noqa: ANN401 - from _select_facts
    return (to_domain(*row) for row in connection.execute(query))


def _facts(connection: Connection, until: datetime) -> Iterator[Recorded[Fact]]:
    query = _select_facts().where(COMMIT.c.recorded_at <= utc_text(until))
    return _read(connection, query.order_by(FACT.c.seq))


def _now(head: Head) -> datetime:
    """The present, and never before the last record, should the clock have been set back."""
    return max(datetime.now(UTC), head.recorded_at) if head.recorded_at else datetime.now(UTC)


def _head(connection: Connection, until: datetime | None = None) -> Head:
    query = select(COMMIT).order_by(COMMIT.c.number.desc()).limit(1)
    if until is not None:
        query = query.where(COMMIT.c.recorded_at <= utc_text(until))
    row = connection.execute(query).one_or_none()
    if row is None:
        return Head(number=0, entries=0, digest=GENESIS, recorded_at=None)
    return Head(
        number=row.number, entries=row.last_seq, digest=row.digest, recorded_at=utc_moment(row.recorded_at)
    )


def _chunks(items: Iterable[T]) -> Iterator[Sequence[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk
