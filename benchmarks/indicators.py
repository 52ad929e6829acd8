"""Indicators of a million bars beside TA-Lib and ta, and the full feature set.

python -m benchmarks.indicators
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import talib

from benchmarks._figures import REPEATS, market, seconds, show, show_ratio
from benchmarks._peers import measured
from data_pipeline.bars.bars import COLUMNS, Bars
from data_pipeline.features import indicators as ours
from data_pipeline.features.indicators import Columns
from data_pipeline.features.registry import FEATURES, feature_matrix

Call = Callable[[Columns], object]
PAIRS: dict[str, tuple[Call, Call]] = {
    "rsi": (ours.rsi, lambda c: talib.RSI(c.close, 14)),
    "ema": (ours.ema, lambda c: talib.EMA(c.close, 20)),
    "sma": (lambda c: ours.sma(c, 50), lambda c: talib.SMA(c.close, 50)),
    "macd": (ours.macd, lambda c: talib.MACD(c.close, 12, 26, 9)),
    "bollinger": (ours.bollinger, lambda c: talib.BBANDS(c.close, 20, 2.0, 2.0)),
    "atr": (ours.atr, lambda c: talib.ATR(c.high, c.low, c.close, 14)),
    "stochastic": (ours.stochastic, lambda c: talib.STOCH(c.high, c.low, c.close, 14, 3, 0, 3, 0)),
    "roc": (ours.roc, lambda c: talib.ROC(c.close, 10)),
    "obv": (ours.obv, lambda c: talib.OBV(c.close, c.volume)),
}
PYTHON_LOOPS = ("atr",)  # ta computes these bar by bar in Python; a ratio that leans on them says little


def main() -> bool:
    """Print every figure; whether every goal was met."""
    bars = market()
    prices = {name: np.ascontiguousarray(bars.frame[name].to_numpy()) for name in COLUMNS}
    columns = Columns(**prices, wall=lambda: np.zeros(len(bars), np.int64))
    print(f"{len(bars):,} one-minute bars, medians of {REPEATS}")
    peer = measured("_ta.py", ["ta==0.11.0"], bars)
    totals, loops = np.zeros(3), np.zeros(3)
    print(f"{'ms':<14}{'ours':>10}{'TA-Lib':>10}{'ta':>10}")
    for name, pair in PAIRS.items():
        middles = [statistics.median(durations) for durations in seconds(*(partial(call, columns) for call in pair))]
        row = np.array([*middles, peer[name] if peer else np.nan])
        totals += row
        loops += row if name in PYTHON_LOOPS else 0.0
        print(f"{name:<14}" + "".join(f"{1e3 * value:>10.1f}" for value in row))
    print(f"{'together':<14}" + "".join(f"{1e3 * value:>10.1f}" for value in totals))
    met = [show_ratio("beside TA-Lib", totals[1] / totals[0], 0.9)]
    if peer:
        vectors = totals - loops
        show_ratio("beside ta", totals[2] / totals[0], 5.0)
        met.append(show_ratio(f"beside ta, without {', '.join(PYTHON_LOOPS)}", vectors[2] / vectors[0], 5.0))
    return all([*met, full_set(bars)])


def full_set(bars: Bars) -> bool:
    """Every feature there is, and how many cores that kept busy."""
    busy = time.process_time()
    began = time.perf_counter()
    (durations,) = seconds(lambda: feature_matrix(bars, FEATURES))
    cores = (time.process_time() - busy) / (time.perf_counter() - began)
    return show(f"all {len(FEATURES)} features, {cores:.2f} cores busy", durations, 3.0)


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
