"""`nightdesk data`: pull market data, list what is stored, check it; make a table of a trader's logs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from config.errors import UsageError
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
    markets: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN...", help="Only these markets, such as 'btc-*'.")
    ] = None,
    window: Annotated[int | None, typer.Option(help="Bars of a market that a model sees at once.")] = None,
    profit: Annotated[float | None, typer.Option(help="Return at which a label is a profit, such as 0.02.")] = None,
    stop: Annotated[float | None, typer.Option(help="Loss at which a label is a stop, such as 0.02.")] = None,
    patience: Annotated[int | None, typer.Option(help="Bars after which a label is neither.")] = None,
    fit_barriers: Annotated[
        bool, typer.Option("--fit-barriers", help="Fit these three to the trader's exits in markets to learn from.")
    ] = False,
    strong: Annotated[
        float | None, typer.Option(help="Quantile of traded amounts from which on an action is strong.")
    ] = None,
    train_share: Annotated[float | None, typer.Option(help="Share of the markets, the oldest, to learn from.")] = None,
) -> None:
    """Pull new market data; or list or check what is stored; or make a table of trader logs."""
    if context.invoked_subcommand:
        return
    global_options = choices(context)
    params = {
        "bar": bar,
        "markets": markets or None,
        "window": window,
        "profit": profit,
        "stop": stop,
        "patience": patience,
        "barriers": "fitted" if fit_barriers else None,
        "strong": strong,
        "train_share": train_share,
    }
    table_params = {name: value for name, value in params.items() if value is not None}
    if trades is not None:
        from daemon.cli.commands.trades import process

        process(global_options, trades, out, table_params)
        return
    if table_params or out is not None:
        names = ", ".join(sorted(name.replace("_", "-") for name in {**table_params, **({"out": out} if out else {})}))
        raise UsageError("option.without_trades", f"{names} belong to a table of trades.", "Add --trades PLACE.")
    if update_data or not (listed or check):
        execute(global_options, ("data_update",), RunOptions.of(symbols=global_options.symbols(symbols) or None))
    if listed or check:
        show_stored(global_options, symbols, check=check)
