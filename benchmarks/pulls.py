"""An incremental pull of 500 unchanged symbols from a fake Yahoo: what we add to the time it takes to answer.

Yahoo answers each request after 100 ms. The bound is what its answers alone take: requests x latency / workers.

python -m benchmarks.pulls
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from config.paths import Home
from config.settings import Sources, YahooSource
from data_pipeline.bars import Bars
from data_pipeline.sources.sample import SampleSource
from data_pipeline.store import BarStore
from data_pipeline.update import pull_headlines, update_symbol
from tests.support.fake_yahoo import fake_yahoo

SYMBOLS, WORKERS, REPEATS, LATENCY = 500, 4, 5, 0.1
GOAL = 1.5  # times the bound, imports of cold workers included
NOW = datetime(2024, 6, 14, 23, tzinfo=UTC)
NAMES = [f"S{number:03}" for number in range(SYMBOLS)]


def serve(told: Any, done: Event) -> None:
    """Yahoo, in a process of its own as in life; its last message says how often it was asked."""
    frame = SampleSource().fetch("AAPL", "1d", NOW - timedelta(days=365 * 5), NOW).frame
    with fake_yahoo() as yahoo:
        for name in NAMES:
            yahoo.serve(name, frame)
        yahoo.latency = LATENCY
        told.send(yahoo.url)
        done.wait()
        told.send(len(yahoo.requests))


def pull(root: Path, url: str, name: str) -> bool:
    """One symbol as a worker pulls it; whether there was nothing new."""
    home, sources = Home(root), Sources(bars="yahoo", yahoo=YahooSource(base_url=url))
    update = update_symbol(home, sources, name, "1d", NOW)
    pull_headlines(home, sources, "yahoo", name, NOW)
    return update.new_rows == 0 and update.fresh


def one_round(root: Path) -> tuple[float, float]:
    """Seconds for all symbols, and what Yahoo's answers alone take."""
    here, there = multiprocessing.Pipe()
    done = multiprocessing.Event()
    server = multiprocessing.Process(target=serve, args=(there, done))
    server.start()
    url = here.recv()
    with ProcessPoolExecutor(WORKERS) as pool:
        list(pool.map(abs, range(WORKERS)))
        began = time.perf_counter()
        unchanged = list(pool.map(pull, [root] * SYMBOLS, [url] * SYMBOLS, NAMES, chunksize=5))
        taken = time.perf_counter() - began
    done.set()
    asked = here.recv()
    server.join()
    if not all(unchanged):
        raise RuntimeError("a symbol was not what it should be")
    return taken, asked * LATENCY / WORKERS


def main() -> bool:
    """Measure; whether the goal was met."""
    frame = SampleSource().fetch("AAPL", "1d", NOW - timedelta(days=365 * 5), NOW).frame
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in NAMES:
            bars = Bars(frame.assign(dividends=0.0, splits=0.0), name, "1d", "yahoo")
            BarStore(Home(root)).save(bars, NOW)
        rounds = [one_round(root) for _ in range(REPEATS)]
    taken, bounds = zip(*rounds, strict=True)
    middle, bound = statistics.median(taken), statistics.median(bounds)
    print(f"{SYMBOLS} unchanged symbols with headlines, {WORKERS} workers on {os.cpu_count()} cores")
    print(f"pull  median {middle:.2f} s ({min(taken):.2f} to {max(taken):.2f}, n={REPEATS})")
    print(f"Yahoo's answers alone take {bound:.2f} s; ours is {middle / bound:.2f} times that   goal {GOAL:g}")
    return middle <= GOAL * bound


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
