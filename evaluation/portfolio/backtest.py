"""Backtest of a portfolio: target weights of several symbols in one account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd

from data_pipeline.bars.bars import Bars
from evaluation.accounting.backtest import Backtest
from evaluation.accounting.costs import DEFAULT_COSTS, Costs
from evaluation.accounting.inputs import (
    DIVIDENDS,
    Frame,
    Target,
    bars_a_year,
    check_cash,
    checked_frame,
    checked_target,
    fail,
)
from evaluation.accounting.ledger import Array
from evaluation.portfolio.ledger import CLOSED, FIRST, Market, PortfolioBooks, keep_books
from evaluation.portfolio.round_trips import round_trips


@dataclass(frozen=True, eq=False)
class PortfolioBacktest:
    """An account over several symbols, on the union of their closes.

    Frames have a column for each symbol. `weights` is the worth held over the equity, `traded` the fraction of the
    account that changed hands, `contributions` the money each symbol made in each bar after its costs, `interest` what
    cash earned, `trades` the completed round trips of all symbols. `benchmark` are the returns of holding all symbols,
    each bought with an equal part at its first open after its first close, with the same costs.
    """

    equity: pd.Series
    returns: pd.Series
    cash: pd.Series
    interest: pd.Series
    weights: pd.DataFrame
    shares: pd.DataFrame
    traded: pd.DataFrame
    contributions: pd.DataFrame
    benchmark: pd.Series
    trades: pd.DataFrame
    open_trade: float | None
    costs: Costs
    initial_cash: float
    periods_per_year: float | None

    @property
    def exposure(self) -> pd.Series:
        """The worth of all holdings, long or short, over the equity."""
        return self.weights.abs().sum(axis=1).rename("exposure")

    def account(self) -> Backtest:
        """The same as the account of one holding: what all symbols together are worth, long less short.

        `shares` is the money held, since shares of several symbols do not add up.
        """
        net = self.weights.sum(axis=1)
        return Backtest(
            equity=self.equity,
            returns=self.returns,
            positions=net.rename("positions"),
            shares=(net * self.equity).rename("shares"),
            cash=self.cash,
            traded=self.traded.sum(axis=1).rename("traded"),
            benchmark=self.benchmark,
            trades=self.trades,
            open_trade=self.open_trade,
            costs=self.costs,
            initial_cash=self.initial_cash,
            periods_per_year=self.periods_per_year,
        )

    def metrics(self) -> dict[str, Any]:
        """Its metrics, by `compute_metrics`."""
        return self.account().metrics()


def portfolio_backtest(
    bars: Mapping[str, Frame],
    targets: Mapping[str, Target],
    costs: Costs = DEFAULT_COSTS,
    initial_cash: float = 100_000.0,
    periods_per_year: float | None = None,
) -> PortfolioBacktest:
    """Trade the target weights of several symbols in one account of `initial_cash`.

    Each target stands on the bars of its own symbol: decided at their closes, filled at the symbol's next open, held
    until that target changes. See `evaluation.portfolio.ledger` for what the symbols share.
    """
    check_cash(initial_cash)
    if not bars:
        fail("There are no bars.", "Give the bars of at least one symbol.")
    if unmatched := sorted(set(bars) ^ set(targets)):
        fail(f"Bars and targets name different symbols: {', '.join(unmatched)}.", "Give one target for each symbol.")
    names = list(bars)
    frames = {name: _with_utc(name, checked_frame(bars[name])) for name in names}
    weights = {name: checked_target(name, targets[name], _index(bars[name])) for name in names}
    times = _union([frame.index for frame in frames.values()])
    per_year = _bars_a_year(bars, times) if periods_per_year is None else periods_per_year
    market, rates = _market(list(frames.values()), times), costs.rates(per_year)
    decided = np.stack([_last(frames[name].index, weights[name], times) for name in names])
    held = np.where(market.marks > 0.0, 1.0 / len(names), 0.0)
    books = keep_books(market, decided, initial_cash, rates)
    benchmark = keep_books(market, held, initial_cash, rates)
    if not (np.isfinite(books.equity).all() and np.isfinite(benchmark.equity).all()):
        fail("The account grows beyond every number.", "Look for prices that rise by hundreds of digits in a bar.")
    return _backtest(books, benchmark, market, names=names, times=times, costs=costs, cash=initial_cash, year=per_year)


def _backtest(
    books: PortfolioBooks,
    benchmark: PortfolioBooks,
    market: Market,
    *,
    names: list[str],
    times: pd.DatetimeIndex,
    costs: Costs,
    cash: float,
    year: float | None,
) -> PortfolioBacktest:
    def frame(values: Array) -> pd.DataFrame:
        return pd.DataFrame(values.T, index=times, columns=names)

    trades, open_trade = round_trips(books, market, costs.rates(year), names, times)
    worth = books.shares * market.marks
    weights = np.divide(worth, books.equity, out=np.zeros_like(worth), where=books.equity > 0.0)
    return PortfolioBacktest(
        equity=pd.Series(books.equity, times, name="equity"),
        returns=pd.Series(_returns(books.equity, cash), times, name="returns"),
        cash=pd.Series(books.cash, times, name="cash"),
        interest=pd.Series(books.interest, times, name="interest"),
        weights=frame(weights),
        shares=frame(books.shares),
        traded=frame(books.traded),
        contributions=frame(books.pnl),
        benchmark=pd.Series(_returns(benchmark.equity, cash), times, name="benchmark"),
        trades=trades,
        open_trade=open_trade,
        costs=costs,
        initial_cash=cash,
        periods_per_year=year,
    )


def _returns(equity: Array, initial_cash: float) -> Array:
    before = np.concatenate([[initial_cash], equity[:-1]])
    growth: Array = np.divide(equity, before, out=np.ones_like(equity), where=before > 0.0)
    return growth - 1.0


def _market(frames: list[pd.DataFrame], times: pd.DatetimeIndex) -> Market:
    opens, marks, dividends = (np.zeros((len(frames), len(times))) for _ in range(3))
    previous = np.full((len(frames), len(times)), CLOSED, dtype=np.int64)
    for i, frame in enumerate(frames):
        rows = times.get_indexer(frame.index)
        opens[i, rows], dividends[i, rows] = frame["open"], frame[DIVIDENDS]
        marks[i] = _last(frame.index, frame["close"].to_numpy(), times)
        previous[i, rows] = np.concatenate([[FIRST], rows[:-1]])
    return Market(opens, marks, dividends, previous)


def _last(index: pd.Index, values: Array, times: pd.DatetimeIndex) -> Array:
    """The newest of `values` at each of `times`; 0 before the first."""
    newest = index.searchsorted(times, side="right") - 1
    last: Array = np.where(newest >= 0, values[np.maximum(newest, 0)], 0.0)
    return last


def _union(indexes: list[pd.Index]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(reduce(lambda one, other: one.union(other), indexes))


def _index(bars: Frame) -> pd.Index:
    return bars.frame.index if isinstance(bars, Bars) else bars.index


def _with_utc(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with its times in UTC; those without a zone are taken as UTC."""
    index = frame.index
    if not isinstance(index, pd.DatetimeIndex):
        fail(f"The bars of {name} are not indexed by times.", "Index them by the closes, in UTC.")
    utc = index.tz_localize("UTC") if index.tz is None else index.tz_convert("UTC")
    return frame.set_axis(utc.as_unit("ns"), axis=0)


def _bars_a_year(bars: Mapping[str, Frame], times: pd.DatetimeIndex) -> float | None:
    """Instants a year: the calendar's where all symbols have the same closes, else as many as the times show."""
    one = next(iter(bars.values()))
    if all(len(_index(frame)) == len(times) for frame in bars.values()):
        return bars_a_year(one)
    return bars_a_year(pd.DataFrame(index=times))
