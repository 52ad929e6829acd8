"""`nightdesk alerts`: what is wrong, what waits for the channels, and `alerts retry`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from daemon.api.answers import AlertPage, AlertRetry, Status
from daemon.cli.choices import Choices, choices
from daemon.cli.client import running
from daemon.cli.commands.inspect import show_channels
from daemon.cli.output import answer, moment, table
from daemon.cli.reading import reader

Limit = Annotated[int, typer.Option(min=1, max=500, help="How many, newest first.")]
ChannelName = Annotated[
    str | None, typer.Argument(metavar="[CHANNEL]", help="Only this one; else every channel in use.")
]


def alerts(context: typer.Context, limit: Limit = 20) -> None:
    """The newest alerts, and what waits for each channel."""
    if context.invoked_subcommand is not None:
        return
    global_options = choices(context)
    with reader(global_options) as records:
        page, status = records.get("/alerts", limit=limit), records.get("/status")
    document = {"alerts": page["items"], "channels": status["channels"]}
    answer(document, as_json=global_options.json, render=lambda _: _show(page, Status.model_validate(status)))


def _show(page: Any, status: Status) -> None:
    columns = ["id", "state", "rule", "subject", "since", "message"]
    listed = AlertPage.model_validate(page).items
    table("Alerts", columns, [[a.id, a.state, a.rule, a.subject, moment(a.since), a.message] for a in listed])
    typer.echo()
    show_channels(status.channels)


def retry(context: typer.Context, channel: ChannelName = None) -> None:
    """Send the dead letters of a channel again, and what waits for it at once. Mend the receiver first."""
    global_options = choices(context)
    client = running(global_options)
    document = (
        _retry_here(global_options, channel) if client is None else client.post("/alerts/retry", {"channel": channel})
    )
    answer(document, as_json=global_options.json, render=lambda _: _show_retried(AlertRetry.model_validate(document)))


def _retry_here(global_options: Choices, channel: str | None) -> dict[str, int]:
    """Without a running desk: they are sent by the next one, or by the next run-once."""
    from daemon.alerts import dead_letters
    from daemon.bootstrap import exclusive
    from daemon.system.clock import SystemClock

    settings = global_options.settings()
    with exclusive(global_options.home, global_options.config, "alerts retry") as database:
        return {"retried": dead_letters.retry(database, settings, channel, SystemClock().now())}


def _show_retried(result: AlertRetry) -> None:
    count = "1 dead letter is" if result.retried == 1 else f"{result.retried} dead letters are"
    typer.echo(f"{count} sent again.")
