"""Records of recipes: versions name their recipe, signals their standing; the walk-forward job became `records`."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    for table, column in (
        ("model_versions", sa.Column("recipe", sa.String(64))),
        ("model_versions", sa.Column("seed", sa.Integer())),
        ("evaluations", sa.Column("kind", sa.String(16))),
        ("signals", sa.Column("standing", sa.String(16))),
        ("signals", sa.Column("act_by", INSTANT)),
        ("servings", sa.Column("action", sa.String(8), nullable=False, server_default="serve")),
    ):
        op.add_column(table, column)
    with op.batch_alter_table("servings") as servings:
        servings.alter_column("who", new_column_name="author", existing_type=sa.String(64), existing_nullable=False)
        servings.alter_column("action", existing_type=sa.String(8), existing_nullable=False, server_default=None)
    for table in ("runs", "job_states"):
        op.execute(f"UPDATE {table} SET job = 'records' WHERE job = 'walk_forward'")  # noqa: S608 -- two constants
    op.create_table(
        "records",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(96), nullable=False),
        sa.Column("model_type", sa.String(64), nullable=False),
        sa.Column("recipe", sa.String(64), nullable=False),
        sa.Column("provenance", sa.String(64), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("window", sa.Integer(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("run_id", sa.Integer()),
        sa.Column("folds", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("restarts", sa.Integer(), nullable=False),
        sa.Column("in_use", sa.Boolean(), nullable=False),
        sa.Column("standing", sa.String(16), nullable=False),
        sa.Column("standing_since", INSTANT, nullable=False),
        sa.Column("sentence", sa.String(512), nullable=False),
        sa.Column("facts", sa.JSON()),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_records_run_id_runs"),
        sa.PrimaryKeyConstraint("id", name="pk_records"),
        sa.UniqueConstraint(
            "subject", "model_type", "recipe", "provenance", name="uq_records_subject_model_type_recipe_provenance"
        ),
    )
