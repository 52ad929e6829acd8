"""What the database records of a table of traders' decisions and of its logs, and what a table of another day needs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from daemon.store import datasets

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from daemon.jobs.data_update.messages import TableFacts


def record_table(c: Connection, table: TableFacts, now: datetime) -> None:
    """Record a trader's table and the logs that it was made of."""
    both: dict[str, Any] = {"symbol": table.name, "first": table.first, "last": table.last, "pulled_at": now}
    logs = datasets.NewDataset(
        dataset=table.logs,
        kind="trade_logs",
        source=table.place,
        interval="",
        rows=table.files,
        detail={"why": "pulled"},
        **both,
    )
    datasets.record(c, logs)
    before = latest_table(c, table.name)
    detail: datasets.DatasetDetail = {"why": "made", "made_of": table.logs, "parameters": dict(table.parameters)}
    if before is not None and before.dataset != table.dataset:
        detail["replaces"] = before.dataset
    new_table = datasets.NewDataset(
        dataset=table.dataset,
        kind="trader_table",
        source="trade_logs",
        interval=table.interval,
        rows=table.rows,
        detail=detail,
        **both,
    )
    datasets.record(c, new_table)


def latest_table(c: Connection, name: str) -> datasets.DatasetRow | None:
    """The table of this name that was made last."""
    tables = [row for row in datasets.latest(c, name) if row.kind == "trader_table"]
    return max(tables, key=lambda row: row.pulled_at, default=None)
