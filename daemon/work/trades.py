"""Traders' logs: pulled from their bucket, and made into a table of decisions to learn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_pipeline.buckets.log_index import record_logs
from data_pipeline.buckets.open import open_bucket
from data_pipeline.buckets.pull import Pull, pull

if TYPE_CHECKING:
    from config.paths import Home
    from config.settings import Bucket
    from daemon.worker import WorkContext

_NAMED = 20  # files that are called by name in an answer; the others are counted
_PULLING = 0.3  # of the whole way


def pull_trades(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001 -- every task is given some
    """Bring what is new in the bucket to the home."""
    bucket = open_bucket(context.settings.sources.bucket, context.home, context.secrets)
    return _told(pull(bucket, context.home, progress=context.progress))


def make_trader_table(
    home: Home, settings: Bucket, out: Path, seconds: int, progress: Callable[[float, str], None]
) -> dict[str, Any]:
    """Pull the bucket of these settings and make the table `out` of all the logs that it holds.

    `record` in the answer is what the database is to know of both.
    """
    from data_pipeline.trader_table import Choice, make_table  # noqa: PLC0415 -- heavier than pulling

    choice = Choice(seconds=seconds, repeats=settings.repeated_fills)
    pulled = pull(open_bucket(settings, home), home, progress=lambda done, name: progress(done * _PULLING, name))
    report = make_table(
        [(key, home.trades / key) for key in pulled.logs],
        out,
        choice,
        lambda done, name: progress(_PULLING + done * (1 - _PULLING), name),
    )
    record = {
        "dataset": report.id,
        "name": out.stem[:32],
        "interval": f"{seconds}s",
        "first": report.first,
        "last": report.last,
        "rows": sum(report.sequences.values()),
        "parameters": asdict(choice),
        "logs": {"dataset": record_logs(pulled.logs, home), "place": _place(settings), "files": len(pulled.logs)},
    }
    progress(1.0, "done")
    return {"table": home.relative(out), "pull": _told(pulled), **report.to_dict(), "record": record}


def _place(settings: Bucket) -> str:
    """Of which kind the bucket is; its name and address are nobody's business."""
    return "r2" if settings.url == "r2" else "s3" if (settings.url or "").startswith("http") else "folder"


def _told(pulled: Pull) -> dict[str, Any]:
    """What a pull did, in a small JSON value however many files were bad."""
    return {
        "logs": len(pulled.logs),
        "fetched": pulled.fetched,
        "unchanged": pulled.unchanged,
        "bytes": pulled.bytes,
        "refused": dict(Counter(pulled.failed.values())),
        "failed": dict(sorted(pulled.failed.items())[:_NAMED]),
    }
