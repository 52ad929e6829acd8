"""The record of a portfolio: one account over several symbols, on bars that its models had not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from data_pipeline.bars.bars import Bars
from evaluation.accounting.backtest import Backtest, Costs
from evaluation.portfolio.backtest import PortfolioBacktest, portfolio_backtest
from evaluation.records.folds import DecidedFold
from evaluation.records.live import LiveSignal, followed
from evaluation.records.skill import RecordReturns
from evaluation.signals import Signals


@dataclass(frozen=True, eq=False)
class PortfolioRecord:
    """What a recipe of a universe would have done, and did, in one account.

    Args:
        bars: those of the record, by symbol.
        signals: a weight for each of them.
        portfolio: the account.
        live: by symbol for each bar whether its weight was published.
    """

    bars: Mapping[str, Bars]
    signals: Mapping[str, Signals]
    portfolio: PortfolioBacktest
    live: Mapping[str, pd.Series]

    @cached_property
    def result(self) -> Backtest:
        """The account as one of a single holding."""
        return self.portfolio.account()

    @property
    def returns(self) -> RecordReturns:
        """As the tests of skill take them; the market is holding all symbols in equal parts."""
        times, account = self.portfolio.equity.index, self.result

        def on_times(values: Callable[[str], pd.Series], fill: float | None) -> np.ndarray[Any, Any]:
            table = pd.DataFrame({name: values(name) for name in self.bars}).reindex(times)
            return (table.ffill() if fill is None else table).fillna(0.0 if fill is None else fill).to_numpy()

        frames = {name: bars.frame for name, bars in self.bars.items()}
        before = {name: frame["close"].shift().fillna(frame["open"]) for name, frame in frames.items()}
        return RecordReturns(
            excess=account.excess.to_numpy(),
            market=account.benchmark.to_numpy() - account.interest,
            position=account.positions.to_numpy(),
            target=on_times(lambda name: self.signals[name].position, None),
            gap=on_times(lambda name: frames[name]["open"] / before[name] - 1.0, 0.0),
            session=on_times(lambda name: frames[name]["close"] / frames[name]["open"] - 1.0, 0.0),
            cost=account.costs.commission + account.costs.slippage,
        )

    @property
    def first(self) -> datetime:
        """Its first bar."""
        first: datetime = self.portfolio.equity.index[0].to_pydatetime()
        return first

    @property
    def last(self) -> datetime:
        """Its last bar."""
        last: datetime = self.portfolio.equity.index[-1].to_pydatetime()
        return last

    @property
    def decided(self) -> Mapping[str, Signals]:
        """The signals, by symbol."""
        return self.signals

    def metrics(self) -> dict[str, Any]:
        """Those of its account."""
        return self.result.metrics()

    @property
    def live_from(self) -> datetime | None:
        """The first bar whose weight was published; None where there is none."""
        published = [live.index[live.to_numpy()][0] for live in self.live.values() if live.any()]
        return min(published).to_pydatetime() if published else None

    @property
    def trades(self) -> int:
        """The completed round trips of all symbols."""
        return len(self.portfolio.trades)

    def since(self, time: datetime) -> PortfolioRecord | None:
        """The part from `time` on as an account of its own; None where it has fewer than two closes."""
        return self._part(lambda index: index >= pd.Timestamp(time))

    def before(self, time: datetime) -> PortfolioRecord | None:
        """The part before `time` as an account of its own; None where it has fewer than two closes."""
        return self._part(lambda index: index < pd.Timestamp(time))

    def _part(self, choose: Callable[[pd.Index], Any]) -> PortfolioRecord | None:
        rows = {name: choose(signals.index) for name, signals in self.signals.items()}
        rows = {name: chosen for name, chosen in rows.items() if chosen.any()}
        signals = {
            name: Signals(self.signals[name].position[chosen], self.signals[name].confidence[chosen])
            for name, chosen in rows.items()
        }
        live = {name: self.live[name][chosen] for name, chosen in rows.items()}
        return _record(self.bars, signals, live, self.result.costs, self.result.initial_cash)


def portfolio_record(
    bars: Mapping[str, Bars],
    folds: Sequence[DecidedFold],
    published: Sequence[LiveSignal],
    costs: Costs,
    initial_cash: float,
) -> PortfolioRecord | None:
    """The record over `bars` of these folds, in time order, continued by live signals; None where too short.

    For a bar of both, the live signal counts. A symbol's bars between two folds, and before its first decision, are
    flat.
    """
    parts = {name: [fold.signals[name] for fold in folds if name in fold.signals] for name in bars}
    parts = {name: [part for part in those if len(part)] for name, those in parts.items()}
    starts = [those[0].index[0] for those in parts.values() if those]
    if not starts:
        return None
    signals, live = {}, {}
    for name, symbol_bars in bars.items():
        index = pd.DatetimeIndex(symbol_bars.since(min(starts)).frame.index)
        if len(index):
            mine = [signal for signal in published if signal.symbol == name]
            positions = followed(symbol_bars, mine) if mine else None
            signals[name], live[name] = _stitched(parts[name], positions, index)
    return _record(bars, signals, live, costs, initial_cash)


def _stitched(
    parts: Sequence[Signals], published: pd.Series | None, index: pd.DatetimeIndex
) -> tuple[Signals, pd.Series]:
    """The signals of one symbol on `index`, and which of them are live."""
    empty = pd.Series(dtype="float64", index=index[:0])
    position = pd.concat([part.position for part in parts] or [empty]).reindex(index, fill_value=0.0)
    confidence = pd.concat([part.confidence for part in parts] or [empty]).reindex(index, fill_value=0.0)
    live = pd.Series(data=False, index=index)
    if published is not None:
        lived = published[published.index.isin(index)]
        position.loc[lived.index] = lived
        live.loc[lived.index] = True
    return Signals(position, confidence), live


def _record(
    bars: Mapping[str, Bars],
    signals: Mapping[str, Signals],
    live: Mapping[str, pd.Series],
    costs: Costs,
    initial_cash: float,
) -> PortfolioRecord | None:
    walked = {name: bars[name].since(each.index[0]).until(each.index[-1]) for name, each in signals.items()}
    if max((len(each) for each in walked.values()), default=0) < 2:
        return None
    account = portfolio_backtest(walked, signals, costs, initial_cash)
    return PortfolioRecord(walked, signals, account, live)
