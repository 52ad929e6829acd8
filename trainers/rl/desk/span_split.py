"""Lesson: the span of a training task as bars to learn from and later bars to choose by, neither ever the other."""

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
from evaluation.audit.leak_audit import Learned, Span
from evaluation.signals import Signals
from trainers.interface import TrainingTask
from trainers.rl.desk.params import RLParams
from trainers.rl.environments.market import Market, first_decidable
from trainers.rl.serving.policy import CompiledPolicy
from trainers.rl.serving.rollout import Rollout

# So few bars, and nothing can be chosen by them.
FEWEST = 10
# Bars before the span on which features are computed, beyond their warm-up. Recursive means (Wilder's RSI, exponential
# means) remember all bars since the first; what they remember of older ones than these is below a float32's rounding.
WARMING = 500
# What is told of a policy on the validation bars.
FIGURES = ("sharpe_ratio", "total_return", "max_drawdown", "trades", "exposure")


@dataclass(frozen=True, eq=False)
class Lesson:
    """What the agents of one task learn from, and what their policies are judged on.

    `learning` ends `purge` bars before `validation`, the last part of the training span. It is decided on from the
    span's first bar, its row `begin`; what came before only warms the features, as it does when the model serves.
    `bars` begin so far before the span and not earlier, so that neither training nor serving depends on older bars.
    """

    bars: Bars
    learning: Bars
    begin: int
    validation: Bars
    params: RLParams

    @classmethod
    def of(cls, task: TrainingTask, params: RLParams) -> Lesson:
        """The lesson of a task."""
        bars = _warmed(task, params)
        times = bars.frame.index
        begin = int(times.searchsorted(pd.Timestamp(task.train_start)))
        split = holdout(len(times) - begin, params.validation, params.purge)
        _require_enough(task.subject, len(split.test), params)
        learning = bars.until(times[begin + split.train[-1]])
        return cls(bars, learning, begin, bars.since(times[begin + split.test[0]]), params)

    @property
    def between(self) -> int:
        """Steps between two judgements."""
        return max(self.params.total_timesteps // self.params.evaluations, 1)

    @cached_property
    def market(self) -> Market:
        """What the agents play on."""
        return Market.of(self.learning, self.params.environment).decided_from(self.begin)

    @cached_property
    def decided(self) -> pd.DatetimeIndex:
        """The bars that are decided on while learning; the last one of `learning` only tells what came of it."""
        return pd.DatetimeIndex(self.learning.frame.index[int(self.market.rules["first"][0]) :])

    @property
    def history_start(self) -> datetime:
        """The first bar that features are computed from."""
        return pd.Timestamp(self.bars.frame.index[0]).to_pydatetime()

    @property
    def account_start(self) -> datetime:
        """The first bar that is decided on: here the account of the policy begins, now and when it serves."""
        return self.decided[0].to_pydatetime()

    def learned(self) -> Iterator[Learned]:
        """What is taken from data, and from which bars: what came of a decision is known one bar later."""
        last = pd.DatetimeIndex(self.validation.frame.index)
        measured = Span(last[0].to_pydatetime(), last[-1].to_pydatetime())
        yield Learned("policy and normaliser", self.decided[:-1], self.decided[1:], measured)
        yield Learned("choice of the checkpoint", last[:-1], last[1:])

    def judged(self, policy: CompiledPolicy) -> dict[str, Any]:
        """What a policy would have earned on the validation bars, after the costs of the environment."""
        rollout = Rollout.of(policy, self.bars, self.params.environment, start=self.account_start)
        return _figures(self._traded(rollout.signals(self.bars).since(self.validation.frame.index[0])))

    @cached_property
    def buy_and_hold(self) -> dict[str, Any]:
        """What buying and holding would have earned there."""
        return _figures(self._traded(pd.Series(1.0, index=self.validation.frame.index)))

    def _traded(self, target: Signals | pd.Series) -> Backtest:
        env = self.params.environment
        costs = Costs(env.commission, env.slippage, env.borrow, env.commission_minimum, env.cash_interest)
        return backtest(self.validation, target, costs=costs, initial_cash=env.initial_balance)


def _warmed(task: TrainingTask, params: RLParams) -> Bars:
    """The bars of the task from as far before its span as features need to be warm."""
    times = task.bars.frame.index
    first = times.searchsorted(pd.Timestamp(task.train_start)) - first_decidable(params.environment) - WARMING
    return task.bars.since(times[max(int(first), 0)])


def _require_enough(symbol: str, bars: int, params: RLParams) -> None:
    if bars < FEWEST:
        raise NightdeskError(
            "training.too_few_bars",
            f"{symbol}: a validation of {params.validation:g} leaves {bars} bars to choose by; {FEWEST} are needed.",
            "Raise validation in the params, or training_params.lookback_days.",
            found=bars,
            needed=FEWEST,
        )


def _figures(test: Backtest) -> dict[str, Any]:
    metrics = test.metrics()
    reasons = {name: metrics["reasons"][name] for name in FIGURES if metrics[name] is None}
    return {**{name: metrics[name] for name in FIGURES}, "reasons": reasons}
