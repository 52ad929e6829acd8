"""From a trader's JSON to sequences of 17 states: how long 100,000 events take, and whether memory grows with markets.

python -m benchmarks.trader_logs [FOLDER]    (a folder of real logs, repeated until there are enough events)
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from data_pipeline.sources.sample import sample_bucket
from data_pipeline.trader_logs.sequences import read_sequences
from data_pipeline.trader_logs.table import TableOptions, make_table

EVENTS, SECONDS, GOAL, REPEATS = 100_000, 15, 5.0, 5
GROWTH = 1.3  # times the memory, for ten times the markets
BATCH = 512


def logs_of(folder: Path, events: int) -> tuple[list[tuple[str, Path]], int]:
    """Logs of the folder, over and over, and how many events they hold together."""
    paths = sorted(folder.rglob("*_prices.json"))
    sizes = [len(json.loads(path.read_bytes())["prices"]) for path in paths]
    logs: list[tuple[str, Path]] = []
    total = 0
    while total < events:
        nth = len(logs) % len(paths)
        logs.append((f"{len(logs)}", paths[nth]))
        total += sizes[nth]
    return logs, total


def once(logs: list[tuple[str, Path]], out: Path) -> tuple[float, float, int]:
    """Seconds to the table, seconds from there through every window of both splits, and how many windows."""
    start = time.perf_counter()
    make_table(logs, out, TableOptions(seconds=SECONDS))
    tabled_at = time.perf_counter()
    windows = 0
    for split in ("train", "validation"):
        sequences = read_sequences(out, split)
        for first in range(0, len(sequences), BATCH):
            windows += len(sequences.batch(np.arange(first, min(first + BATCH, len(sequences)))).mask)
    return tabled_at - start, time.perf_counter() - tabled_at, windows


def memory(folder: Path, events: int) -> float:
    """Megabytes at most, of a process that makes one table of so many events."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.trader_logs", "--memory", str(folder), str(events)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def one_table(folder: Path, events: int) -> None:
    with tempfile.TemporaryDirectory() as temp:
        make_table(logs_of(folder, events)[0], Path(temp, "table.parquet"), TableOptions(seconds=SECONDS))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main(folder: Path | None) -> bool:
    """Print both figures; whether the goals were met."""
    with tempfile.TemporaryDirectory() as temp:
        if folder is None:
            folder = Path(temp, "bucket")
            sample_bucket(folder)
        logs, events = logs_of(folder, EVENTS)
        out = Path(temp, "table.parquet")
        once(logs[:2], out)  # kernels are compiled and cached
        runs = [once(logs, out) for _ in range(REPEATS)]
        table, windows = (statistics.median(run[nth] for run in runs) for nth in (0, 1))
        megabytes = [memory(folder, events * times) for times in (1, 10)]
    total = statistics.median(run[0] + run[1] for run in runs)
    print(f"{events:,} events of {len(logs)} markets, bars of {SECONDS} s; median of {REPEATS}")
    print(f"JSON to table            {table:6.2f} s")
    print(f"table to {runs[0][2]:,} windows  {windows:6.2f} s")
    print(f"together                 {total:6.2f} s   goal {GOAL:.0f}")
    print(f"memory                   {megabytes[0]:6.0f} MB, with ten times the markets {megabytes[1]:.0f} MB")
    return total < GOAL and megabytes[1] < megabytes[0] * GROWTH


if __name__ == "__main__":
    if "--memory" in sys.argv:
        one_table(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        raise SystemExit(0 if main(Path(sys.argv[1]) if len(sys.argv) > 1 else None) else 1)
