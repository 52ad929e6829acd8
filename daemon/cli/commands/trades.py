"""`nightdesk data --trades`: a trader's logs made into a table to learn from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from pydantic import ValidationError

from config.errors import UsageError
from config.settings import Bucket, Settings, TraderParams
from daemon.api.answers import LogsRecord, TableRecord
from daemon.cli.choices import Choices
from daemon.cli.client import running
from daemon.cli.output import answer, table
from daemon.cli.progress import reporter

if TYPE_CHECKING:
    from daemon.cli.local.trader_table import TraderTable
    from daemon.jobs.data_update.messages import TableFacts


def process(global_options: Choices, place: str, out: Path | None, params: Mapping[str, Any]) -> None:
    """Pull the logs at `place`, write the table, print its counts, and record logs and table.

    `params` are those that a person typed, in place of those of `trader_params` in the config.
    """
    trades = pull_and_make(global_options, place, out, params)
    answer(trades.document(), as_json=global_options.json, render=lambda _: _show(trades))


def pull_and_make(
    global_options: Choices, place: str, out: Path | None = None, params: Mapping[str, Any] | None = None
) -> TraderTable:
    """Pull the logs at `place`, write the table, and record both, in the running desk or here."""
    settings = global_options.settings()
    bucket, trader_params = bucket_at(settings, place), _params(settings, params or {})
    table_file = out.absolute() if out else global_options.home.trader_table
    client = running(global_options)
    if client is not None:
        trades = _make(global_options, bucket, table_file, trader_params)
        client.post("/datasets", record_of(trades.facts).model_dump(mode="json"))
    else:
        trades = _make_offline(global_options, bucket, table_file, trader_params)
    return trades


def record_of(facts: TableFacts) -> TableRecord:
    """The facts of a table, as the API takes them."""
    logs = LogsRecord(dataset=facts.logs, place=facts.place, files=facts.files)
    fields = facts.model_dump(mode="json", exclude={"logs", "place", "files"})
    return TableRecord.model_validate({**fields, "logs": logs})


def _make(global_options: Choices, bucket: Bucket, out: Path, params: TraderParams) -> TraderTable:
    from daemon.cli.local.trader_table import make_trader_table
    from daemon.system.clock import SystemClock

    with reporter() as progress:
        return make_trader_table(
            global_options.home,
            bucket,
            out,
            params,
            SystemClock().now(),
            lambda done, message: progress.show("trades", done, message),
        )


def _make_offline(global_options: Choices, bucket: Bucket, out: Path, params: TraderParams) -> TraderTable:
    """The same where no desk runs; none may start meanwhile."""
    from daemon import bootstrap
    from daemon.jobs.data_update.table_record import record_table
    from daemon.system.clock import SystemClock

    with bootstrap.exclusive(global_options.home, global_options.config, "data --trades") as database:
        trades = _make(global_options, bucket, out, params)
        database.write(lambda c: record_table(c, trades.facts, SystemClock().now()))
        return trades


def bucket_at(settings: Settings, place: str) -> Bucket:
    """The configured bucket, at another place: a folder, or a URL as in the settings."""
    url = place if place == "r2" or "://" in place else Path(place).absolute().as_uri()
    try:
        return Bucket(**{**settings.sources.bucket.model_dump(), "url": url})
    except ValidationError as error:
        raise UsageError(
            "trades.place",
            f"{place!r} is not a place of trade logs.",
            "Name a folder, file:///folder, an S3 endpoint such as https://host, or r2.",
        ) from error


def _params(settings: Settings, typed: Mapping[str, Any]) -> TraderParams:
    try:
        return TraderParams.model_validate({**settings.trader_params.model_dump(), **typed})
    except ValidationError as error:
        fault = error.errors()[0]
        name = str(fault["loc"][0]) if fault["loc"] else "bar"
        reason = fault["msg"].removeprefix("Value error, ")
        raise UsageError(
            f"trades.{name}",
            f"{typed.get(name)!r} cannot be used for --{name.replace('_', '-')}: {reason}.",
            "Write a bar as 15s or 15m, shares and quantiles as 0.8, returns as 0.02.",
        ) from error


def _show(trades: TraderTable) -> None:
    pull, report = trades.pull, trades.report
    rows: list[list[Any]] = [
        ["logs fetched", pull.fetched],
        ["logs unchanged", pull.unchanged],
        *([f"logs refused: {code}", count] for code, count in pull.refused.items()),
        ["seconds of a bar", report.seconds],
        ["markets", report.markets],
        ["markets too short", report.too_short],
        *([["markets still open", report.open]] if report.open else []),
        ["events", report.events],
        *([f"events rejected: {reason}", count] for reason, count in report.rejected.items()),
        ["repeated fills", report.repeated_fills],
        ["settled but not held", report.not_held],
        *([["trades without an outcome", report.assumed_outcomes]] if report.assumed_outcomes else []),
        ["fills", report.fills],
        ["fills without a row", report.fills_without_row],
        [f"barriers, {'fitted' if report.barriers == 'fitted' else 'fixed'}", report.barrier_text],
        *([f"sequences, {split}", count] for split, count in report.sequences.items()),
        *([f"actions, {action}", count] for action, count in report.actions.items()),
    ]
    table("Trades", ["trades", "count"], rows)
    for note in report.notes:
        typer.echo(note)
    typer.echo(f"Written: {trades.table}")
    for key, code in pull.failed.items():
        typer.echo(f"{key!r}: {code}", err=True)
