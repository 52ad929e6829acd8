"""What each job does, composed from the rooms to the left; the heavy part of it happens in worker processes."""

from __future__ import annotations

from config.settings import JobName
from daemon.jobs.audit.step import audit_rules
from daemon.jobs.backtest.step import backtest_strategy
from daemon.jobs.backup.step import drill_restore, take_backup
from daemon.jobs.base import Ending, Plan, RunWork, Step, wait_for_upstream
from daemon.jobs.data_update.step import update_data
from daemon.jobs.evaluation.step import judge_models
from daemon.jobs.maintenance.step import maintain
from daemon.jobs.performance_check.step import check_performance
from daemon.jobs.promotion.step import order_serving
from daemon.jobs.records.step import keep_records
from daemon.jobs.signals.step import publish_signals
from daemon.jobs.training.step import train_models, wait_for_data

__all__ = ["STEPS", "Ending", "Plan", "RunWork", "Step"]

STEPS: dict[JobName, Step] = {
    "data_update": Step(update_data, wait_for_upstream),
    "training": Step(train_models, wait_for_data),
    "evaluation": Step(judge_models, wait_for_upstream),
    "signals": Step(publish_signals, wait_for_upstream),
    "performance_check": Step(check_performance, wait_for_upstream),
    "backup": Step(take_backup, wait_for_upstream),
    "restore_drill": Step(drill_restore, wait_for_upstream),
    "maintenance": Step(maintain, wait_for_upstream),
    "promotion": Step(order_serving, wait_for_upstream),
    "records": Step(keep_records, wait_for_upstream),
    "audit": Step(audit_rules, wait_for_upstream),
    "backtest": Step(backtest_strategy, wait_for_upstream),
}
