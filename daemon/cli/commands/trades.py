"""`nightdesk data --trades`: a trader's logs made into a table to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from pydantic import TypeAdapter, ValidationError

from config.errors import UsageError
from config.settings import Bucket, Duration
from daemon.cli.choices import Choices
from daemon.cli.client import running
from daemon.cli.output import answer, table
from daemon.cli.progress import reporter


def process(global_options: Choices, place: str, out: Path | None, bar: str) -> None:
    """Pull the logs at `place` and write the table; say what became of markets and events, and record both."""
    bucket, seconds = _bucket(global_options, place), _seconds(bar)
    table_file = out.absolute() if out else global_options.home.trader_table
    client = running(global_options)
    if client is not None:
        made = _made(global_options, bucket, table_file, seconds)
        client.post("/datasets", made.pop("record"))
    else:
        made = _made_alone(global_options, bucket, table_file, seconds)
    answer(made, as_json=global_options.json, render=_show)


def _made(global_options: Choices, bucket: Bucket, out: Path, seconds: int) -> dict[str, Any]:
    from daemon.cli.local.trader_table import make_trader_table

    with reporter() as progress:
        return make_trader_table(
            global_options.home, bucket, out, seconds, lambda done, message: progress.show("trades", done, message)
        )


def _made_alone(global_options: Choices, bucket: Bucket, out: Path, seconds: int) -> dict[str, Any]:
    """The same where no desk runs: nobody else may change the home meanwhile."""
    from daemon import bootstrap
    from daemon.api.answers import TableRecord
    from daemon.api.datasets import record
    from daemon.system.clock import SystemClock

    with bootstrap.alone(global_options.home, global_options.config, "data --trades") as database:
        made = _made(global_options, bucket, out, seconds)
        facts = TableRecord.model_validate(made.pop("record"))
        database.write(lambda c: record(c, facts, SystemClock().now()))
        return made


def _bucket(global_options: Choices, place: str) -> Bucket:
    """The configured bucket, at another place: a folder, or a URL as in the settings."""
    configured = global_options.settings().sources.bucket
    url = place if place == "r2" or "://" in place else Path(place).absolute().as_uri()
    try:
        return Bucket(**{**configured.model_dump(), "url": url})
    except ValidationError as error:
        raise UsageError(
            "trades.place",
            f"{place!r} is no place of trade logs.",
            "Name a folder, file:///folder, an S3 endpoint such as https://host, or r2.",
        ) from error


def _seconds(bar: str) -> int:
    try:
        length = TypeAdapter(Duration).validate_python(bar).total_seconds()
    except ValidationError as error:
        raise UsageError("trades.bar", f"{bar!r} is no length of a bar.", "Write it as 15s or 15m.") from error
    if length != int(length):
        raise UsageError("trades.bar", f"A bar of {bar} is not whole seconds.", "Write it as 15s or 15m.")
    return int(length)


def _show(made: dict[str, Any]) -> None:
    pulled = made["pull"]
    rows: list[list[Any]] = [
        ["logs fetched", pulled["fetched"]],
        ["logs unchanged", pulled["unchanged"]],
        *([f"logs refused: {code}", count] for code, count in pulled["refused"].items()),
        ["markets", made["markets"]],
        ["markets too short", made["too_short"]],
        ["events", made["events"]],
        *([f"events rejected: {reason}", count] for reason, count in made["rejected"].items()),
        ["repeated fills", made["repeated_fills"]],
        ["settled but not held", made["not_held"]],
        ["rows of warm-up", made["warm_up"]],
        *([f"sequences, {split}", count] for split, count in made["sequences"].items()),
        *([f"actions, {action}", count] for action, count in made["actions"].items()),
    ]
    table("Trades", ["trades", "count"], rows)
    typer.echo(f"Written: {made['table']}")
    for key, code in pulled["failed"].items():
        typer.echo(f"{key!r}: {code}", err=True)
