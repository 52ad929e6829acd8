"""`nightdesk data`: pull market data, list what is stored, check it; make a table of a trader's logs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daemon.cli.choices import choices
from daemon.cli.commands.night import Symbols, execute
from daemon.cli.commands.stored import show_stored
from daemon.domain.options import RunOptions


def data(
    context: typer.Context,
    symbols: Symbols = None,
    update_data: Annotated[bool, typer.Option("--update-data", help="Pull what is new; the default.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List what is stored.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Check the quality of what is stored.")] = False,
    trades: Annotated[
        str | None, typer.Option(metavar="PLACE", help="Make a table of the trader logs in this folder or bucket.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File of the table; else data/processed_trader_data.parquet.")
    ] = None,
    bar: Annotated[
        str | None,
        typer.Option(help="Length of a bar of a trader's market; else 128 of them hold the commonest contract."),
    ] = None,
) -> None:
    """Pull new market data; or list or check what is stored; or make a table of trader logs."""
    if context.invoked_subcommand:
        return
    global_options = choices(context)
    if trades is not None:
        from daemon.cli.commands.trades import process

        process(global_options, trades, out, bar)
        return
    if update_data or not (listed or check):
        execute(global_options, ("data_update",), RunOptions.of(symbols=global_options.symbols(symbols) or None))
    if listed or check:
        show_stored(global_options, symbols, check=check)
