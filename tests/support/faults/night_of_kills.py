"""A night of small jobs whose desk is killed again and again, and the examination of what is left in the morning."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet
import safetensors.numpy
from PIL import Image
from sqlalchemy import Table, select

from config.paths import Home
from config.publish import TEMP_PREFIX
from config.settings import JobSchedule
from daemon import backups
from daemon.domain import schedule
from daemon.domain.runs import SHUTDOWN, TASK_ENDS, TERMINAL
from daemon.executors.local import home_mark
from daemon.executors.worker import processes
from daemon.store.database import Database, check
from daemon.store.tables import alerts, datasets, evaluations, model_versions, outbox, runs, servings, tasks
from daemon.store.tables import backups as backup_table
from data_pipeline.bars.store import BarStore
from tests.support.desks.running_desk import RunningDesk, write_config
from tests.support.servers.webhook_sink import WebhookSink
from trainers.artifact import load_artifact, prove

# Two chains (data, training, evaluation; check, backup) and three jobs alone, all in each other's way.
REST = 600.0  # seconds; workers yield to everything else, and a busy machine lets them wait
EVERY = {"data_update": 7, "signals": 4, "performance_check": 5, "maintenance": 6, "restore_drill": 9}
FOLLOWING = ("training", "evaluation", "backup")
ATTEMPTS = 3
Row = dict[str, Any]


@dataclass
class Figures:
    """What the kills did, and what should be empty."""

    kills: int = 0
    kills_before_ready: int = 0
    recovered_in: list[float] = field(default_factory=list)  # seconds from a start until no run was an orphan's
    counts: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    duplicate_alerts: list[str] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)
    unforeseen: list[str] = field(default_factory=list)  # errors without a code of their own

    @property
    def faults(self) -> list[str]:
        """Everything that should not be."""
        return [*self.lost, *self.doubled, *self.torn, *self.duplicate_alerts, *self.left_behind, *self.unforeseen]


def night_of_kills(home: Home, kills: int, seed: int) -> Figures:
    """Kill the desk of `home` so many times, let it come to rest, and examine everything."""
    chance, figures = random.Random(seed), Figures(kills=kills)
    secret = home.root.with_name(f"{home.root.name}.secret")
    secret.write_text("a secret for the webhook")
    with WebhookSink() as sink:

        def configure(number: int, **jobs: Any) -> None:
            # Each start finds the other threshold: alerts fire, and are resolved; the last desk finds both.
            write_config(home, **_config(sink.port, secret, number % 2 == 0), jobs=jobs or _jobs())

        for number in range(kills):
            configure(number)
            _live_and_die(home, chance, figures)
        began = datetime.now(UTC)
        configure(kills)
        with RunningDesk(home) as desk:
            asleep = {job: {"enabled": False} for job in (*EVERY, *FOLLOWING)}
            _come_to_rest(desk, lambda strict: configure(0 if strict else 1, **asleep))
            figures.recovered_in.append(_recovered_in(desk))
            if (code := desk.terminate()) != 0:
                figures.left_behind.append(f"the last desk ended with {code}")
        _examine(home, sink, began, figures)
    return figures


def _jobs() -> dict[str, Any]:
    return {job: {"every": f"{seconds}s"} for job, seconds in EVERY.items()} | {job: {} for job in FOLLOWING}


def _config(port: int, secret: Path, strict: bool) -> dict[str, Any]:
    webhook = {"url": f"http://127.0.0.1:{port}/", "secret_file": str(secret), "allow_private": True}
    return {
        "symbols": ["AAPL", "MSFT"],
        "monitoring": {"min_sharpe_ratio": 1000.0 if strict else -1000.0, "clear_after": 1},
        "notifications": {"enabled": True, "webhook": webhook},
        "retention": {"backups": 2, "versions": 3},
        "limits": {"attempts": ATTEMPTS},
    }


def _live_and_die(home: Home, chance: random.Random, figures: Figures) -> None:
    early = chance.random() < 0.15
    with RunningDesk(home, wait=False) as desk:
        if early:
            time.sleep(chance.uniform(0.0, 2.0))
            figures.kills_before_ready += desk.url is None
        else:
            desk.wait_for(lambda: desk.url)
            time.sleep(min(chance.expovariate(1 / 2.5), 12.0))
            if desk.events("desk.started"):
                figures.recovered_in.append(_recovered_in(desk))
        desk.kill()
        if not _gone(desk):
            figures.left_behind.append(f"workers {desk.workers()} outlived their desk {desk.pid}")


def _recovered_in(desk: RunningDesk) -> float:
    [started] = desk.events("desk.started")
    return datetime.fromisoformat(started["at"]).timestamp() - desk.began


def _gone(desk: RunningDesk) -> bool:
    """Whether no worker outlives its desk for long; a worker that is just starting needs a moment to notice."""
    end = time.monotonic() + 5.0
    while desk.workers() and time.monotonic() < end:
        time.sleep(0.02)
    return not desk.workers()


def _come_to_rest(desk: RunningDesk, end_the_schedule: Callable[[bool], None]) -> None:
    time.sleep(max(EVERY.values()) + 1)  # long enough for each to be due again
    # The last of each job is left in peace; its alerts fire at the strict threshold, and are over at the other.
    for strict, jobs in (
        (True, ("data_update", "training", "evaluation", "performance_check")),
        (False, ("performance_check", "maintenance", "backup")),
    ):
        reloads = len(desk.events("config.reloaded"))
        end_the_schedule(strict)
        desk.wait_for(lambda reloads=reloads: len(desk.events("config.reloaded")) > reloads)
        for job in jobs:
            desk.rest(REST)
            desk.post(f"/jobs/{job}/run")
        desk.rest(REST)
    desk.wait_for(lambda: _delivered(desk.home))


def _delivered(home: Home) -> bool:
    return all(row["delivered_at"] for row in _rows(home, outbox))


def _rows(home: Home, table: Table) -> list[Row]:
    with closing(Database.open(home.database)) as database:
        rows = database.read(lambda c: c.execute(select(table)).mappings().all())
    return [dict(row) for row in rows]


def _examine(home: Home, sink: WebhookSink, began: datetime, figures: Figures) -> None:
    ledger = sorted(_rows(home, runs), key=lambda row: row["id"])
    figures.counts = dict(Counter(_end_of(row) for row in ledger))
    figures.counts["occurrences by schedule"] = sum(_by_schedule(row) for row in ledger)
    figures.counts["retries"] = sum(row["trigger"] == "retry" for row in ledger)
    _examine_schedule(ledger, began, figures)
    _examine_ends(ledger, done := _rows(home, tasks), figures)
    surprises = [row for row in (*ledger, *done) if row["cause"] in ("desk.fault", "task.crashed")]
    figures.unforeseen += [f"{row.get('job') or row['kind']}: {row['detail']}" for row in surprises]
    _examine_models(home, figures)
    _examine_records(home, figures)
    _examine_alerts(home, sink, figures)
    _examine_files(home, figures)
    if survivors := processes.marked(home_mark(home)):
        figures.left_behind.append(f"processes {survivors}")


def _end_of(row: Row) -> str:
    return f"runs failed ({row['cause']})" if row["state"] in ("failed", "partial") else f"runs {row['state']}"


def _by_schedule(row: Row) -> bool:
    return row["attempt"] == 1 and row["trigger"] in ("schedule", "catch_up")


def _examine_schedule(ledger: list[Row], began: datetime, figures: Figures) -> None:
    """Every occurrence from the first to the last is there once, and the last desk was not late."""
    for job, seconds in EVERY.items():
        runs_at = Counter(row["scheduled_for"] for row in ledger if row["job"] == job and _by_schedule(row))
        first, last = min(runs_at), max(runs_at)
        every = JobSchedule.model_validate({"every": f"{seconds}s"})
        due = set(schedule.occurrences(every, "UTC", first - timedelta(microseconds=1), last, 10**6))
        figures.lost += [f"{job} of {instant}" for instant in sorted(due - runs_at.keys())]
        figures.lost += [f"{job} after {last}"] if last < began else []
        figures.doubled += [f"{job} of {instant}" for instant, times in runs_at.items() if times > 1]
        figures.doubled += [f"{job} of {instant}, never owed" for instant in sorted(runs_at.keys() - due)]


def _examine_ends(ledger: list[Row], done: list[Row], figures: Figures) -> None:
    """Every run has ended; each has exactly the follow-up runs that its end requires."""
    attempts: dict[tuple[str, datetime], list[Row]] = {}
    brought: dict[int, list[Row]] = {}
    for row in ledger:
        attempts.setdefault((row["job"], row["scheduled_for"]), []).append(row)
        brought.setdefault(row["parent_id"], []).append(row)
    for (job, instant), rows in attempts.items():
        if [row["attempt"] for row in rows] != list(range(1, len(rows) + 1)):
            figures.doubled.append(f"the attempts of {job} of {instant} are {[row['attempt'] for row in rows]}")
    for row in ledger:
        name = f"{row['job']}-{row['id']}"
        if row["state"] not in TERMINAL:
            figures.lost.append(f"{name} is {row['state']} for ever")
        followers = [
            (child["job"], child["attempt"], child["trigger"], child["chain"]) for child in brought.get(row["id"], [])
        ]
        expected = _expected_followers(row, attempts[row["job"], row["scheduled_for"]])
        figures.lost += [
            f"{name} ({row['state']}) did not bring {follower}" for follower in expected if follower not in followers
        ]
        figures.doubled += (
            [f"{name} ({row['state']}) brought {followers}, not {expected}"] if len(followers) > len(expected) else []
        )
    figures.lost += [f"task {row['id']} is {row['state']} for ever" for row in done if row["state"] not in TASK_ENDS]


def _expected_followers(row: Row, attempts: list[Row]) -> list[tuple[Any, ...]]:
    """The law of what follows an end, written down a second time."""
    spent = sum(
        attempt["state"] in ("crashed", "failed") for attempt in attempts if attempt["attempt"] <= row["attempt"]
    )
    interrupted = row["state"] == "cancelled" and row["cause"] == SHUTDOWN
    if interrupted or (row["state"] == "crashed" and spent < ATTEMPTS):
        return [(row["job"], row["attempt"] + 1, "retry", row["chain"])]
    if row["chain"] and row["state"] != "cancelled":
        return [(row["chain"][0], 1, "chain", row["chain"][1:])]
    return []


def _examine_models(home: Home, figures: Figures) -> None:
    """Every folder is whole and recorded, every record has its folder, and the pointer agrees with its ledger."""
    rows = {(row["subject"], row["model_type"], row["version"]): row for row in _rows(home, model_versions)}
    on_disk = home.versions
    figures.counts |= Counter(f"versions {row['state']}" for row in rows.values())
    figures.counts["versions in quarantine"] = len(list(home.models_quarantine.glob("*")))
    recorded = {name for name, row in rows.items() if row["state"] != "deleted"}
    figures.lost += [f"the model folder of {name}" for name in sorted(recorded - on_disk)]
    figures.lost += [f"the model folder {name} is not recorded" for name in sorted(on_disk - rows.keys())]
    figures.left_behind += [f"the deleted model {name}" for name in sorted((on_disk & rows.keys()) - recorded)]
    for name in sorted(recorded & on_disk):
        with _torn(f"model {name}", figures):
            folder = home.model(*name)
            prove(load_artifact(folder, expect_manifest_sha256=rows[name]["manifest_sha256"]))
    served: dict[tuple[str, str], int] = {}
    for serving in sorted(_rows(home, servings), key=lambda row: row["id"]):
        served[serving["subject"], serving["model_type"]] = serving["version_id"]
    champions = {name[:2]: row["id"] for name, row in rows.items() if row["state"] == "champion"}
    if champions != served:
        figures.lost.append(f"the champions are {champions}, the serving ledger says {served}")


class _torn:  # noqa: N801 -- reads as the statement it is
    """Whatever the block raises is a torn file."""

    def __init__(self, name: str, figures: Figures) -> None:
        self._what, self._figures = name, figures

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        if isinstance(error, Exception):
            self._figures.torn.append(f"{self._what}: {error}")
        return isinstance(error, Exception)


def _examine_records(home: Home, figures: Figures) -> None:
    """What the database names is on disk, and what is on disk is named in the database."""
    recorded_datasets = {row["dataset"] for row in _rows(home, datasets)}
    for dataset in BarStore(home).all():
        with _torn(f"bars of {dataset.symbol}", figures):
            BarStore(home).load(dataset.symbol, dataset.interval, dataset.source)
        figures.lost += [] if dataset.id in recorded_datasets else [f"the dataset of {dataset.symbol} is not recorded"]
    for row in _rows(home, evaluations):
        names = {path.name for path in (home.root / row["report"]).glob("*")}
        if not names >= {"report.json", "equity.parquet", "equity.png"}:
            figures.lost.append(f"the report {row['report']} holds {sorted(names)}")
    present = {folder.name for folder in home.backups}
    recorded = {row["name"] for row in _rows(home, backup_table) if not row["deleted"]}
    figures.lost += [f"the backup {name}" for name in sorted(recorded - present)]
    repository = backups.home_repository(home)
    for name in repository.names():
        with _torn(name, figures):
            backups.verify(repository, name)


def _examine_alerts(home: Home, sink: WebhookSink, figures: Figures) -> None:
    """One open alert a fingerprint, one notification a transition, and the sink got each of them under one key."""
    episodes, notifications = _rows(home, alerts), _rows(home, outbox)
    received = [message.key for message in sink.received]
    figures.counts |= {
        "alerts": len(episodes),
        "alerts resolved": sum(row["state"] == "resolved" for row in episodes),
        "notifications": len(notifications),
        "messages at the sink": len(received),
        "messages sent again": len(received) - len(set(received)),
    }
    open_ones = Counter(row["fingerprint"] for row in episodes if row["state"] != "resolved")
    transitions = Counter((row["alert_id"], row["payload"]["transition"], row["channel"]) for row in notifications)
    messages = Counter((m.payload["alert"]["id"], m.payload["transition"]) for m in _first_of_each_key(sink))
    for counter, kind in ((open_ones, "open alert"), (transitions, "notification"), (messages, "message")):
        figures.duplicate_alerts += [f"{kind} {name}: {times}" for name, times in counter.items() if times > 1]
    fired = {row["id"] for row in episodes if row["fired_at"] is not None}
    over = {row["id"] for row in episodes if row["id"] in fired and row["state"] == "resolved"}
    expected = {(number, "firing") for number in fired} | {(number, "resolved") for number in over}
    figures.lost += [f"the message {name}" for name in sorted(expected - messages.keys())]
    figures.duplicate_alerts += [f"message {name}, never owed" for name in sorted(messages.keys() - expected)]
    unknown = set(received) - {row["key"] for row in notifications}
    figures.duplicate_alerts += [f"the sink knows {key}, the outbox does not" for key in sorted(unknown)]


def _first_of_each_key(sink: WebhookSink) -> Iterator[Any]:
    yield from {message.key: message for message in reversed(sink.received)}.values()


def _examine_files(home: Home, figures: Figures) -> None:
    readers: dict[str, Callable[[Path], Any]] = {
        ".parquet": pyarrow.parquet.read_table,
        ".json": lambda path: json.loads(path.read_bytes()),
        ".png": lambda path: Image.open(path).load(),
        ".safetensors": safetensors.numpy.load_file,
        ".jsonl": lambda path: [json.loads(line) for line in path.read_bytes().splitlines()],
    }
    read = Counter[str]()
    for path in home.root.rglob("*"):
        if path.name.startswith(TEMP_PREFIX):
            figures.left_behind.append(home.relative(path))
        elif path.suffix in readers:
            read[f"files {path.suffix[1:]}"] += 1
            with _torn(home.relative(path), figures):
                readers[path.suffix](path)
    figures.counts |= read
    with _torn("the database", figures):
        shutil.copyfile(home.database, copy := home.root.with_name("examined.sqlite3"))
        check(copy)
