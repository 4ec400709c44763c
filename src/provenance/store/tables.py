"""The tables. Two hold the ledger, three index it, seven remember what was done elsewhere, three keep sketches of weights.

``provenance_commit`` and ``provenance_fact`` are the record: each fact as canonical JSON with its digest, each transaction chained to
the one before. ``provenance_artifact``, ``provenance_relation`` and ``provenance_evidence`` are indexes of it, written in the same
transaction, so that a name, a lineage or a test can be found without reading every fact. Triggers refuse every update and delete of
these five. The others may change and can be thrown away: ``provenance_projected`` and the ``provenance_projection`` tables,
``provenance_watch`` and ``provenance_import`` are memories of what another system was told, what watchers were told and how far an
import came, and the ``provenance_sketch`` tables are derived from the files that were registered.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from sqlalchemy import BigInteger, Column, Text
from sqlmodel import Field, SQLModel

from provenance.artifacts import Alias, Artifact, Location
from provenance.errors import LedgerError, ProvenanceError
from provenance.evidence import Evidence, TestKind, Verdict
from provenance.facts import TYPE_NAMES, Fact, Recorded, canonical_json, from_json, to_json, utc_moment
from provenance.relations import Relation, Resolution, Unresolved
from provenance.traits import Block, Clearance, Flag, Trait, TraitMeasurement, Withdrawal

SCHEMA_REVISION = "0004"
"""The newest migration, so that opening an up-to-date registry need not load alembic."""

VERSION_TABLE = "provenance_alembic_version"
GENESIS = "0" * 64
"""What the first commit names as its predecessor."""


class CommitRow(SQLModel, table=True):
    """One transaction: who, when, which facts, and the digest that chains it to the one before."""

    __tablename__ = "provenance_commit"

    number: int = Field(primary_key=True)
    first_seq: int
    last_seq: int
    actor: str
    recorded_at: str
    previous: str
    digest: str


class FactRow(SQLModel, table=True):
    """One fact as canonical JSON."""

    __tablename__ = "provenance_fact"

    seq: int = Field(primary_key=True)
    commit_number: int = Field(foreign_key="provenance_commit.number")
    type: str = Field(index=True)
    subject: str | None = Field(default=None, index=True)
    body: str = Field(sa_column=Column(Text, nullable=False))
    digest: str


class ArtifactRow(SQLModel, table=True):
    """Index: what a question about the lineage asks of an artifact."""

    __tablename__ = "provenance_artifact"

    seq: int = Field(primary_key=True, foreign_key="provenance_fact.seq")
    key: str = Field(unique=True)
    name: str = Field(index=True)
    digest: str | None = Field(default=None, index=True)
    kind: str
    declared_root: bool


class RelationRow(SQLModel, table=True):
    """Index: the ends of a relation, as positions of their artifacts, and its figures."""

    __tablename__ = "provenance_relation"

    seq: int = Field(primary_key=True, foreign_key="provenance_fact.seq")
    child: int = Field(foreign_key="provenance_artifact.seq", index=True)
    parent: int = Field(foreign_key="provenance_artifact.seq", index=True)
    kind: str
    share: float | None
    clean_fraction: float | None


class EvidenceRow(SQLModel, table=True):
    """Index: the ends of a test, as positions of their artifacts, and what it says.

    ``apart`` tells the few tests that join what the record does not: they say `SAME_INIT`, and no relation had handed on weights
    between their ends when they were recorded.
    """

    __tablename__ = "provenance_evidence"

    seq: int = Field(primary_key=True, foreign_key="provenance_fact.seq")
    test: str
    verdict: str
    parent: int = Field(foreign_key="provenance_artifact.seq", index=True)
    child: int = Field(foreign_key="provenance_artifact.seq", index=True)
    apart: bool


class WatchRow(SQLModel, table=True):
    """How far a watcher was told."""

    __tablename__ = "provenance_watch"

    key: str = Field(primary_key=True)
    position: int
    body: str


class ImportRow(SQLModel, table=True):
    """How far an import came."""

    __tablename__ = "provenance_import"

    key: str = Field(primary_key=True)
    position: int
    body: str


class ProjectedRow(SQLModel, table=True):
    """What another system was last told about a subject."""

    __tablename__ = "provenance_projected"

    target: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    state_digest: str
    external_id: str


class CursorRow(SQLModel, table=True):
    """Up to where in the ledger another system was told everything, when, and on what besides the facts that rests."""

    __tablename__ = "provenance_projection_cursor"

    target: str = Field(primary_key=True)
    position: int
    head: str
    moment: str
    basis: str
    bindings: int


class FailureRow(SQLModel, table=True):
    """What another system would not take."""

    __tablename__ = "provenance_projection_failure"

    target: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    about: str
    message: str
    since: str
    attempts: int


class BindingRow(SQLModel, table=True):
    """The objects of an artifact that others made in another system; numbered in the order in which they came."""

    __tablename__ = "provenance_projection_binding"

    target: str = Field(primary_key=True)
    artifact: str = Field(primary_key=True)
    version: str | None
    model_id: str | None
    run_id: str | None
    made_at_ms: int | None = Field(sa_column=Column(BigInteger))
    number: int


class ScanRow(SQLModel, table=True):
    """How far the history of another system was read."""

    __tablename__ = "provenance_projection_scan"

    target: str = Field(primary_key=True)
    body: str


class SketchPlanRow(SQLModel, table=True):
    """What the signs of sketches are of; many models have the same."""

    __tablename__ = "provenance_sketch_plan"

    key: str = Field(primary_key=True)
    body: bytes


class SketchRow(SQLModel, table=True):
    """What a search scans of a sketch."""

    __tablename__ = "provenance_sketch"

    digest: str = Field(primary_key=True)
    method: str
    plan: str = Field(foreign_key="provenance_sketch_plan.key")
    bits: bytes


class SketchBodyRow(SQLModel, table=True):
    """A whole sketch."""

    __tablename__ = "provenance_sketch_body"

    digest: str = Field(primary_key=True, foreign_key="provenance_sketch.digest")
    body: bytes


SUBJECTS: Mapping[type[Any], str] = {
    Alias: "name",
    Location: "artifact",
    Unresolved: "child",
    Resolution: "child",
    Trait: "name",
    Flag: "artifact",
    Withdrawal: "flag",
    Clearance: "artifact",
    Block: "child",
    Evidence: "child",
    TraitMeasurement: "artifact",
}
"""The field that says what a fact is about, for finding it; artifacts and relations have indexes of their own."""


def subject_of(fact: Fact) -> str | None:
    """What a fact is about, as text."""
    name = SUBJECTS.get(type(fact))
    return str(getattr(fact, name)) if name else None


Row: TypeAlias = tuple[Any, ...]
"""The values of a table's columns, in their order."""


def fact_row(seq: int, commit_number: int, fact: Fact) -> Row:
    """The row of a fact at its position."""
    type_name, body = TYPE_NAMES[type(fact)], to_json(fact)
    return (seq, commit_number, type_name, subject_of(fact), body, fact_digest(seq, type_name, body))


COMMIT: Any = CommitRow.__table__  # type: ignore[attr-defined]  # SQLModel makes these
FACT: Any = FactRow.__table__  # type: ignore[attr-defined]
ARTIFACT: Any = ArtifactRow.__table__  # type: ignore[attr-defined]
RELATION: Any = RelationRow.__table__  # type: ignore[attr-defined]
EVIDENCE: Any = EvidenceRow.__table__  # type: ignore[attr-defined]
WATCH: Any = WatchRow.__table__  # type: ignore[attr-defined]
IMPORT: Any = ImportRow.__table__  # type: ignore[attr-defined]
PROJECTED: Any = ProjectedRow.__table__  # type: ignore[attr-defined]
CURSOR: Any = CursorRow.__table__  # type: ignore[attr-defined]
FAILURE: Any = FailureRow.__table__  # type: ignore[attr-defined]
BINDING: Any = BindingRow.__table__  # type: ignore[attr-defined]
SCAN: Any = ScanRow.__table__  # type: ignore[attr-defined]
SKETCH_PLAN: Any = SketchPlanRow.__table__  # type: ignore[attr-defined]
SKETCH: Any = SketchRow.__table__  # type: ignore[attr-defined]
SKETCH_BODY: Any = SketchBodyRow.__table__  # type: ignore[attr-defined]


def fact_digest(seq: int, type_name: str, body: str) -> str:
    """SHA-256 over position, type and body, so that a fact can be neither changed nor moved."""
    return hashlib.sha256(f"{seq}\n{type_name}\n{body}".encode()).hexdigest()


class CommitDigest:
    """SHA-256 over who, when, the commit before, and the digests of the facts in their order, as one text of canonical JSON.

    Args:
        actor: Who records.
    """

    def __init__(self, actor: str) -> None:
        self._sha = hashlib.sha256(f'{{"actor":{canonical_json(actor)},"facts":['.encode())
        self._separator = ""

    def add(self, fact_digests: Iterable[str]) -> None:
        """Takes in the digests of the next facts."""
        if text := ",".join(f'"{digest}"' for digest in fact_digests):
            self._sha.update(f"{self._separator}{text}".encode())
            self._separator = ","

    def close(self, *, number: int, previous: str, recorded_at: str, first_seq: int) -> str:
        """The digest, when all facts are in."""
        header = {
            "first_seq": first_seq,
            "number": number,
            "previous": previous,
            "recorded_at": recorded_at,
        }
        self._sha.update(f"],{canonical_json(header)[1:]}".encode())
        return self._sha.hexdigest()


def artifact_row(seq: int, artifact: Artifact) -> Row:
    """The index row of an artifact."""
    digest = None if artifact.content is None else str(artifact.content.digest)
    one = artifact.id
    return (seq, str(one), one.name, digest, str(one.kind), artifact.declared_root)


def relation_row(seq: int, relation: Relation, child: int, parent: int) -> Row:
    """The index row of a relation between the artifacts at positions ``child`` and ``parent``."""
    return (seq, child, parent, str(relation.kind), relation.share, relation.clean_fraction)


def evidence_row(seq: int, evidence: Evidence, child: int, parent: int, *, joined: bool) -> Row:
    """The index row of a test of the artifacts at positions ``child`` and ``parent``.

    Args:
        seq: The test's own position.
        evidence: The test.
        child: Position of one end.
        parent: Position of the other.
        joined: Whether a relation before it hands on weights from one of the two to the other.
    """
    apart = says_kin(evidence) and not joined
    return (seq, str(evidence.test), str(evidence.verdict), parent, child, apart)


def says_kin(evidence: Evidence) -> bool:
    """Whether a test found that its ends share their initialisation."""
    return evidence.test is TestKind.SAME_INIT and evidence.verdict is Verdict.SAME_INIT


def to_domain(seq: int, type_name: str, body: str, actor: str, recorded_at: str) -> Recorded[Fact]:
    """A fact row, joined with its commit, as the domain knows it.

    Raises:
        LedgerError: The row can't be what was recorded.
    """
    try:
        return Recorded(seq, from_json(type_name, body), actor, utc_moment(recorded_at))
    except (ProvenanceError, ValueError) as error:
        raise LedgerError(
            f"fact {seq} of the ledger can't be read: {error}",
            hint="Run `provenance verify` to see what was changed.",
        ) from error
