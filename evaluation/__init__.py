"""Judgement of positions, whoever took them: one accounting, its metrics, the gate, the reports."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluation.backtesting import Backtest, backtest
    from evaluation.baselines import run_baselines
    from evaluation.comparison import Verdict, judge
    from evaluation.costs import Costs
    from evaluation.leaks import LeakAudit, Learned
    from evaluation.metrics import compute_metrics
    from evaluation.report import write_report
    from evaluation.signals import Signals, positions_from_actions
    from evaluation.strategy import StrategyBase
    from evaluation.walk_forward import WalkForward, WalkForwardValidator

_MODULES = {
    "Backtest": "backtesting",
    "Costs": "costs",
    "LeakAudit": "leaks",
    "Learned": "leaks",
    "Signals": "signals",
    "StrategyBase": "strategy",
    "Verdict": "comparison",
    "WalkForward": "walk_forward",
    "WalkForwardValidator": "walk_forward",
    "backtest": "backtesting",
    "compute_metrics": "metrics",
    "judge": "comparison",
    "positions_from_actions": "signals",
    "run_baselines": "baselines",
    "write_report": "report",
}

__all__ = [
    "Backtest",
    "Costs",
    "LeakAudit",
    "Learned",
    "Signals",
    "StrategyBase",
    "Verdict",
    "WalkForward",
    "WalkForwardValidator",
    "backtest",
    "compute_metrics",
    "judge",
    "positions_from_actions",
    "run_baselines",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for, and nothing before: `import evaluation` alone stays light."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
