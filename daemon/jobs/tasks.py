"""What worker processes do: the one part of the daemon that may import pandas, scikit-learn and their like.

Each kind of task is a function `(WorkContext, request) -> result`; both are messages of its job.
"""

from __future__ import annotations

from importlib import import_module

from config.errors import UsageError
from daemon.domain.tasks import TaskRequest, TaskResult
from daemon.executors.worker.main import Work
from daemon.jobs.audit.messages import AuditRequest
from daemon.jobs.backtest.messages import BacktestRequest
from daemon.jobs.backup.messages import CheckDataRequest, CopyBackupRequest, ProveBackupRequest
from daemon.jobs.data_update.messages import (
    MakeTableRequest,
    PullHeadlinesRequest,
    PullTradesRequest,
    UpdateBarsRequest,
)
from daemon.jobs.evaluation.messages import CompareModelsRequest, CompareSymbolsRequest, EvaluateRequest
from daemon.jobs.performance_check.messages import LivePerformanceRequest, MonitorRequest
from daemon.jobs.records.messages import RecordRequest, RehearseRequest
from daemon.jobs.signals.messages import SignalRequest
from daemon.jobs.training.messages import FreshnessRequest, InspectRequest, RepetitionRequest, TrainRequest

FUNCTIONS: dict[type[TaskRequest[TaskResult]], str] = {
    PullTradesRequest: "daemon.jobs.data_update.tasks:pull_trades",
    MakeTableRequest: "daemon.jobs.data_update.tasks:make_table",
    PullHeadlinesRequest: "daemon.jobs.data_update.tasks:update_headlines",
    UpdateBarsRequest: "daemon.jobs.data_update.tasks:update_bars",
    FreshnessRequest: "daemon.jobs.training.tasks:freshness_of",
    RepetitionRequest: "daemon.jobs.training.tasks:repetition",
    TrainRequest: "daemon.jobs.training.tasks:train",
    InspectRequest: "daemon.jobs.training.tasks:inspect",
    RecordRequest: "daemon.jobs.records.tasks:extend_record",
    RehearseRequest: "daemon.jobs.records.tasks:rehearse",
    EvaluateRequest: "daemon.jobs.evaluation.tasks:evaluate",
    CompareModelsRequest: "daemon.jobs.evaluation.comparison_tasks:compare_models",
    CompareSymbolsRequest: "daemon.jobs.evaluation.comparison_tasks:compare_symbols",
    SignalRequest: "daemon.jobs.signals.tasks:latest_signals",
    MonitorRequest: "daemon.jobs.performance_check.tasks:monitor",
    LivePerformanceRequest: "daemon.jobs.performance_check.tasks:live_performance",
    CheckDataRequest: "daemon.jobs.backup.tasks:check_data",
    CopyBackupRequest: "daemon.jobs.backup.copy_tasks:copy_backup",
    ProveBackupRequest: "daemon.jobs.backup.tasks:prove_backup",
    AuditRequest: "daemon.jobs.audit.tasks:audit",
    BacktestRequest: "daemon.jobs.backtest.tasks:backtest_symbol",
}
KINDS = {request.kind: request for request in FUNCTIONS}


def resolve(kind: str) -> Work:
    """How tasks of this kind are done; the module of its function is imported now, not before."""
    if kind not in KINDS:
        raise UsageError(
            "task.unknown", f"There is no task kind {kind!r}.", f"Known kinds: {', '.join(sorted(KINDS))}."
        )
    module, _, name = FUNCTIONS[KINDS[kind]].partition(":")
    return Work(KINDS[kind], getattr(import_module(module), name))
