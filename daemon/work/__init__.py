"""What worker processes do: the one part of the daemon that may import pandas, scikit-learn and their like.

Each kind of task is a function `(WorkContext, request) -> result`; both are messages of its job.
"""

from __future__ import annotations

from importlib import import_module

from config.errors import UsageError
from daemon.domain.tasks import TaskRequest, TaskResult
from daemon.jobs.backup.messages import ProveBackupRequest
from daemon.jobs.data_update.messages import PullHeadlinesRequest, PullTradesRequest, UpdateBarsRequest
from daemon.jobs.evaluation.messages import CompareModelsRequest, CompareSymbolsRequest, EvaluateRequest
from daemon.jobs.performance_check.messages import LivePerformanceRequest, MonitorRequest
from daemon.jobs.signals.messages import SignalRequest
from daemon.jobs.training.messages import FreshnessRequest, InspectRequest, TrainRequest
from daemon.jobs.walk_forward.messages import CountFoldsRequest, JoinFoldsRequest, WalkFoldRequest
from daemon.worker import Work

FUNCTIONS: dict[type[TaskRequest[TaskResult]], str] = {
    PullTradesRequest: "daemon.work.trades:pull_trades",
    PullHeadlinesRequest: "daemon.work.bars:update_headlines",
    UpdateBarsRequest: "daemon.work.bars:update_bars",
    FreshnessRequest: "daemon.work.bars:freshness_of",
    TrainRequest: "daemon.work.training:train",
    InspectRequest: "daemon.work.training:inspect",
    CountFoldsRequest: "daemon.work.walk_forward:count_folds",
    WalkFoldRequest: "daemon.work.walk_forward:walk_fold",
    JoinFoldsRequest: "daemon.work.walk_forward:join_folds",
    EvaluateRequest: "daemon.work.evaluation:evaluate",
    CompareModelsRequest: "daemon.work.comparison:compare_models",
    CompareSymbolsRequest: "daemon.work.comparison:compare_symbols",
    SignalRequest: "daemon.work.signals:latest_signals",
    MonitorRequest: "daemon.work.monitor:monitor",
    LivePerformanceRequest: "daemon.work.performance:live_performance",
    ProveBackupRequest: "daemon.work.restore:prove_backup",
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
