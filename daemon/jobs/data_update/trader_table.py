"""The table of traders' decisions, made of stored logs, with what is recorded of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.jobs.data_update.messages import Parameter, Place, TableFacts
from data_pipeline.trader_logs.inputs import is_named
from data_pipeline.trader_logs.options import TableOptions
from data_pipeline.trader_logs.table import VERSION, make_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from config.paths import Home
    from config.settings import Bucket, TraderParams
    from data_pipeline.trader_logs.report import Report


@dataclass(frozen=True)
class TablePlan:
    """A table: of which logs, by which settings, and where.

    Args:
        params: how logs are read.
        bucket: where they are from.
        logs: the name of their list in the home.
        keys: their keys.
        out: the file of the table.
    """

    params: TraderParams
    bucket: Bucket
    logs: str
    keys: tuple[str, ...]
    out: Path

    @property
    def recipe(self) -> str:
        """The sha256 of everything that the table depends on."""
        params = self.params.model_dump(mode="json", exclude={"target_returns", "stale_after"})
        parts = [self.logs, params, self.bucket.repeated_fills, VERSION]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def place(self) -> Place:
        """The kind of the bucket; its name and address stay private."""
        url = self.bucket.url or ""
        return "r2" if url == "r2" else "s3" if url.startswith("http") else "folder"


def stored_keys(home: Home, logs: str) -> tuple[str, ...]:
    """The keys of a list of logs."""
    with home.log_list(logs).open(encoding="ascii") as lines:
        return tuple(json.loads(line)["key"] for line in lines)


def made_table(
    home: Home, plan: TablePlan, now: datetime, progress: Callable[[float, str], None]
) -> tuple[TableFacts, Report]:
    """Make the table, and say what is recorded of it."""
    options = TableOptions.of(plan.params, plan.bucket.repeated_fills)
    logs = [(key, home.trades / key) for key in plan.keys if is_named(Path(key), plan.params.markets)]
    report = make_table(logs, plan.out, options, progress, now)
    facts = TableFacts(
        dataset=report.id,
        name=plan.out.stem[:32],
        interval=f"{report.seconds}s",
        first=datetime.fromisoformat(report.first),
        last=datetime.fromisoformat(report.last),
        rows=sum(report.sequences.values()),
        parameters=_parameters(plan, options, report),
        logs=plan.logs,
        place=plan.place,
        files=len(plan.keys),
    )
    return facts, report


def _parameters(plan: TablePlan, options: TableOptions, report: Report) -> dict[str, Parameter]:
    """How the table was made. While a market is open, the same logs make another table later: it has no recipe."""
    return {
        "markets": ", ".join(plan.params.markets)[:200],
        "seconds": report.seconds,
        "window": options.window,
        "train": options.train,
        "strong": options.strong,
        "barriers": "fitted" if report.barriers == "fitted" else "fixed",
        "profit": report.profit,
        "stop": report.stop,
        "patience": report.patience,
        "repeats": options.repeats,
        "newest_fill": report.newest_fill,
        "recipe": "" if report.open else plan.recipe,
    }
