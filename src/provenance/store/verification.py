"""Walking the chain: every digest recomputed, every row accounted for.

What this finds: a fact or a transaction that was changed, removed or inserted, and an index row that does not agree with its fact.
What no chain can find by itself: a chain rewritten from some transaction to its end, or cut off at its end. Against that, note
the head's digest outside the registry and hand it in as ``expected_head``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from provenance.artifacts import Artifact
from provenance.errors import ProvenanceError
from provenance.evidence import Evidence
from provenance.facts import Fact, from_json
from provenance.relations import WEIGHT_KINDS, Relation
from provenance.store.tables import (
    ARTIFACT,
    COMMIT,
    EVIDENCE,
    FACT,
    GENESIS,
    RELATION,
    CommitDigest,
    Row,
    artifact_row,
    evidence_row,
    fact_digest,
    relation_row,
    subject_of,
)

_PIECE = 5_000  # rows in memory at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that does not hold.

    Args:
        where: The row, such as ``fact 12`` or ``transaction 3``.
        what: What is wrong with it, in words.
    """

    where: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The outcome of walking the chain.

    Args:
        ok: Whether everything holds.
        entries: Number of facts looked at.
        head: Digest of the last transaction.
        problems: What does not hold, in the order of the ledger.
    """

    ok: bool
    entries: int
    head: str
    problems: tuple[Problem, ...]


def verify(connection: Connection, expected_head: str | None = None) -> Verification:
    """Recomputes the chain, reading facts and indexes side by side and once.

    Args:
        connection: A transaction that sees one state of the database.
        expected_head: A head digest noted earlier, or its beginning, which the chain must contain.
    """
    commits = connection.execute(select(COMMIT).order_by(COMMIT.c.number)).all()
    walk = _Walk(connection)
    problems = [*walk.chain(commits), *walk.misfits, *walk.rest()]
    head = commits[-1].digest if commits else GENESIS
    known = (GENESIS, *(commit.digest for commit in commits))
    if expected_head and not any(digest.startswith(expected_head) for digest in known):
        problems.append(
            Problem(
                where="head",
                what=f"the chain does not contain {expected_head}: its end was cut off or rewritten",
            )
        )
    return Verification(ok=not problems, entries=walk.entries, head=head, problems=tuple(problems))


class _Stream:
    """The rows of a table in the order of the ledger, the next one in sight."""

    def __init__(self, connection: Connection, table: Any) -> None:  # noqa: ANN401 - a table
        query = select(table).order_by(table.c.seq).execution_options(yield_per=_PIECE)
        self._rows = iter(connection.execute(query))
        self.next: Any = next(self._rows, None)

    def up_to(self, seq: int) -> Iterator[Any]:
        """Goes on past a position, and hands out the rows on the way."""
        while self.next is not None and self.next.seq <= seq:
            row, self.next = self.next, next(self._rows, None)
            yield row

    def rest(self) -> Iterator[Any]:
        """All that comes now."""
        while self.next is not None:
            yield from self.up_to(self.next.seq)


class _Index:
    """One index, compared with what the facts say it should hold."""

    def __init__(self, connection: Connection, table: Any, of: str) -> None:  # noqa: ANN401 - a table
        self._what = f"the index of {of} does not agree with it"
        self._rows = _Stream(connection, table)

    def compare(self, seq: int, expected: Row | None) -> Iterator[Problem]:
        """What does not hold up to the fact at a position.

        Args:
            seq: The position.
            expected: The fact's row; None where it was changed, so that nobody knows what it should be.
        """
        found = None
        for row in self._rows.up_to(seq):
            if row.seq == seq:
                found = tuple(row)
            else:
                yield Problem(where=f"fact {row.seq}", what=self._what)
        if expected is not None and found != expected:
            yield Problem(where=f"fact {seq}", what=self._what)

    def rest(self) -> Iterator[Problem]:
        """Rows after the last fact."""
        for row in self._rows.rest():
            yield Problem(where=f"fact {row.seq}", what=self._what)


class _Walk:
    """One walk along the facts and their indexes.

    Args:
        connection: A transaction that sees one state of the database.
    """

    def __init__(self, connection: Connection) -> None:
        self.entries = 0
        self.misfits: list[Problem] = []
        self._facts = _Stream(connection, FACT)
        self._indexes = {
            "artifact": _Index(connection, ARTIFACT, "artifacts"),
            "relation": _Index(connection, RELATION, "relations"),
            "evidence": _Index(connection, EVIDENCE, "tests"),
        }
        self._positions: dict[str, int] = dict(
            tuple(row) for row in connection.execute(select(ARTIFACT.c.key, ARTIFACT.c.seq))
        )
        tests = connection.execute(select(EVIDENCE.c.parent, EVIDENCE.c.child))
        self._tested = {frozenset(row) for row in tests}
        self._joined: set[frozenset[int]] = set()

    def chain(self, commits: Sequence[Any]) -> Iterator[Problem]:
        """What does not hold of transactions and facts."""
        previous, number, next_seq = GENESIS, 0, 1
        for commit in commits:
            where = f"transaction {commit.number}"
            number += 1
            if commit.number != number:
                yield Problem(
                    where=f"transaction {number}", what=f"removed: {commit.number} comes after {number - 1}"
                )
                number = commit.number
            elif commit.previous != previous:
                yield Problem(
                    where=where, what="does not follow from the one before: one of the two was changed"
                )
            if commit.first_seq != next_seq:
                yield Problem(where=where, what=f"begins at fact {commit.first_seq}, expected {next_seq}")
            yield from self._strays(self._facts.up_to(commit.first_seq - 1))
            digest = CommitDigest(commit.actor)
            changed = list(self._transaction(commit, digest))
            yield from changed
            header = {
                name: getattr(commit, name) for name in ("number", "previous", "recorded_at", "first_seq")
            }
            if digest.close(**header) != commit.digest and not changed:
                yield Problem(
                    where=where,
                    what="its digest does not cover what it holds: the row or its facts were changed",
                )
            previous, next_seq = commit.digest, commit.last_seq + 1
        yield from self._strays(self._facts.rest())

    def rest(self) -> Iterator[Problem]:
        """Rows of the indexes after the last fact."""
        for index in self._indexes.values():
            yield from index.rest()

    def _strays(self, rows: Iterator[Any]) -> Iterator[Problem]:
        for row in rows:
            self.entries += 1
            yield Problem(where=f"fact {row.seq}", what="inserted: no transaction holds it")

    def _transaction(self, commit: Any, digest: CommitDigest) -> Iterator[Problem]:  # noqa: ANN401 - a row
        """What does not hold of the facts of one transaction; their digests go into its own."""
        expected = commit.first_seq
        for row in self._facts.up_to(commit.last_seq):
            yield from _removed(range(expected, row.seq), commit.number)
            expected = row.seq + 1
            self.entries += 1
            digest.add([row.digest])
            if row.commit_number != commit.number:
                yield Problem(
                    where=f"fact {row.seq}",
                    what=f"moved from transaction {commit.number} to {row.commit_number}",
                )
            elif fact_digest(row.seq, row.type, row.body) != row.digest:
                yield Problem(
                    where=f"fact {row.seq}", what=f"changed: its {row.type} is not what was recorded"
                )
            else:
                self.misfits += self._fact(row)
                continue
            if row.type in self._indexes:
                self.misfits += self._indexes[row.type].compare(row.seq, None)
        yield from _removed(range(expected, commit.last_seq + 1), commit.number)

    def _fact(self, row: Any) -> Iterator[Problem]:  # noqa: ANN401 - a row
        """What does not hold of a fact's text and of its index rows."""
        try:
            fact = from_json(row.type, row.body)
        except ProvenanceError as error:
            yield Problem(where=f"fact {row.seq}", what=f"changed: {error.message}")
            return
        if row.subject != subject_of(fact):
            yield Problem(where=f"fact {row.seq}", what=f"its index says it is about {row.subject!r}")
        if row.type in self._indexes:
            yield from self._indexes[row.type].compare(row.seq, self._row(row.seq, fact))

    def _row(self, seq: int, fact: Fact) -> Row | None:
        """The index row that a fact should have."""
        if isinstance(fact, Artifact):
            return artifact_row(seq, fact)
        if not isinstance(fact, Relation | Evidence):
            return None
        ends = self._positions.get(str(fact.child), 0), self._positions.get(str(fact.parent), 0)
        pair = frozenset(ends)
        if isinstance(fact, Evidence):
            return evidence_row(seq, fact, *ends, joined=pair in self._joined)
        if fact.kind in WEIGHT_KINDS and pair in self._tested:
            self._joined.add(pair)
        return relation_row(seq, fact, *ends)


def _removed(span: range, commit_number: int) -> Iterator[Problem]:
    """One problem for all neighbours, since a changed transaction may claim any number of facts."""
    if span:
        where = f"fact {span[0]}" if len(span) == 1 else f"facts {span[0]} to {span[-1]}"
        yield Problem(where=where, what=f"removed from transaction {commit_number}")
