"""What each analyst adds: the ensemble with it and without it, over bars that nobody had learned from."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pandas as pd

from data_pipeline.bars.bars import Bars
from data_pipeline.inputs import Inputs
from evaluation.accounting.backtest import Backtest, Costs, backtest
from evaluation.records.challenge import superiority
from evaluation.records.skill import RecordReturns
from evaluation.reports.evidence import AccountFigures, MemberComparison
from evaluation.signals import Sell, Signals
from trainers.analysts.ensemble import Ensemble
from trainers.analysts.model import signals_of
from trainers.analysts.risk import Risk


def compared(ensemble: Ensemble, inputs: Inputs, since: datetime, sell: Sell, costs: Costs) -> list[dict[str, Any]]:
    """For each analyst the figures with it and without it from `since` on, net of costs, as JSON.

    Without an analyst means with its weight 0: without the risk analyst nothing is sized either. One that had no view
    of any of these bars, such as news without headlines, cannot be compared and is left out.
    """
    risk = Risk.of(inputs.only)
    votes = ensemble.votes(inputs, risk)
    bars = inputs.only.since(since)
    targets: dict[str, Signals] = {"": signals_of(ensemble.decisions(votes, risk), sell).since(since)}
    for name in [name for name, vote in votes.items() if vote.confidence.loc[since:].notna().any()]:
        others = replace(ensemble, weights=ensemble.weights.model_copy(update={name: 0.0}))
        targets[name] = signals_of(others.decisions(votes, risk), sell).since(since)
    results = backtest(bars, targets, costs)
    whole = results.pop("")
    index = pd.DatetimeIndex(bars.frame.index)
    shared = {
        "first": index[0].isoformat(),
        "last": index[-1].isoformat(),
        "bars": len(index),
        "whole": _figures(whole),
    }
    returns = _returns(bars, whole, targets.pop(""))
    return [
        {
            "member": name,
            **shared,
            "without": _figures(results[name]),
            "p_value": superiority(returns, _returns(bars, results[name], signals)),
        }
        for name, signals in targets.items()
    ]


def member_comparisons(rows: list[dict[str, Any]]) -> tuple[MemberComparison, ...]:
    """The stored comparisons, for reports."""
    return tuple(
        MemberComparison(
            **{name: row[name] for name in ("member", "first", "last", "bars")},
            whole=AccountFigures(**row["whole"]),
            without=AccountFigures(**row["without"]),
            p_value=row.get("p_value"),
        )
        for row in rows
    )


def _returns(bars: Bars, result: Backtest, signals: Signals) -> RecordReturns:
    frame = bars.frame
    return RecordReturns.of(result, signals.position.to_numpy(), frame["open"].to_numpy(), frame["close"].to_numpy())


def _figures(result: Backtest) -> dict[str, float | None]:
    metrics = result.metrics()
    return {name: metrics[name] for name in ("sharpe_ratio", "total_return", "max_drawdown")}
