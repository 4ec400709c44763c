"""The sketches of weights, by content digest: no part of the record, so that nothing forbids to change them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds the three tables of sketches."""
    op.create_table(
        "provenance_sketch_plan",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "provenance_sketch",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("plan", sa.Text, sa.ForeignKey("provenance_sketch_plan.key"), nullable=False),
        sa.Column("bits", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "provenance_sketch_body",
        sa.Column("digest", sa.Text, sa.ForeignKey("provenance_sketch.digest"), primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
