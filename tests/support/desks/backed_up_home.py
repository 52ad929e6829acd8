"""A home with a champion, its predecessor and challengers, as backups see it; nobody can load its models."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from config import NightdeskError, Settings
from config.paths import Home
from daemon import backups
from daemon.backups import Backup
from daemon.domain.runs import Owner
from daemon.store import runs, servings, versions
from daemon.store.database import Database
from daemon.store.versions import Version
from tests.support.models.model_folders import record_model, write_model

NOW = datetime(2026, 1, 5, 3, 4, 5, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SETTINGS = Settings(symbols=("AAPL", "BTC-USD"))
WEIGHTS = "models/AAPL/cloner/v2/weights.safetensors"
DATA = {
    "data/experts/AAPL.csv": b"date,action\n2026-01-02,buy\n",
    "data/experts/notes on AAPL.txt": b"mine",
    "data/news/yahoo/AAPL.parquet": b"headlines",
    "data/trades/0x6031/1_prices.json": b"{}",
    "data/trades.json": b"{}",
    "data/lineage/a.jsonl": b"{}\n",
    "data/bars/csv/AAPL/1d.parquet": b"bars",
    "data/bars/csv/AAPL/1d/older.parquet": b"older bars",
    "data/quarantine/csv/AAPL/1d-20260101T000000.parquet": b"refused",
    "data/records/AAPL/cloner/r/fold.parquet": b"fold",
}


def make(home: Home, database: Database, symbol: str, version: str, *, serve: bool = False) -> Version:
    sha256 = write_model(home, symbol, version)

    def change(c):
        row = record_model(c, symbol, version, sha256)
        if serve:
            assert servings.serve(c, symbol, "cloner", row.id, NOW, why="better", author="test")
        return row

    return database.write(change)


def fill(home: Home, database: Database) -> None:
    """A run, the models and data of a desk that has worked for some nights."""
    run = database.write(lambda c: runs.request(c, "training", now=NOW, trigger="manual"))
    database.write(lambda c: runs.claim(c, run.id, Owner.me(), NOW))
    for version, serve in [("v1", True), ("v2", True), ("v3", False), ("v4", False), ("v5", False), ("v6", False)]:
        make(home, database, "AAPL", version, serve=serve)
    make(home, database, "BTC-USD", "v1", serve=True)
    old = database.read(lambda c: versions.find(c, "AAPL", "cloner", "v3"))
    assert database.write(lambda c: versions.set_state(c, old.id, "rejected", ("challenger",)))
    for name, content in DATA.items():
        path = home.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def take(home: Home, database: Database, after: timedelta = timedelta(0)) -> Backup:
    return backups.take(home, database, NOW + after, SETTINGS)


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def objects_of(home: Home) -> list[Path]:
    return sorted(path for path in (home.models / "backup_objects").rglob("*") if path.is_file())


def flip(path: Path, bit: int = 0) -> bytes:
    """Flip one bit of a file, counted from its middle; returns the content before."""
    before = path.read_bytes()
    place = (len(before) // 2 + bit // 8) % len(before)
    path.write_bytes(before[:place] + bytes([before[place] ^ (1 << bit % 8)]) + before[place + 1 :])
    return before


def flip_unwritten(path: Path) -> bytes:
    """What a disk does: another bit, and no sign of a write."""
    times = path.stat()
    before = flip(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    return before


def drop_database(home: Home) -> None:
    for suffix in ("", "-wal", "-shm"):
        home.database.with_name(home.database.name + suffix).unlink(missing_ok=True)


def refusal(call, *arguments, **named) -> NightdeskError:
    try:
        call(*arguments, **named)
    except NightdeskError as error:
        return error
    raise AssertionError("nothing was refused")
