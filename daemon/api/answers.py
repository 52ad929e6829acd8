"""What the API answers, field by field; a generated client has these as its types."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from config.settings import JobName, Symbol
from daemon.domain.runs import RunState

Verdict = Literal["better", "worse", "inconclusive"]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
SUBJECT = Field(
    examples=["AAPL", "universe", "trader:0x6031"],
    description="What the version speaks of: a symbol, the universe of all symbols, or a trader.",
)
NEXT = Field(description="Give it as `cursor` to read on; None at the end.")


class Answer(BaseModel):
    """Read from a row of the database by the names of its columns."""

    model_config = ConfigDict(from_attributes=True)


class Run(Answer):
    """One occurrence of a job."""

    id: int
    name: str = Field(examples=["training-17"], description="How logs and result folders call it.")
    job: JobName
    state: RunState
    trigger: str = Field(examples=["schedule"])
    attempt: int
    scheduled_for: datetime
    recorded_at: datetime
    not_before: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cause: str | None = Field(description="A stable code of why it ended so.")
    detail: dict[str, Any] | None
    parent_id: int | None = Field(description="The run that brought this one.")
    chain: tuple[JobName, ...] = Field(description="The jobs that follow when it has ended.")
    options: dict[str, Any]


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
    detail: dict[str, Any] | None
    result: dict[str, Any] | None


class TaskProgress(Answer):
    """How far one task is."""

    subject: str = Field(examples=["AAPL/behavioral_cloner"])
    fraction: float | None
    message: str


class Progress(Answer):
    """How far a running run is."""

    fraction: float | None = Field(description="Between 0 and 1; None while that is not known.")
    message: str
    done: int = Field(description="Tasks that have ended.")
    total: int
    tasks: list[TaskProgress] = Field(description="Those at work now.")


class RunWithTasks(Run):
    """A run, what is inside it, and how far it is."""

    tasks: list[Task]
    progress: Progress | None


class ActiveRun(Run):
    """A run that has begun and not ended."""

    progress: Progress | None


class RunPage(Answer):
    """Runs, newest first."""

    items: list[Run]
    next: int | None = NEXT


class RunLog(Answer):
    """The newest lines of a run's log, oldest first."""

    run: int
    lines: list[dict[str, Any]]
    truncated: bool = Field(description="Whether earlier lines are left out.")


class Signal(Answer):
    """What a champion says about one symbol or market."""

    subject: str = SUBJECT
    symbol: str = Field(description="The symbol or market to trade.")
    model_type: str
    version: str = Field(description="The model version that decided it.")
    action: Literal["buy", "hold", "sell"]
    position: float = Field(ge=-1.0, le=1.0, description="The share of capital to hold; negative is short.")
    confidence: float = Field(ge=0.0, le=1.0)
    price: float = Field(description="The close that it was decided with.")
    interval: str
    as_of: datetime = Field(description="The close of the last bar it was decided with.")
    provenance: str = Field(description="Where the data came from.")
    published_at: datetime
    expires_at: datetime
    stale: bool = Field(description="It has expired: not to be acted upon.")


class SignalList(Answer):
    """The newest signal of every subject, symbol and model type."""

    items: list[Signal]


class SignalHistory(Answer):
    """Signals of a subject or about a symbol, newest first; `current` is each model's latest, if it has not expired."""

    subject: str = Field(description="The subject or symbol that was asked for.")
    current: list[Signal]
    items: list[Signal]
    next: int | None = NEXT


class ModelVersion(Answer):
    """One trained model."""

    id: int
    subject: str = SUBJECT
    model_type: str
    version: str
    state: str = Field(examples=["champion"])
    provenance: str
    dataset: str
    manifest_sha256: str
    train_start: datetime
    train_end: datetime
    trained_at: datetime
    run_id: int | None
    metrics: dict[str, Any]


class Dataset(Answer):
    """A snapshot of bars, of a trader's logs, or of a table made of them; named by its content."""

    dataset: str = Field(description="The sha256 of its content.")
    kind: Literal["bars", "trade_logs", "trader_table"]
    source: str
    symbol: str = Field(description="Of a table, its name.")
    interval: str
    first: datetime
    last: datetime
    rows: int
    pulled_at: datetime
    why: str | None = Field(description="How it came to be: first, appended, mended, split, ...", examples=["appended"])
    replaces: str | None = Field(description="The dataset that was there before.")
    health: float | None = Field(description="The Data Health Index when it was pulled last, between 0 and 1.")
    warnings: dict[str, int] = Field(description="What was found in it and kept, by name.")
    picture: str | None = Field(description="Where the health of the newest bars is drawn.")
    accepted: dict[str, Any] | None = Field(
        description="Who took it though nothing explains how it differs from what was there before; when, and why."
    )


class Log(Answer):
    """One of a trader's logs."""

    key: str
    version: str = Field(description="The ETag that the bucket gave it; of a file, its size and time.")
    sha256: str


class Lineage(Answer):
    """Where a dataset stands, and what was made of it."""

    dataset: Dataset
    replaced_by: Dataset | None
    made_of: Dataset | None = Field(description="The logs that a trader's table was made of.")
    parameters: dict[str, Any] = Field(description="How it was made of them.")
    logs: list[Log] = Field(description="Of a dataset of logs: the first hundred, by key.")
    logs_file: str | None = Field(description="Where all of them are listed, in the home.")
    models: list[ModelVersion] = Field(description="Those that were trained on it, newest first.")


class LogsRecord(BaseModel):
    """Which logs a table was made of."""

    model_config = ConfigDict(extra="forbid", strict=True)

    dataset: Sha256
    place: Literal["folder", "s3", "r2"]
    files: int = Field(ge=1)


class TableRecord(BaseModel):
    """A table that was made of a trader's logs, as `nightdesk data --trades` tells of it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    dataset: Sha256
    name: str = Field(min_length=1, max_length=32)
    interval: str = Field(pattern="^[1-9][0-9]{0,6}s$", description="The length of a bar.")
    first: Annotated[AwareDatetime, Field(strict=False)]
    last: Annotated[AwareDatetime, Field(strict=False)]
    rows: int = Field(ge=1)
    parameters: dict[str, str | int | float]
    logs: LogsRecord


class ModelVersionPage(Answer):
    """Model versions, newest first."""

    items: list[ModelVersion]
    next: int | None = NEXT


class Evaluation(Answer):
    """How a version did on bars that it had not seen, and what came of it."""

    id: int
    version: str
    run_id: int | None
    first: datetime
    last: datetime
    evaluated_at: datetime
    metrics: dict[str, Any]
    verdict: Verdict
    reasons: list[str]
    report: str | None = Field(description="The address of report.json.")
    page: str | None = Field(description="The address of the same as a page, with every picture in it.")
    picture: str | None = Field(description="The address of the equity picture.")
    comparison: str | None = Field(description="The address of a page with all models of its subject.")


class Serving(Answer):
    """Since when a version serves, why, and by whom."""

    version: str
    serving_from: datetime
    why: str
    who: str


class ModelVersionFacts(ModelVersion):
    """A version with its evaluations and the times it served, newest first."""

    evaluations: list[Evaluation]
    servings: list[Serving]


class Model(Answer):
    """One (subject, model type) that this desk keeps fresh."""

    subject: str = SUBJECT
    model_type: str
    champion: str | None = Field(description="The version that serves.")
    champion_id: int | None
    trained_at: datetime | None
    provenance: str | None
    evaluation: Evaluation | None = Field(description="The champion's newest; without a champion the pair's newest.")
    last_verdict: Evaluation | None = Field(description="The pair's newest evaluation, of whichever version.")
    signal: Signal | None


class Job(Answer):
    """A job, when it starts next, and how it went last."""

    job: JobName
    enabled: bool
    paused: bool
    schedule: str = Field(examples=["daily at 02:00", "after training"], description="In the desk's time zone.")
    follows: JobName | None = Field(description="The job whose end brings this one, if it has no time of its own.")
    next_run: datetime | None = Field(description="None for a job that is paused or follows another.")
    last_run: Run | None


class JobList(Answer):
    """Every job."""

    items: list[Job]


class Alert(Answer):
    """Something a person should know."""

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


class Backup(Answer):
    """One backup of models and database."""

    name: str
    taken_at: datetime
    files: int
    bytes: int
    verified_at: datetime | None
    restored_at: datetime | None


class Backups(Answer):
    """How far back the desk can go."""

    last_verified: Backup | None
    last_proven: Backup | None = Field(description="The newest that a drill restored and predicted from.")


class Condition(Answer):
    """How the desk is, or one thing that is wrong, in a sentence."""

    state: Literal["ok", "degraded", "down"]
    code: str = Field(description="A stable code of the cause; ok when all is well.", examples=["data.unreachable"])
    job: JobName | None = Field(description="The job that it comes from, if it comes from one.")
    title: str = Field(description="A few words.", examples=["Data update failed"])
    message: str
    cure: str = Field(description="What to do about it; empty where there is nothing to do.")


class Status(Answer):
    """The whole desk at a glance."""

    version: str
    since: datetime
    time_zone: str
    provenance_note: str | None = Field(
        description="Set while the desk works on sample data, or as of the end of data that has ended."
    )
    health: Condition = Field(description="The worst of `conditions`; if there are none, that all is well.")
    conditions: list[Condition] = Field(description="Everything that is wrong, the worst first.")
    ready: bool
    problems: list[str] = Field(description="What keeps the desk from its work.")
    notices: list[str] = Field(description="What a reader should know though the desk is ready.")
    models: list[Model]
    data: list[Dataset] = Field(description="The newest dataset of each source, symbol and interval.")
    jobs: list[Job]
    running: list[ActiveRun]
    alerts: list[Alert]
    backups: Backups


class Health(Answer):
    """Whether the process lives."""

    status: Literal["alive"]


class Readiness(Answer):
    """Whether the desk can do its work."""

    ready: bool
    problems: list[str]


class Acceptance(BaseModel):
    """A person's acceptance of a rewritten history that nothing explains."""

    model_config = ConfigDict(extra="forbid", strict=True)

    who: str = Field(default="api", min_length=1, max_length=64)
    why: str = Field(default="", max_length=500)


class RunRequest(BaseModel):
    """What one run is to do otherwise than the settings say."""

    model_config = ConfigDict(extra="forbid", strict=True)

    symbols: list[Symbol] | None = Field(default=None, min_length=1, max_length=1000)
    model_types: list[str] | None = Field(default=None, min_length=1, max_length=100)
    steps: int | None = Field(default=None, ge=1)
    episodes: int | None = Field(default=None, ge=1)
    iterations: int | None = Field(default=None, ge=1)
    lookback_days: int | None = Field(default=None, ge=1)
    model_params: dict[str, dict[str, Any]] | None = Field(
        default=None, description="Params by model type, in place of those of the settings.", max_length=100
    )
    accept: Acceptance | None = Field(default=None, description="For data_update: take what the source tells now.")

    @model_validator(mode="after")
    def _by_name(self) -> RunRequest:
        if self.accept is not None and not self.symbols:
            raise ValueError("accept needs symbols: a history is accepted by its name")
        return self
