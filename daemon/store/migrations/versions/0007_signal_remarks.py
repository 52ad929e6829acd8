"""A signal may carry a remark of its version, such as what it was decided without; those of before had none."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("signals", sa.Column("remark", sa.Text))
