"""Pictures of a report: every one for which there are figures to draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evaluation import plots
from evaluation.labels import plain

if TYPE_CHECKING:
    from evaluation.accounting.backtest import Backtest
    from evaluation.reports.schema import Report

# What each picture shows, for readers who cannot see it; the files are in the order of the page.
ALT_TEXT = {
    "equity.png": "The account of the model, of the baselines and the champion, its trades, and its drawdowns.",
    "weights.png": "The share of each symbol in the account over time.",
    "returns.png": "The distribution of the returns of a bar, and a normal distribution.",
    "rolling_sharpe.png": "The Sharpe ratio over a moving window.",
    "months.png": "The return of every month, in a calendar.",
    "risk_return.png": "Risk and return of the model, the baselines and the champion.",
    "costs.png": "Return and Sharpe ratio if trading cost less or more.",
    "actions.png": "The shares of its actions and positions, in training and on unseen bars.",
    "confusion.png": "Confusion matrix of the expert's and the model's positions.",
    "features.png": "The most important features of the model's decisions.",
}


def draw_pictures(folder: Path, report: Report, challenger: Backtest, baselines: Mapping[str, Backtest]) -> list[str]:
    """Draw them into `folder` and return their names, in the order of the page."""
    subject, span, evidence = report.subject, report.span, report.evidence
    version = f"{subject.model_type} {subject.version}"
    title = f"{subject.symbol}  ·  {version}  ·  unseen bars {span.first[:10]} to {span.last[:10]}"
    caption = plots.Caption(title, subject.provenance)
    draw: dict[str, Callable[[Path], None]] = {
        "equity.png": lambda path: plots.draw_equity(path, caption, challenger, baselines),
        "returns.png": lambda path: plots.draw_distribution(path, caption, challenger),
        "rolling_sharpe.png": lambda path: plots.draw_rolling_sharpe(path, caption, challenger, baselines),
        "months.png": lambda path: plots.draw_months(path, caption, challenger),
        "risk_return.png": lambda path: plots.draw_risk_return(path, caption, *risks(report)),
    }
    if (portfolio := evidence.portfolio) is not None:
        draw["weights.png"] = lambda path: plots.draw_weights(path, caption, portfolio)
    if (costs := evidence.costs) is not None:
        draw["costs.png"] = lambda path: plots.draw_costs(path, caption, costs)
    if (importance := evidence.feature_importance) is not None:
        draw["features.png"] = lambda path: plots.draw_importance(
            path, caption, importance.features, importance.measure
        )
    if (drift := evidence.drift) is not None and drift.trade_action is not None and drift.position_sign is not None:
        trade_action, position_sign = drift.trade_action, drift.position_sign
        draw["actions.png"] = lambda path: plots.draw_actions(path, caption, trade_action, position_sign)
    if (confusion := evidence.expert_confusion) is not None:
        draw["confusion.png"] = lambda path: plots.draw_confusion(path, caption, np.array(confusion.counts))
    for name, draw_into in draw.items():
        draw_into(folder / name)
    return [name for name in ALT_TEXT if name in draw]


def risks(report: Report) -> tuple[dict[str, plots.Risk], int]:
    """Risk and return of the model and its baselines, and how many of them have no such figures."""
    points = {}
    for name, metrics in report.metrics.items():
        volatility, earned = metrics["volatility"], metrics["annualised_return"]
        kind = {"model": "model", "champion": "champion"}.get(name, "baseline")
        if isinstance(volatility, float) and isinstance(earned, float):
            points[plain(name)] = plots.Risk(volatility, earned, kind)
    return points, len(report.metrics) - len(points)
