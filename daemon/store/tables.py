"""The tables. Times are UTC instants; documents are JSON; rows of the ledgers are never changed after their end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect


class Instant(TypeDecorator[datetime]):
    """A UTC instant. SQLite keeps no zone, so it is taken off on the way in and put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse an instant without a zone; hand the database UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; the database keeps UTC instants only")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Every instant that comes back is UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# The length of a subject (`AAPL`, `universe`, `trader:0x...`), of a symbol, and of a market's name.
SUBJECT = 96
# A JSON document that may be absent; absent is NULL, not the document `null`.
Document = JSON(none_as_null=True)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _key(**options: Any) -> Column[int]:
    return Column("id", Integer, primary_key=True, autoincrement=True, **options)


def _where(condition: str) -> dict[str, Any]:
    """Options that restrict an index to the rows that meet `condition`."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


# One occurrence of a job, for ever. `chain` lists the jobs that follow when it has ended.
runs = Table(
    "runs",
    metadata,
    _key(),
    Column("job", String(32), nullable=False),
    Column("scheduled_for", Instant, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("trigger", String(32), nullable=False),  # schedule, manual, first_night, chain, retry, catch_up, retraining
    Column("chain", JSON, nullable=False),
    Column("options", JSON, nullable=False),  # what a person asked for: symbols, model types
    Column("parent_id", ForeignKey("runs.id")),  # the run that brought this one (chain, retry)
    Column("recorded_at", Instant, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Column("owner", Document),  # pid, start time and boot id of the process that claimed it
    Column("cause", String(64)),  # a stable code
    Column("detail", Document),
    Column("settings_fingerprint", String(64)),
    UniqueConstraint("job", "scheduled_for", "attempt"),
    Index("ix_runs_state_not_before", "state", "not_before"),
)

# One unit inside a run: (subject, model type), several when a run trains several iterations.
tasks = Table(
    "tasks",
    metadata,
    _key(),
    Column("run_id", ForeignKey("runs.id"), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("subject", String(SUBJECT)),
    Column("model_type", String(64)),
    Column("iteration", Integer, nullable=False, default=0),
    Column("state", String(16), nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Column("cause", String(64)),
    Column("detail", Document),
    Column("result", Document),
)

datasets = Table(
    "datasets",
    metadata,
    _key(),
    Column("dataset", String(64), nullable=False),  # sha256 of its content
    Column("kind", String(16), nullable=False),  # bars, expert_log
    Column("source", String(32), nullable=False),
    Column("symbol", String(SUBJECT), nullable=False),
    Column("interval", String(8), nullable=False),
    Column("first", Instant, nullable=False),
    Column("last", Instant, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("pulled_at", Instant, nullable=False),
    Column("detail", JSON, nullable=False),
    UniqueConstraint("dataset", "source", "symbol", "interval"),
)

model_versions = Table(
    "model_versions",
    metadata,
    _key(),
    Column("subject", String(SUBJECT), nullable=False),
    Column("model_type", String(64), nullable=False),
    Column("version", String(64), nullable=False),
    Column("manifest_sha256", String(64), nullable=False),
    Column("provenance", String(64), nullable=False),
    Column("dataset", String(64), nullable=False),
    Column("train_start", Instant, nullable=False),
    Column("train_end", Instant, nullable=False),
    Column("trained_at", Instant, nullable=False),
    Column("run_id", ForeignKey("runs.id")),
    Column("state", String(16), nullable=False),  # challenger, champion, retired, rejected, quarantined, deleted
    Column("metrics", JSON, nullable=False),
    Column("recipe", String(64)),  # trainers.recipe; None for what was trained before recipes had names
    Column("seed", Integer),
    UniqueConstraint("subject", "model_type", "version"),
    # A pair has one champion at most, whatever the code above does.
    Index("uq_model_versions_champion", "subject", "model_type", unique=True, **_where("state = 'champion'")),
)

evaluations = Table(
    "evaluations",
    metadata,
    _key(),
    Column("run_id", ForeignKey("runs.id")),
    Column("version_id", ForeignKey("model_versions.id"), nullable=False, index=True),
    Column("champion_id", ForeignKey("model_versions.id")),
    Column("dataset", String(64), nullable=False),
    Column("first", Instant, nullable=False),
    Column("last", Instant, nullable=False),
    Column("evaluated_at", Instant, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("kind", String(16)),  # first, refresh, challenge, alone; None before there were records
    Column("verdict", String(16), nullable=False),  # takes_over, held_back, refused, measured; before, better, worse
    Column("reasons", JSON, nullable=False),
    Column("report", String(255)),  # relative to the home
)

# The record of each recipe this home has ever tried; a row is never deleted, since every try counts.
records = Table(
    "records",
    metadata,
    _key(),
    Column("subject", String(SUBJECT), nullable=False),
    Column("model_type", String(64), nullable=False),
    Column("recipe", String(64), nullable=False),  # trainers.recipe
    Column("provenance", String(64), nullable=False),
    Column("params", JSON, nullable=False),  # as a training of it is asked for
    Column("seed", Integer, nullable=False),
    Column("window", Integer, nullable=False),  # days of history that it learns from
    Column("started_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("run_id", ForeignKey("runs.id")),  # the newest that looked at it
    Column("folds", Integer, nullable=False),
    Column("missing", Integer, nullable=False),  # folds that are still to be computed
    Column("restarts", Integer, nullable=False),  # how often a revised past made folds anew: each is a try
    Column("in_use", Boolean, nullable=False),  # configured or serving
    Column("standing", String(16), nullable=False),  # proven, unproven, refuted
    Column("standing_since", Instant, nullable=False),
    Column("sentence", String(512), nullable=False),  # the standing in words
    Column("facts", JSON),  # span, p-values, figures; None where there is no fold yet
    UniqueConstraint("subject", "model_type", "recipe", "provenance"),
)

# Append-only: which version served from when, why and by whom; that none serves from then on; that a person pinned it.
servings = Table(
    "servings",
    metadata,
    _key(),
    Column("subject", String(SUBJECT), nullable=False),
    Column("model_type", String(64), nullable=False),
    Column("version_id", ForeignKey("model_versions.id"), nullable=False),
    Column("serving_from", Instant, nullable=False),
    Column("action", String(8), nullable=False),  # serve, stop, pin, unpin
    Column("why", String(255), nullable=False),
    Column("author", String(64), nullable=False),
    Index("ix_servings_subject_model_type", "subject", "model_type"),
)

# Every signal that was ever published; a version over a universe publishes one a symbol.
signals = Table(
    "signals",
    metadata,
    _key(),
    Column("run_id", ForeignKey("runs.id")),
    Column("subject", String(SUBJECT), nullable=False),  # whom the version speaks of
    Column("symbol", String(SUBJECT), nullable=False),  # the symbol or market that this signal trades
    Column("model_type", String(64), nullable=False),
    Column("version_id", ForeignKey("model_versions.id"), nullable=False),
    Column("bar_time", Instant, nullable=False),
    Column("interval", String(8), nullable=False),
    Column("action", String(8), nullable=False),  # buy, hold, sell
    Column("position", Float, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("price", Float, nullable=False),
    Column("provenance", String(64), nullable=False),
    Column("dataset", String(64), nullable=False),
    Column("published_at", Instant, nullable=False),
    Column("act_by", Instant),  # the open of the next bar; NULL where it was published before this was recorded
    Column("expires_at", Instant, nullable=False),
    Column("standing", String(16)),  # of its recipe when it was published: proven, unproven, refuted
    Column("target", String(24), nullable=False),  # the return that was asked for; "" for none
    Column("remark", Text),  # of its version, such as what it was decided without
    UniqueConstraint("subject", "symbol", "model_type", "version_id", "bar_time", "target"),
    Index("ix_signals_subject_model_type_bar_time", "subject", "model_type", "bar_time"),
    Index("ix_signals_subject_model_type_expires_at", "subject", "model_type", "expires_at"),
    Index("ix_signals_symbol", "symbol"),
)

# One hyperparameter trial: the params that a search tried, and what came of them.
trials = Table(
    "trials",
    metadata,
    _key(),
    Column("run_id", ForeignKey("runs.id")),
    Column("subject", String(SUBJECT), nullable=False),
    Column("model_type", String(64), nullable=False),
    Column("study", String(64), nullable=False),  # the search that this trial is part of
    Column("number", Integer, nullable=False),  # within its study, from 0
    Column("params", JSON, nullable=False),
    Column("dataset", String(64), nullable=False),
    Column("state", String(16), nullable=False),  # running, complete, pruned, failed
    Column("value", Float),
    Column("intermediate", JSON, nullable=False),  # step -> value
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    UniqueConstraint("subject", "model_type", "study", "number"),
)

# What performance_check measured: over the evaluation, and over the signals that were really published.
measurements = Table(
    "measurements",
    metadata,
    _key(),
    Column("run_id", ForeignKey("runs.id")),
    Column("subject", String(SUBJECT), nullable=False),
    Column("model_type", String(64), nullable=False),
    Column("version_id", ForeignKey("model_versions.id")),
    Column("metric", String(32), nullable=False),  # sharpe_ratio, max_drawdown, ...
    Column("basis", String(16), nullable=False),  # evaluation, live
    Column("value", Float),
    Column("reason", String(64)),  # why there is no value
    Column("measured_at", Instant, nullable=False),
    Index("ix_measurements_subject_model_type_metric", "subject", "model_type", "metric"),
)

# Every retraining for a reason, with its diagnosis. One a place and newest bar: whatever is restarted or tried again, a
# reason never starts two trainings on the same data.
retrainings = Table(
    "retrainings",
    metadata,
    _key(),
    Column("subject", String(SUBJECT), nullable=False),
    Column("model_type", String(64), nullable=False),
    Column("data_until", Instant, nullable=False),  # the newest bar that was stored
    Column("version_id", ForeignKey("model_versions.id"), nullable=False),  # the newest version of that moment
    Column("diagnoses", JSON, nullable=False),  # the reasons, each with its figure and threshold
    Column("started_at", Instant, nullable=False),
    Column("run_id", ForeignKey("runs.id"), nullable=False, index=True),  # the training, by its first attempt
    Column("own_run", Boolean, nullable=False),  # whether it was started for this; else it was to come anyway
    UniqueConstraint("subject", "model_type", "data_until"),
    Index("ix_retrainings_started_at", "started_at"),
)

# What a strategy decided at the close of a past bar: what policies learn from. A later backtest replaces its rows.
decisions = Table(
    "decisions",
    metadata,
    _key(),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("strategy", String(64), nullable=False),
    Column("symbol", String(SUBJECT), nullable=False),
    Column("interval", String(8), nullable=False),
    Column("time", Instant, nullable=False),  # the close of the bar
    Column("action", String(8), nullable=False),  # buy, hold, sell
    Column("strength", Float, nullable=False),
    Column("probability_up", Float, nullable=False),
    Column("position", Float, nullable=False),
    Column("reward", Float),  # the net return of the account over the next bar
    Column("price", Float, nullable=False),
    Column("provenance", String(64), nullable=False),
    Column("votes", JSON, nullable=False),  # by analyst its probability and its confidence, or null
    UniqueConstraint("symbol", "strategy", "interval", "time"),
)

alerts = Table(
    "alerts",
    metadata,
    _key(),
    Column("fingerprint", String(64), nullable=False, index=True),  # sha256 of rule and subject
    Column("rule", String(64), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("state", String(16), nullable=False),  # pending, firing, resolved
    Column("breaches", Integer, nullable=False),  # in a row
    Column("clears", Integer, nullable=False),  # in a row
    Column("value", Float),
    Column("threshold", Float),
    Column("since", Instant, nullable=False),
    Column("fired_at", Instant),
    Column("resolved_at", Instant),
    Column("updated_at", Instant, nullable=False),
    Column("message", String(1024), nullable=False),
    Column("cure", String(1024), nullable=False),
    Column("link", String(255)),
    # Whatever kills the desk whenever: no rule and subject ever has two open alerts.
    Index("ix_alerts_open", "fingerprint", unique=True, **_where("state <> 'resolved'")),
)

# What must be delivered, each once by its key; a row stays until it has been.
outbox = Table(
    "outbox",
    metadata,
    _key(),
    Column("key", String(96), nullable=False, unique=True),
    Column("alert_id", ForeignKey("alerts.id"), nullable=False),
    Column("channel", String(32), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Instant, nullable=False),
    Column("delivered_at", Instant),
    Column("blocked", String(64)),  # why it will never be sent
    Column("last_error", String(255)),
    Index("ix_outbox_pending", "channel", "id", **_where("delivered_at IS NULL AND blocked IS NULL")),
)

backups = Table(
    "backups",
    metadata,
    _key(),
    Column("run_id", ForeignKey("runs.id")),
    Column("name", String(64), nullable=False, unique=True),
    Column("taken_at", Instant, nullable=False),
    Column("files", Integer, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("verified_at", Instant),  # read back, every hash equal
    Column("restored_at", Instant),  # a drill loaded it and its champions predicted
    Column("deleted", Boolean, nullable=False, default=False),
)

job_states = Table(
    "job_states",
    metadata,
    Column("job", String(32), primary_key=True),
    Column("paused", Boolean, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("changed_by", String(64), nullable=False),
)

# The desk that a database belongs to, in one row, and the process that may write: the newest that entered.
desks = Table(
    "desks",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("made_at", Instant, nullable=False),
    Column("instance", String(32), nullable=False),  # see daemon.domain.runs.Owner
    Column("host", String(64), nullable=False),
    Column("since", Instant, nullable=False),
    Column("highest_run", Integer, nullable=False),  # seen on disk; new runs are numbered above it
)
