"""`nightdesk regimes`."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.errors import UsageError
from daemon.cli.choices import choices
from daemon.cli.output import answer, moment, table

if TYPE_CHECKING:
    from daemon.cli.local.regimes import CurrentRegime, SymbolRegimes


def regimes(
    context: typer.Context,
    symbols: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SYMBOL]...", help="Symbols with stored bars; else all of the config."),
    ] = None,
    states: Annotated[int, typer.Option(help="Hidden states of the model, 2 to 4.")] = 3,
    plot: Annotated[Path | None, typer.Option(help="Draw the regimes of the one symbol into this PNG.")] = None,
) -> None:
    """The regimes of each market: low, normal or high volatility, and bear, sideways or bull.

    A hidden Markov model is fitted to all stored bars of the symbol, so its past is told with hindsight; the regime of
    a bar follows from the bars up to it. Models and reports use one that was fitted to earlier bars alone.
    """
    from daemon.cli.local.regimes import draw, regimes_of

    global_options = choices(context)
    settings = global_options.settings()
    names = global_options.symbols(symbols) or list(settings.symbols)
    if plot is not None and len(names) != 1:
        raise UsageError(
            "regimes.plot", f"One picture shows one symbol, and {len(names)} are asked for.", "Name a single symbol."
        )
    every = regimes_of(global_options.home, settings, names, states)
    if plot is not None:
        draw(plot, every[0])
    answer({"regimes": [each.document() for each in every]}, as_json=global_options.json, render=lambda _: _show(every))


def _show(every: list[SymbolRegimes]) -> None:
    from daemon.cli.local.regimes import CurrentRegime

    rows = []
    for each in every:
        views = [CurrentRegime.of(view) for view in (each.volatility, each.direction)]
        cells = [cell for view in views for cell in (_likely(view), moment(view.since))]
        rows.append([each.bars.symbol, moment(each.model.last), *cells])
    table("Regimes", ["symbol", "as of", "volatility", "since", "direction", "since"], rows)
    for each in every:
        typer.echo("")
        states = [[number, *astuple(state)] for number, state in enumerate(each.states)]
        columns = ["state", "direction", "return % a year", "volatility % a year", "stay in bars", "share of bars"]
        table(f"States of {each.bars.symbol}", columns, states)


def _likely(view: CurrentRegime) -> str:
    return f"{view.now} ({view.probabilities[view.now]:.0%})"
