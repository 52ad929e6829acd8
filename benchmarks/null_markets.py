"""The proof of the gate: how often homes without an edge call a recipe proven, and how many edges they would prove.

python -m benchmarks.null_markets [HOMES [POWER_HOMES [JOBS]]]

The sizes are those of the S&P 500, NASDAQ and GOOG where the packages that carry them can be installed (arch and
backtesting, in an environment of their own), else those of the sample market.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from benchmarks._peers import _environment as peer_environment
from config.settings import CostParams, Promotion, WalkForwardParams
from data_pipeline.bars.bars import Bars
from data_pipeline.sources.sample import SampleSource
from evaluation.null_markets.audit import FREE, AuditPlan, AuditResult, run_audit
from evaluation.null_markets.homes import NightRules
from evaluation.null_markets.sizes import Sizes
from evaluation.null_markets.worlds import NULL_WORLDS
from evaluation.records.folds import FoldPlan

HOMES, POWER_HOMES = 200, 25
# Homes of 200 that may call a recipe proven; power for Sharpe 1 over ten years and Sharpe 2 over three.
MOST = 17 / 200
POWER_GOALS = {(1.0, 10): 0.70, (2.0, 3): 0.75}
FILES = {
    "SP500": "arch/data/sp500/sp500.csv.gz",
    "NASDAQ": "arch/data/nasdaq/nasdaq.csv.gz",
    "GOOG": "backtesting/test/GOOG.csv",
}


def sizes() -> tuple[Sizes, ...]:
    """Of real markets where they can be had."""
    python = peer_environment(["--no-deps", "arch>=7", "backtesting>=0.6"])
    if python is None:
        print("Sizes of the sample market")
        bars = SampleSource().fetch("AAPL", "1d", datetime(2010, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC))
        return (Sizes.of(bars),)
    print(f"Sizes of {', '.join(FILES)}")
    packages = next(python.parents[1].glob("lib/python*/site-packages"))
    return tuple(Sizes.of(_bars(symbol, packages / file)) for symbol, file in FILES.items())


def _bars(symbol: str, file: Path) -> Bars:
    frame = pd.read_csv(file, index_col=0, parse_dates=True).rename(columns=str.lower)
    frame = frame[["open", "high", "low", "close", "volume"]].astype("float64").dropna()
    prices = frame[["open", "high", "low", "close"]]
    frame["high"], frame["low"] = prices.max(axis=1), prices.min(axis=1)  # some rows are rounded
    frame.index = pd.DatetimeIndex(frame.index).tz_localize("UTC")
    return Bars(frame, symbol)


def simulate(homes: int, power_homes: int, jobs: int) -> AuditResult:
    """The audit with the default settings, but yearly folds."""
    folds = FoldPlan(WalkForwardParams(test=252), None)
    rules = NightRules(folds, Promotion(), {"with costs": CostParams(), "without costs": FREE}, nights=252)
    plan = AuditPlan(homes, 1, sizes(), rules, power_homes)
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        return run_audit(plan, pool)


def show(result: AuditResult) -> bool:
    """Print the tables; whether each goal is met."""
    met = True
    print("\nHomes of 4 symbols x 2 recipes with any recipe proven on any of 252 nights (interval at 95 %)")
    for count in result.worlds:
        low, high = count.proven.interval
        goal = count.world in NULL_WORLDS
        met &= not goal or count.proven.count <= MOST * count.proven.among
        print(
            f"{count.world.name:<40} {count.costs:<14} {count.proven.count:>4} of {count.proven.among} "
            f"({low:.1%} to {high:.1%})   first night {count.first_night.count:>3}   refuted {count.refuted.count:>3}"
            + (f"   goal at most {MOST:.1%}" if goal else "")
        )
        parts = [f"{name} {share.count}/{share.among}" for name, share in count.by_recipe.items()]
        print(f"    pairs proven: {'; '.join(parts)}")
    print("\nPairs with an edge that are proven at the end of the record, with costs")
    for cell, share in result.power:
        goal_share = POWER_GOALS.get((cell.sharpe, cell.years)) if cell.all_have_edge else None
        low, high = share.interval
        met &= goal_share is None or share.count >= goal_share * share.among
        print(
            f"Sharpe {cell.sharpe:<3g} {cell.years:>2} years, {'all' if cell.all_have_edge else 'one'} of "
            f"{cell.among:<3} {share.count / share.among:6.1%} ({low:.1%} to {high:.1%}) of {share.among}"
            + (f"   goal at least {goal_share:.0%}" if goal_share else "")
        )
    return met


def main(homes: int = HOMES, power_homes: int = POWER_HOMES, jobs: int = os.cpu_count() or 1) -> bool:
    """Simulate, print, and say whether every goal is met."""
    began = time.perf_counter()
    result = simulate(homes, power_homes, jobs)
    met = show(result)
    print(f"\n{time.perf_counter() - began:.0f} seconds in {jobs} processes")
    return met


if __name__ == "__main__":
    raise SystemExit(0 if main(*map(int, sys.argv[1:])) else 1)
