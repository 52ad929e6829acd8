"""What is under `nightdesk data`: `list`, `check`, `show`, `export`, `accept`, `lineage`."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from config.errors import UsageError
from daemon.cli.choices import Choices, choices
from daemon.cli.commands.inspect import reader
from daemon.cli.commands.night import execute
from daemon.cli.output import answer, moment, table

Some = Annotated[list[str] | None, typer.Argument(metavar="[SYMBOL]...", help="Only these; else all.")]
One = Annotated[str, typer.Argument(metavar="SYMBOL", help="A symbol with stored bars.")]
PARTS = ("index", "completeness", "freshness", "validity", "consistency")


def list_(context: typer.Context, symbols: Some = None) -> None:
    """What is stored, how fresh and how healthy."""
    tell_stored(choices(context), symbols, check=False)


def check(context: typer.Context, symbols: Some = None) -> None:
    """What is stored, after checking all of it for quality again."""
    tell_stored(choices(context), symbols, check=True)


def tell_stored(global_options: Choices, symbols: list[str] | None, *, check: bool) -> None:
    """Say what is stored, damaged files among it; end with 1 if any has a problem."""
    from daemon.cli.local.stored import stored, trader_table
    from daemon.system.clock import SystemClock

    asked = global_options.symbols(symbols)
    listed = stored(global_options.home, SystemClock().now(), asked, check=check)
    if missing := set(asked or ()) - {dataset["symbol"] for dataset in listed}:
        message = f"There are no stored bars of {', '.join(sorted(missing))}."
        raise UsageError("data.not_stored", message, "See `nightdesk data list` for what there is.")
    made = None if symbols else trader_table(global_options.home)
    answer({"datasets": listed, "trader_table": made}, as_json=global_options.json, render=_show_all)
    if any(dataset["problem"] for dataset in (*listed, made) if dataset):
        raise typer.Exit(1)


def _show_all(document: dict[str, Any]) -> None:
    datasets, made = document["datasets"], document["trader_table"]
    columns = ["symbol", "interval", "source", "rows", "first", "last", "pulled", "fresh", "health", "warnings"]
    rows = [
        [
            *(dataset.get(name) for name in ("symbol", "interval", "source", "rows")),
            *(moment(dataset.get(name)) for name in ("first", "last", "pulled_at")),
            dataset.get("fresh"),
            dataset.get("health", {}).get("index"),
            _warnings(dataset.get("health", {})),
        ]
        for dataset in datasets
    ]
    table("Stored bars", columns, rows)
    if made and not made["problem"]:
        typer.echo(f"{made['table']}: {made['rows']} decisions of a trader, bars of {made['interval']}, {made['id']}")
    for dataset in filter(None, (*datasets, made)):
        if problem := dataset["problem"]:
            name = dataset.get("symbol") or dataset["table"]
            typer.echo(f"{name}: {problem['message']} Cure: {problem['cure']}", err=True)


def _warnings(health: dict[str, Any]) -> str | None:
    return ", ".join(f"{name} {count}" for name, count in health.get("warnings", {}).items()) or None


def show(
    context: typer.Context,
    symbol: One,
    plot: Annotated[Path | None, typer.Option(help="Draw the health of its bars into this PNG.")] = None,
) -> None:
    """The newest bars of a symbol, their health, and what was replaced or refused."""
    from daemon.cli.local import stored
    from daemon.system.clock import SystemClock

    global_options = choices(context)
    now, settings, symbol = SystemClock().now(), global_options.settings(), global_options.symbol(symbol)
    document = stored.shown(global_options.home, settings, symbol, now)
    if plot is not None:
        stored.plot(global_options.home, settings, symbol, plot, now)
        document["plot"] = str(plot)
    answer(document, as_json=global_options.json, render=_show_one)


def _show_one(document: dict[str, Any]) -> None:
    typer.echo(f"{document['symbol']} {document['interval']} bars from {document['source']}, dataset {document['id']}")
    span = f"{moment(document['first'])} to {moment(document['last'])}"
    typer.echo(f"{document['rows']} bars, {span}; {document['headlines']} headlines")
    typer.echo()
    health = document["health"]
    typer.echo("Health of the last 60 sessions, warnings of all bars:")
    table("Health", [*PARTS, "warnings"], [[*(health[part] for part in PARTS), _warnings(health)]])
    typer.echo()
    names = list(document["bars"][0])
    table("Newest bars", names, [[moment(bar["time"]), *list(bar.values())[1:]] for bar in document["bars"]])
    if document["revisions"]:
        typer.echo()
        rows = [
            [old["id"], moment(old["last"]), old["rows"], moment(old["pulled_at"])] for old in document["revisions"]
        ]
        table("Replaced", ["dataset", "last", "rows", "pulled"], rows)
    for file in document["refused"]:
        typer.echo(f"Refused rows: {file}")
    if "plot" in document:
        typer.echo(f"Health drawn: {document['plot']}")


def export(
    context: typer.Context,
    symbol: One,
    to: Annotated[Path, typer.Option(help="A .csv or .parquet file.")],
    dataset: Annotated[str | None, typer.Option(metavar="ID", help="An older dataset that is still kept.")] = None,
) -> None:
    """Write the bars of a symbol to a file, in the form that `sources.csv_folder` takes."""
    from daemon.cli.local.stored import export as write

    global_options = choices(context)
    written = write(global_options.home, global_options.settings(), global_options.symbol(symbol), to, dataset)
    answer(
        written,
        as_json=global_options.json,
        render=lambda document: typer.echo(
            f"{to}: {document['rows']} bars of {document['symbol']} from {document['source']}"
        ),
    )


def accept(
    context: typer.Context,
    symbol: One,
    why: Annotated[str, typer.Option(help="Your reason; stored with your name in the lineage.")] = "",
) -> None:
    """Accept a history that its source has rewritten, though no split or dividend explains the change.

    The bars are pulled again and replace those stored, which are kept as a replaced dataset. Who accepted it,
    when and why is stored in the lineage.
    """
    global_options = choices(context)
    execute(
        global_options,
        ("data_update",),
        {"symbols": [global_options.symbol(symbol)], "accept": {"who": _person(), "why": why[:500]}},
    )


def _person() -> str:
    """Who types."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container knows users by number only
        return f"user {os.getuid()}"


def lineage(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="The id of a dataset, or its first characters.")],
) -> None:
    """Where a dataset came from, what took its place, and which models were trained on it."""
    global_options = choices(context)
    with reader(global_options) as records:
        answer(records.get(f"/datasets/{dataset}"), as_json=global_options.json, render=_show_lineage)


KINDS = {"bars": "bars", "trade_logs": "trader's logs", "trader_table": "decisions of a trader"}


def _show_lineage(document: dict[str, Any]) -> None:
    facts, newer = document["dataset"], document["replaced_by"]
    kind = KINDS[facts["kind"]]
    typer.echo(" ".join(filter(None, [facts["symbol"], facts["interval"], kind])) + f" from {facts['source']}")
    typer.echo(f"dataset {facts['dataset']}")
    typer.echo(f"{facts['rows']} {kind}, {moment(facts['first'])} to {moment(facts['last'])}, {facts['why']}")
    if word := facts["accepted"]:
        why = f": {word['why']}" if word["why"] else ""
        typer.echo(f"accepted by {word['who']} {moment(word['at'])}{why}")
    if source := document["made_of"]:
        typer.echo(f"made of: {source['rows']} logs, dataset {source['dataset']}")
        typer.echo("with: " + ", ".join(f"{name} {value}" for name, value in document["parameters"].items()))
    if facts["kind"] != "trade_logs":
        typer.echo(f"after: {facts['replaces'] or 'nothing'}")
        typer.echo(f"before: {newer['dataset']} ({newer['why']})" if newer else "before: nothing; it is the newest")
    typer.echo()
    if document["logs"]:
        logs = document["logs"]
        table("Logs", ["key", "version", "sha256"], [[log["key"], log["version"], log["sha256"]] for log in logs])
        typer.echo(f"{len(logs)} of {facts['rows']}; all are listed in {document['logs_file']}")
        return
    columns = ["id", "subject", "model type", "version", "state"]
    rows = [
        [model["id"], model["subject"], model["model_type"], model["version"], model["state"]]
        for model in document["models"]
    ]
    table("Models trained on it", columns, rows)
