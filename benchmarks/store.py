"""500 symbols x 10 years of days on two cores: read from the store with the hash checked, then every feature, the
health index, triple-barrier labels and their sample weights.

python -m benchmarks.store
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from config.paths import Home
from data_pipeline.bars.bars import Bars
from data_pipeline.bars.store import BarStore
from data_pipeline.features.registry import FEATURES, feature_matrix
from data_pipeline.labels.triple_barrier import barrier_labels
from data_pipeline.labels.weights import sample_weights
from data_pipeline.quality.health import daily
from data_pipeline.sources.sample import SampleSource

SYMBOLS, YEARS, CORES, REPEATS, GOAL = 500, 10, 2, 5, 15.0
NOW = datetime(2024, 6, 14, 23, tzinfo=UTC)


def fill(home: Home) -> list[str]:
    """The same ten years under 500 names: what is read costs the same, and made-up markets take long to make."""
    frame = SampleSource().fetch("AAPL", "1d", NOW - timedelta(days=round(YEARS * 365.25)), NOW).frame
    names = [f"S{number:03}" for number in range(SYMBOLS)]
    for name in names:
        BarStore(home).save(Bars(frame, name, "1d", "sample"), NOW)
    return names


def read(root: Path, names: list[str]) -> int:
    """Load and compute everything of some symbols; how many rows there were."""
    rows = 0
    for name in names:
        bars = BarStore(Home(root)).load(name, "1d", "sample")
        feature_matrix(bars, FEATURES)
        daily(bars, NOW)
        sample_weights(bars, barrier_labels(bars))
        rows += len(bars)
    return rows


def main() -> bool:
    """Measure; whether the goal was met."""
    durations = []
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(CORES) as pool:
        root = Path(folder)
        names = fill(Home(root))
        shares = [names[core::CORES] for core in range(CORES)]
        for _ in range(REPEATS + 1):
            began = time.perf_counter()
            rows = sum(pool.map(read, [root] * CORES, shares))
            durations.append(time.perf_counter() - began)
    first, *rest = durations
    middle = statistics.median(rest)
    print(
        f"{SYMBOLS} symbols, {rows:,} bars, {len(FEATURES)} features, health, weighted labels; {os.cpu_count()} cores"
    )
    print(f"store to labels  median {middle:.2f} s ({min(rest):.2f} to {max(rest):.2f}, n={REPEATS})   goal {GOAL:g}")
    print(f"the first time, with imports: {first:.2f} s")
    return middle <= GOAL


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
