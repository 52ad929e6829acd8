"""A signal may be that of a return which was asked for; those of before were of none."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TARGET = sa.String(24)
KEY = ["subject", "symbol", "model_type", "version_id", "bar_time"]


def upgrade() -> None:
    op.add_column("signals", sa.Column("target", TARGET))
    op.execute("UPDATE signals SET target = ''")
    with op.batch_alter_table("signals") as table:
        table.alter_column("target", existing_type=TARGET, nullable=False)
        table.drop_constraint("_".join(["uq_signals", *KEY]), type_="unique")
        table.create_unique_constraint("_".join(["uq_signals", *KEY, "target"]), [*KEY, "target"])
