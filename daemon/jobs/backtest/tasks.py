"""The task that backtests a strategy on one symbol."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from config.errors import NightdeskError
from daemon.jobs.backtest.messages import BacktestResult, DecisionRow
from data_pipeline.actions import ACTIONS, CHOICES
from data_pipeline.provenance import Provenance
from data_pipeline.stored_inputs import stored_inputs
from evaluation.accounting.backtest import Backtest, Costs, backtest
from trainers.analysts.model import signals_of
from trainers.analysts.strategies import Strategy
from trainers.policy_cloner.file_votes import ensemble_of

if TYPE_CHECKING:
    from daemon.domain.tasks import Document
    from daemon.executors.worker.main import WorkContext
    from daemon.jobs.backtest.messages import BacktestRequest
    from data_pipeline.bars.bars import Bars
    from data_pipeline.inputs import Inputs
    from evaluation.signals import Signals

FIGURES = ("total_return", "cagr", "sharpe_ratio", "max_drawdown", "trades", "exposure")


def backtest_symbol(context: WorkContext, request: BacktestRequest) -> BacktestResult:
    """Decide at every bar of the span, by what was known at its close, and account for it with the desk's costs."""
    inputs = _inputs(context, request)
    context.progress(0.2, "deciding")
    strategy = Strategy.model_validate(request.strategy)
    table = ensemble_of(strategy, context.home.root).decide(inputs)
    bars = _span(inputs.only, request.start, request.end)
    context.progress(0.6, "accounting")
    first = bars.frame.index[0].to_pydatetime()
    table = table.loc[first:]
    signals = signals_of(table, "exit")
    costs = context.settings.costs
    result = backtest(bars, signals, Costs.of(costs), costs.initial_cash)
    return BacktestResult(
        interval=bars.interval,
        provenance=Provenance.of(bars.source).label,
        first=bars.dates[0].date(),
        last=bars.dates[-1].date(),
        earned=_figures(result.metrics()),
        held=_figures(backtest(bars, _constant(bars, 1.0), Costs.of(costs), costs.initial_cash).metrics()),
        cash=_figures(backtest(bars, _constant(bars, 0.0), Costs.of(costs), costs.initial_cash).metrics()),
        actions=_counts(table["action"]),
        absent=_absent(table),
        decisions=_rows(bars, table, signals, result),
    )


def _inputs(context: WorkContext, request: BacktestRequest) -> Inputs:
    inputs = stored_inputs(
        context.home, context.settings, request.symbol, scope="symbol", kinds={"headlines"}, now=context.now()
    )
    bars = _span(inputs.only, request.start, request.end)
    return inputs.until(bars.frame.index[-1].to_pydatetime())


def _span(bars: Bars, start: date, end: date) -> Bars:
    """The bars of the sessions from `start` to `end`; an error says which there are where there are none."""
    inside = (bars.dates >= pd.Timestamp(start)) & (bars.dates <= pd.Timestamp(end))
    times = bars.frame.index[inside]
    if len(times) < 2:
        dates = bars.dates
        raise NightdeskError(
            "backtest.no_bars",
            f"{bars.symbol} has {len(times)} bars from {start} to {end}; those stored reach from "
            f"{dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}.",
            "Choose dates among these, or pull a longer history: data_params.history_days, then `nightdesk data`.",
            symbol=bars.symbol,
        )
    return bars.since(times[0].to_pydatetime()).until(times[-1].to_pydatetime())


def _constant(bars: Bars, position: float) -> pd.Series:
    return pd.Series(position, bars.frame.index)


def _figures(metrics: Any) -> Document:
    return {name: metrics.get(name) for name in FIGURES}


def _counts(actions: pd.Series) -> dict[str, int]:
    """How often each action was decided."""
    signed = CHOICES.strength(actions.to_numpy()).astype(int)
    return {name: int((signed == code).sum()) for code, name in sorted(ACTIONS.items(), key=lambda item: abs(item[0]))}


def _analysts(table: pd.DataFrame) -> list[str]:
    ending = "_confidence"
    return [name.removesuffix(ending) for name in table.columns if name.endswith(ending)]


def _absent(table: pd.DataFrame) -> tuple[str, ...]:
    """The analysts without a view on any bar."""
    return tuple(name for name in _analysts(table) if table[f"{name}_confidence"].isna().all())


def _rows(bars: Bars, table: pd.DataFrame, signals: Signals, result: Backtest) -> tuple[DecisionRow, ...]:
    """A row a bar; its reward is the net return over the next bar, which the newest does not have yet."""
    signed = CHOICES.strength(table["action"].to_numpy()).astype(int)
    rewards = np.append(result.returns.to_numpy()[1:], np.nan)
    votes = {name: _votes(table, name) for name in _analysts(table)}
    return tuple(
        DecisionRow(
            time=time.to_pydatetime(),
            action=ACTIONS[int(signed[row])],
            strength=float(table["strength"].iloc[row]),
            probability_up=float(table["probability_up"].iloc[row]),
            position=float(signals.position.iloc[row]),
            reward=None if np.isnan(rewards[row]) else float(rewards[row]),
            price=float(bars.frame["close"].iloc[row]),
            votes={name: given[row] for name, given in votes.items()},
        )
        for row, time in enumerate(table.index)
    )


def _votes(table: pd.DataFrame, name: str) -> list[tuple[float, float] | None]:
    pairs = table[[f"{name}_probability_up", f"{name}_confidence"]].to_numpy()
    return [None if np.isnan(confidence) else (float(up), float(confidence)) for up, confidence in pairs]
