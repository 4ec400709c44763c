"""Indexes that answer for a lineage without reading its facts, and the memories of imports and watches.

The indexes of the ledger are made anew from its facts, which stay as they are. A fact that was changed has no row in them: opening a
registry never fails for it, and `provenance verify` names it. What a fact looks like is written down here once more, since a
migration has to read old registries whatever later releases make of the domain types.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

APPEND_ONLY = ("provenance_artifact", "provenance_relation", "provenance_evidence")
WEIGHT_KINDS = (
    "finetuned_from",
    "resumed_from",
    "quantized_from",
    "pruned_from",
    "expanded_from",
    "converted_from",
    "adapter_of",
    "merged_from",
)
_PIECE = 10_000  # facts in memory at a time

# Identities are in the order of their characters' numbers, as Python and SQLite compare text, wherever the server is.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the indexes anew, fills them from the facts, and adds the memories."""
    op.drop_table("provenance_relation")
    op.drop_table("provenance_artifact")
    _make_tables()
    _fill()
    op.create_index("ix_provenance_commit_recorded_at", "provenance_commit", ["recorded_at", "number"])
    for memory in ("provenance_watch", "provenance_import"):
        op.create_table(
            memory,
            sa.Column("key", sa.Text, primary_key=True),
            sa.Column("position", sa.Integer, nullable=False),
            sa.Column("body", sa.Text, nullable=False),
        )
    if op.get_bind().dialect.name == "postgresql":
        # SQLite has the position in every index. PostgreSQL gets it where facts of one type are read from a position onwards.
        op.drop_index("ix_provenance_fact_type")
        op.create_index("ix_provenance_fact_type", "provenance_fact", ["type", "seq"])
        # A transaction of many facts writes them before the row that closes it.
        op.execute(
            "ALTER TABLE provenance_fact ALTER CONSTRAINT provenance_fact_commit_number_fkey "
            "DEFERRABLE INITIALLY IMMEDIATE"
        )
    _forbid_changes()


def _make_tables() -> None:
    artifact, relation, evidence = APPEND_ONLY
    op.create_table(
        artifact,
        _position("seq", "provenance_fact", primary_key=True),
        sa.Column("key", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("digest", _TEXT, nullable=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("declared_root", sa.Boolean, nullable=False),
    )
    op.create_table(
        relation,
        _position("seq", "provenance_fact", primary_key=True),
        _position("child", artifact),
        _position("parent", artifact),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("share", sa.Float, nullable=True),
        sa.Column("clean_fraction", sa.Float, nullable=True),
    )
    op.create_table(
        evidence,
        _position("seq", "provenance_fact", primary_key=True),
        sa.Column("test", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        _position("parent", artifact),
        _position("child", artifact),
        sa.Column("apart", sa.Boolean, nullable=False),
    )
    _make_index(artifact, "key", unique=True)
    _make_index(artifact, "name")
    _make_index(artifact, "digest")
    _make_index(relation, "child", "parent", "kind", unique=True)
    _make_index(relation, "parent", "child", "kind")
    _make_index(evidence, "child", "parent")
    _make_index(evidence, "parent", "test")
    _make_index(evidence, "apart", "child", "parent")


def _position(name: str, table: str, *, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(
        name,
        sa.Integer,
        sa.ForeignKey(f"{table}.seq"),
        nullable=False,
        primary_key=primary_key,
        autoincrement=False,
    )


def _make_index(table: str, *columns: str, unique: bool = False) -> None:
    """An index that tells the position too, so that a question as of a date need not look further."""
    name = f"ix_{table}_{'_'.join(columns)}"
    op.create_index(name, table, list(columns), unique=unique, postgresql_include=["seq"])


def _fill() -> None:
    positions: dict[str, int] = {}
    for rows in _pieces("artifact"):
        positions |= {row["key"]: row["seq"] for row in _insert("artifact", rows, positions)}
    for type_name in ("relation", "evidence"):
        for rows in _pieces(type_name):
            _insert(type_name, rows, positions)
    _mark_apart()


def _mark_apart() -> None:
    """Marks the tests that join what no relation before them does."""
    relation, evidence = (
        sa.table(name, *map(sa.column, ("seq", "kind", "child", "parent", "test", "verdict", "apart")))
        for name in APPEND_ONLY[1:]
    )
    joined = sa.exists().where(
        relation.c.seq < evidence.c.seq,
        relation.c.kind.in_(WEIGHT_KINDS),
        sa.or_(
            sa.and_(relation.c.child == evidence.c.child, relation.c.parent == evidence.c.parent),
            sa.and_(relation.c.child == evidence.c.parent, relation.c.parent == evidence.c.child),
        ),
    )
    kin = sa.and_(evidence.c.test == "same-init", evidence.c.verdict == "SAME_INIT")
    op.execute(sa.update(evidence).where(kin, ~joined).values(apart=sa.true()))


def _pieces(type_name: str) -> Iterator[list[tuple[int, str]]]:
    """Position and text of the facts of one type, in order, some at a time."""
    fact = sa.table("provenance_fact", *map(sa.column, ("seq", "type", "body", "digest")))
    query = sa.select(fact).where(fact.c.type == type_name).order_by(fact.c.seq).limit(_PIECE)
    after = 0
    while found := op.get_bind().execute(query.where(fact.c.seq > after)).all():
        yield [(row.seq, row.body) for row in found if _digest(row) == row.digest]
        after = found[-1].seq


def _digest(row: sa.Row[Any]) -> str:
    return hashlib.sha256(f"{row.seq}\n{row.type}\n{row.body}".encode()).hexdigest()


def _insert(type_name: str, facts: list[tuple[int, str]], positions: dict[str, int]) -> list[dict[str, Any]]:
    """Writes and returns the index rows of the facts that can be read."""
    rows = []
    for seq, body in facts:
        try:
            rows.append({"seq": seq, **_ROWS[type_name](json.loads(body), positions)})
        except (ValueError, LookupError, TypeError):
            continue  # no fact, or about an artifact that was changed: verification needs the registry open to say so
    if rows:
        table = sa.table(f"provenance_{type_name}", *map(sa.column, rows[0]))
        op.get_bind().execute(sa.insert(table), rows)
    return rows


def _artifact(fact: dict[str, Any], _positions: dict[str, int]) -> dict[str, Any]:
    kind, _, rest = fact["id"].partition(":")
    return {
        "key": fact["id"],
        "name": rest.rpartition("@")[0],
        "digest": fact["content"] and fact["content"]["digest"],
        "kind": kind,
        "declared_root": bool(fact["declared_root"]),
    }


def _relation(fact: dict[str, Any], positions: dict[str, int]) -> dict[str, Any]:
    ends = {"child": positions[fact["child"]], "parent": positions[fact["parent"]]}
    return {**ends, **{name: fact[name] for name in ("kind", "share", "clean_fraction")}}


def _evidence(fact: dict[str, Any], positions: dict[str, int]) -> dict[str, Any]:
    ends = {"child": positions[fact["child"]], "parent": positions[fact["parent"]]}
    return {"test": fact["test"], "verdict": fact["verdict"], **ends, "apart": False}


_ROWS = {"artifact": _artifact, "relation": _relation, "evidence": _evidence}


def _forbid_changes() -> None:
    for table in APPEND_ONLY:
        if op.get_bind().dialect.name == "postgresql":
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION provenance_append_only()"
            )
            continue
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
