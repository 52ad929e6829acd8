"""What a home must look like after kills: nothing lost, nothing doubled, nothing torn, nothing left behind."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet
import safetensors.numpy
from PIL import Image
from sqlalchemy import Engine, Table, select

from config.paths import Home
from config.publish import TEMP_PREFIX
from config.settings import JobSchedule
from daemon import backups
from daemon.domain import schedule
from daemon.domain.runs import SHUTDOWN, TASK_ENDS, TERMINAL
from daemon.executors.local import home_mark
from daemon.executors.worker import processes
from daemon.store import engines
from daemon.store.database import check
from daemon.store.tables import (
    alerts,
    datasets,
    evaluations,
    model_versions,
    outbox,
    retrainings,
    runs,
    servings,
    tasks,
)
from daemon.store.tables import backups as backup_table
from data_pipeline.bars.store import BarStore
from tests.support.servers.webhook_sink import Received
from trainers.artifact import load_artifact, prove

# `limits.attempts` of every desk that is examined.
ATTEMPTS = 3
Row = dict[str, Any]


@dataclass
class Figures:
    """What the kills did, and what should be empty."""

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
        return [fault for name in FAULTS for fault in getattr(self, name)]


FAULTS = ("lost", "doubled", "torn", "duplicate_alerts", "left_behind", "unforeseen")


@dataclass(frozen=True)
class Timetable:
    """The jobs with an interval of their own, in seconds, and when the last desk began, which missed none of them."""

    every: Mapping[str, int]
    last_desk: datetime


@dataclass(frozen=True)
class Tables:
    """The rows of a database, read past the desk that may be serving it."""

    engine: Engine

    @classmethod
    @contextmanager
    def of(cls, place: Path | str) -> Iterator[Tables]:
        """Those of the SQLite file or of the PostgreSQL database of this URL."""
        engine = (
            engines.sqlite_engine(place, read_only=True)
            if isinstance(place, Path)
            else engines.postgresql_engine(engines.postgresql_url(place), read_only=True)
        )
        try:
            yield cls(engine)
        finally:
            engine.dispose()

    def rows(self, table: Table) -> list[Row]:
        """All rows, oldest first."""
        with self.engine.begin() as c:
            return [dict(row) for row in c.execute(select(table).order_by(table.c.id)).mappings().all()]


def examine(home: Home, tables: Tables, received: Sequence[Received], timetable: Timetable, figures: Figures) -> None:
    """Look at everything that is left in `home`, whose last desk has ended in peace; `received` are its messages."""
    ledger = tables.rows(runs)
    figures.counts = dict(Counter(_end_of(row) for row in ledger))
    figures.counts["occurrences by schedule"] = sum(_by_schedule(row) for row in ledger)
    figures.counts["retries"] = sum(row["trigger"] == "retry" for row in ledger)
    _examine_schedule(ledger, timetable, figures)
    _examine_ends(ledger, done := tables.rows(tasks), figures)
    surprises = [row for row in (*ledger, *done) if row["cause"] in ("desk.fault", "task.crashed")]
    figures.unforeseen += [f"{row.get('job') or row['kind']}: {row['detail']}" for row in surprises]
    _examine_retrainings(ledger, tables.rows(retrainings), figures)
    _examine_models(home, tables, figures)
    _examine_records(home, tables, figures)
    _examine_alerts(tables, received, figures)
    _examine_files(home, figures)
    if survivors := processes.marked(home_mark(home)):
        figures.left_behind.append(f"processes {survivors}")


def _end_of(row: Row) -> str:
    return f"runs failed ({row['cause']})" if row["state"] in ("failed", "partial") else f"runs {row['state']}"


def _by_schedule(row: Row) -> bool:
    return row["attempt"] == 1 and row["trigger"] in ("schedule", "catch_up")


def _examine_schedule(ledger: list[Row], timetable: Timetable, figures: Figures) -> None:
    """Every occurrence from the first to the last is there once, and the last desk was not late."""
    for job, seconds in timetable.every.items():
        runs_at = Counter(row["scheduled_for"] for row in ledger if row["job"] == job and _by_schedule(row))
        first, last = min(runs_at), max(runs_at)
        timing = JobSchedule.model_validate({"every": f"{seconds}s"})
        due = set(schedule.occurrences(timing, "UTC", first - timedelta(microseconds=1), last, 10**6))
        figures.lost += [f"{job} of {instant}" for instant in sorted(due - runs_at.keys())]
        figures.lost += [f"{job} after {last}"] if last < timetable.last_desk else []
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
        if sum(row["state"] == "succeeded" for row in rows) > 1:
            figures.doubled.append(f"{job} of {instant} has succeeded more than once")
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
            f"{name} ({row['state']}) did not bring {follower}"
            for follower in expected
            if follower not in followers and not _came_anyway(row, ledger)
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


def _came_anyway(row: Row, ledger: list[Row]) -> bool:
    """Whether an overlapped run had to bring nothing: what follows it was still to come, and ended later."""
    return row["cause"] == "overlap" and any(
        later["job"] == row["chain"][0] and later["finished_at"] and later["finished_at"] >= row["recorded_at"]
        for later in ledger
    )


def _examine_retrainings(ledger: list[Row], rows: list[Row], figures: Figures) -> None:
    """Every training for a reason has its reasons, and no place was retrained twice on one bar."""
    figures.counts["retrainings"] = len(rows)
    with_reasons = {row["run_id"] for row in rows if row["own_run"] and row["diagnoses"]}
    started = {row["id"] for row in ledger if row["trigger"] == "retraining"}
    figures.lost += [f"the reasons of training-{run_id}" for run_id in sorted(started - with_reasons)]
    figures.lost += [f"training-{run_id} for a reason" for run_id in sorted(with_reasons - started)]
    places = Counter((row["subject"], row["model_type"], row["data_until"]) for row in rows)
    figures.doubled += [f"the retraining of {place}" for place, times in places.items() if times > 1]


def _examine_models(home: Home, tables: Tables, figures: Figures) -> None:
    """Every folder is whole and recorded, every record has its folder, and the pointer agrees with its ledger."""
    rows = {(row["subject"], row["model_type"], row["version"]): row for row in tables.rows(model_versions)}
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
    for serving in tables.rows(servings):
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


def _examine_records(home: Home, tables: Tables, figures: Figures) -> None:
    """What the database names is on disk, and what is on disk is named in the database."""
    recorded_datasets = {row["dataset"] for row in tables.rows(datasets)}
    for dataset in BarStore(home).all():
        with _torn(f"bars of {dataset.symbol}", figures):
            BarStore(home).load(dataset.symbol, dataset.interval, dataset.source)
        figures.lost += [] if dataset.id in recorded_datasets else [f"the dataset of {dataset.symbol} is not recorded"]
    for row in tables.rows(evaluations):
        names = {path.name for path in (home.root / row["report"]).glob("*")}
        if not names >= {"report.json", "equity.parquet", "equity.png"}:
            figures.lost.append(f"the report {row['report']} holds {sorted(names)}")
    present = {folder.name for folder in home.backups}
    recorded = {row["name"] for row in tables.rows(backup_table) if not row["deleted"]}
    figures.lost += [f"the backup {name}" for name in sorted(recorded - present)]
    repository = backups.home_repository(home)
    for name in repository.names():
        with _torn(name, figures):
            backups.verify(repository, name)


def _examine_alerts(tables: Tables, received: Sequence[Received], figures: Figures) -> None:
    """One open alert a fingerprint, one notification a transition, and the sink got each of them under one key."""
    episodes, notifications = tables.rows(alerts), tables.rows(outbox)
    keys = [message.key for message in received]
    figures.counts |= {
        "alerts": len(episodes),
        "alerts resolved": sum(row["state"] == "resolved" for row in episodes),
        "notifications": len(notifications),
        "messages at the sink": len(keys),
        "messages sent again": len(keys) - len(set(keys)),
    }
    open_ones = Counter(row["fingerprint"] for row in episodes if row["state"] != "resolved")
    transitions = Counter((row["alert_id"], row["payload"]["transition"], row["channel"]) for row in notifications)
    messages = Counter((m.payload["alert"]["id"], m.payload["transition"]) for m in _first_of_each_key(received))
    for counter, kind in ((open_ones, "open alert"), (transitions, "notification"), (messages, "message")):
        figures.duplicate_alerts += [f"{kind} {name}: {times}" for name, times in counter.items() if times > 1]
    fired = {row["id"] for row in episodes if row["fired_at"] is not None}
    over = {row["id"] for row in episodes if row["id"] in fired and row["state"] == "resolved"}
    expected = {(number, "firing") for number in fired} | {(number, "resolved") for number in over}
    figures.lost += [f"the message {name}" for name in sorted(expected - messages.keys())]
    figures.duplicate_alerts += [f"message {name}, never owed" for name in sorted(messages.keys() - expected)]
    unknown = set(keys) - {row["key"] for row in notifications}
    figures.duplicate_alerts += [f"the sink knows {key}, the outbox does not" for key in sorted(unknown)]
    _examine_order(received, figures)


def _examine_order(received: Sequence[Received], figures: Figures) -> None:
    """An alert is over only after it was there: its messages arrived in this order, each under its first key."""
    arrived: dict[int, list[str]] = {}
    for message in sorted(_first_of_each_key(received), key=received.index):
        arrived.setdefault(message.payload["alert"]["id"], []).append(message.payload["transition"])
    figures.lost += [
        f"the order of the messages of alert {number}: {transitions}"
        for number, transitions in arrived.items()
        if transitions != sorted(transitions, key=("firing", "resolved").index)
    ]


def _first_of_each_key(received: Sequence[Received]) -> Iterator[Received]:
    yield from {message.key: message for message in reversed(received)}.values()


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
    if home.database.exists():
        with _torn("the database", figures):
            _examine_database(home.database, home.root.with_name(f"{home.root.name}-examined.sqlite3"))


def _examine_database(database: Path, copy: Path) -> None:
    """Every page is sound, and every reference leads to a row."""
    shutil.copyfile(database, copy)
    check(copy)
    with closing(sqlite3.connect(copy)) as connection:
        if dangling := connection.execute("PRAGMA foreign_key_check").fetchall():
            raise ValueError(f"these references lead nowhere: {dangling}")
