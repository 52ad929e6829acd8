"""When jobs start."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field, model_validator

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
    "records",
    "promotion",
    "audit",
    "backtest",
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
# What a run of the night brings with it: records are computed behind it, when the signals have been published.
CHAIN: tuple[JobName, ...] = (*NIGHT, "records")


class TrainingSchedule(Section):
    """The earliest times of day at which jobs of the night start."""

    daily_at: ClockTime = Field(
        default="02:00",
        description="Earliest time of training; it waits until the data of the last closed session is there.",
    )
    data_update_at: ClockTime = Field(default="01:30", description="Time at which new data is pulled.")
    evaluation_at: ClockTime = Field(
        default="03:00", description="Earliest time of evaluation; signals, performance check and backup follow it."
    )


class JobSchedule(Section):
    """When one job starts: at a time of day, by cron, or at an interval; with none of them, after the job before it."""

    at: ClockTime | None = Field(default=None, description="Time of day at which the job starts.")
    cron: Cron | None = Field(
        default=None,
        description=(
            "Five cron fields (minute, hour, day, month, weekday); weekdays by name, as in `30 4 * * sun`. With `*` as"
            " hour, the job runs in both passes of an hour that is repeated when summer time ends."
        ),
    )
    every: Period | None = Field(default=None, description="Interval at which the job starts.")
    enabled: bool = Field(
        default=True, description="Whether the job is started by its schedule. It can be started by hand in any case."
    )

    @model_validator(mode="after")
    def _one_trigger(self) -> JobSchedule:
        if sum(trigger is not None for trigger in (self.at, self.cron, self.every)) > 1:
            raise ValueError("has more than one of at, cron, every; keep one")
        return self

    @property
    def timed(self) -> bool:
        """Whether the job has a time of its own."""
        return self.at is not None or self.cron is not None or self.every is not None
