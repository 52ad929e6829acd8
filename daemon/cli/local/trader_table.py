"""Traders' logs, pulled from their bucket and made into a table of decisions to learn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daemon.jobs.data_update.tasks import pull_result
from data_pipeline.buckets.log_index import record_logs
from data_pipeline.buckets.open import open_bucket
from data_pipeline.buckets.pull import pull

if TYPE_CHECKING:
    from config.paths import Home
    from config.settings import Bucket

_PULLING = 0.3  # of the whole way


def make_trader_table(
    home: Home, settings: Bucket, out: Path, seconds: int, progress: Callable[[float, str], None]
) -> dict[str, Any]:
    """Pull the bucket of these settings and make the table `out` of all the logs that it holds.

    `record` in the answer is what the database is to know of both.
    """
    from data_pipeline.trader_logs.table import TableOptions, make_table

    options = TableOptions(seconds=seconds, repeats=settings.repeated_fills)
    pulled = pull(open_bucket(settings, home), home, progress=lambda done, name: progress(done * _PULLING, name))
    report = make_table(
        [(key, home.trades / key) for key in pulled.logs],
        out,
        options,
        lambda done, name: progress(_PULLING + done * (1 - _PULLING), name),
    )
    record = {
        "dataset": report.id,
        "name": out.stem[:32],
        "interval": f"{seconds}s",
        "first": report.first,
        "last": report.last,
        "rows": sum(report.sequences.values()),
        "parameters": asdict(options),
        "logs": {"dataset": record_logs(pulled.logs, home), "place": _place(settings), "files": len(pulled.logs)},
    }
    progress(1.0, "done")
    return {"table": home.relative(out), "pull": pull_result(pulled).document(), **report.to_dict(), "record": record}


def _place(settings: Bucket) -> str:
    """Of which kind the bucket is; its name and address are nobody's business."""
    return "r2" if settings.url == "r2" else "s3" if (settings.url or "").startswith("http") else "folder"
