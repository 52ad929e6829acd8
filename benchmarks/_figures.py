"""What benchmarks of arrays share: a market, the clock, and how a figure is printed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from data_pipeline.bars.bars import Bars

ROWS = 1_000_000
REPEATS = 7


def market(rows: int = ROWS) -> Bars:
    """One-minute bars that walk at random."""
    random = np.random.default_rng(0)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 1e-3, rows)))
    open_ = np.concatenate([close[:1], close[:-1]]) * np.exp(random.normal(0.0, 2e-4, rows))
    high = np.maximum(open_, close) * (1.0 + 1e-3 * random.random(rows))
    low = np.minimum(open_, close) * (1.0 - 1e-3 * random.random(rows))
    columns = {"open": open_, "high": high, "low": low, "close": close, "volume": np.floor(1e5 * random.random(rows))}
    times = pd.date_range("2020-01-01", periods=rows, freq="min", tz="UTC")
    return Bars(pd.DataFrame(columns, index=times), "BTC-USD", "1m")


def seconds(
    *calls: Callable[[], object], repeats: int = REPEATS, clock: Callable[[], float] = time.perf_counter
) -> list[list[float]]:
    """How long each call took; they take turns, so that a busy moment falls on all, and the first turn is left out."""
    durations: list[list[float]] = [[] for _ in calls]
    for repeat in range(repeats + 1):
        for call, own in zip(calls, durations, strict=True):
            began = clock()
            call()
            if repeat:
                own.append(clock() - began)
    return durations


def show(title: str, durations: list[float], goal: float | None = None) -> bool:
    """Print the median and the spread in milliseconds; whether the median meets the goal (in seconds)."""
    middle = statistics.median(durations)
    spread = f"({min(durations) * 1e3:.1f} to {max(durations) * 1e3:.1f}, n={len(durations)})"
    print(f"{title:<42} median {middle * 1e3:9.1f} ms   {spread}" + (f"   goal {goal * 1e3:g}" if goal else ""))
    return goal is None or middle < goal


def show_ratio(title: str, ratio: float, goal: float) -> bool:
    """Print how many times as fast; whether that meets the goal."""
    print(f"{title:<42} {ratio:,.2f} times as fast   goal {goal:g}")
    return ratio >= goal
