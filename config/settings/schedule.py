"""When jobs start."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import model_validator

from config.section import Section
from config.settings.types import ClockTime, Cron, Period

JobName = Literal[
    "data_update",
    "training",
    "evaluation",
    "signals",
    "performance_check",
    "backup",
    "restore_drill",
    "maintenance",
    "walk_forward",
]
JOBS: tuple[JobName, ...] = get_args(JobName)
# The night, in its order. A job of it without a time of its own follows the one before it.
NIGHT: tuple[JobName, ...] = (
    "data_update",
    "training",
    "evaluation",
    "signals",
    "performance_check",
    "backup",
)


class TrainingSchedule(Section):
    """The earliest times of the night; work starts when its data is there."""

    daily_at: ClockTime = "02:00"
    data_update_at: ClockTime = "01:30"
    evaluation_at: ClockTime = "03:00"


class JobSchedule(Section):
    """When one job starts: at a time of day, by cron, or at an interval; with none of them, after its forerunner."""

    at: ClockTime | None = None
    cron: Cron | None = None
    every: Period | None = None
    enabled: bool = True

    @model_validator(mode="after")
    def _one_trigger(self) -> JobSchedule:
        if sum(trigger is not None for trigger in (self.at, self.cron, self.every)) > 1:
            raise ValueError("has more than one of at, cron, every; keep one")
        return self

    @property
    def timed(self) -> bool:
        """Whether the job has a time of its own."""
        return self.at is not None or self.cron is not None or self.every is not None
