"""Run by an interpreter that has vectorbt: the same orders, on the same prices, and how long they take."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import vectorbt as vbt
from _orders import CASH, COMMISSION, PAIRS, SLIPPAGE, WEIGHT, orders, prices, targets

REPEATS, SWEEPS = 7, 5
AT_ONCE = 4  # pairs of a million bars: what memory holds with ease


def portfolio(opens: pd.DataFrame, closes: pd.DataFrame, size: pd.DataFrame, freq: str) -> vbt.Portfolio:
    return vbt.Portfolio.from_orders(
        closes,
        size=size,
        size_type="targetpercent",
        price=opens,
        val_price=opens,
        fees=COMMISSION,
        slippage=SLIPPAGE,
        init_cash=CASH,
        freq=freq,
    )


def many_symbols() -> Callable[[], np.ndarray]:
    opens, closes = (pd.DataFrame(np.ascontiguousarray(matrix.T)) for matrix in prices())
    size = pd.DataFrame(np.ascontiguousarray(orders(targets()).T))

    def run() -> np.ndarray:
        done = portfolio(opens, closes, size, "1D")
        done.trades.records  # noqa: B018 -- computed at this look
        return done.value().to_numpy()[-1]

    return run


def sweep(path: str) -> Callable[[], list[list[float]]]:
    columns = np.load(path)
    times = pd.date_range("2020-01-01", periods=len(columns["close"]), freq="min")
    opens, closes = (pd.Series(columns[name], index=times) for name in ("open", "close"))
    pairs = PAIRS[:: len(PAIRS) // AT_ONCE][:AT_ONCE]

    def run() -> list[list[float]]:
        first, second = (vbt.MA.run(closes, [pair[side] for pair in pairs]).ma.to_numpy() for side in (0, 1))
        weights = np.where(first > second, WEIGHT, 0.0)
        shifted = np.concatenate([np.zeros((2, AT_ONCE)), weights[:-1]])
        size = pd.DataFrame(np.where(np.diff(shifted, axis=0) != 0.0, shifted[1:], np.nan), index=times)
        done = portfolio(opens, closes, size, "1min")
        figures = (done.total_return(), done.sharpe_ratio(), done.max_drawdown(), done.trades.count())
        return [[float(value) for value in figure] for figure in figures]

    return run


def timed(call: Callable[[], object], repeats: int) -> list[float]:
    durations = []
    for _ in range(repeats + 1):
        began = time.process_time()
        call()
        durations.append(time.process_time() - began)
    return durations[1:]  # the first compiles


def main() -> None:
    symbols, pairs = many_symbols(), sweep(sys.argv[1])
    answer = {
        "symbols": timed(symbols, REPEATS),
        "equity": symbols().tolist(),
        "pairs": timed(pairs, SWEEPS),
        "at_once": AT_ONCE,
        "figures": pairs(),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
