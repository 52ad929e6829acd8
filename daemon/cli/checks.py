"""The checks of `nightdesk doctor`: each is a function that returns a finding and its cure."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib import metadata
from pathlib import Path
from typing import Literal

from config.errors import NightdeskError
from config.loader import find_config
from config.paths import Home
from config.secrets import read_address, redact
from config.settings import Settings
from daemon.cli.choices import Choices
from daemon.cli.client import Client, running

YAHOO = "https://query1.finance.yahoo.com"
MIN_PYTHON = (3, 11)
LITTLE_DISK, NO_DISK = 2_000_000_000, 100_000_000
SKEW = 60.0
NAMED = 10  # symbols that a finding lists
WORKER_SECONDS = 60
# What a worker does at its start and at its first tasks.
WORKER = """
import daemon.executors.worker.main
from daemon.jobs.tasks import KINDS, resolve
for kind in KINDS:
    resolve(kind)
"""


@dataclass(frozen=True)
class Check:
    """One finding; a cure where there is something to cure."""

    name: str
    state: Literal["ok", "warn", "fail"]
    finding: str
    cure: str = ""

    def to_dict(self) -> dict[str, str]:
        """As `--json` shows it."""
        return asdict(self)


def diagnose(global_options: Choices) -> Iterator[Check]:
    """Every check in its order; those that need a config come only if there is a valid one."""
    from daemon.context import check_settings

    yield python()
    yield libraries()
    yield workers()
    yield home(global_options.home.root)
    yield disk(global_options.home.root)
    try:
        settings = global_options.settings()
        check_settings(settings)
        client = running(global_options)
    except NightdeskError as error:
        yield Check("config", "fail", error.message, error.cure)
        return
    file = find_config(global_options.home, global_options.config)
    yield Check("config", "ok", file.name if file else "the desk's defaults")
    yield from (Check("config", "warn", notice, "Write it so in the config.") for notice in settings.notices)
    yield database(global_options, settings, client)
    yield port(settings, client)
    yield token(global_options, settings)
    yield expert_logs(global_options, settings)
    yield from sources(settings)


def python() -> Check:
    """The interpreter is new enough."""
    version = sys.version.split()[0]
    if sys.version_info < MIN_PYTHON:
        return Check("python", "fail", version, "Install Python 3.11 or newer.")
    return Check("python", "ok", version)


def libraries() -> Check:
    """Everything that the distribution asks for is installed."""
    needed = [
        re.split(r"[\s<>=!~;\[]", line)[0] for line in metadata.requires("nightdesk") or [] if "extra ==" not in line
    ]
    missing = []
    for name in needed:
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check("libraries", "fail", f"missing: {', '.join(missing)}", "Run `make setup`.")
    return Check("libraries", "ok", f"{len(needed)} installed")


def workers() -> Check:
    """A worker process starts and can import what its tasks need."""
    began = time.monotonic()
    try:
        done = subprocess.run(  # noqa: S603 -- our own interpreter and our own code
            [sys.executable, "-c", WORKER], capture_output=True, text=True, timeout=WORKER_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return Check("workers", "fail", f"no start in {WORKER_SECONDS} s", "Free the processor, then repeat the check.")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return Check("workers", "fail", last, "Run `make setup`; a library may be broken.")
    return Check("workers", "ok", f"start in {time.monotonic() - began:.1f} s")


def home(root: Path) -> Check:
    """The home exists, or could, and takes files."""
    place = root
    while not place.exists():
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        return Check(
            "home", "fail", f"{root}: {error.strerror}", "Mend its permissions, or choose another with --home."
        )
    return Check("home", "ok", str(root) if place == root else f"{root} (will be made)")


def disk(root: Path) -> Check:
    """There is room for data and models."""
    place = next(folder for folder in (root, *root.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    finding = f"{free / 1e9:.1f} GB free"
    if free < NO_DISK:
        return Check("disk", "fail", finding, "Free some space: the desk could not write its next model.")
    return (
        Check("disk", "warn", finding, "Free some space soon.") if free < LITTLE_DISK else Check("disk", "ok", finding)
    )


def database(global_options: Choices, settings: Settings, client: Client | None) -> Check:
    """The database is sound; one in use is checked by its desk."""
    if client is not None:
        problems = client.get("/status")["problems"]
        cure = "See `nightdesk status` and the log."
        return (
            Check("database", "fail", ", ".join(problems), cure)
            if problems
            else Check("database", "ok", "in use, ready")
        )
    try:
        finding = _stopped_database(global_options.home, settings)
    except NightdeskError as error:
        return Check("database", "fail", error.message, error.cure)
    return Check("database", "ok", finding)


def _stopped_database(home: Home, settings: Settings) -> str:
    """What is fine about the database of a desk that does not run; raises what is not."""
    from daemon.backups import refuse_half_restored
    from daemon.opening.traces import is_lost, lost
    from daemon.store.database import check

    refuse_half_restored(home)
    if settings.database.url is not None:
        return "on a server; `nightdesk status` reads it"
    if is_lost(home):
        raise lost(home, settings)
    if not home.database.exists():
        return "none yet; the first start makes it"
    check(home.database)
    return "sound"


def port(settings: Settings, client: Client | None) -> Check:
    """The port is free, or our own desk holds it."""
    if client is not None:
        return Check("port", "ok", "the desk answers")
    from daemon.api.server import bind

    try:
        bind(settings.api).close()
    except NightdeskError as error:
        return Check("port", "fail", error.message, error.cure)
    return Check("port", "ok", f"{settings.api.host}:{settings.api.port} is free")


def token(global_options: Choices, settings: Settings) -> Check:
    """The write token can be read, and is long enough for the address of the desk."""
    from daemon.api.access import check_bind
    from daemon.bootstrap import write_token

    try:
        write = write_token(global_options.home, settings.api, make=False)
        check_bind(settings.api, write)
    except NightdeskError as error:
        return Check("token", "fail", error.message, error.cure)
    return Check("token", "ok", "none yet; the first start makes it" if write is None else "set")


def expert_logs(global_options: Choices, settings: Settings) -> Check:
    """The behavioural cloner has an expert to learn from."""
    expert = settings.sources.expert_logs
    folder = Path(expert.folder) if expert.folder else global_options.home.expert_logs
    missing = [symbol for symbol in settings.symbols if not (folder / f"{symbol}.csv").exists()]
    if not missing:
        return Check("expert logs", "ok", f"one for each of {len(settings.symbols)} symbols")
    named = ", ".join(missing[:NAMED]) + (f" and {len(missing) - NAMED} others" if len(missing) > NAMED else "")
    if expert.when_missing == "sample" or settings.sources.bars == "sample":
        return Check("expert logs", "ok", f"none for {named}; the sample expert is used")
    cure = f"Put a file <SYMBOL>.csv with the columns date,action into {folder}."
    return Check("expert logs", "warn", f"none for {named}", cure)


def sources(settings: Settings) -> Iterator[Check]:
    """The market data can be reached; its server also tells whether our clock is right."""
    kind = settings.sources.bars
    if kind == "sample":
        yield Check("source", "ok", "the sample market needs no network")
    elif kind == "csv":
        folder = Path(settings.sources.csv_folder or "")
        cure = "Correct /sources/csv_folder."
        yield (
            Check("source", "ok", str(folder))
            if folder.is_dir()
            else Check("source", "fail", f"no folder {folder}", cure)
        )
    else:
        yield from _yahoo(settings, "warn" if kind == "auto" else "fail")


def _yahoo(settings: Settings, worst: Literal["warn", "fail"]) -> Iterator[Check]:
    try:
        address = read_address("address of the source", settings.sources.yahoo.base_url or YAHOO)
    except NightdeskError as error:
        yield Check("source", "fail", error.message, error.cure)
        return
    cure = "Check the network." + (" Until then the sample market is used." if worst == "warn" else "")
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=5) as response:  # noqa: S310 -- the owner's own address
            date = response.headers.get("Date")
    except urllib.error.HTTPError as error:  # it answered: any status will do
        date = error.headers.get("Date")
    except (OSError, ValueError) as error:
        yield Check("source", worst, redact(f"{address} cannot be reached ({getattr(error, 'reason', error)})"), cure)
        return
    yield Check("source", "ok", redact(f"{address} answers"))
    if date:
        yield clock(parsedate_to_datetime(date), datetime.now(UTC))


def clock(theirs: datetime, ours: datetime) -> Check:
    """Our clock agrees with a server's."""
    skew = (ours - theirs).total_seconds()
    if abs(skew) > SKEW:
        return Check("clock", "fail", f"{skew:+.0f} s off", "Set the clock (for example with systemd-timesyncd).")
    return Check("clock", "ok", f"{skew:+.0f} s off")
