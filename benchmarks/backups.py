"""A desk of 20 symbols lost and restored from an S3 server, and what the backup of an unchanged desk costs.

The desk has 20 symbols with ten years of daily bars, five versions of a cloner each, a report of each, and the rows of
a year of nights. The S3 server is moto's, in a process of its own on loopback. Restoring is the command
`nightdesk restore`, so it counts the start of Python and the proof of all champions; the backup is the work of the job
(mending, taking, copying, pruning) in a desk that runs.

python -m benchmarks.backups
"""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from config.paths import Home
from config.settings import Settings
from daemon.bootstrap import open_context
from daemon.core.dispatcher import Dispatcher
from daemon.store import evaluations
from daemon.store.database import Database
from daemon.store.evaluations import NewEvaluation
from daemon.store.tables import measurements, runs, tasks
from daemon.store.versions import Version
from daemon.system.clock import SystemClock
from daemon.system.log import Log
from data_pipeline.bars.bars import Bars
from data_pipeline.bars.store import BarStore
from data_pipeline.sources.sample import SampleSource
from tests.support.desks.champions import NAME, serve_champion
from tests.support.desks.night import every_run, request
from tests.support.markets.easy import easy_task
from tests.support.servers.s3 import KEY, KEY_ID, s3_server
from tests.support.servers.s3 import NAME as BUCKET
from trainers import TrainingContext, registry

SYMBOLS, VERSIONS, NIGHTS = 20, 5, 365
# As many backups as stay, and then so many that are measured: each of these deletes the oldest as well.
UNMEASURED, REPEATS = Settings().retention.backups, 5
NOW = datetime.now(UTC)
NAMES = [f"S{number:02}" for number in range(SYMBOLS)]
RESTORE_GOAL, BACKUP_GOAL, BYTES_GOAL = 30.0, 2.0, 100_000


def serve(address: Any, done: Event) -> None:
    """Serve S3 in a process of its own, as the real one is."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with s3_server() as server:
        address.send(server.url)
        done.wait()


@contextmanager
def s3() -> Iterator[str]:
    """The URL of an S3 server."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    done = context.Event()
    process = context.Process(target=serve, args=(theirs, done))
    process.start()
    try:
        yield ours.recv()
    finally:
        done.set()
        process.join(30)


def make_desk(home: Home, place: str) -> None:
    """The home of such a desk."""
    home.root.mkdir(parents=True)
    settings = {"symbols": NAMES, "sources": {"bars": "sample"}, "backup": {"to": [place]}}
    home.config.write_text(json.dumps(settings), encoding="utf-8")
    model = registry.get(NAME).train(easy_task(NAME), TrainingContext(seed=3))
    frame = SampleSource().fetch("AAPL", "1d", NOW - timedelta(days=3650), NOW).frame
    with closing(Database.open(home.database)) as database:
        database.write(add_nights)
        for symbol in NAMES:
            BarStore(home).save(Bars(frame * (1 + NAMES.index(symbol) / 100), symbol, "1d", "sample"), NOW)
            for version in range(VERSIONS):
                row = serve_champion(home, database, model, f"v{version}", symbol)
                database.write(lambda c, row=row: evaluations.add(c, evaluation(home, row)))


def add_nights(c: Any) -> None:
    """A year of runs, tasks and measurements."""
    for night in range(NIGHTS):
        at = NOW - timedelta(days=NIGHTS - night)
        facts = {"attempt": 1, "state": "succeeded", "trigger": "schedule", "chain": [], "options": {}}
        times = {"scheduled_for": at, "recorded_at": at, "not_before": at, "started_at": at, "finished_at": at}
        for job in ("data_update", "training", "evaluation", "signals", "performance_check", "backup"):
            c.execute(runs.insert().values(job=job, **facts, **times, detail={"tasks": SYMBOLS, "succeeded": SYMBOLS}))
        done = {"run_id": 6 * night + 1, "kind": "update_bars", "state": "succeeded", "iteration": 0}
        c.execute(tasks.insert(), [{**done, "subject": symbol, "finished_at": at} for symbol in NAMES])
        measured = {"model_type": NAME, "metric": "sharpe_ratio", "basis": "live", "measured_at": at}
        c.execute(measurements.insert(), [{**measured, "subject": symbol, "value": night / 7} for symbol in NAMES])


def evaluation(home: Home, version: Version) -> NewEvaluation:
    """A judgement, with a report of the size that reports have."""
    report = home.report("evaluation-1", version.subject) / version.version
    report.mkdir(parents=True)
    (report / "report.html").write_bytes(os.urandom(150_000))
    (report / "report.json").write_text(json.dumps({"version": version.version}), encoding="utf-8")
    return NewEvaluation(
        run_id=None,
        version_id=version.id,
        champion_id=None,
        dataset="d" * 64,
        first=NOW,
        last=NOW,
        evaluated_at=NOW,
        metrics={},
        kind="first",
        verdict="takes_over",
        reasons=[],
        report=home.relative(report),
    )


async def back_up(home: Home, times: int) -> list[tuple[float, int]]:
    """Seconds and bytes sent of each of so many backups, in one desk whose workers are warm."""
    figures = []
    with open_context(home, None, clock=SystemClock(), log=Log(home, SystemClock(), "quiet")) as context:
        dispatcher = Dispatcher(context, alone=True)
        for _ in range(times):
            run = request(context, "backup")
            await dispatcher.start_due(only=run.id)
            while dispatcher.busy:
                await asyncio.sleep(0.05)
            ended = every_run(context)[-1]
            if ended.state != "succeeded" or ended.started_at is None or ended.finished_at is None:
                raise RuntimeError(f"{ended.name} is {ended.state}: {ended.detail}")
            (place,) = (ended.detail or {})["places"].values()
            figures.append(((ended.finished_at - ended.started_at).total_seconds(), int(place["bytes"])))
        await dispatcher.stop()
    return figures


def restore(home: Home, place: str) -> float:
    """Seconds of the command that restores the desk, after its home was lost."""
    shutil.rmtree(home.root)
    command = [sys.executable, "-m", "daemon.cli", "--home", str(home.root), "--json", "restore", place]
    began = time.perf_counter()
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if not answer["verified"] or len(answer["champions"]) != SYMBOLS:
        raise RuntimeError(str(answer))
    print(f"{answer['files']} files, {answer['bytes'] / 1e6:.1f} MB, {SYMBOLS} champions proved")
    return time.perf_counter() - began


def main() -> bool:
    """Measure; whether every goal was met."""
    os.environ |= {"R2_ACCESS_KEY_ID": KEY_ID, "R2_SECRET_ACCESS_KEY": KEY}
    with tempfile.TemporaryDirectory() as folder, s3() as url:
        home, place = Home(Path(folder).resolve() / "home"), f"{url}/{BUCKET}/desk"
        make_desk(home, place)
        (first, _), *later = asyncio.run(back_up(home, UNMEASURED + REPEATS))
        durations = [restore(home, place) for _ in range(2)]
    unchanged = later[-REPEATS:]
    taken, sent = statistics.median(seconds for seconds, _ in unchanged), max(size for _, size in unchanged)
    print(f"first backup, home and bucket: {first:.1f} s")
    print(f"backup of an unchanged desk, home and bucket: median {taken:.2f} s   goal {BACKUP_GOAL:g} s")
    print(f"sent of it: at most {sent / 1000:.1f} kB   goal {BYTES_GOAL / 1000:g} kB")
    restored = ", ".join(f"{each:.1f}" for each in durations)
    print(f"whole desk restored from the bucket: {restored} s   goal {RESTORE_GOAL:g} s")
    return taken <= BACKUP_GOAL and sent <= BYTES_GOAL and max(durations) <= RESTORE_GOAL


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
