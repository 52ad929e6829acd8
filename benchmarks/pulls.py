"""An incremental pull of 500 unchanged symbols from a fake Yahoo: what we add to the time it takes to answer.

Yahoo answers each request after 50 ms. The bound is what its answers alone take at the politeness that is the default,
`sources.yahoo.at_once` = 4: 500 x 50 ms / 4 for prices, and twice that where headlines are asked for too. The pull is
the whole job data_update as a desk does it, with as many workers as Yahoo is asked at once: the run and its tasks are
recorded, workers load and verify what is stored, ask, compare, judge and answer. Desk, workers and Yahoo share the
cores. The goal holds for workers that are warm; the first time, with cold ones, is printed as well.

python -m benchmarks.pulls
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from config.paths import Home
from config.settings import YahooSource
from daemon.bootstrap import open_context
from daemon.context import DeskContext
from daemon.core.dispatcher import Dispatcher
from daemon.executors.worker import processes
from daemon.system.clock import SystemClock
from daemon.system.log import Log
from data_pipeline.bars.bars import Bars
from data_pipeline.bars.store import BarStore
from data_pipeline.sources.sample import SampleSource
from tests.support.desks.night import every_run, request
from tests.support.servers.fake_yahoo import fake_yahoo

SYMBOLS, YEARS, REPEATS, LATENCY = 500, 10, 5, 0.05
AT_ONCE = YahooSource().at_once
GOAL = 1.25  # times the bound
NOW = datetime.now(UTC)
NAMES = [f"S{number:03}" for number in range(SYMBOLS)]


def serve(address: Any, done: Event) -> None:
    """Serve the fake Yahoo in a process of its own, as the real one is."""
    frame = SampleSource().fetch("AAPL", "1d", NOW - timedelta(days=90), NOW).frame
    with fake_yahoo() as yahoo:
        for name in NAMES:
            yahoo.serve(name, frame)
        yahoo.latency = LATENCY
        address.send(yahoo.url)
        done.wait()


@contextmanager
def served() -> Iterator[str]:
    """The address of a fake Yahoo."""
    here, there = multiprocessing.Pipe()
    done = multiprocessing.Event()
    server = multiprocessing.Process(target=serve, args=(there, done))
    server.start()
    try:
        yield here.recv()
    finally:
        done.set()
        server.join()


def fill(home: Home) -> None:
    """The same ten years under 500 names."""
    frame = SampleSource().fetch("AAPL", "1d", NOW - timedelta(days=round(YEARS * 365.25)), NOW).frame
    for name in NAMES:
        BarStore(home).save(Bars(frame.assign(dividends=0.0, splits=0.0), name, "1d", "yahoo"), NOW)


def configured(home: Home, url: str, *, headlines: bool) -> Path:
    """The config of a desk with these symbols."""
    sources = {"bars": "yahoo", "yahoo": {"base_url": url, "headlines": headlines}}
    config = {"symbols": NAMES, "sources": sources, "executor": {"workers": AT_ONCE}}
    path = home.root / "config.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def busy_seconds() -> float:
    """CPU seconds of this process and of the workers it has started."""
    own = os.getpid()
    workers = [process.pid for process in processes.table().values() if process.parent == own]
    return time.process_time() + sum(_cpu(pid) for pid in workers if b"daemon.executors.worker.main" in _command(pid))


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


async def one_pull(context: DeskContext) -> tuple[float, float]:
    """Seconds that the job took, and CPU milliseconds for each symbol."""
    busy, began = busy_seconds(), time.perf_counter()
    request(context, "data_update")
    dispatcher = Dispatcher(context)
    await dispatcher.start_due()
    while dispatcher.busy:
        await asyncio.sleep(0.05)
    duration = time.perf_counter() - began
    run = every_run(context)[-1]
    if run.state != "succeeded" or run.detail["succeeded"] != SYMBOLS or run.detail["new_rows"]:
        raise RuntimeError(f"the pull was not what it should be: {run.state} {run.detail}")
    return duration, (busy_seconds() - busy) / SYMBOLS * 1e3


async def pulls(home: Home, url: str, *, headlines: bool) -> list[tuple[float, float]]:
    """One pull with cold workers, and the others."""
    clock = SystemClock()
    with open_context(
        home, configured(home, url, headlines=headlines), clock=clock, log=Log(home, clock, "quiet")
    ) as context:
        try:
            return [await one_pull(context) for _ in range(REPEATS + 1)]
        finally:
            await context.executor.close(timedelta(0))


def show(title: str, home: Home, url: str, *, headlines: bool) -> bool:
    """Measure and print one kind of pull; whether the goal was met."""
    bound = SYMBOLS * (1 + headlines) * LATENCY / AT_ONCE
    (cold, _), *warm = asyncio.run(pulls(home, url, headlines=headlines))
    durations, cpu = zip(*warm, strict=True)
    middle = statistics.median(durations)
    spread = f"{min(durations):.2f} to {max(durations):.2f}, n={REPEATS}"
    print(f"{title:<24} median {middle:6.2f} s ({spread}), cold {cold:.2f} s")
    print(f"{'':<24} {middle / bound:.2f} times the {bound:.2f} s that Yahoo's answers alone take   goal {GOAL:g}")
    print(f"{'':<24} {statistics.median(cpu):.1f} ms CPU a symbol, desk and workers together")
    return middle <= GOAL * bound


def main() -> bool:
    """Measure; whether the goal was met."""
    print(f"{SYMBOLS} unchanged symbols of {YEARS} years, {AT_ONCE} at once, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder, served() as url:
        home = Home(Path(folder))
        fill(home)
        met = [
            show("prices", home, url, headlines=False),
            show("prices and headlines", home, url, headlines=True),
        ]
    return all(met)


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
