"""`nightdesk alerts ack`: a person has seen an alert that does not resolve by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.api.answers import Alert
from daemon.cli.choices import Choices, choices, user_name
from daemon.cli.client import running
from daemon.cli.output import answer

if TYPE_CHECKING:
    from daemon.domain.tasks import Document


def ack(
    context: typer.Context,
    alert: Annotated[int, typer.Argument(min=1, metavar="ID", help="As `nightdesk status --json` lists it.")],
) -> None:
    """Acknowledge an alert that stays until a person has seen it, such as the loss of the database.

    Any other alert resolves itself when its cause ends.
    """
    global_options = choices(context)
    client, author = running(global_options), user_name()
    document: Any = (
        client.post(f"/alerts/{alert}/ack", {"author": author}) if client else _here(global_options, alert, author)
    )
    answer(document, as_json=global_options.json, render=_show)


def _here(global_options: Choices, alert: int, author: str) -> Document:
    """With no desk running."""
    from daemon import bootstrap
    from daemon.store import alerts
    from daemon.system.clock import SystemClock

    settings = global_options.settings()
    with bootstrap.exclusive(global_options.home, global_options.config, "alerts ack") as database:
        row = database.write(lambda c: alerts.acknowledge(c, alert, author, settings, SystemClock().now()))
    document: Document = Alert.model_validate(row).model_dump(mode="json")
    return document


def _show(document: Any) -> None:
    alert = Alert.model_validate(document)
    typer.echo(f"{alert.rule} ({alert.subject}): {alert.message}")
