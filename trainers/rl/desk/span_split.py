"""SpanSplit: the span of a training task as training bars and later validation bars, with a purge between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import pandas as pd

from config.errors import NightdeskError
from data_pipeline.bars.bars import Bars
from data_pipeline.labels.splits import holdout
from evaluation.accounting.backtest import Backtest, backtest
from evaluation.accounting.costs import Costs
from evaluation.audit.leak_audit import FitRecord, Span
from evaluation.signals import Signals
from trainers.interface import TrainingTask
from trainers.rl.desk.params import RLParams
from trainers.rl.environments.market import Market, first_decidable
from trainers.rl.serving.policy import CompiledPolicy
from trainers.rl.serving.rollout import Rollout

# With fewer validation bars no checkpoint can be selected.
MIN_VALIDATION_BARS = 10
# Bars before the span on which features are computed, beyond their warm-up. Recursive means (Wilder's RSI, exponential
# means) depend on all earlier bars; the weight of those before these is below a float32's rounding.
WARM_UP_BARS = 500
# The metrics of a policy on the validation bars.
FIGURES = ("sharpe_ratio", "total_return", "max_drawdown", "trades", "exposure")


@dataclass(frozen=True, eq=False)
class SpanSplit:
    """The training bars of the agents of one task, and the validation bars that their policies are backtested on.

    What serves learns from both afterwards, with the seed and for the steps that were selected.
    `training` ends `purge` bars before `validation`, the last part of the training span. Decisions
    begin at the span's first bar, row `first_row`; earlier bars only warm the features, as they do when the
    model serves.
    `bars` begin just far enough before the span for that, so that neither training nor serving depends on older bars.
    """

    bars: Bars
    training: Bars
    first_row: int
    validation: Bars
    params: RLParams

    @classmethod
    def of(cls, task: TrainingTask, params: RLParams) -> SpanSplit:
        """The split of a task's span."""
        bars = _with_warm_up(task, params)
        times = bars.frame.index
        first_row = int(times.searchsorted(pd.Timestamp(task.train_start)))
        split = holdout(len(times) - first_row, params.validation, params.purge)
        _require_enough(task.subject, len(split.test), params)
        training = bars.until(times[first_row + split.train[-1]])
        return cls(bars, training, first_row, bars.since(times[first_row + split.test[0]]), params)

    @cached_property
    def market(self) -> Market:
        """The market of the training bars, on which the agents to select from play."""
        return Market.of(self.training, self.params.environment).decided_from(self.first_row)

    @cached_property
    def whole_market(self) -> Market:
        """The market of every bar up to the end of the span, on which the agent that serves plays."""
        return Market.of(self.bars, self.params.environment).decided_from(self.first_row)

    @cached_property
    def decision_times(self) -> pd.DatetimeIndex:
        """The training bars with a decision; the last bar of `training` is only the outcome of the one before."""
        return pd.DatetimeIndex(self.training.frame.index[int(self.market.rules["first"][0]) :])

    @property
    def every_decision_time(self) -> pd.DatetimeIndex:
        """The bars of the whole span with a decision; the last is only the outcome of the one before."""
        return pd.DatetimeIndex(self.bars.frame.index[int(self.market.rules["first"][0]) :])

    @property
    def history_start(self) -> datetime:
        """The first bar that features are computed from."""
        return pd.Timestamp(self.bars.frame.index[0]).to_pydatetime()

    @property
    def account_start(self) -> datetime:
        """The first bar with a decision: here the account of the policy begins, in training and when it serves."""
        return self.decision_times[0].to_pydatetime()

    def fit_records(self) -> Iterator[FitRecord]:
        """The records of all fits for the leak audit; the outcome of a decision is known one bar later."""
        last, every = pd.DatetimeIndex(self.validation.frame.index), self.every_decision_time
        measured = Span(last[0].to_pydatetime(), last[-1].to_pydatetime())
        yield FitRecord("policies to select from", self.decision_times[:-1], self.decision_times[1:], measured)
        yield FitRecord("selection of the checkpoint", last[:-1], last[1:])
        yield FitRecord("policy and normaliser", every[:-1], every[1:])

    def validation_figures(self, policy: CompiledPolicy) -> dict[str, Any]:
        """The metrics of a policy's backtest on the validation bars, after the costs of the environment."""
        rollout = Rollout.of(policy, self.bars, self.params.environment, start=self.account_start)
        return _figures(self._backtest(rollout.signals(self.bars).since(self.validation.frame.index[0])))

    @cached_property
    def buy_and_hold(self) -> dict[str, Any]:
        """The metrics of buy and hold on the validation bars."""
        return _figures(self._backtest(pd.Series(1.0, index=self.validation.frame.index)))

    @cached_property
    def cash(self) -> dict[str, Any]:
        """The metrics of staying in cash on the validation bars."""
        return _figures(self._in_cash)

    @property
    def cash_return(self) -> float:
        """What cash earns on the validation bars, in percent."""
        return self._in_cash.idle_return

    @cached_property
    def _in_cash(self) -> Backtest:
        return self._backtest(pd.Series(0.0, index=self.validation.frame.index))

    def _backtest(self, target: Signals | pd.Series) -> Backtest:
        env = self.params.environment
        costs = Costs(env.commission, env.slippage, env.borrow, env.commission_minimum, env.cash_interest)
        return backtest(self.validation, target, costs=costs, initial_cash=env.initial_balance)


def _with_warm_up(task: TrainingTask, params: RLParams) -> Bars:
    """The bars of the task from as far before its span as features need to be warm."""
    times = task.bars.frame.index
    first = times.searchsorted(pd.Timestamp(task.train_start)) - first_decidable(params.environment) - WARM_UP_BARS
    return task.bars.since(times[max(int(first), 0)])


def _require_enough(symbol: str, bars: int, params: RLParams) -> None:
    if bars < MIN_VALIDATION_BARS:
        raise NightdeskError(
            "training.too_few_bars",
            f"{symbol}: a validation of {params.validation:g} leaves {bars} bars to select by; "
            f"{MIN_VALIDATION_BARS} are needed.",
            "Raise validation in the params, or training_params.lookback_days.",
            found=bars,
            needed=MIN_VALIDATION_BARS,
        )


def _figures(test: Backtest) -> dict[str, Any]:
    metrics = test.metrics()
    reasons = {name: metrics["reasons"][name] for name in FIGURES if metrics[name] is None}
    return {**{name: metrics[name] for name in FIGURES}, "reasons": reasons}
