"""Run by an interpreter that has ta: its indicators on the columns of a file."""

from __future__ import annotations

import json
import statistics
import sys
import time

import numpy as np
import pandas as pd
import ta

REPEATS = 5


def main() -> None:
    arrays = np.load(sys.argv[1])
    high, low, close, volume = (pd.Series(arrays[name]) for name in ("high", "low", "close", "volume"))
    calls = {
        "rsi": lambda: ta.momentum.RSIIndicator(close, 14).rsi(),
        "ema": lambda: ta.trend.EMAIndicator(close, 20).ema_indicator(),
        "sma": lambda: ta.trend.SMAIndicator(close, 50).sma_indicator(),
        "macd": lambda: ta.trend.MACD(close, 26, 12, 9).macd_diff(),
        "bollinger": lambda: bands(ta.volatility.BollingerBands(close, 20, 2)),
        "atr": lambda: ta.volatility.AverageTrueRange(high, low, close, 14).average_true_range(),
        "stochastic": lambda: ta.momentum.StochasticOscillator(high, low, close, 14, 3).stoch_signal(),
        "roc": lambda: ta.momentum.ROCIndicator(close, 10).roc(),
        "obv": lambda: ta.volume.OnBalanceVolumeIndicator(close, volume).on_balance_volume(),
    }
    medians = {}
    for name, call in calls.items():
        durations = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            call()
            durations.append(time.perf_counter() - began)
        medians[name] = statistics.median(durations)
    print(json.dumps(medians))


def bands(indicator) -> tuple[pd.Series, pd.Series]:
    return indicator.bollinger_hband(), indicator.bollinger_lband()


if __name__ == "__main__":
    main()
