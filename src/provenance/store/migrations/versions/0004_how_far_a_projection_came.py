"""How far a projection came, what it failed at, and the objects that others made; and targets without who writes there.

Until now the memory of what was projected went by the whole URI of the other system, which may hold a password.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds the memories, and takes user and password out of those that there are."""
    _make_memory(
        "cursor",
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("head", sa.Text, nullable=False),
        sa.Column("moment", sa.Text, nullable=False),
        sa.Column("basis", sa.Text, nullable=False),
        sa.Column("bindings", sa.Integer, nullable=False),
    )
    _make_memory(
        "failure",
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("since", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
    )
    _make_memory(
        "binding",
        sa.Column("artifact", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, nullable=True),
        sa.Column("model_id", sa.Text, nullable=True),
        sa.Column("run_id", sa.Text, nullable=True),
        sa.Column("made_at_ms", sa.BigInteger, nullable=True),
        sa.Column("number", sa.Integer, nullable=False),
    )
    _make_memory("scan", sa.Column("body", sa.Text, nullable=False))
    _forget_logins()


def _make_memory(name: str, *columns: sa.Column[object]) -> None:
    op.create_table(f"provenance_projection_{name}", sa.Column("target", sa.Text, primary_key=True), *columns)


def _forget_logins() -> None:
    """Removes what was remembered under a URI with a login: the next sync finds each object again by its key."""
    projected = sa.table("provenance_projected", sa.column("target"))
    op.execute(sa.delete(projected).where(projected.c.target.like("http%://%@%")))
