"""Plots: the only package that imports matplotlib; pictures are written to files without a display."""

from evaluation.plots.copies import (
    draw_attention,
    draw_calibration,
    draw_hours,
    draw_persistence,
    draw_replication,
    draw_targets,
)
from evaluation.plots.costs import draw_costs
from evaluation.plots.decisions import draw_actions, draw_confusion, draw_importance
from evaluation.plots.equity import draw_equity
from evaluation.plots.health import draw_health
from evaluation.plots.models import Risk, draw_risk_return
from evaluation.plots.returns import draw_distribution, draw_months, draw_rolling_sharpe
from evaluation.plots.style import Caption

__all__ = [
    "Caption",
    "Risk",
    "draw_actions",
    "draw_attention",
    "draw_calibration",
    "draw_confusion",
    "draw_costs",
    "draw_distribution",
    "draw_equity",
    "draw_health",
    "draw_hours",
    "draw_importance",
    "draw_months",
    "draw_persistence",
    "draw_replication",
    "draw_risk_return",
    "draw_rolling_sharpe",
    "draw_targets",
]
