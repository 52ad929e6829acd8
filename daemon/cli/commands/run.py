"""`nightdesk run`: the desk itself."""

from __future__ import annotations

import gc
import sys
from typing import Annotated

import typer

from daemon.cli.choices import choices


def run(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on; else api.host (127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; else api.port (8642); 0 takes any.")] = None,
) -> None:
    """Start the desk: schedule, workers, API and page. Ends on Ctrl-C or SIGTERM; SIGHUP reloads the config."""
    gc.disable()  # imports make no garbage: a tenth of the start; the desk turns it on when it serves
    from daemon.bootstrap import serve

    global_options = choices(context)
    log_format = "json" if global_options.json else None
    announce = _print_address if sys.stdout.isatty() else None
    raise typer.Exit(
        serve(
            global_options.home, global_options.config, host=host, port=port, log_format=log_format, on_ready=announce
        )
    )


def _print_address(address: str) -> None:
    typer.echo(f"Nightdesk is at {address} (Ctrl-C ends it).")
