"""Write what Backtrader and vectorbt make of the same orders as our ledger.

ledger_peers.csv has the equity of both at every close, ledger_peer_trades.csv the completed positions of vectorbt.

They need an environment of their own (`pip install backtrader vectorbt 'pandas<3' 'plotly<6'`); from the root of the
repository: `python tests/golden/regenerate_ledger_peers.py`.

Both decide at a close and fill at the next open, with the order sized by the account's value at that open. Backtrader
sizes an order at the close of the bar before its fill, so it is given each bar twice: first as a moment that closes at
the open, where `order_target_percent` is called, and then whole; cheat-on-open stays off.
"""

from __future__ import annotations

from pathlib import Path

import backtrader as bt
import numpy as np
import pandas as pd
import vectorbt as vbt

BARS = 150
CASH = 100_000.0
# Name: the targets to draw from, commission, slippage, the typical gap between a close and the next open.
CASES = {
    "free": ((-0.9, -0.4, 0.0, 0.4, 0.9), 0.0, 0.0, 0.002),
    "long": ((0.0, 0.3, 0.6, 0.9), 0.001, 0.0005, 0.003),
    "short": ((-0.9, -0.5, -0.2, 0.0), 0.001, 0.0005, 0.003),
    "both": ((-0.9, -0.45, 0.0, 0.45, 0.9), 0.001, 0.0005, 0.003),
    "dear": ((-0.8, 0.0, 0.8), 0.01, 0.005, 0.003),
    "gaps": ((-0.9, -0.3, 0.0, 0.3, 0.9), 0.002, 0.001, 0.06),
}


def market(rng: np.random.Generator, gap: float) -> pd.DataFrame:
    close = 50.0 * np.exp(np.cumsum(rng.normal(0.0003, 0.015, BARS)))
    before = np.concatenate([[50.0], close[:-1]])
    open_ = before * np.exp(rng.normal(0.0, gap, BARS))
    high = np.maximum(open_, close) * (1.0 + rng.uniform(0.0, 0.01, BARS))
    low = np.minimum(open_, close) * (1.0 - rng.uniform(0.0, 0.01, BARS))
    return pd.DataFrame({"open": open_, "high": high, "low": low, "close": close})


def targets(rng: np.random.Generator, levels: tuple[float, ...]) -> np.ndarray:
    """Random levels, each held for some bars; half of the bars also move it a little."""
    drawn = np.where(rng.random(BARS) < 0.25, rng.choice(levels, BARS), np.nan)
    held = pd.Series(drawn).ffill().fillna(0.0).to_numpy()
    return np.where(held != 0.0, np.clip(held * np.round(rng.uniform(0.9, 1.0, BARS), 1), -0.9, 0.9), 0.0)


def orders(target: np.ndarray) -> np.ndarray:
    """The target to order at each open, not a number where there is none."""
    before = np.concatenate([[0.0], target[:-1]])
    changed = before != np.concatenate([[0.0, 0.0], target[:-2]])
    return np.where(changed, before, np.nan)


class Fractional(bt.CommInfoBase):
    params = (("stocklike", True), ("commtype", bt.CommInfoBase.COMM_PERC), ("percabs", True))

    def getsize(self, price: float, cash: float) -> float:
        return self.p.leverage * (cash / price)


class Orders(bt.Strategy):
    params = (("orders", None),)

    def __init__(self) -> None:
        self.equity: list[float] = []

    def next(self) -> None:
        day, whole = divmod(len(self) - 1, 2)
        if whole:
            self.equity.append(self.broker.getvalue())
        elif not np.isnan(self.p.orders[day]):
            self.order_target_percent(target=self.p.orders[day])


def by_backtrader(bars: pd.DataFrame, target: np.ndarray, commission: float, slippage: float) -> list[float]:
    moments = bars.assign(high=bars["open"], low=bars["open"], close=bars["open"])
    days = pd.date_range("2020-01-01", periods=BARS)
    moments.index, whole = days + pd.Timedelta(hours=9), bars.set_axis(days + pd.Timedelta(hours=16))
    cerebro = bt.Cerebro(stdstats=False)
    both = pd.concat([moments, whole]).sort_index()
    cerebro.adddata(bt.feeds.PandasData(dataname=both, timeframe=bt.TimeFrame.Minutes))
    cerebro.broker.setcash(CASH)
    cerebro.broker.addcommissioninfo(Fractional(commission=commission))
    cerebro.broker.set_slippage_perc(slippage, slip_open=True, slip_out=True)
    cerebro.addstrategy(Orders, orders=orders(target))
    return cerebro.run()[0].equity


def by_vectorbt(bars: pd.DataFrame, target: np.ndarray, commission: float, slippage: float) -> vbt.Portfolio:
    return vbt.Portfolio.from_orders(
        bars["close"],
        size=orders(target),
        size_type="targetpercent",
        price=bars["open"],
        val_price=bars["open"],
        fees=commission,
        slippage=slippage,
        init_cash=CASH,
        freq="1D",
    )


def completed(portfolio: vbt.Portfolio) -> pd.DataFrame:
    records = portfolio.positions.closed.records
    names = ("entry_idx", "exit_idx", "direction", "entry_price", "exit_price", "pnl", "return")
    return records.loc[:, names].rename(columns={"entry_idx": "entry", "exit_idx": "exit"})


def main() -> None:
    rng = np.random.default_rng(20_200_102)
    tables, trades = [], []
    for name, (levels, commission, slippage, gap) in CASES.items():
        bars, target = market(rng, gap).round(4), targets(rng, levels)
        portfolio = by_vectorbt(bars, target, commission, slippage)
        trades.append(completed(portfolio).assign(case=name))
        tables.append(
            bars.assign(
                case=name,
                commission=commission,
                slippage=slippage,
                target=target,
                backtrader=by_backtrader(bars, target, commission, slippage),
                vectorbt=portfolio.value(),
            )
        )
    here = Path(__file__)
    pd.concat(tables).to_csv(here.with_name("ledger_peers.csv"), index_label="bar")
    pd.concat(trades).to_csv(here.with_name("ledger_peer_trades.csv"), index=False)


if __name__ == "__main__":
    main()
