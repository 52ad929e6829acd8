"""Every choice an owner has, frozen, with defaults; an unknown key is refused, never ignored."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from config.secrets import BUCKET_VARIABLES
from config.section import Section
from config.settings.alerts import ChannelSettings, Monitoring, Notifications, Webhook, WebhookChannel
from config.settings.data import Bucket, DataParams, ExpertLogs, Sources, YahooSource
from config.settings.evaluation import CostParams, Promotion, WalkForwardParams
from config.settings.execution import ExecutorSettings, Limits, LocalExecutor
from config.settings.schedule import JOBS, NIGHT, JobName, JobSchedule, TrainingSchedule
from config.settings.service import Api, Database, Retention
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
    "JOBS",
    "LOG_CHANNEL",
    "NIGHT",
    "Api",
    "Bucket",
    "ChannelSettings",
    "CostParams",
    "Duration",
    "ExecutorSettings",
    "ExpertLogs",
    "JobName",
    "JobSchedule",
    "LocalExecutor",
    "Monitoring",
    "Notifications",
    "Promotion",
    "Settings",
    "Sources",
    "Symbol",
    "TrainingParams",
    "Webhook",
    "WebhookChannel",
    "YahooSource",
]


class Settings(Section):
    """The whole config of a desk."""

    symbols: Names[Symbol] = ("AAPL", "GOOGL", "MSFT", "TSLA")
    model_types: Names[str] = ("behavioral_cloner",)
    traders: Annotated[tuple[Trader, ...], Field(strict=False), AfterValidator(no_repeats)] = ()
    time_zone: TimeZone = "UTC"
    training_schedule: TrainingSchedule = TrainingSchedule()
    jobs: dict[JobName, JobSchedule] = Field(default={})
    performance_check_frequency: Period | None = None
    training_params: TrainingParams = TrainingParams()
    model_params: dict[str, dict[str, Any]] = Field(default={})
    data_params: DataParams = DataParams()
    sources: Sources = Sources()
    costs: CostParams = CostParams()
    walk_forward: WalkForwardParams = WalkForwardParams()
    promotion: Promotion = Promotion()
    monitoring: Monitoring = Monitoring()
    notifications: Notifications = Notifications()
    executor: ExecutorSettings = LocalExecutor()
    api: Api = Api()
    database: Database = Database()
    limits: Limits = Limits()
    retention: Retention = Retention()

    def job_schedule(self, job: JobName) -> JobSchedule:
        """When `job` starts: what `jobs` says of it, else the seed's clock times, else after its forerunner."""
        if job in self.jobs:
            return self.jobs[job]
        seeds_times = {
            "data_update": JobSchedule(at=self.training_schedule.data_update_at),
            "training": JobSchedule(at=self.training_schedule.daily_at),
            "evaluation": JobSchedule(at=self.training_schedule.evaluation_at),
            "performance_check": JobSchedule(every=self.performance_check_frequency),
            "restore_drill": JobSchedule(cron="30 4 * * sun"),
            "maintenance": JobSchedule(at="04:00"),
        }
        return seeds_times.get(job, JobSchedule())

    def followers(self, job: JobName) -> tuple[JobName, ...]:
        """The jobs of the night that `job` brings with it: those right after it without a time of their own."""
        if job not in NIGHT:
            return ()
        chain: list[JobName] = []
        for follower in NIGHT[NIGHT.index(job) + 1 :]:
            schedule = self.job_schedule(follower)
            if schedule.timed:
                break
            if schedule.enabled:
                chain.append(follower)
        return tuple(chain)

    def secret_variables(self) -> frozenset[str]:
        """The environment variables that hold secrets, by these settings."""
        channels = (channel.secret_env for channel in self.notifications.configured)
        named = (self.database.url_env, *channels, *BUCKET_VARIABLES)
        return frozenset(name for name in named if name)

    def fingerprint(self) -> str:
        """The sha256 of every choice; equal settings have equal fingerprints, however the file is laid out."""
        choices = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(choices.encode()).hexdigest()
