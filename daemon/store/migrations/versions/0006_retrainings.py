"""Retrainings for a reason, each once a place and newest bar, with its diagnosis."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "retrainings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(96), nullable=False),
        sa.Column("model_type", sa.String(64), nullable=False),
        sa.Column("data_until", INSTANT, nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("diagnoses", sa.JSON(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("own_run", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["model_versions.id"], name="fk_retrainings_version_id_model_versions"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_retrainings_run_id_runs"),
        sa.PrimaryKeyConstraint("id", name="pk_retrainings"),
        sa.UniqueConstraint("subject", "model_type", "data_until", name="uq_retrainings_subject_model_type_data_until"),
    )
    op.create_index("ix_retrainings_run_id", "retrainings", ["run_id"])
    op.create_index("ix_retrainings_started_at", "retrainings", ["started_at"])
