"""The ledger, its indexes, and the triggers that make it append-only."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

APPEND_ONLY = ("provenance_commit", "provenance_fact", "provenance_artifact", "provenance_relation")


def upgrade() -> None:
    """Makes the tables of the first registry."""
    op.create_table(
        "provenance_commit",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("first_seq", sa.Integer, nullable=False),
        sa.Column("last_seq", sa.Integer, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.Text, nullable=False),
        sa.Column("previous", sa.Text, nullable=False, unique=True),
        sa.Column("digest", sa.Text, nullable=False),
    )
    op.create_table(
        "provenance_fact",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("commit_number", sa.Integer, sa.ForeignKey("provenance_commit.number"), nullable=False),
        sa.Column("type", sa.Text, nullable=False, index=True),
        sa.Column("subject", sa.Text, nullable=True, index=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
    )
    op.create_table(
        "provenance_artifact",
        sa.Column(
            "seq", sa.Integer, sa.ForeignKey("provenance_fact.seq"), primary_key=True, autoincrement=False
        ),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False, index=True),
        sa.Column("digest", sa.Text, nullable=True, index=True),
    )
    op.create_table(
        "provenance_relation",
        sa.Column(
            "seq", sa.Integer, sa.ForeignKey("provenance_fact.seq"), primary_key=True, autoincrement=False
        ),
        sa.Column("child", sa.Integer, sa.ForeignKey("provenance_artifact.seq"), nullable=False, index=True),
        sa.Column("parent", sa.Integer, sa.ForeignKey("provenance_artifact.seq"), nullable=False, index=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.UniqueConstraint("child", "parent", "kind"),
    )
    op.create_table(
        "provenance_projected",
        sa.Column("target", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("state_digest", sa.Text, nullable=False),
        sa.Column("external_id", sa.Text, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        _forbid_changes_in_postgresql()
    else:
        _forbid_changes_in_sqlite()


def _forbid_changes_in_sqlite() -> None:
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _forbid_changes_in_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION provenance_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION provenance_append_only()"
        )
