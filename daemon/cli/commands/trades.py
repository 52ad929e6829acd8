"""`nightdesk data --trades`: a trader's logs made into a table to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from pydantic import TypeAdapter, ValidationError

from config.errors import UsageError
from config.settings import Bucket, Duration
from daemon.cli.choices import Choices
from daemon.cli.client import running
from daemon.cli.output import answer, table
from daemon.cli.progress import reporter

if TYPE_CHECKING:
    from daemon.cli.local.trader_table import TraderTable


def process(global_options: Choices, place: str, out: Path | None, bar: str | None) -> None:
    """Pull the logs at `place`, write the table, print its counts, and record logs and table."""
    bucket, seconds = _bucket(global_options, place), _seconds(bar) if bar else None
    table_file = out.absolute() if out else global_options.home.trader_table
    client = running(global_options)
    if client is not None:
        trades = _make(global_options, bucket, table_file, seconds)
        client.post("/datasets", trades.record.model_dump(mode="json"))
    else:
        trades = _make_offline(global_options, bucket, table_file, seconds)
    answer(trades.document(), as_json=global_options.json, render=lambda _: _show(trades))


def _make(global_options: Choices, bucket: Bucket, out: Path, seconds: int | None) -> TraderTable:
    from daemon.cli.local.trader_table import make_trader_table

    with reporter() as progress:
        return make_trader_table(
            global_options.home, bucket, out, seconds, lambda done, message: progress.show("trades", done, message)
        )


def _make_offline(global_options: Choices, bucket: Bucket, out: Path, seconds: int | None) -> TraderTable:
    """The same where no desk runs; none may start meanwhile."""
    from daemon import bootstrap
    from daemon.api.datasets import record
    from daemon.system.clock import SystemClock

    with bootstrap.exclusive(global_options.home, global_options.config, "data --trades") as database:
        trades = _make(global_options, bucket, out, seconds)
        database.write(lambda c: record(c, trades.record, SystemClock().now()))
        return trades


def _bucket(global_options: Choices, place: str) -> Bucket:
    """The configured bucket, at another place: a folder, or a URL as in the settings."""
    configured = global_options.settings().sources.bucket
    url = place if place == "r2" or "://" in place else Path(place).absolute().as_uri()
    try:
        return Bucket(**{**configured.model_dump(), "url": url})
    except ValidationError as error:
        raise UsageError(
            "trades.place",
            f"{place!r} is not a place of trade logs.",
            "Name a folder, file:///folder, an S3 endpoint such as https://host, or r2.",
        ) from error


def _seconds(bar: str) -> int:
    try:
        length = TypeAdapter(Duration).validate_python(bar).total_seconds()
    except ValidationError as error:
        raise UsageError("trades.bar", f"{bar!r} is not the length of a bar.", "Write it as 15s or 15m.") from error
    if length != int(length):
        raise UsageError("trades.bar", f"A bar of {bar} is not whole seconds.", "Write it as 15s or 15m.")
    return int(length)


def _show(trades: TraderTable) -> None:
    pull, report = trades.pull, trades.report
    rows: list[list[Any]] = [
        ["logs fetched", pull.fetched],
        ["logs unchanged", pull.unchanged],
        *([f"logs refused: {code}", count] for code, count in pull.refused.items()),
        ["seconds of a bar", report.seconds],
        ["markets", report.markets],
        ["markets too short", report.too_short],
        ["events", report.events],
        *([f"events rejected: {reason}", count] for reason, count in report.rejected.items()),
        ["repeated fills", report.repeated_fills],
        ["settled but not held", report.not_held],
        *([["trades without an outcome", report.assumed_outcomes]] if report.assumed_outcomes else []),
        ["fills", report.fills],
        ["fills without a row", report.fills_without_row],
        *([f"sequences, {split}", count] for split, count in report.sequences.items()),
        *([f"actions, {action}", count] for action, count in report.actions.items()),
    ]
    table("Trades", ["trades", "count"], rows)
    for note in report.notes:
        typer.echo(note)
    typer.echo(f"Written: {trades.table}")
    for key, code in pull.failed.items():
        typer.echo(f"{key!r}: {code}", err=True)
