"""Write what Backtrader 1.9.78 and vectorbt 1.2 make of the same orders as our ledger.

ledger_peers.csv has the equity of both at every close, ledger_peer_trades.csv the completed positions of vectorbt.

They need an environment of their own (`pip install backtrader==1.9.78.123 vectorbt==1.2.0`); from the root of the
repository: `python tests/golden/regenerate_ledger_peers.py`.

Both decide at a close and fill at the next open, with the order sized by the account's value at that open. Backtrader
sizes an order at the close of the bar before its fill, so it is given each bar twice: first as a moment that closes at
the open, where dividends are paid and `order_target_percent` is called, and then whole, where borrow and interest fall
due; cheat-on-open stays off. Symbols whose case has one name are columns of one vectorbt portfolio, each with bars of
its own: where one has none, its close stays and nothing is ordered.

Backtrader takes the minimum twice for an order that closes one side and opens the other, so there the case goes through
flat. vectorbt knows neither minimum, borrow, interest nor dividends.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import backtrader as bt
import numpy as np
import pandas as pd
import vectorbt as vbt

BARS = 150
CASH = 100_000.0
OPEN, CLOSE = 9, 16  # the hours of a bar's two moments


@dataclass(frozen=True)
class Case:
    """The targets to draw from, the costs (borrow and interest of one bar), and the market's size of gaps."""

    levels: tuple[float, ...]
    commission: float = 0.001
    slippage: float = 0.0005
    minimum: float = 0.0
    borrow: float = 0.0
    interest: float = 0.0
    dividend: float = 0.0
    gap: float = 0.003
    missing: float = 0.0
    symbols: int = 1


BOTH = (-0.9, -0.45, 0.0, 0.45, 0.9)
CASES = {
    "free": Case((-0.9, -0.4, 0.0, 0.4, 0.9), commission=0.0, slippage=0.0, gap=0.002),
    "long": Case((0.0, 0.3, 0.6, 0.9)),
    "short": Case((-0.9, -0.5, -0.2, 0.0)),
    "both": Case(BOTH),
    "dear": Case((-0.8, 0.0, 0.8), commission=0.01, slippage=0.005),
    "gaps": Case((-0.9, -0.3, 0.0, 0.3, 0.9), commission=0.002, slippage=0.001, gap=0.06),
    "together": Case(BOTH, gap=0.02, missing=0.15, symbols=4),
    "minimum": Case(BOTH, minimum=60.0),
    "borrow": Case(BOTH, borrow=0.0004),
    "interest": Case(BOTH, interest=0.0002),
    "dividends": Case(BOTH, dividend=0.4),
    "everything": Case(BOTH, minimum=40.0, dividend=0.3, gap=0.03, missing=0.1, borrow=0.0003, interest=0.0001),
}


def market(rng: np.random.Generator, case: Case) -> pd.DataFrame:
    close = 50.0 * np.exp(np.cumsum(rng.normal(0.0003, 0.015, BARS)))
    before = np.concatenate([[50.0], close[:-1]])
    open_ = before * np.exp(rng.normal(0.0, case.gap, BARS))
    high = np.maximum(open_, close) * (1.0 + rng.uniform(0.0, 0.01, BARS))
    low = np.minimum(open_, close) * (1.0 - rng.uniform(0.0, 0.01, BARS))
    bars = pd.DataFrame({"open": open_, "high": high, "low": low, "close": close}).round(4)
    bars["dividends"] = np.where(rng.random(BARS) < 0.1, case.dividend, 0.0)
    return bars[rng.random(BARS) >= case.missing]


def targets(rng: np.random.Generator, case: Case, bars: int) -> np.ndarray:
    """Random levels, each held for some bars; half of the bars also move it a little."""
    drawn = np.where(rng.random(bars) < 0.25, rng.choice(case.levels, bars), np.nan)
    holding = pd.Series(drawn).ffill().fillna(0.0).to_numpy()
    moved = np.where(holding != 0.0, np.clip(holding * np.round(rng.uniform(0.9, 1.0, bars), 1), -0.9, 0.9), 0.0)
    if case.minimum:
        turns = np.flatnonzero(moved[1:] * moved[:-1] < 0.0) + 1
        moved[turns] = 0.0
    return moved


def orders(target: np.ndarray) -> np.ndarray:
    """The target to order at each open, not a number where there is none."""
    before = np.concatenate([[0.0], target[:-1]])
    changed = before != np.concatenate([[0.0, 0.0], target[:-2]])
    return np.where(changed, before, np.nan)


class Terms(bt.CommInfoBase):
    """Fractional shares, a minimum for an order, and dividends at a bar's first moment, where nothing is filled."""

    params = (("stocklike", True), ("commtype", bt.CommInfoBase.COMM_PERC), ("percabs", True), ("case", None))

    def getsize(self, price: float, cash: float) -> float:
        return self.p.leverage * (cash / price)

    def _getcommission(self, size: float, price: float, pseudoexec: bool) -> float:
        return max(abs(size) * price * self.p.case.commission, self.p.case.minimum) if size else 0.0

    def cashadjust(self, size: float, price: float, newprice: float) -> float:
        return size * self.feed.dividends[0] if self.feed.datetime.time().hour == OPEN else 0.0


class Feed(bt.feeds.PandasData):
    lines = ("dividends",)
    params = (("dividends", -1),)


class Orders(bt.Strategy):
    params = (("orders", None), ("case", None))

    def __init__(self) -> None:
        self.equity: list[float] = []

    def next(self) -> None:
        day, whole = divmod(len(self) - 1, 2)
        if whole:
            # Added cash arrives at the next moment, before anything is ordered there.
            short = max(-self.position.size, 0.0) * self.data.close[0]
            earned = self.p.case.interest * max(self.broker.getcash() - short, 0.0)
            owed = self.p.case.borrow * short
            self.broker.add_cash(earned - owed)
            self.equity.append(self.broker.getvalue() + earned - owed)
        elif not np.isnan(self.p.orders[day]):
            self.order_target_percent(target=self.p.orders[day])


def by_backtrader(bars: pd.DataFrame, target: np.ndarray, case: Case) -> list[float]:
    moments = bars.assign(high=bars["open"], low=bars["open"], close=bars["open"])
    days = pd.date_range("2020-01-01", periods=BARS)[bars.index]
    moments.index, whole = days + pd.Timedelta(hours=OPEN), bars.set_axis(days + pd.Timedelta(hours=CLOSE))
    both = pd.concat([moments, whole]).sort_index().assign(volume=0.0, openinterest=0.0)
    cerebro, terms = bt.Cerebro(stdstats=False), Terms(commission=case.commission, case=case)
    terms.feed = Feed(dataname=both, timeframe=bt.TimeFrame.Minutes)
    cerebro.adddata(terms.feed)
    cerebro.broker.setcash(CASH)
    cerebro.broker.addcommissioninfo(terms)
    cerebro.broker.set_slippage_perc(case.slippage, slip_open=True, slip_out=True)
    cerebro.addstrategy(Orders, orders=orders(target), case=case)
    return cerebro.run()[0].equity


def by_vectorbt(markets: list[pd.DataFrame], targets_by_symbol: list[np.ndarray], case: Case) -> vbt.Portfolio:
    def wide(columns: list[pd.Series]) -> pd.DataFrame:
        return pd.concat(columns, axis=1, keys=range(len(columns))).reindex(range(BARS))

    opens = wide([bars["open"] for bars in markets])
    return vbt.Portfolio.from_orders(
        wide([bars["close"] for bars in markets]).ffill().bfill(),
        size=wide(
            [pd.Series(orders(target), bars.index) for target, bars in zip(targets_by_symbol, markets, strict=True)]
        ),
        size_type="targetpercent",
        price=opens,
        val_price=opens,
        fees=case.commission,
        slippage=case.slippage,
        init_cash=CASH,
        freq="1D",
    )


def completed(portfolio: vbt.Portfolio, column: int, bars: pd.DataFrame) -> pd.DataFrame:
    records = portfolio.positions.closed.records
    names = ("entry_idx", "exit_idx", "direction", "entry_price", "exit_price", "pnl", "return")
    trades = records[records["col"] == column].loc[:, names].rename(columns={"entry_idx": "entry", "exit_idx": "exit"})
    return trades.assign(**{name: bars.index.get_indexer(trades[name]) for name in ("entry", "exit")})


def main() -> None:
    rng = np.random.default_rng(20_200_102)
    tables, trades = [], []
    for name, case in CASES.items():
        markets = [market(rng, case) for _ in range(case.symbols)]
        targets_by_symbol = [targets(rng, case, len(bars)) for bars in markets]
        beyond = case.minimum or case.borrow or case.interest or case.dividend
        theirs = None if beyond else by_vectorbt(markets, targets_by_symbol, case)
        terms = {term: asdict(case)[term] for term in ("commission", "slippage", "minimum", "borrow", "interest")}
        for symbol, (bars, target) in enumerate(zip(markets, targets_by_symbol, strict=True)):
            columns = {"case": name, "symbol": symbol, **terms, "target": target}
            peers = {
                "backtrader": by_backtrader(bars, target, case),
                "vectorbt": np.nan if theirs is None else theirs.value().iloc[bars.index, symbol],
            }
            tables.append(bars.assign(**columns, **peers))
            if theirs is not None:
                trades.append(completed(theirs, symbol, bars).assign(case=name, symbol=symbol))
    here = Path(__file__)
    pd.concat(tables).to_csv(here.with_name("ledger_peers.csv"), index_label="bar")
    pd.concat(trades).to_csv(here.with_name("ledger_peer_trades.csv"), index=False)


if __name__ == "__main__":
    main()
