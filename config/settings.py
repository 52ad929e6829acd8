"""Every choice an owner has, frozen, with defaults; an unknown key is refused, never ignored."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeVar, get_args
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    model_validator,
)

from config.names import is_trader, reserved_folder
from config.secrets import BUCKET_VARIABLES

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

LOG_CHANNEL = "log"  # the channel that every alert goes to

Interval = Literal["1m", "5m", "15m", "30m", "1h", "1d"]

_DURATION = re.compile(r"(\d{1,8}(?:\.\d{1,6})?)\s*([dhms])")
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}
_FREQUENCIES = {"hourly": "1h", "daily": "1d", "weekly": "7d"}


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        match = _DURATION.fullmatch(_FREQUENCIES.get(value, value))
        if not match:
            raise ValueError("must be a duration such as 30s, 15m, 6h, 7d, or hourly, daily, weekly")
        return float(match[1]) * _UNITS[match[2]]
    return value


def _duration_text(value: timedelta) -> str:
    for name, unit in _UNITS.items():
        if value % unit == timedelta(0):
            return f"{value // unit}{name}"
    return f"{value.total_seconds():.6f}s"


def _sensible(value: timedelta) -> timedelta:
    if not timedelta(0) < value <= timedelta(days=1000):
        raise ValueError("must be longer than zero, and 1000d at most")
    return value


def _no_flood(value: timedelta) -> timedelta:
    if value < timedelta(seconds=1):
        raise ValueError("must be 1s or longer")
    return value


def _clock_time(value: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        raise ValueError("must be a time of day such as 02:00")
    return value


def _cron(value: str) -> str:
    fields = value.split()
    if len(fields) != 5 or not all(re.fullmatch(r"[\w*/,-]+", field) for field in fields):
        raise ValueError("must be five cron fields: minute, hour, day, month, weekday, such as 30 4 * * sun")
    if re.search(r"\d", fields[4].partition("/")[0]):
        raise ValueError("must name its weekdays (mon, tue, ...), because cron programs number them differently")
    return value


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError("must be a time zone such as UTC or America/New_York") from error
    return value


def _symbol(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9^][A-Za-z0-9.^=-]{0,31}", value) or ".." in value:
        raise ValueError("must be a symbol such as AAPL, BTC-USD or ^GSPC")
    if reserved_folder(value):
        raise ValueError(
            "would share its folder with the desk's own files or with a trader's; "
            "pull it from a csv source under another name"
        )
    return value


def _trader(value: str) -> str:
    if not is_trader(value):
        raise ValueError("must be the address of a trader: 0x and up to 40 hexadecimal digits, such as 0x6031")
    return value


def _channel_name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", value) or value == LOG_CHANNEL:
        raise ValueError(f"must be a short name such as webhook or on-call, other than {LOG_CHANNEL}")
    return value


def _no_repeats(values: tuple[str, ...]) -> tuple[str, ...]:
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise ValueError(f"names {', '.join(repeated)} more than once")
    return values


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    AfterValidator(_sensible),
    PlainSerializer(_duration_text, return_type=str, when_used="json"),
]
Period = Annotated[Duration, AfterValidator(_no_flood)]
Cron = Annotated[str, AfterValidator(_cron)]
ClockTime = Annotated[str, AfterValidator(_clock_time)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Symbol = Annotated[str, AfterValidator(_symbol)]
Trader = Annotated[str, AfterValidator(_trader)]
ChannelName = Annotated[str, AfterValidator(_channel_name)]
Name = TypeVar("Name", bound=str)
Names = Annotated[tuple[Name, ...], Field(min_length=1, strict=False), AfterValidator(_no_repeats)]
Rate = Annotated[float, Field(ge=0.0, lt=1.0)]


class Section(BaseModel):
    """A frozen part of the settings that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


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


class TrainingParams(Section):
    """How long and on how much data models train."""

    steps: int = Field(default=100_000, ge=1)
    episodes: int = Field(default=200, ge=1)
    iterations: int = Field(default=1, ge=1, le=100)
    lookback_days: int = Field(default=1825, ge=30)
    holdout: float = Field(default=0.2, gt=0.0, lt=0.9)
    seed: int = Field(default=42, ge=0)
    device: Literal["auto", "cpu", "cuda"] = "auto"


class DataParams(Section):
    """Which bars are pulled."""

    interval: Interval = "1d"
    wait_for_data: Duration = timedelta(hours=6)


class Monitoring(Section):
    """The thresholds whose breach raises an alert."""

    min_sharpe_ratio: float = 0.5
    max_drawdown_threshold: float = Field(default=-25.0, le=0.0)
    max_psi: float = Field(default=0.25, gt=0.0)
    max_drifted_features: float = Field(default=50.0, gt=0.0, le=100.0)
    min_accuracy: float = Field(default=60.0, ge=0.0, le=100.0)
    min_bars: int = Field(default=60, ge=20)
    for_evaluations: int = Field(default=1, ge=1)
    clear_after: int = Field(default=2, ge=1)
    clear_margin: float = Field(default=0.1, ge=0.0)


class Webhook(Section):
    """A signed webhook. The secret is named, never written here."""

    url: str
    secret_env: str | None = None
    secret_file: str | None = None
    allow_private: bool = False

    @model_validator(mode="after")
    def _valid(self) -> Webhook:
        if not re.match(r"https?://[^/\s]+", self.url):
            raise ValueError("url must begin with http:// or https:// and name a host")
        if not (self.secret_env or self.secret_file):
            raise ValueError("needs secret_env or secret_file, so that the receiver can trust what it gets")
        return self


class WebhookChannel(Webhook):
    """A signed webhook as an entry of `notifications.channels`; several need names of their own."""

    kind: Literal["webhook"] = "webhook"
    name: ChannelName = "webhook"


def _channel_kind(value: Any) -> Any:
    """Which class of settings a channel has."""
    return value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)


# Another kind joins by `| Annotated[EmailChannel, Tag("email")]`, and in `daemon/alerts/channels/base.py`.
ChannelSettings = Annotated[Annotated[WebhookChannel, Tag("webhook")], Discriminator(_channel_kind)]


class Notifications(Section):
    """Where alerts go besides the log: `channels`; `webhook`, `email` and `slack_webhook` are older keys."""

    enabled: bool = False
    channels: tuple[ChannelSettings, ...] = Field(default=(), strict=False)
    email: str | None = None
    slack_webhook: str | None = None
    webhook: Webhook | None = None

    @model_validator(mode="after")
    def _deliverable(self) -> Notifications:
        for name in ("email", "slack_webhook"):
            if self.enabled and getattr(self, name):
                raise ValueError(f"{name} cannot be delivered by this version; use channels, or set enabled to false")
        names = [channel.name for channel in self.configured]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"has more than one channel called {repeated[0]}; give each a name of its own")
        return self

    @property
    def configured(self) -> tuple[ChannelSettings, ...]:
        """Every channel that is written down, also while `enabled` is false."""
        older = [] if self.webhook is None else [WebhookChannel(**self.webhook.model_dump())]
        return (*older, *self.channels)

    @property
    def active(self) -> tuple[ChannelSettings, ...]:
        """The channels that are opened besides the log."""
        return self.configured if self.enabled else ()

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The names of all channels that an alert goes to, the log's first."""
        return (LOG_CHANNEL, *(channel.name for channel in self.active))


class YahooSource(Section):
    """Yahoo Finance, or a server that speaks its protocol."""

    base_url: str | None = None
    timeout: Duration = timedelta(seconds=10)
    at_once: int = Field(default=4, ge=1, le=32)
    headlines: bool = True
    macro_symbol: Symbol | None = "^GSPC"


class ExpertLogs(Section):
    """Where an expert's trades are read; the sample expert is used for real bars only if it is asked for."""

    folder: str | None = None
    when_missing: Literal["fail", "sample"] = "fail"


class Bucket(Section):
    """The bucket of traders' logs: a folder, an S3 endpoint, or `r2` for Cloudflare's. Its keys are named nowhere here.

    They are read from R2_ACCOUNT_ID, R2_ACCESS_KEY_ID, R2_SECRET_ACCESS_KEY and R2_BUCKET_NAME: variables of the
    environment, or files of those names in `secrets_folder`.
    """

    url: str | None = None
    secrets_folder: str | None = None
    repeated_fills: Literal["keep", "drop"] = "keep"

    @model_validator(mode="after")
    def _valid(self) -> Bucket:
        if self.url is not None and not re.fullmatch(r"r2|file:///\S*|https?://[^/\s@]+/?", self.url):
            raise ValueError("url must be r2, file:///folder, or an S3 endpoint such as https://host without a path")
        return self


class Sources(Section):
    """Where bars and expert logs come from. `auto` is Yahoo, and the sample market where Yahoo cannot be reached."""

    bars: Literal["auto", "yahoo", "csv", "sample"] = "auto"
    csv_folder: str | None = None
    yahoo: YahooSource = YahooSource()
    expert_logs: ExpertLogs = ExpertLogs()
    bucket: Bucket = Bucket()

    @model_validator(mode="after")
    def _folder(self) -> Sources:
        if self.bars == "csv" and not self.csv_folder:
            raise ValueError('bars is "csv", so csv_folder must name a folder')
        return self


class LocalExecutor(Section):
    """Tasks run in processes of this machine."""

    kind: Literal["local"] = "local"
    workers: int = Field(default=2, ge=1, le=256)


def _executor_kind(value: Any) -> Any:
    """Which class of settings an executor has: by its `kind`, which may be left out for the default."""
    return value.get("kind", "local") if isinstance(value, dict) else getattr(value, "kind", None)


# Another kind joins by `| Annotated[RayExecutor, Tag("ray")]`, and in `daemon/executors/open.py`.
ExecutorSettings = Annotated[Annotated[LocalExecutor, Tag("local")], Discriminator(_executor_kind)]


class CostParams(Section):
    """What trading costs and cash earns, in every number the desk prints."""

    commission: Rate = 0.001
    slippage: Rate = 0.0005
    borrow: Rate = 0.0
    commission_minimum: float = Field(default=0.0, ge=0.0)
    cash_interest: Rate = 0.0
    initial_cash: float = Field(default=100_000.0, gt=0.0)


class WalkForwardParams(Section):
    """How a history is walked, in bars: trained on the past, tested on what came next, again and again."""

    train: int = Field(default=504, ge=1)
    test: int = Field(default=63, ge=1)
    step: int | None = Field(default=None, ge=1)
    purge: int = Field(default=5, ge=0)
    embargo: int = Field(default=5, ge=0)
    anchored: bool = False


class Promotion(Section):
    """What a challenger must show before it serves."""

    confidence: float = Field(default=0.95, gt=0.5, le=0.999)
    min_trades: int = Field(default=5, ge=1)
    min_sharpe_gain: float = Field(default=0.1, ge=0.0)
    max_extra_drawdown: float = Field(default=5.0, ge=0.0)


class Api(Section):
    """The HTTP service."""

    host: str = "127.0.0.1"
    port: int = Field(default=8642, ge=0, le=65535)
    token_file: str | None = None
    allowed_hosts: tuple[str, ...] = Field(default=(), strict=False)


class Database(Section):
    """The database: embedded in the home, or PostgreSQL by its URL, which a variable or a file may hold."""

    url: str | None = None
    url_env: str | None = None
    url_file: str | None = None

    @model_validator(mode="after")
    def _one_url(self) -> Database:
        if sum(place is not None for place in (self.url, self.url_env, self.url_file)) > 1:
            raise ValueError("has more than one of url, url_env, url_file; keep one")
        if re.match(r"[^/]+//[^/@]*:[^/@]+@", self.url or ""):
            raise ValueError("url holds a password, which every backup would; name url_env or url_file that holds it")
        return self


class Limits(Section):
    """What one task may take, and how often a broken run is tried again."""

    task_timeout: Duration = timedelta(hours=2)
    task_memory_mb: int = Field(default=4096, ge=256)
    attempts: int = Field(default=3, ge=1, le=100)
    stop_grace: Duration = timedelta(seconds=30)


class Retention(Section):
    """How much history is kept. A champion, its predecessor and the newest three versions always stay."""

    backups: int = Field(default=7, ge=1)
    versions: int = Field(default=10, ge=3)
    revisions: int = Field(default=5, ge=0)
    quarantine_days: int = Field(default=90, ge=30)  # so long a refused row may still be mended
    results_days: int = Field(default=90, ge=1)
    logs_days: int = Field(default=90, ge=1)


class Settings(Section):
    """The whole config of a desk."""

    symbols: Names[Symbol] = ("AAPL", "GOOGL", "MSFT", "TSLA")
    model_types: Names[str] = ("behavioral_cloner",)
    traders: Annotated[tuple[Trader, ...], Field(strict=False), AfterValidator(_no_repeats)] = ()
    time_zone: TimeZone = "UTC"
    training_schedule: TrainingSchedule = TrainingSchedule()
    jobs: dict[JobName, JobSchedule] = {}
    performance_check_frequency: Period | None = None
    training_params: TrainingParams = TrainingParams()
    model_params: dict[str, dict[str, Any]] = {}
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
