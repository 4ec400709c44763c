"""What a transaction appends: numbered at once, written in pieces with its index rows, and closed by the row that chains it.

The row that closes a transaction covers the digests of all its facts, so it is written last; few facts are held until then, and of
many only the newest. Earlier ones lie in the tables already, where nobody else sees them before the transaction ends.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, NestedTransaction, Text, bindparam, insert, select, text

from provenance.artifacts import Artifact, ArtifactId
from provenance.errors import LedgerError
from provenance.evidence import Evidence
from provenance.facts import TYPE_NAMES, Fact, Recorded, utc_text
from provenance.relations import WEIGHT_KINDS, Relation
from provenance.store.bulk import count_anew, write_rows
from provenance.store.head import Head
from provenance.store.rows import listed, positions, read_facts, texts
from provenance.store.tables import (
    ARTIFACT,
    COMMIT,
    EVIDENCE,
    FACT,
    RELATION,
    CommitDigest,
    Row,
    artifact_row,
    evidence_row,
    fact_row,
    relation_row,
    says_kin,
    subject_of,
)

PIECE = 10_000
"""So many facts are held before they are written."""

F = TypeVar("F", bound=Fact)
_POSITIONS = select(ARTIFACT.c.key, ARTIFACT.c.seq).where(ARTIFACT.c.key.in_(texts("keys")))
_HANDED_ON = select(RELATION.c.child, RELATION.c.parent).where(
    RELATION.c.child.in_(positions("ends")),
    RELATION.c.parent.in_(positions("ends")),
    RELATION.c.kind.in_(sorted(WEIGHT_KINDS)),
)
_WRITTEN = (
    select(
        FACT.c.seq,
        FACT.c.type,
        FACT.c.body,
        bindparam("actor", type_=Text).label("actor"),
        bindparam("recorded_at", type_=Text).label("recorded_at"),
    )
    .where(FACT.c.seq > bindparam("head"))
    .order_by(FACT.c.seq)
)
_WRITTEN_NAMED = _WRITTEN.join(ARTIFACT, ARTIFACT.c.seq == FACT.c.seq).where(
    ARTIFACT.c.name.in_(texts("names"))
)
_WRITTEN_ABOUT = _WRITTEN.where(FACT.c.type == bindparam("type"), FACT.c.subject.in_(texts("subjects")))
_DEFER = {
    "sqlite": "PRAGMA defer_foreign_keys = ON",
    "postgresql": "SET CONSTRAINTS provenance_fact_commit_number_fkey DEFERRED",
}
"""Lets facts be written before the row of their transaction; both forget it when the transaction ends."""


class Appended:
    """The facts that one transaction adds to the ledger.

    Args:
        connection: Holds the writer's lock.
        head: The end of the chain before.
        actor: Who records.
        moment: When, aware, UTC.
    """

    def __init__(self, connection: Connection, head: Head, actor: str, moment: datetime) -> None:
        self._connection = connection
        self._head = head
        self._actor = actor
        self._moment = moment
        self._savepoint: NestedTransaction | None = None
        self._begin()

    def _begin(self) -> None:
        self._held: list[Recorded[Any]] = []
        self._next = self._head.entries + 1
        self._positions: dict[ArtifactId, int] = {}
        self._digest = CommitDigest(self._actor)

    def append(self, fact: F) -> Recorded[F]:
        """Gives a fact its place in the ledger.

        Raises:
            LedgerError: See `commit`; facts may be written before it.
        """
        if len(self._held) >= PIECE:
            if self._savepoint is None:
                self._savepoint = self._connection.begin_nested()
                self._connection.execute(text(_DEFER[self._connection.dialect.name]))
            self._write(self._rows())
        recorded = Recorded(self._next, fact, self._actor, self._moment)
        self._next += 1
        self._held.append(recorded)
        if isinstance(fact, Artifact):
            self._positions[fact.id] = recorded.seq
        return recorded

    def all(self) -> Iterator[Recorded[Any]]:
        """Every fact appended so far, in order."""
        yield from self._written(_WRITTEN)
        yield from self._held

    def named(self, names: Collection[str]) -> Iterator[Artifact]:
        """The artifacts appended so far that bear one of some names."""
        for recorded in (*self._written(_WRITTEN_NAMED, names=listed(names)), *self._held):
            if isinstance(recorded.fact, Artifact) and recorded.fact.id.name in names:
                yield recorded.fact

    def about(self, type_name: str, subjects: Collection[str]) -> Iterator[Recorded[Any]]:
        """The facts of one type about some subjects (see `tables.SUBJECTS`) appended so far."""
        yield from self._written(_WRITTEN_ABOUT, type=type_name, subjects=listed(subjects))
        for recorded in self._held:
            if TYPE_NAMES[type(recorded.fact)] == type_name and subject_of(recorded.fact) in subjects:
                yield recorded

    def _written(self, query: Any, **parameters: object) -> Iterator[Recorded[Any]]:  # noqa: ANN401 - an SQL query
        """Those facts that are not held any more."""
        if self._savepoint is None:
            return iter(())
        parameters |= {
            "head": self._head.entries,
            "actor": self._actor,
            "recorded_at": utc_text(self._moment),
        }
        return read_facts(self._connection, query, **parameters)

    def discard(self) -> None:
        """Forgets all of it."""
        if self._savepoint is not None:
            self._savepoint.rollback()
            self._savepoint = None
        self._begin()

    def commit(self) -> None:
        """Writes what is not written yet, and the row that closes the transaction; nothing where nothing was appended.

        Raises:
            LedgerError: A relation or a test names an artifact that is neither recorded nor appended before it.
        """
        if not self._held:
            return
        rows = self._rows()
        chained: dict[str, Any] = {
            "number": self._head.number + 1,
            "first_seq": self._head.entries + 1,
            "recorded_at": utc_text(self._moment),
            "previous": self._head.digest,
        }
        closing = {"actor": self._actor, "last_seq": self._next - 1, "digest": self._digest.close(**chained)}
        self._connection.execute(insert(COMMIT), chained | closing)
        self._write(rows)
        if self._savepoint is not None:
            self._savepoint.commit()
            count_anew(self._connection)

    def _rows(self) -> dict[Any, list[Row]]:
        """The rows of the facts that are held, table by table; the facts' digests go into the transaction's."""
        facts = [(recorded.seq, recorded.fact) for recorded in self._held]
        edges = [(seq, fact) for seq, fact in facts if isinstance(fact, Relation | Evidence)]
        self._locate(end for _, fact in edges for end in (fact.child, fact.parent))
        number = self._head.number + 1
        rows: dict[Any, list[Row]] = {
            FACT: [fact_row(seq, number, fact) for seq, fact in facts],
            ARTIFACT: [artifact_row(seq, fact) for seq, fact in facts if isinstance(fact, Artifact)],
            RELATION: [],
            EVIDENCE: [],
        }
        self._digest.add(row[-1] for row in rows[FACT])
        joined = self._joined(fact for _, fact in edges if isinstance(fact, Evidence) and says_kin(fact))
        for seq, fact in edges:
            ends = self._positions[fact.child], self._positions[fact.parent]
            if isinstance(fact, Evidence):
                rows[EVIDENCE].append(evidence_row(seq, fact, *ends, joined=frozenset(ends) in joined))
                continue
            rows[RELATION].append(relation_row(seq, fact, *ends))
            if fact.kind in WEIGHT_KINDS:
                joined.add(frozenset(ends))
        return rows

    def _write(self, rows: dict[Any, list[Row]]) -> None:
        for table, some in rows.items():
            if some:
                write_rows(self._connection, table, some)
        self._held.clear()

    def _locate(self, ids: Iterable[ArtifactId]) -> None:
        """Finds the positions of artifacts.

        Raises:
            LedgerError: One of them is neither recorded nor appended.
        """
        unknown = {str(one): one for one in ids if one not in self._positions}
        if unknown:
            for key, seq in self._connection.execute(_POSITIONS, {"keys": listed(unknown)}):
                self._positions[unknown.pop(key)] = seq
        if unknown:
            raise LedgerError(
                f"{min(unknown)} is neither recorded nor appended before what names it",
                hint="Append an artifact before its relations and tests.",
            )

    def _joined(self, tests: Iterable[Evidence]) -> set[frozenset[int]]:
        """The pairs of positions among the ends of some tests between which a recorded relation hands on weights."""
        ends = {self._positions[end] for test in tests for end in test.pair}
        if not ends:
            return set()
        found = self._connection.execute(_HANDED_ON, {"ends": listed(ends)})
        return {frozenset(row) for row in found}
