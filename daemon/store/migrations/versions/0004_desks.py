"""A database names the desk that it belongs to, and the process that may write to it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "desks",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("instance", sa.String(32), nullable=False),
        sa.Column("host", sa.String(64), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("highest_run", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_desks"),
    )
