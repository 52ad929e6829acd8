"""Evaluation of target positions: accounting, metrics, statistics, audits, records, standing, judges and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.lazy import lazy_exports

if TYPE_CHECKING:
    from evaluation.accounting.backtest import Backtest as Backtest
    from evaluation.accounting.backtest import backtest as backtest
    from evaluation.accounting.costs import Costs as Costs
    from evaluation.audit.leak_audit import FitRecord as FitRecord
    from evaluation.audit.leak_audit import LeakAudit as LeakAudit
    from evaluation.metrics.summary import compute_metrics as compute_metrics
    from evaluation.portfolio.backtest import PortfolioBacktest as PortfolioBacktest
    from evaluation.portfolio.backtest import portfolio_backtest as portfolio_backtest
    from evaluation.portfolio.risk_manager import RiskManager as RiskManager
    from evaluation.reports.report import write_report as write_report
    from evaluation.signals import Signals as Signals
    from evaluation.signals import positions_from_actions as positions_from_actions
    from evaluation.statistics.baselines import run_baselines as run_baselines
    from evaluation.strategy import StrategyBase as StrategyBase
    from evaluation.walk_forward import WalkForward as WalkForward
    from evaluation.walk_forward import WalkForwardValidator as WalkForwardValidator
else:
    __getattr__, __dir__ = lazy_exports(__name__, __file__)
