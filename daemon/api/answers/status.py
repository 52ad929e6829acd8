"""The whole desk: its condition, jobs, alerts and backups."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from config.settings import JobName
from daemon.api.answers.base import NEXT, Answer
from daemon.api.answers.datasets import Dataset
from daemon.api.answers.models import Model
from daemon.api.answers.runs import ActiveRun, Run
from daemon.api.answers.signals import MissingSignal


class Job(Answer):
    """A job, when it starts next, and its last run."""

    job: JobName
    enabled: bool
    paused: bool
    schedule: str = Field(examples=["daily at 02:00", "after training"], description="In the desk's time zone.")
    upstream: JobName | None = Field(description="The job whose end starts this one, if it has no time of its own.")
    next_run: datetime | None = Field(description="None for a job that is paused or starts after another.")
    last_run: Run | None


class JobList(Answer):
    """Every job."""

    items: list[Job]


class Alert(Answer):
    """A problem that a person should know of."""

    id: int
    rule: str
    subject: str
    state: Literal["pending", "firing", "resolved"]
    value: float | None
    threshold: float | None
    since: datetime
    fired_at: datetime | None
    resolved_at: datetime | None
    message: str
    cure: str
    link: str | None


class AlertPage(Answer):
    """Alerts, newest first."""

    items: list[Alert]
    next: int | None = NEXT


class ChannelQueue(Answer):
    """What waits for one channel, and its dead letters: messages that it did not take and that were given up."""

    channel: str
    waiting: int
    oldest_waiting_at: datetime | None
    dead: int = Field(description="Dead letters; `nightdesk alerts retry` sends them again.")
    oldest_dead_at: datetime | None
    last_error: str | None = Field(description="Why the newest of all these was not taken.")


class AlertRetryRequest(Answer):
    """Whose dead letters are to be sent again."""

    model_config = ConfigDict(extra="forbid")

    channel: str | None = Field(default=None, description="The name of one channel; none means every one in use.")


class AlertRetry(Answer):
    """What is sent again."""

    retried: int = Field(description="How many dead letters wait again.")


class Acknowledgement(Answer):
    """Who has seen an alert; it is recorded with it."""

    model_config = ConfigDict(extra="forbid")

    author: str = Field(default="api", min_length=1, max_length=64)


class Backup(Answer):
    """One backup of models and database."""

    name: str
    taken_at: datetime
    files: int
    bytes: int
    verified_at: datetime | None
    restored_at: datetime | None


class BackupPlace(Answer):
    """A place outside the home, the backup that was copied to it last, and the one that was restored from it last."""

    place: str = Field(examples=["folder usb", "backups/desk-1 at r2"])
    copied: str | None
    copied_at: datetime | None
    proven: str | None
    proven_at: datetime | None


class Backups(Answer):
    """The backups that can be relied upon: those in the home, and those for the day on which the home is lost."""

    last_verified: Backup | None
    last_proven: Backup | None = Field(
        description="The newest of the home from which a restore drill has restored a desk whose champions predict."
    )
    places: list[BackupPlace] = Field(description="The places of the config, in its order.")
    proven_for_the_home: datetime | None = Field(
        description="When a desk was last restored from a backup in the home, and its champions predicted."
    )
    proven_for_its_loss: datetime | None = Field(
        description="When a desk was last restored from a place outside the home; None without such a place too."
    )


class Condition(Answer):
    """The condition of the desk, or one problem of it, in a sentence."""

    state: Literal["ok", "degraded", "down"]
    code: str = Field(description="A stable code of the cause; `ok` without a problem.", examples=["data.unreachable"])
    job: JobName | None = Field(description="The job that caused it, if one did.")
    title: str = Field(description="A few words.", examples=["Data update failed"])
    message: str
    cure: str = Field(description="What to do about it; empty where nothing is needed.")


class Status(Answer):
    """The whole desk at a glance."""

    version: str
    started_at: datetime = Field(description="When this process started.")
    time_zone: str
    provenance_note: str | None = Field(
        description="Set while the desk works on sample data, or as of the end of data that has ended."
    )
    health: Condition = Field(description="The worst of `conditions`; without any, `ok`.")
    conditions: list[Condition] = Field(description="Every problem, the worst first.")
    ready: bool
    problems: list[str] = Field(description="Codes of what keeps the desk from working.")
    notices: list[str] = Field(description="Notes for a reader that are no problems.")
    models: list[Model]
    missing_signals: list[MissingSignal] = Field(description="The champions that serve, but have no current signal.")
    data: list[Dataset] = Field(description="The newest dataset of each source, symbol and interval.")
    jobs: list[Job]
    running: list[ActiveRun]
    alerts: list[Alert]
    channels: list[ChannelQueue] = Field(description="Every channel in use, and others that have undelivered messages.")
    backups: Backups


class Health(Answer):
    """That the process is alive."""

    status: Literal["alive"]


class Readiness(Answer):
    """Whether the desk can work."""

    ready: bool
    problems: list[str] = Field(description="What keeps it from its work; empty when nothing does.")
    notices: list[str] = Field(
        description="Codes of why it is degraded though it is ready; the status has their words."
    )
