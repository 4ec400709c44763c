"""Walking the chain: every digest recomputed, every row accounted for.

What this finds: a fact or a transaction that was changed, removed or inserted, and an index row that does not agree with its fact.
What no chain can find by itself: a chain rewritten from some transaction to its end, or cut off at its end. Against that, note
the head's digest outside the registry and hand it in as ``expected_head``.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from provenance.artifacts import Artifact
from provenance.errors import ContentError
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
    """Recomputes the chain.

    Args:
        connection: A transaction that sees one state of the database.
        expected_head: A head digest noted earlier, or its beginning, which the chain must contain.
    """
    commits = connection.execute(select(COMMIT).order_by(COMMIT.c.number)).all()
    facts = {row.seq: row for row in connection.execute(select(FACT).order_by(FACT.c.seq))}
    problems = [
        *_chain_problems(commits, facts),
        *_stray_problems(commits, facts),
        *_index_problems(connection, facts),
    ]
    head = commits[-1].digest if commits else GENESIS
    known = (GENESIS, *(commit.digest for commit in commits))
    if expected_head and not any(digest.startswith(expected_head) for digest in known):
        problems.append(
            Problem(
                where="head",
                what=f"the chain does not contain {expected_head}: its end was cut off or rewritten",
            )
        )
    return Verification(ok=not problems, entries=len(facts), head=head, problems=tuple(problems))


def _chain_problems(commits: Any, facts: dict[int, Any]) -> Iterator[Problem]:  # noqa: ANN401 - rows
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
            yield Problem(where=where, what="does not follow from the one before: one of the two was changed")
        if commit.first_seq != next_seq:
            yield Problem(where=where, what=f"begins at fact {commit.first_seq}, expected {next_seq}")
        span = range(commit.first_seq, commit.last_seq + 1)
        changed = list(_fact_problems(commit.number, span, facts))
        yield from changed
        digest = CommitDigest(commit.actor)
        digest.add(facts[seq].digest for seq in span if seq in facts)
        header = {name: getattr(commit, name) for name in ("number", "previous", "recorded_at", "first_seq")}
        if digest.close(**header) != commit.digest and not changed:
            yield Problem(
                where=where, what="its digest does not cover what it holds: the row or its facts were changed"
            )
        previous, next_seq = commit.digest, commit.last_seq + 1


def _fact_problems(commit_number: int, span: range, facts: dict[int, Any]) -> Iterator[Problem]:
    for seq in span:
        row = facts.get(seq)
        if row is None:
            yield Problem(where=f"fact {seq}", what=f"removed from transaction {commit_number}")
        elif row.commit_number != commit_number:
            yield Problem(
                where=f"fact {seq}", what=f"moved from transaction {commit_number} to {row.commit_number}"
            )
        elif fact_digest(row.seq, row.type, row.body) != row.digest:
            yield Problem(where=f"fact {seq}", what=f"changed: its {row.type} is not what was recorded")


def _stray_problems(commits: Any, facts: dict[int, Any]) -> Iterator[Problem]:  # noqa: ANN401 - rows
    covered = {seq for commit in commits for seq in range(commit.first_seq, commit.last_seq + 1)}
    for seq in sorted(facts.keys() - covered):
        yield Problem(where=f"fact {seq}", what="inserted: no transaction holds it")


def _index_problems(connection: Connection, facts: dict[int, Any]) -> Iterator[Problem]:
    found = {
        table: {row.seq: tuple(row) for row in connection.execute(select(table))}
        for table in (ARTIFACT, RELATION, EVIDENCE)
    }
    sound: list[tuple[int, Fact]] = []
    for seq, row in facts.items():
        if fact_digest(row.seq, row.type, row.body) != row.digest:
            continue  # reported already; what it should have been is not known
        try:
            fact = from_json(row.type, row.body)
        except ContentError as error:
            yield Problem(where=f"fact {seq}", what=f"changed: {error.message}")
            continue
        if row.subject != subject_of(fact):
            yield Problem(where=f"fact {seq}", what=f"its index says it is about {row.subject!r}")
        sound.append((seq, fact))
    positions = {key: seq for seq, key, *_ in found[ARTIFACT].values()}
    for table, expected in _index_rows(sound, positions).items():
        name = table.name.removeprefix("provenance_")
        for seq in sorted(found[table].keys() | expected.keys()):
            if found[table].get(seq) != expected.get(seq):
                yield Problem(where=f"fact {seq}", what=f"the index of {name}s does not agree with it")


def _index_rows(facts: Iterable[tuple[int, Fact]], positions: Mapping[str, int]) -> dict[Any, dict[int, Row]]:
    """The rows that each index should have, by position; ``positions`` are those of the artifacts."""
    rows: dict[Any, dict[int, Row]] = {ARTIFACT: {}, RELATION: {}, EVIDENCE: {}}
    joined: set[frozenset[int]] = set()
    for seq, fact in facts:
        if isinstance(fact, Artifact):
            rows[ARTIFACT][seq] = artifact_row(seq, fact)
            continue
        if not isinstance(fact, Relation | Evidence):
            continue
        ends = positions.get(str(fact.child), 0), positions.get(str(fact.parent), 0)
        if isinstance(fact, Evidence):
            rows[EVIDENCE][seq] = evidence_row(seq, fact, *ends, joined=frozenset(ends) in joined)
            continue
        rows[RELATION][seq] = relation_row(seq, fact, *ends)
        if fact.kind in WEIGHT_KINDS:
            joined.add(frozenset(ends))
    return rows
