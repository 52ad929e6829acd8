"""Which pictures a report has: every one for which there is something to draw."""

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

# The text of a picture for those who cannot see it; the files are in the order of the page.
ALT_TEXT = {
    "equity.png": "The account of the model, of the baselines and the champion, its trades, and its drawdowns.",
    "returns.png": "How the returns of a bar are distributed, compared with a normal distribution.",
    "rolling_sharpe.png": "The Sharpe ratio over a moving window.",
    "months.png": "The return of every month, in a calendar.",
    "risk_return.png": "Risk and return of the model, the baselines and the champion.",
    "costs.png": "Return and Sharpe ratio if trading cost less or more.",
    "actions.png": "How often it decides and holds what, in training and on unseen bars.",
    "confusion.png": "What the expert held, and what the model held meanwhile.",
    "features.png": "Which features weigh most in what the model decides.",
}


def draw_pictures(folder: Path, report: Report, challenger: Backtest, others: Mapping[str, Backtest]) -> list[str]:
    """Draw them into `folder`; their names, in the order of the page."""
    subject, span, evidence = report.subject, report.span, report.evidence
    version = f"{subject.model_type} {subject.version}"
    title = f"{subject.symbol}  ·  {version}  ·  unseen bars {span.first[:10]} to {span.last[:10]}"
    caption = plots.Caption(title, subject.provenance)
    draw: dict[str, Callable[[Path], None]] = {
        "equity.png": lambda path: plots.draw_equity(path, caption, challenger, others),
        "returns.png": lambda path: plots.draw_distribution(path, caption, challenger),
        "rolling_sharpe.png": lambda path: plots.draw_rolling_sharpe(path, caption, challenger, others),
        "months.png": lambda path: plots.draw_months(path, caption, challenger),
        "risk_return.png": lambda path: plots.draw_risk_return(path, caption, *risks(report)),
    }
    if (costs := evidence.costs) is not None:
        draw["costs.png"] = lambda path: plots.draw_costs(path, caption, costs)
    if (weights := evidence.weights) is not None:
        draw["features.png"] = lambda path: plots.draw_importance(path, caption, weights.features, weights.measure)
    if (drift := evidence.drift) is not None and drift.actions is not None and drift.sides is not None:
        decided, held = drift.actions, drift.sides
        draw["actions.png"] = lambda path: plots.draw_actions(path, caption, decided, held)
    if (confusion := evidence.beside) is not None:
        draw["confusion.png"] = lambda path: plots.draw_confusion(path, caption, np.array(confusion.counts))
    for name, into in draw.items():
        into(folder / name)
    return [name for name in ALT_TEXT if name in draw]


def risks(report: Report) -> tuple[dict[str, plots.Risk], int]:
    """Risk and return of everyone in the report, and how many have no such figures."""
    points = {}
    for name, metrics in report.metrics.items():
        volatility, earned = metrics["volatility"], metrics["annualised_return"]
        kind = {"model": "model", "champion": "champion"}.get(name, "baseline")
        if isinstance(volatility, float) and isinstance(earned, float):
            points[plain(name)] = plots.Risk(volatility, earned, kind)
    return points, len(report.metrics) - len(points)
