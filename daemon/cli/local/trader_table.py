"""Traders' logs, pulled from their bucket and made into a table of decisions to learn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from daemon.api.answers import LogsRecord, TableRecord
from daemon.jobs.data_update.tasks import pull_result
from data_pipeline.buckets.log_index import record_logs
from data_pipeline.buckets.open import open_bucket
from data_pipeline.buckets.pull import pull

if TYPE_CHECKING:
    from config.paths import Home
    from config.settings import Bucket
    from daemon.domain.tasks import Document
    from daemon.jobs.data_update.messages import PullTradesResult
    from data_pipeline.trader_logs.report import Report

_PULLING = 0.3  # the share of the pull in the whole work


@dataclass(frozen=True)
class TraderTable:
    """A table that was made: its path, what was pulled for it, the counts of its rows, and its database record."""

    table: str
    pull: PullTradesResult
    report: Report
    record: TableRecord

    def document(self) -> Document:
        """As `--json` shows it."""
        return {"table": self.table, "pull": self.pull.document(), **self.report.to_dict()}


def make_trader_table(
    home: Home, settings: Bucket, out: Path, seconds: int | None, progress: Callable[[float, str], None]
) -> TraderTable:
    """Pull the bucket of these settings and make the table `out` of all the logs that it holds."""
    from data_pipeline.trader_logs.table import TableOptions, make_table

    options = TableOptions(seconds=seconds, repeats=settings.repeated_fills)
    pulled = pull(open_bucket(settings, home), home, progress=lambda done, name: progress(done * _PULLING, name))
    report = make_table(
        [(key, home.trades / key) for key in pulled.logs],
        out,
        options,
        lambda done, name: progress(_PULLING + done * (1 - _PULLING), name),
    )
    record = TableRecord(
        dataset=report.id,
        name=out.stem[:32],
        interval=f"{report.seconds}s",
        first=datetime.fromisoformat(report.first),
        last=datetime.fromisoformat(report.last),
        rows=sum(report.sequences.values()),
        parameters={**asdict(options), "seconds": report.seconds},
        logs=LogsRecord(dataset=record_logs(pulled.logs, home), place=_place(settings), files=len(pulled.logs)),
    )
    progress(1.0, "done")
    return TraderTable(home.relative(out), pull_result(pulled), report, record)


def _place(settings: Bucket) -> Literal["r2", "s3", "folder"]:
    """The kind of the bucket; its name and address stay private."""
    return "r2" if settings.url == "r2" else "s3" if (settings.url or "").startswith("http") else "folder"
