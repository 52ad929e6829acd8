"""What is under `nightdesk data`: `list`, `check`, `show`, `export`, `accept`, `lineage`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from config.errors import UsageError
from daemon.api.answers import Lineage
from daemon.cli.choices import Choices, choices, user_name
from daemon.cli.commands.night import execute
from daemon.cli.output import answer, moment, table
from daemon.cli.reading import reader
from daemon.domain.options import Acceptance, RunOptions

if TYPE_CHECKING:
    from daemon.cli.local.stored import StoredBars, StoredTable, SymbolBars
    from data_pipeline.quality.health import Health

Some = Annotated[list[str] | None, typer.Argument(metavar="[SYMBOL]...", help="Only these; else all.")]
One = Annotated[str, typer.Argument(metavar="SYMBOL", help="A symbol with stored bars.")]
PARTS = ("index", "completeness", "freshness", "validity", "consistency")


def list_(context: typer.Context, symbols: Some = None) -> None:
    """What is stored, how fresh and how healthy."""
    show_stored(choices(context), symbols, check=False)


def check(context: typer.Context, symbols: Some = None) -> None:
    """What is stored, after a check of its quality."""
    show_stored(choices(context), symbols, check=True)


def show_stored(global_options: Choices, typed: list[str] | None, *, check: bool) -> None:
    """Print what is stored, with its problems; exit code 1 if there is any."""
    from daemon.cli.local.stored import stored, trader_table
    from daemon.system.clock import SystemClock

    symbols = global_options.symbols(typed)
    series = stored(global_options.home, SystemClock().now(), symbols, check=check)
    if missing := set(symbols or ()) - {bars.symbol for bars in series}:
        message = f"There are no stored bars of {', '.join(sorted(missing))}."
        raise UsageError("data.not_stored", message, "See `nightdesk data list` for what there is.")
    trades = None if typed else trader_table(global_options.home)
    document = {
        "datasets": [bars.document() for bars in series],
        "trader_table": trades.document() if trades else None,
    }
    answer(document, as_json=global_options.json, render=lambda _: _show_all(series, trades))
    if any(item.problem for item in (*series, trades) if item):
        raise typer.Exit(1)


def _show_all(series: list[StoredBars], trades: StoredTable | None) -> None:
    columns = ["symbol", "interval", "source", "rows", "first", "last", "pulled", "fresh", "health", "warnings"]
    table("Stored bars", columns, [_row(bars) for bars in series])
    if trades and not trades.problem:
        typer.echo(f"{trades.table}: {trades.rows} decisions of a trader, bars of {trades.interval}, {trades.id}")
    problems = [(bars.symbol, bars.problem) for bars in series]
    for name, problem in (*problems, *([(trades.table, trades.problem)] if trades else [])):
        if problem:
            typer.echo(f"{name}: {problem.message} Cure: {problem.cure}", err=True)


def _row(bars: StoredBars) -> list[Any]:
    dataset, health = bars.dataset, bars.health
    times = (dataset.first, dataset.last, dataset.pulled_at) if dataset else (None, None, None)
    return [
        bars.symbol,
        bars.interval,
        bars.source,
        dataset.rows if dataset else None,
        *map(moment, times),
        bars.fresh,
        round(health.index, 4) if health else None,
        _warnings(health) if health else None,
    ]


def _warnings(health: Health) -> str | None:
    return ", ".join(f"{name} {count}" for name, count in health.warnings.items()) or None


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
    bars = stored.bars_of(global_options.home, settings, symbol, now)
    document = bars.document()
    if plot is not None:
        stored.plot(global_options.home, settings, symbol, plot, now)
        document["plot"] = str(plot)
    answer(document, as_json=global_options.json, render=lambda _: _show_one(bars, plot))


def _show_one(bars: SymbolBars, plot: Path | None) -> None:
    series, dataset, health = bars.series, bars.series.dataset, bars.series.health
    if dataset is not None:
        typer.echo(f"{series.symbol} {series.interval} bars from {series.source}, dataset {dataset.id}")
        span = f"{moment(dataset.first)} to {moment(dataset.last)}"
        typer.echo(f"{dataset.rows} bars, {span}; {bars.headlines} headlines")
        typer.echo()
    if health is not None:
        typer.echo("Health of the last 60 sessions, warnings of all bars:")
        shares = [round(getattr(health, part), 4) for part in PARTS]
        table("Health", [*PARTS, "warnings"], [[*shares, _warnings(health)]])
        typer.echo()
    names = list(bars.newest[0])
    rows = [[moment(str(bar["time"])), *list(bar.values())[1:]] for bar in bars.newest]
    table("Newest bars", names, rows)
    if bars.revisions:
        typer.echo()
        replaced = [[old.id, moment(old.last), old.rows, moment(old.pulled_at)] for old in bars.revisions]
        table("Replaced", ["dataset", "last", "rows", "pulled"], replaced)
    for file in bars.refused:
        typer.echo(f"Refused rows: {file}")
    if plot is not None:
        typer.echo(f"Health drawn: {plot}")


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
    acceptance = Acceptance(author=user_name(), reason=why[:500])
    execute(global_options, ("data_update",), RunOptions.of(symbols=[global_options.symbol(symbol)], accept=acceptance))


def lineage(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="The id of a dataset, or its first characters.")],
) -> None:
    """Where a dataset came from, what took its place, and which models were trained on it."""
    global_options = choices(context)
    with reader(global_options) as records:
        document = records.get(f"/datasets/{dataset}")
    answer(document, as_json=global_options.json, render=lambda _: _show_lineage(Lineage.model_validate(document)))


KINDS = {"bars": "bars", "trade_logs": "trader's logs", "trader_table": "decisions of a trader"}


def _show_lineage(lineage: Lineage) -> None:
    dataset, newer = lineage.dataset, lineage.replaced_by
    kind = KINDS[dataset.kind]
    typer.echo(" ".join(filter(None, [dataset.symbol, dataset.interval, kind])) + f" from {dataset.source}")
    typer.echo(f"dataset {dataset.dataset}")
    typer.echo(f"{dataset.rows} {kind}, {moment(dataset.first)} to {moment(dataset.last)}, {dataset.change}")
    if accepted := dataset.accepted:
        reason = f": {accepted.reason}" if accepted.reason else ""
        typer.echo(f"accepted by {accepted.author} {moment(accepted.at)}{reason}")
    if logs := lineage.source_logs:
        typer.echo(f"made of: {logs.rows} logs, dataset {logs.dataset}")
        typer.echo("with: " + ", ".join(f"{name} {value}" for name, value in lineage.parameters.items()))
    if dataset.kind != "trade_logs":
        typer.echo(f"replaces: {dataset.replaces or 'nothing'}")
        typer.echo(f"replaced by: {f'{newer.dataset} ({newer.change})' if newer else 'nothing; it is the newest'}")
    typer.echo()
    if lineage.logs:
        table("Logs", ["key", "version", "sha256"], [[log.key, log.version, log.sha256] for log in lineage.logs])
        typer.echo(f"{len(lineage.logs)} of {dataset.rows}; all are listed in {lineage.logs_file}")
        return
    columns = ["id", "subject", "model type", "version", "state"]
    rows = [
        [version.id, version.subject, version.model_type, version.version, version.state] for version in lineage.models
    ]
    table("Models trained on it", columns, rows)
