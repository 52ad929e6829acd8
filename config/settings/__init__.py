"""All settings of a desk, frozen, with defaults; an unknown key is refused, never ignored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from config.calendars import Calendars, cure, unknown_text, yahoo_calendar
from config.secrets import is_reference
from config.section import Section
from config.settings.alerts import ChannelSettings, Monitoring, Notifications, Webhook, WebhookChannel
from config.settings.backup import BackupParams, BackupPlace
from config.settings.data import Bucket, CsvFormat, DataParams, ExpertLogs, Sources, YahooSource
from config.settings.evaluation import AuditParams, CostParams, Promotion, RecordParams, WalkForwardParams
from config.settings.execution import ExecutorSettings, Limits, LocalExecutor
from config.settings.retraining import Retraining, RetrainingReason
from config.settings.schedule import CHAIN, JOBS, NIGHT, JobName, JobSchedule, TrainingSchedule
from config.settings.service import Api, Database, Retention
from config.settings.trader import TraderParams
from config.settings.training import TrainingParams
from config.settings.types import (
    LOG_CHANNEL,
    Duration,
    Names,
    Period,
    Symbol,
    TimeZone,
    Trader,
    no_repeats,
)

__all__ = [
    "CHAIN",
    "JOBS",
    "LOG_CHANNEL",
    "NIGHT",
    "Api",
    "AuditParams",
    "BackupParams",
    "BackupPlace",
    "Bucket",
    "ChannelSettings",
    "CostParams",
    "CsvFormat",
    "DataParams",
    "Duration",
    "ExecutorSettings",
    "ExpertLogs",
    "JobName",
    "JobSchedule",
    "LocalExecutor",
    "Monitoring",
    "Notifications",
    "Promotion",
    "RecordParams",
    "Retraining",
    "RetrainingReason",
    "Settings",
    "Sources",
    "Symbol",
    "TraderParams",
    "TrainingParams",
    "WalkForwardParams",
    "Webhook",
    "WebhookChannel",
    "YahooSource",
]


class Settings(Section):
    """The config of a desk."""

    symbols: Names[Symbol] = Field(
        default=("AAPL", "GOOGL", "MSFT", "TSLA"),
        description="Symbols to trade, as Yahoo writes them: `AAPL`, `BTC-USD`, `^GSPC`.",
    )
    model_types: Names[str] = Field(
        default=("behavioral_cloner",), description="Model types that are trained, of each symbol or other subject."
    )
    traders: Annotated[tuple[Trader, ...], Field(strict=False), AfterValidator(no_repeats)] = Field(
        default=(),
        description=(
            "Addresses of traders, such as `0x6031`, for model types that learn from one trader; with none, every"
            " trader whose logs were pulled."
        ),
    )
    time_zone: TimeZone = Field(default="UTC", description="Time zone of every time of day in the config.")
    training_schedule: TrainingSchedule = TrainingSchedule()
    jobs: dict[JobName, JobSchedule] = Field(default={})
    performance_check_frequency: Period | None = Field(
        default=None,
        description="How often performance is checked, such as `daily`; `null` is after the signals of the night.",
    )
    training_params: TrainingParams = TrainingParams()
    model_params: dict[str, dict[str, Any]] = Field(
        default={},
        description=(
            "Params by model type. `nightdesk train --help` lists those that have flags; `docs/models.md` says more."
        ),
    )
    data_params: DataParams = DataParams()
    trader_params: TraderParams = TraderParams()
    sources: Sources = Sources()
    costs: CostParams = CostParams()
    walk_forward: WalkForwardParams = WalkForwardParams()
    records: RecordParams = RecordParams()
    promotion: Promotion = Promotion()
    audit: AuditParams = AuditParams()
    monitoring: Monitoring = Monitoring()
    retraining: Retraining = Retraining()
    notifications: Notifications = Notifications()
    executor: ExecutorSettings = LocalExecutor()
    api: Api = Api()
    database: Database = Database()
    limits: Limits = Limits()
    backup: BackupParams = BackupParams()
    retention: Retention = Retention()
    _notices: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="after")
    def _calendars_known(self) -> Settings:
        """Every symbol trades by a calendar that is known; an assumed one would refuse its bars."""
        for symbol in self.symbols:
            if symbol not in self.data_params.calendars and yahoo_calendar(symbol) is None:
                raise ValueError(f"is not usable: {unknown_text(symbol)}. {cure(symbol)}")
        return self

    def with_notices(self, notices: Iterable[str]) -> Self:
        """The same settings, with what their reader should know of the config, such as its older keys."""
        self._notices = tuple(dict.fromkeys(notices))
        return self

    @property
    def notices(self) -> tuple[str, ...]:
        """What the reader of these settings should know of their config."""
        rules = self.promotion
        return (*self._notices, *(f"promotion.{name} has no effect any more." for name in rules.without_effect))

    @property
    def calendars(self) -> Calendars:
        """The calendar of every symbol."""
        return Calendars(self.data_params.calendars)

    def job_schedule(self, job: JobName) -> JobSchedule:
        """When `job` starts: as in `jobs`, else at its time in `training_schedule`, else after the job before it."""
        if job in self.jobs:
            return self.jobs[job]
        times = {
            "data_update": JobSchedule(at=self.training_schedule.data_update_at),
            "training": JobSchedule(at=self.training_schedule.daily_at),
            "evaluation": JobSchedule(at=self.training_schedule.evaluation_at),
            "performance_check": JobSchedule(every=self.performance_check_frequency),
            "restore_drill": JobSchedule(cron="30 4 * * sun"),
            "maintenance": JobSchedule(at="04:00"),
        }
        return times.get(job, JobSchedule())

    def downstream_jobs(self, job: JobName) -> tuple[JobName, ...]:
        """The jobs that `job` of the night brings with it: those right after it without a time of their own."""
        if job not in CHAIN:
            return ()
        chain: list[JobName] = []
        for downstream in CHAIN[CHAIN.index(job) + 1 :]:
            schedule = self.job_schedule(downstream)
            if schedule.timed:
                break
            if schedule.enabled:
                chain.append(downstream)
        return tuple(chain)

    def secret_variables(self) -> frozenset[str]:
        """The environment variables that hold secrets, by these settings."""
        texts = _texts(self.model_dump(exclude={"symbols", "model_params"}))
        return frozenset(text.removeprefix("env:") for text in texts if text.startswith("env:") and is_reference(text))

    def fingerprint(self) -> str:
        """The sha256 of all settings; equal settings have equal fingerprints, however the file is laid out."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _texts(value: Any) -> Iterator[str]:
    """Every text in a document."""
    if isinstance(value, str):
        yield value
    items = value.values() if isinstance(value, dict) else value if isinstance(value, tuple | list) else ()
    for item in items:
        yield from _texts(item)
