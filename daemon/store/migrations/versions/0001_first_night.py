"""The tables of the first night."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

INSTANT = sa.DateTime(timezone=True)


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("breaches", sa.Integer(), nullable=False),
        sa.Column("clears", sa.Integer(), nullable=False),
        sa.Column("value", sa.Float()),
        sa.Column("threshold", sa.Float()),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("fired_at", INSTANT),
        sa.Column("resolved_at", INSTANT),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("message", sa.String(1024), nullable=False),
        sa.Column("cure", sa.String(1024), nullable=False),
        sa.Column("link", sa.String(255)),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_fingerprint", "alerts", ["fingerprint"])
    op.create_index("ix_alerts_open", "alerts", ["fingerprint"], unique=True, **_where("state <> 'resolved'"))
    op.create_table(
        "datasets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dataset", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("interval", sa.String(8), nullable=False),
        sa.Column("first", INSTANT, nullable=False),
        sa.Column("last", INSTANT, nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("pulled_at", INSTANT, nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_datasets"),
        sa.UniqueConstraint(
            "dataset", "source", "symbol", "interval", name="uq_datasets_dataset_source_symbol_interval"
        ),
    )
    op.create_table(
        "job_states",
        sa.Column("job", sa.String(32), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.Column("changed_by", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("job", name="pk_job_states"),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job", sa.String(32), nullable=False),
        sa.Column("scheduled_for", INSTANT, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("trigger", sa.String(32), nullable=False),
        sa.Column("chain", sa.JSON(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("parent_id", sa.Integer()),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("not_before", INSTANT, nullable=False),
        sa.Column("started_at", INSTANT),
        sa.Column("finished_at", INSTANT),
        sa.Column("owner", sa.JSON()),
        sa.Column("cause", sa.String(64)),
        sa.Column("detail", sa.JSON()),
        sa.Column("settings_fingerprint", sa.String(64)),
        sa.ForeignKeyConstraint(["parent_id"], ["runs.id"], name="fk_runs_parent_id_runs"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint("job", "scheduled_for", "attempt", name="uq_runs_job_scheduled_for_attempt"),
    )
    op.create_index("ix_runs_state_not_before", "runs", ["state", "not_before"])
    op.create_table(
        "backups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer()),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("taken_at", INSTANT, nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("verified_at", INSTANT),
        sa.Column("restored_at", INSTANT),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_backups_run_id_runs"),
        sa.PrimaryKeyConstraint("id", name="pk_backups"),
        sa.UniqueConstraint("name", name="uq_backups_name"),
    )
    op.create_table(
        "model_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("model_type", sa.String(64), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("manifest_sha256", sa.String(64), nullable=False),
        sa.Column("provenance", sa.String(64), nullable=False),
        sa.Column("dataset", sa.String(64), nullable=False),
        sa.Column("train_start", INSTANT, nullable=False),
        sa.Column("train_end", INSTANT, nullable=False),
        sa.Column("trained_at", INSTANT, nullable=False),
        sa.Column("run_id", sa.Integer()),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_model_versions_run_id_runs"),
        sa.PrimaryKeyConstraint("id", name="pk_model_versions"),
        sa.UniqueConstraint("symbol", "model_type", "version", name="uq_model_versions_symbol_model_type_version"),
    )
    op.create_index(
        "uq_model_versions_champion",
        "model_versions",
        ["symbol", "model_type"],
        unique=True,
        **_where("state = 'champion'"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(96), nullable=False),
        sa.Column("alert_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", INSTANT, nullable=False),
        sa.Column("delivered_at", INSTANT),
        sa.Column("blocked", sa.String(64)),
        sa.Column("last_error", sa.String(255)),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name="fk_outbox_alert_id_alerts"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("key", name="uq_outbox_key"),
    )
    op.create_index(
        "ix_outbox_pending", "outbox", ["channel", "id"], **_where("delivered_at IS NULL AND blocked IS NULL")
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("symbol", sa.String(32)),
        sa.Column("model_type", sa.String(64)),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("started_at", INSTANT),
        sa.Column("finished_at", INSTANT),
        sa.Column("cause", sa.String(64)),
        sa.Column("detail", sa.JSON()),
        sa.Column("result", sa.JSON()),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_tasks_run_id_runs"),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
    )
    op.create_index("ix_tasks_run_id", "tasks", ["run_id"])
    op.create_table(
        "evaluations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer()),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("champion_id", sa.Integer()),
        sa.Column("dataset", sa.String(64), nullable=False),
        sa.Column("first", INSTANT, nullable=False),
        sa.Column("last", INSTANT, nullable=False),
        sa.Column("evaluated_at", INSTANT, nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("report", sa.String(255)),
        sa.ForeignKeyConstraint(
            ["champion_id"], ["model_versions.id"], name="fk_evaluations_champion_id_model_versions"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_evaluations_run_id_runs"),
        sa.ForeignKeyConstraint(["version_id"], ["model_versions.id"], name="fk_evaluations_version_id_model_versions"),
        sa.PrimaryKeyConstraint("id", name="pk_evaluations"),
    )
    op.create_index("ix_evaluations_version_id", "evaluations", ["version_id"])
    op.create_table(
        "measurements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer()),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("model_type", sa.String(64), nullable=False),
        sa.Column("version_id", sa.Integer()),
        sa.Column("metric", sa.String(32), nullable=False),
        sa.Column("basis", sa.String(16), nullable=False),
        sa.Column("value", sa.Float()),
        sa.Column("reason", sa.String(64)),
        sa.Column("measured_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_measurements_run_id_runs"),
        sa.ForeignKeyConstraint(
            ["version_id"], ["model_versions.id"], name="fk_measurements_version_id_model_versions"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_measurements"),
    )
    op.create_index("ix_measurements_symbol_model_type_metric", "measurements", ["symbol", "model_type", "metric"])
    op.create_table(
        "servings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("model_type", sa.String(64), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("serving_from", INSTANT, nullable=False),
        sa.Column("why", sa.String(255), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["model_versions.id"], name="fk_servings_version_id_model_versions"),
        sa.PrimaryKeyConstraint("id", name="pk_servings"),
    )
    op.create_index("ix_servings_symbol_model_type", "servings", ["symbol", "model_type"])
    op.create_table(
        "signals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer()),
        sa.Column("symbol", sa.String(32), nullable=False),
        sa.Column("model_type", sa.String(64), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("bar_time", INSTANT, nullable=False),
        sa.Column("interval", sa.String(8), nullable=False),
        sa.Column("action", sa.String(8), nullable=False),
        sa.Column("position", sa.Float(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("price", sa.Float(), nullable=False),
        sa.Column("provenance", sa.String(64), nullable=False),
        sa.Column("dataset", sa.String(64), nullable=False),
        sa.Column("published_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_signals_run_id_runs"),
        sa.ForeignKeyConstraint(["version_id"], ["model_versions.id"], name="fk_signals_version_id_model_versions"),
        sa.PrimaryKeyConstraint("id", name="pk_signals"),
        sa.UniqueConstraint(
            "symbol", "model_type", "version_id", "bar_time", name="uq_signals_symbol_model_type_version_id_bar_time"
        ),
    )
    op.create_index("ix_signals_symbol_model_type_bar_time", "signals", ["symbol", "model_type", "bar_time"])
