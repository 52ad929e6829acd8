"""A version speaks of a subject, which may be several symbols; trials are recorded; a signal says by when to act."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

INSTANT = sa.DateTime(timezone=True)
SYMBOL, SUBJECT = sa.String(32), sa.String(96)
CHAMPION = "state = 'champion'"


def upgrade() -> None:
    _rename_in_versions()
    _rename_in_ledgers()
    _add_subject_and_act_by_to_signals()
    with op.batch_alter_table("tasks") as table:
        table.alter_column("symbol", new_column_name="subject", existing_type=SYMBOL, type_=SUBJECT)
    with op.batch_alter_table("datasets") as table:
        table.alter_column("symbol", existing_type=SYMBOL, type_=SUBJECT, existing_nullable=False)
    _create_trials()


def _rename(table: Any) -> None:
    """Every subject of an older database is a symbol."""
    table.alter_column(
        "symbol", new_column_name="subject", existing_type=SYMBOL, type_=SUBJECT, existing_nullable=False
    )


def _rename_in_versions() -> None:
    name = "uq_model_versions_champion"
    op.drop_index(name, "model_versions")
    with op.batch_alter_table("model_versions") as table:
        table.drop_constraint("uq_model_versions_symbol_model_type_version", type_="unique")
        _rename(table)
    with op.batch_alter_table("model_versions") as table:  # only now SQLite knows the new name
        table.create_unique_constraint(
            "uq_model_versions_subject_model_type_version", ["subject", "model_type", "version"]
        )
    condition = sa.text(CHAMPION)
    op.create_index(
        name,
        "model_versions",
        ["subject", "model_type"],
        unique=True,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def _rename_in_ledgers() -> None:
    for ledger, columns in (("servings", ["model_type"]), ("measurements", ["model_type", "metric"])):
        op.drop_index("_".join(["ix", ledger, "symbol", *columns]), ledger)
        with op.batch_alter_table(ledger) as table:
            _rename(table)
        op.create_index("_".join(["ix", ledger, "subject", *columns]), ledger, ["subject", *columns])


def _add_subject_and_act_by_to_signals() -> None:
    op.drop_index("ix_signals_symbol_model_type_bar_time", "signals")
    op.add_column("signals", sa.Column("subject", SUBJECT))
    op.add_column("signals", sa.Column("act_by", INSTANT))
    op.execute("UPDATE signals SET subject = symbol")
    with op.batch_alter_table("signals") as table:
        table.drop_constraint("uq_signals_symbol_model_type_version_id_bar_time", type_="unique")
        table.alter_column("subject", existing_type=SUBJECT, nullable=False)
        table.alter_column("symbol", existing_type=SYMBOL, type_=SUBJECT, existing_nullable=False)
        table.create_unique_constraint(
            "uq_signals_subject_symbol_model_type_version_id_bar_time",
            ["subject", "symbol", "model_type", "version_id", "bar_time"],
        )
    for instant in ("bar_time", "expires_at"):
        op.create_index(f"ix_signals_subject_model_type_{instant}", "signals", ["subject", "model_type", instant])
    op.create_index("ix_signals_symbol", "signals", ["symbol"])


def _create_trials() -> None:
    op.create_table(
        "trials",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer()),
        sa.Column("subject", SUBJECT, nullable=False),
        sa.Column("model_type", sa.String(64), nullable=False),
        sa.Column("study", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("dataset", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("value", sa.Float()),
        sa.Column("intermediate", sa.JSON(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_trials_run_id_runs"),
        sa.PrimaryKeyConstraint("id", name="pk_trials"),
        sa.UniqueConstraint(
            "subject", "model_type", "study", "number", name="uq_trials_subject_model_type_study_number"
        ),
    )
