"""Runs, the tasks in them, how far they are, and their logs."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field, field_validator

from config.settings import JobName
from daemon.api.answers.base import NEXT, Answer
from daemon.api.answers.retrainings import Retraining
from daemon.domain.options import RunOptions
from daemon.domain.runs import RunState
from daemon.domain.tasks import Document


class Run(Answer):
    """One occurrence of a job."""

    id: int
    name: str = Field(examples=["training-17"], description="Its name in logs and result folders.")
    job: JobName
    state: RunState
    trigger: str = Field(examples=["schedule"])
    attempt: int
    scheduled_for: datetime
    recorded_at: datetime
    not_before: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cause: str | None = Field(description="A stable code of why it ended in this state.")
    detail: Document | None = Field(description="Counts, results and errors; what they are depends on the job.")
    parent_id: int | None = Field(description="The run whose end started this one, or that this one retries.")
    chain: tuple[JobName, ...] = Field(description="The downstream jobs that start after it, one after the other.")
    options: Document = Field(description="What the run does differently from the settings.")

    @field_validator("options", mode="before")
    @classmethod
    def _as_document(cls, options: object) -> object:
        return options.document() if isinstance(options, RunOptions) else options


class Task(Answer):
    """One unit inside a run; it fails alone."""

    id: int
    kind: str
    subject: str | None
    model_type: str | None
    iteration: int
    state: str
    started_at: datetime | None
    finished_at: datetime | None
    cause: str | None
    detail: Document | None
    result: Document | None


class TaskProgress(Answer):
    """The progress of one task."""

    subject: str = Field(examples=["AAPL/behavioral_cloner"])
    fraction: float | None
    message: str


class Progress(Answer):
    """The progress of a running run."""

    fraction: float | None = Field(description="Between 0 and 1; None while no number of tasks is known.")
    message: str
    done: int = Field(description="Tasks that have ended.")
    total: int
    tasks: list[TaskProgress] = Field(description="The tasks that are running now.")


class RunWithTasks(Run):
    """A run with its tasks and its progress."""

    tasks: list[Task]
    progress: Progress | None
    retrainings: list[Retraining] = Field(description="Of a training: the models that it retrains for a reason.")


class ActiveRun(Run):
    """A run that has started and not ended, with its progress."""

    progress: Progress | None


class RunPage(Answer):
    """Runs, newest first."""

    items: list[Run]
    next: int | None = NEXT


class RunLog(Answer):
    """The newest lines of a run's log, oldest first."""

    run: int
    lines: list[Document]
    truncated: bool = Field(description="Whether earlier lines are left out.")
