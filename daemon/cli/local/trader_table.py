"""Traders' logs, pulled from their bucket and made into a table of decisions to learn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.jobs.data_update.tasks import pull_result
from daemon.jobs.data_update.trader_table import TablePlan, made_table
from data_pipeline.buckets.open import open_bucket
from data_pipeline.buckets.pull import pull

if TYPE_CHECKING:
    from config.paths import Home
    from config.settings import Bucket, TraderParams
    from daemon.domain.tasks import Document
    from daemon.jobs.data_update.messages import PullTradesResult, TableFacts
    from data_pipeline.trader_logs.report import Report

_PULLING = 0.3  # the share of the pull in the whole work


@dataclass(frozen=True)
class TraderTable:
    """A table that was made: its path, what was pulled for it, the counts of its rows, and what is recorded of it."""

    table: str
    pull: PullTradesResult
    report: Report
    facts: TableFacts

    def document(self) -> Document:
        """As `--json` shows it."""
        return {"table": self.table, "pull": self.pull.document(), **self.report.to_dict()}


def make_trader_table(
    home: Home,
    bucket: Bucket,
    out: Path,
    params: TraderParams,
    now: datetime,
    progress: Callable[[float, str], None],
) -> TraderTable:
    """Pull this bucket and make the table `out` of the logs that it holds."""
    pulled = pull(open_bucket(bucket, home), home, progress=lambda done, name: progress(done * _PULLING, name))
    result = pull_result(pulled, home)
    facts, report = made_table(
        home,
        TablePlan(params, bucket, result.dataset, tuple(pulled.logs), out),
        now,
        lambda done, name: progress(_PULLING + done * (1 - _PULLING), name),
    )
    progress(1.0, "done")
    return TraderTable(home.relative(out), result, report, facts)
