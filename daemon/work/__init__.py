"""What worker processes do: the one part of the daemon that may import pandas, scikit-learn and their like.

Each kind of task is a function `(WorkContext, args) -> result`; args and result are small JSON values.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from config.errors import UsageError

if TYPE_CHECKING:
    from daemon.worker import WorkContext

Work = Callable[["WorkContext", dict[str, Any]], dict[str, Any]]

KINDS = {
    "pull_trades": "daemon.work.trades:pull_trades",
    "pull_headlines": "daemon.work.bars:update_headlines",
    "update_bars": "daemon.work.bars:update_bars",
    "freshness": "daemon.work.bars:freshness_of",
    "train": "daemon.work.training:train",
    "walk_forward_folds": "daemon.work.walk_forward:count_folds",
    "walk_forward_fold": "daemon.work.walk_forward:walk_fold",
    "walk_forward": "daemon.work.walk_forward:walk_all",
    "inspect": "daemon.work.training:inspect",
    "evaluate": "daemon.work.evaluation:evaluate",
    "compare_models": "daemon.work.comparison:compare_models",
    "compare_symbols": "daemon.work.comparison:compare_symbols",
    "signal": "daemon.work.signals:latest_signal",
    "live_performance": "daemon.work.performance:live_performance",
    "conduct": "daemon.work.conduct:conduct",
    "prove_backup": "daemon.work.restore:prove_backup_task",
}


def resolve(kind: str) -> Work:
    """The function that does tasks of this kind; its module is imported now, not before."""
    if kind not in KINDS:
        raise UsageError(
            "task.unknown", f"There is no task kind {kind!r}.", f"Known kinds: {', '.join(sorted(KINDS))}."
        )
    module, _, name = KINDS[kind].partition(":")
    work: Work = getattr(import_module(module), name)
    return work
