"""A signal may be that of a return which was asked for; those of before were of none."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

KEY = ["subject", "symbol", "model_type", "version_id", "bar_time"]


def upgrade() -> None:
    with op.batch_alter_table("signals") as table:
        table.add_column(sa.Column("target", sa.String(24), nullable=False, server_default=""))
        table.drop_constraint("_".join(["uq_signals", *KEY]), type_="unique")
        table.create_unique_constraint("_".join(["uq_signals", *KEY, "target"]), [*KEY, "target"])
