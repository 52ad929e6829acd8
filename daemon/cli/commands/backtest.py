"""The command `backtest`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from daemon.cli.choices import choices
from daemon.cli.commands.night import exit_code, run_jobs, show_runs
from daemon.cli.output import answer, table

IN_SAMPLE = (
    "The rules of these analysts were chosen by people who know the past, so this is no evidence of skill: a desk with "
    "the model type analyst_ensemble keeps a record that is judged."
)
POLICY = "A policy has seen the past that it learned from: where it voted on that, the figures flatter it."
COLUMNS = {
    "return %": "total_return",
    "sharpe": "sharpe_ratio",
    "drawdown %": "max_drawdown",
    "trades": "trades",
}


def backtest(
    context: typer.Context,
    strategy_path: Annotated[
        str, typer.Option("--strategy-path", help="A strategy file (YAML), or a packaged strategy by its name.")
    ] = "baseline_v1",
    symbol: Annotated[
        list[str] | None, typer.Option("--symbol", help="Again for several; else every symbol of the config.")
    ] = None,
    start_date: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The first session.")] = None,
    end_date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last session; else today.")
    ] = None,
) -> None:
    """Let a strategy decide on stored bars, record each decision, and say what they earned after costs.

    Each decision uses what was known at its bar's close and is filled at the next open. The decisions stay in the
    database, where a policy learns from them; the same backtest again replaces its rows.
    """
    from pathlib import Path

    from daemon.domain.options import RunOptions
    from trainers.analysts.strategies import load_strategy

    global_options = choices(context)
    strategy = load_strategy(strategy_path)
    options = RunOptions.of(
        backtest={
            "name": Path(strategy_path).stem,
            "strategy": strategy.model_dump(mode="json"),
            "symbols": [global_options.symbol(name) for name in symbol or global_options.settings().symbols],
            "start": (start_date or datetime(1970, 1, 1)).date(),  # noqa: DTZ001 -- a date without a time zone
            "end": (end_date or datetime.now()).date(),  # noqa: DTZ005 -- the owner's today
        }
    )
    documents, (run,) = run_jobs(global_options, ("backtest",), options)

    def show(_: Any) -> None:
        show_runs([run], global_options.home)
        _show(run.detail or {})

    answer({"runs": documents}, as_json=global_options.json, render=show)
    if code := exit_code(run.state, whole_night=False):
        raise typer.Exit(code)


def _show(detail: dict[str, Any]) -> None:
    done: dict[str, Any] = detail.get("backtests", {})
    rows = [
        [name, account, *(part.get(figure) for figure in COLUMNS.values())]
        for symbol, result in done.items()
        for name, account, part in (
            (symbol, detail["strategy"], result["earned"]),
            ("", "buy and hold", result["held"]),
            ("", "cash", result["cash"]),
        )
    ]
    if not rows:
        return
    table("What it earned, net of costs", ["symbol", "account", *COLUMNS], rows)
    for symbol, result in done.items():
        total = result["bars"]
        shares = ", ".join(f"{name.upper()} {count} ({count / total:.1%})" for name, count in result["actions"].items())
        span = f"{result['first']} to {result['last']}"
        typer.echo(f"{symbol}: {total} decisions recorded, {span}, on {result['provenance']} bars: {shares}.")
        if result["absent"]:
            typer.echo(f"{symbol}: without a view all along: {', '.join(result['absent'])}.")
    typer.echo(IN_SAMPLE)
    if detail["policy"]:
        typer.echo(POLICY)
