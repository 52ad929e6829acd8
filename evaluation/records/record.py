"""A record: the returns of one recipe on bars that its models had not seen, from its folds and its live signals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.settings import Promotion
from data_pipeline.bars.bars import Bars
from evaluation.accounting.backtest import Backtest, Costs, backtest
from evaluation.metrics.formulas import Array
from evaluation.metrics.summary import compute_metrics
from evaluation.records.figures import RecordFigures
from evaluation.records.skill import LEAST_BARS, RecordReturns, SkillTests, skill_tests
from evaluation.records.standing import RUN, Evidence, draws_for
from evaluation.signals import Signals
from evaluation.statistics.bootstrap import intervals

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Record:
    """What a recipe would have done, and did: one account over the stitched signals of its folds and the live ones.

    Args:
        bars: those of the record.
        signals: a position for each of them.
        result: the account.
        live: for each bar whether its position was published.
    """

    bars: Bars
    signals: Signals
    result: Backtest
    live: pd.Series

    @property
    def returns(self) -> RecordReturns:
        """As the tests of skill take them."""
        frame = self.bars.frame
        return RecordReturns.of(
            self.result, self.signals.position.to_numpy(), frame["open"].to_numpy(), frame["close"].to_numpy()
        )

    @property
    def first(self) -> datetime:
        """Its first bar."""
        first: datetime = self.signals.index[0].to_pydatetime()
        return first

    @property
    def last(self) -> datetime:
        """Its last bar."""
        last: datetime = self.signals.index[-1].to_pydatetime()
        return last

    @property
    def decided(self) -> dict[str, Signals]:
        """The signals, by the name of their symbol."""
        return {self.bars.symbol: self.signals}

    def metrics(self) -> dict[str, Any]:
        """Those of its account."""
        return self.result.metrics()

    @property
    def live_from(self) -> datetime | None:
        """The first bar whose position was published; None where there is none."""
        published = self.live.index[self.live.to_numpy()]
        return published[0].to_pydatetime() if len(published) else None

    @property
    def trades(self) -> int:
        """The completed round trips."""
        return len(self.result.trades)

    def since(self, time: datetime) -> Record | None:
        """The part from `time` on as an account of its own; None where it has fewer than two bars."""
        return self._part(self.signals.index >= pd.Timestamp(time))

    def before(self, time: datetime) -> Record | None:
        """The part before `time` as an account of its own; None where it has fewer than two bars."""
        return self._part(self.signals.index < pd.Timestamp(time))

    def _part(self, rows: Mask) -> Record | None:
        if rows.sum() < 2:
            return None
        index = self.signals.index[rows]
        bars = self.bars.since(index[0]).until(index[-1])
        signals = Signals(self.signals.position[rows], self.signals.confidence[rows])
        result = backtest(bars, signals, costs=self.result.costs, initial_cash=self.result.initial_cash)
        return Record(bars, signals, result, self.live[rows])


def stitched_record(
    bars: Bars, folds: Sequence[Signals], published: pd.Series | None, costs: Costs, initial_cash: float
) -> Record | None:
    """The record over `bars` of these folds, in time order; None where they hold fewer than two bars.

    `published` are live positions by the bar at whose close they count as decided; for a bar of both, the live one
    counts. Bars between two folds are flat.
    """
    parts = [fold for fold in folds if len(fold)]
    if not parts:
        return None
    position = pd.concat([part.position for part in parts])
    confidence = pd.concat([part.confidence for part in parts])
    walked = bars.since(position.index[0])
    index = pd.DatetimeIndex(walked.frame.index)
    if len(index) < 2:
        return None
    position = position.reindex(index, fill_value=0.0)
    live = pd.Series(data=False, index=index)
    if published is not None:
        lived = published[published.index.isin(index)]
        position.loc[lived.index] = lived
        live.loc[lived.index] = True
    signals = Signals(position, confidence.reindex(index, fill_value=0.0))
    return Record(walked, signals, backtest(walked, signals, costs=costs, initial_cash=initial_cash), live)


class AccountRecord(Protocol):
    """A record that is an account, of one symbol or several."""

    @property
    def result(self) -> Backtest:
        """The account."""

    @property
    def returns(self) -> RecordReturns:
        """As the tests of skill take them."""

    @property
    def trades(self) -> int:
        """The completed round trips."""


@dataclass(frozen=True, eq=False)
class Assessment:
    """What a record is evidence of, and its figures."""

    evidence: Evidence
    figures: RecordFigures


def assess(record: AccountRecord, rules: Promotion, *, tried: int, seed: int = 0) -> Assessment:
    """Test a record as one of `tried`; one that trades too rarely passes no test of skill."""
    returns = record.returns
    tests = skill_tests(
        returns,
        prefixes=min(RUN, len(returns)),
        least=LEAST_BARS,
        level=1.0 - rules.confidence,
        draws=draws_for(tried, rules.confidence),
        seed=seed,
    )
    skill = tests.skill if record.trades >= rules.min_trades else np.ones_like(tests.skill)
    return Assessment(Evidence(_padded(skill), _padded(tests.worse)), _figures(record, returns, tests, rules))


def _padded(p_values: Array) -> tuple[float, ...]:
    """The p-values of the last prefixes; 1 for those that are not there yet."""
    return (1.0,) * (RUN - len(p_values)) + tuple(map(float, p_values))


def _figures(record: AccountRecord, returns: RecordReturns, tests: SkillTests, rules: Promotion) -> RecordFigures:
    result = record.result
    metrics = result.metrics()
    sharpe = intervals(
        result.returns.to_numpy(), periods_per_year=result.periods_per_year, interest=result.interest
    ).sharpe_ratio
    exposure = float(np.mean(returns.position))
    hold = compute_metrics(result.benchmark, periods_per_year=result.periods_per_year, interest=result.interest)
    paid = result.traded.to_numpy() * returns.cost
    per_year = result.periods_per_year
    return RecordFigures(
        bars=len(returns),
        needed=LEAST_BARS,
        years=len(returns) / per_year if per_year else None,
        trades=record.trades,
        needed_trades=rules.min_trades,
        exposure=exposure,
        sharpe_ratio=metrics["sharpe_ratio"],
        sharpe_low=sharpe.low if sharpe is not None else None,
        sharpe_high=sharpe.high if sharpe is not None else None,
        total_return=metrics["total_return"],
        max_drawdown=metrics["max_drawdown"],
        excess=_a_year(returns.excess, per_year),
        active=_a_year(returns.excess - exposure * returns.market, per_year),
        before_costs=_a_year(returns.excess + paid, per_year),
        p_cash=float(tests.cash[-1]),
        p_exposure=float(tests.exposure[-1]),
        p_alpha=float(tests.alpha[-1]),
        p_random=float(tests.random[-1]),
        p_worse=float(tests.worse[-1]),
        hold_return=hold["total_return"],
        hold_sharpe=hold["sharpe_ratio"],
    )


def _a_year(returns: Array, periods_per_year: float | None) -> float | None:
    """The mean return by the year, in percent."""
    return 100.0 * float(np.mean(returns)) * periods_per_year if periods_per_year else None
