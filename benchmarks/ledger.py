"""The ledger over 500 symbols of ten years, and 1,000 pairs of averages over a million bars, with vectorbt beside both.

python -m benchmarks.ledger
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._figures import REPEATS, ROWS, market, seconds, show, show_ratio
from benchmarks._orders import CASH, COMMISSION, DAYS, PAIRS, SLIPPAGE, SYMBOLS, WEIGHT, WINDOWS, prices, targets
from benchmarks._peers import measured
from data_pipeline.bars.bars import Bars
from data_pipeline.features.indicators import Columns, sma
from evaluation.accounting.account import Rates
from evaluation.accounting.backtest import Backtest, backtest
from evaluation.accounting.costs import Costs
from evaluation.accounting.ledger import Books, simulate
from evaluation.accounting.sweep import sweep

COSTS = Costs(COMMISSION, SLIPPAGE)
SWEEPS = 5


def books() -> Callable[[], Books]:
    """A call of the kernel over all symbols at once: equity, cash, shares and the table of trades."""
    opens, closes = prices()
    span = np.stack([opens, np.maximum(opens, closes), np.minimum(opens, closes), closes])
    target_weights = targets()

    def run() -> Books:
        return simulate(span, target_weights, CASH, Rates(COMMISSION, SLIPPAGE, 0.0))

    return run


def backtests() -> Callable[[], dict[str, Backtest]]:
    """The same by mappings of frames and series, with the checks, the benchmark and the Series that people get."""
    days = pd.bdate_range("2010-01-04", periods=DAYS, tz="UTC")
    frames, target_series = {}, {}
    for symbol, (open_, close, target) in enumerate(zip(*prices(), targets(), strict=True)):
        columns = {"open": open_, "high": np.maximum(open_, close), "low": np.minimum(open_, close), "close": close}
        frames[symbol], target_series[symbol] = pd.DataFrame(columns, index=days), pd.Series(target, index=days)
    return lambda: backtest(frames, target_series, COSTS, CASH)


def swept(bars: Bars) -> Callable[[], pd.DataFrame]:
    """Every pair, its averages included."""
    columns = Columns(*(bars.frame[name].to_numpy().copy() for name in bars.frame), wall=lambda: np.empty(0))

    def run() -> pd.DataFrame:
        lines = {window: pd.Series(sma(columns, window), bars.frame.index) for window in WINDOWS}
        return sweep(bars, lines, PAIRS, above=WEIGHT, costs=COSTS, initial_cash=CASH)

    return run


def main() -> bool:
    """Print every figure; whether every goal was met."""
    bars = market()
    run, people, pairs = books(), backtests(), swept(bars)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(f"One core, its time for this process alone; medians of {REPEATS}, of the sweep {SWEEPS}; vectorbt likewise")
    (kernel,) = seconds(run, clock=time.process_time)
    (whole,) = seconds(people, repeats=3, clock=time.process_time)
    (all_pairs,) = seconds(pairs, repeats=SWEEPS, clock=time.process_time)
    met = [
        show(f"{SYMBOLS} symbols x {DAYS:,} days, books", kernel),
        show("the same as 500 Backtests of pandas", whole),
        show(f"{len(PAIRS):,} SMA pairs x {ROWS:,} bars", all_pairs, 5.0),
    ]
    peer = measured("_vectorbt.py", ["vectorbt==1.2.0"], bars)
    if peer is not None:
        met += compare(peer, run(), pairs(), statistics.median(kernel), statistics.median(all_pairs))
    return all(met)


def compare(
    peer: dict[str, Any], ours: Books, pair_figures: pd.DataFrame, kernel: float, all_pairs: float
) -> list[bool]:
    """vectorbt's times, how far its numbers are from ours, and the ratios."""
    away = np.abs(ours.equity[:, -1] / np.array(peer["equity"]) - 1.0).max()
    print(f"vectorbt's equity differs by {away:.1e} of ours at most, {len(ours.trades):,} trades")
    at_once = peer["at_once"]
    theirs = np.array(peer["figures"])
    compared = pair_figures.iloc[:: len(PAIRS) // at_once][:at_once]
    gained = np.abs(compared["total_return"] / 100.0 - theirs[0]).max()
    fell = np.abs(compared["max_drawdown"] / 100.0 - theirs[2]).max()
    print(f"of {at_once} pairs its total return differs by {gained:.1e}, its drawdown by {fell:.1e}")
    print(f"vectorbt was given {at_once} pairs at once and {len(PAIRS):,} are extrapolated in a straight line, because")
    print(f"their {len(PAIRS)} columns of a million bars are {8 * len(PAIRS) * ROWS / 1e9:.0f} GB an array")
    extrapolated = [duration * len(PAIRS) / at_once for duration in peer["pairs"]]
    show("vectorbt, symbols", peer["symbols"])
    show("vectorbt, pairs, extrapolated", extrapolated)
    symbols, every_pair = statistics.median(peer["symbols"]), statistics.median(extrapolated)
    return [
        show_ratio("books of the symbols beside vectorbt", symbols / kernel, 20.0),
        show_ratio("pairs beside vectorbt", every_pair / all_pairs, 100.0),
    ]


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
