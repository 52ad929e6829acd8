"""Backtest: the account of target positions over bars, by the ledger's fill convention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import pandas as pd

from evaluation.accounting.costs import DEFAULT_COSTS, Costs
from evaluation.accounting.inputs import Frame, Target, bars_a_year, check_cash, checked_frame, checked_target, fail
from evaluation.accounting.ledger import Array, Books, simulate
from evaluation.metrics.summary import compute_metrics

__all__ = ["DEFAULT_COSTS", "Backtest", "Costs", "Frame", "Target", "backtest"]


@dataclass(frozen=True, eq=False)
class Backtest:
    """An account over bars: every Series is on the bars' index and given at the close.

    `positions` is the weight held (worth of the shares over equity), `traded` the fraction of the account that changed
    hands at the open, `benchmark` the returns of buying and holding with the same costs. `trades` are the completed
    round trips: entry, exit, side, size, entry_price, exit_price, pnl, return, bars_held, mae, mfe; their P&L is after
    commission, borrow and dividends, and without what cash earned. `open_trade` is the return, so far, of a trade
    that is open at the last close.
    """

    equity: pd.Series
    returns: pd.Series
    positions: pd.Series
    shares: pd.Series
    cash: pd.Series
    traded: pd.Series
    benchmark: pd.Series
    trades: pd.DataFrame
    open_trade: float | None
    costs: Costs
    initial_cash: float
    periods_per_year: float | None

    @property
    def interest(self) -> float:
        """What cash earns in a bar."""
        return self.costs.rates(self.periods_per_year).interest

    @property
    def excess(self) -> pd.Series:
        """The returns in excess of the interest on cash, of which Sharpe and Sortino ratio are computed."""
        return self.returns - self.interest

    @property
    def idle_return(self) -> float:
        """The total return of staying in cash, in percent."""
        return 100.0 * ((1.0 + self.interest) ** len(self.returns) - 1.0)

    def metrics(self) -> dict[str, Any]:
        """Its metrics, by `compute_metrics`."""
        return compute_metrics(
            self.returns,
            periods_per_year=self.periods_per_year,
            trades=self.trades,
            open_trade=self.open_trade,
            positions=self.positions,
            traded=self.traded,
            benchmark=self.benchmark,
            interest=self.interest,
        )


@overload
def backtest(
    bars: Frame, target: Target, costs: Costs = ..., initial_cash: float = ..., periods_per_year: float | None = ...
) -> Backtest: ...


@overload
def backtest(
    bars: Frame | Mapping[str, Frame],
    target: Mapping[str, Target],
    costs: Costs = ...,
    initial_cash: float = ...,
    periods_per_year: float | None = ...,
) -> dict[str, Backtest]: ...


def backtest(
    bars: Frame | Mapping[str, Frame],
    target: Target | Mapping[str, Target],
    costs: Costs = DEFAULT_COSTS,
    initial_cash: float = 100_000.0,
    periods_per_year: float | None = None,
) -> Backtest | dict[str, Backtest]:
    """Trade `target` on `bars`: decided at the close of t, filled at the open of t+1, held until the target changes.

    A mapping of targets, over one symbol's bars or over a mapping of bars with the same keys, gives a mapping of
    backtests. `periods_per_year` is the calendar's for `Bars`; for a bare frame it is counted from its times.

    Prices are taken as adjusted for splits (a column `splits` has no effect) but not for dividends: a column
    `dividends`, money a share by the bar that goes ex, is paid in cash on shares held over that date.
    """
    check_cash(initial_cash)
    if not isinstance(target, Mapping):
        if isinstance(bars, Mapping):
            fail("There are bars of many symbols but only one target.", "Give a mapping of targets with the same keys.")
        return _over_one(bars, {"": target}, costs, initial_cash, periods_per_year)[""]
    if not isinstance(bars, Mapping):
        return _over_one(bars, target, costs, initial_cash, periods_per_year)
    if unmatched := sorted(set(bars) ^ set(target)):
        fail(f"Bars and targets name different symbols: {', '.join(unmatched)}.", "Give one target for each symbol.")
    return {name: backtest(frame, target[name], costs, initial_cash, periods_per_year) for name, frame in bars.items()}


def _over_one(
    bars: Frame, targets: Mapping[str, Target], costs: Costs, initial_cash: float, periods_per_year: float | None
) -> dict[str, Backtest]:
    """Every target over the same bars in one pass, and buy and hold as one more row, the benchmark of all."""
    frame = checked_frame(bars)
    per_year = bars_a_year(bars) if periods_per_year is None else periods_per_year
    rows = [checked_target(name, one_target, frame.index) for name, one_target in targets.items()]
    *prices, dividends = frame.to_numpy().T[:, None, :]
    everyone = np.vstack([*rows, np.ones(len(frame))])
    books = simulate(np.stack(prices), everyone, initial_cash, costs.rates(per_year), dividends)
    _check_size(books.equity, frame.index)
    return {
        name: _backtest(books, row, frame, costs=costs, initial_cash=initial_cash, periods_per_year=per_year)
        for row, name in enumerate(targets)
    }


def _backtest(
    books: Books, row: int, frame: pd.DataFrame, *, costs: Costs, initial_cash: float, periods_per_year: float | None
) -> Backtest:
    """The account of one row of the books."""

    def series(name: str, values: Array) -> pd.Series:
        return pd.Series(values, index=frame.index, name=name)

    equity, worth = books.equity[row], books.shares[row] * frame["close"].to_numpy()
    return Backtest(
        equity=series("equity", equity),
        returns=series("returns", _returns(equity, initial_cash)),
        positions=series("positions", np.divide(worth, equity, out=np.zeros_like(worth), where=equity > 0.0)),
        shares=series("shares", books.shares[row]),
        cash=series("cash", books.cash[row]),
        traded=series("traded", books.traded[row]),
        benchmark=series("benchmark", _returns(books.equity[-1], initial_cash)),
        trades=_trades(books.trades[books.trades["strategy"] == row], frame.index),
        open_trade=None if np.isnan(books.unfinished[row]) else float(books.unfinished[row]),
        costs=costs,
        initial_cash=initial_cash,
        periods_per_year=periods_per_year,
    )


def _check_size(equity: Array, index: pd.Index) -> None:
    if not np.isfinite(equity).all():
        row = np.argwhere(~np.isfinite(equity))[0, 1]
        fail(
            f"The account grows beyond every number at {index[row]!s}.",
            "Look at the prices before it: between two bars they rise by hundreds of digits.",
        )


def _returns(equity: Array, initial_cash: float) -> Array:
    """Return of each bar; the first is against the initial cash, and after ruin there is none to earn."""
    before = np.concatenate([[initial_cash], equity[:-1]])
    growth: Array = np.divide(equity, before, out=np.ones_like(equity), where=before > 0.0)
    return growth - 1.0


def _trades(rows: np.ndarray[Any, Any], index: pd.Index) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "entry": index.take(rows["entry"]),
            "exit": index.take(rows["exit"]),
            "side": np.where(rows["side"] > 0, "long", "short"),
            "size": rows["size"],
            "entry_price": rows["paid"] / rows["opened"],
            "exit_price": rows["received"] / rows["closed"],
            "pnl": rows["pnl"],
            "return": rows["pnl"] / rows["paid"],
            "bars_held": rows["exit"] - rows["entry"],
            "mae": rows["mae"],
            "mfe": rows["mfe"],
        }
    )
