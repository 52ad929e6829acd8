"""What each job does, composed from the rooms to the left; the heavy part of it happens in worker processes."""

from __future__ import annotations

from config.settings import JobName
from daemon.steps.backup import drill_restore, take_backup
from daemon.steps.base import Ending, Plan, RunWork, Step, wait_for_forerunner
from daemon.steps.data_update import update_data
from daemon.steps.evaluation import judge_models
from daemon.steps.maintenance import maintain
from daemon.steps.performance_check import check_performance
from daemon.steps.signals import publish_signals
from daemon.steps.training import train_models, wait_for_data
from daemon.steps.walk_forward import walk_models

__all__ = ["STEPS", "Ending", "Plan", "RunWork", "Step"]

STEPS: dict[JobName, Step] = {
    "data_update": Step(update_data, wait_for_forerunner),
    "training": Step(train_models, wait_for_data),
    "evaluation": Step(judge_models, wait_for_forerunner),
    "signals": Step(publish_signals, wait_for_forerunner),
    "performance_check": Step(check_performance, wait_for_forerunner),
    "backup": Step(take_backup, wait_for_forerunner),
    "restore_drill": Step(drill_restore, wait_for_forerunner),
    "maintenance": Step(maintain, wait_for_forerunner),
    "walk_forward": Step(walk_models, wait_for_forerunner),
}
