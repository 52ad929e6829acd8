"""What each analyst adds: the ensemble with it and without it, over bars that nobody had learned from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd

from data_pipeline.inputs import Inputs
from evaluation.accounting.backtest import Backtest, Costs, backtest
from evaluation.reports.evidence import AccountFigures, MemberComparison
from evaluation.signals import Sell, Signals
from trainers.analysts.ensemble import Ensemble
from trainers.analysts.model import signals_of
from trainers.analysts.risk import Risk


def compared(ensemble: Ensemble, inputs: Inputs, since: datetime, sell: Sell, costs: Costs) -> list[dict[str, Any]]:
    """For each analyst the figures with it and without it from `since` on, net of costs, as JSON."""
    risk = Risk.of(inputs.only)
    votes = ensemble.votes(inputs, risk)
    bars = inputs.only.since(since)
    targets: dict[str, Signals] = {"": signals_of(ensemble.decisions(votes, risk), sell).since(since)}
    for name in votes:
        rest = {other: vote for other, vote in votes.items() if other != name}
        targets[name] = signals_of(ensemble.decisions(rest, risk), sell).since(since)
    results = backtest(bars, targets, costs)
    whole = _figures(results.pop(""))
    index = pd.DatetimeIndex(bars.frame.index)
    span = {"first": index[0].isoformat(), "last": index[-1].isoformat(), "bars": len(index)}
    return [{"member": name, **span, "whole": whole, "without": _figures(result)} for name, result in results.items()]


def member_comparisons(rows: list[dict[str, Any]]) -> tuple[MemberComparison, ...]:
    """The stored comparisons, for reports."""
    return tuple(
        MemberComparison(
            **{name: row[name] for name in ("member", "first", "last", "bars")},
            whole=AccountFigures(**row["whole"]),
            without=AccountFigures(**row["without"]),
        )
        for row in rows
    )


def _figures(result: Backtest) -> dict[str, float | None]:
    metrics = result.metrics()
    return {name: metrics[name] for name in ("sharpe_ratio", "total_return", "max_drawdown")}
