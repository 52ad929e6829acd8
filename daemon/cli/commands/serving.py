"""What a person decides to serve: `promote`, `rollback`, `pin`, `unpin`; and `records`, what the evidence says."""

from __future__ import annotations

from typing import Annotated

import typer

from daemon.api.answers import Record, RecordList
from daemon.cli.choices import choices, user_name
from daemon.cli.commands.night import execute
from daemon.cli.output import answer, markdown_table, table
from daemon.cli.reading import reader
from daemon.domain.options import RunOptions
from evaluation.records.figures import RecordFigures

Subject = Annotated[str, typer.Argument(metavar="SUBJECT", help="A symbol, universe, or a trader.")]
ModelType = Annotated[str, typer.Argument(metavar="MODEL_TYPE", help="A model type of it.")]
Version = Annotated[str, typer.Argument(metavar="VERSION", help="The version, as `nightdesk models` lists it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is recorded with your name.")]


def promote(context: typer.Context, subject: Subject, model_type: ModelType, version: Version, reason: Reason) -> None:
    """Let a version serve, whatever its standing; it is loaded and proved before it does."""
    _order(context, "promote", subject, model_type, reason, version=version)


def rollback(context: typer.Context, subject: Subject, model_type: ModelType, reason: Reason) -> None:
    """Let the version serve that served before; it is loaded and proved before it does."""
    _order(context, "rollback", subject, model_type, reason)


def pin(context: typer.Context, subject: Subject, model_type: ModelType, reason: Reason) -> None:
    """Hold what serves in its place, whatever the nights find, until `unpin`."""
    _order(context, "pin", subject, model_type, reason)


def unpin(context: typer.Context, subject: Subject, model_type: ModelType, reason: Reason = "") -> None:
    """Let the nights decide again what serves."""
    _order(context, "unpin", subject, model_type, reason)


def _order(
    context: typer.Context, action: str, subject: str, model_type: str, reason: str, version: str | None = None
) -> None:
    global_options = choices(context)
    place = {"subject": global_options.symbol(subject), "model_type": model_type, "version": version}
    order = {"action": action, **place, "reason": reason[:255], "author": user_name()}
    execute(global_options, ("promotion",), RunOptions.of(order=order))


def records(
    context: typer.Context,
    markdown: Annotated[bool, typer.Option("--markdown", help="As a Markdown table, for a document.")] = False,
) -> None:
    """The record of every recipe this home has tried: its standing, and what it earned beside buying and holding.

    On bars that its models had not learned from. `run-once records` computes what is still missing.
    """
    global_options = choices(context)
    with reader(global_options) as desk:
        render = _show_markdown if markdown else _show
        answer(desk.get("/records"), as_json=global_options.json, render=render)


def _show(document: dict[str, object]) -> None:
    listed = RecordList.model_validate(document)
    columns = ["subject", "model type", "standing", "years", "sharpe", "from", "to", "hold", "return %", "hold %"]
    columns += ["drawdown %", "folds"]
    table("Records", columns, [_row(record) for record in listed.items])
    for record in listed.items:
        typer.echo(f"{record.subject}/{record.model_type}: {record.sentence}")
    typer.echo(f"{listed.tried} recipes tried in this home; confidence {listed.confidence:g} for a year of nights.")


def _show_markdown(document: dict[str, object]) -> None:
    """What can be pasted: every recipe in use that has a record, with its data, beside buying and holding."""
    listed = RecordList.model_validate(document)
    columns = ["subject", "model type", "data", "standing", "years", "Sharpe ratio, 90 % between", "of holding"]
    columns += ["return", "of holding", "deepest fall", "round trips", "held"]
    rows = [
        _markdown_row(record, record.figures)
        for record in listed.items
        if record.in_use and isinstance(record.figures, RecordFigures)
    ]
    typer.echo(markdown_table(columns, rows))
    typer.echo(f"\n{listed.tried} recipes tried; confidence {listed.confidence:g} for a year of nights.")


def _markdown_row(record: Record, figures: RecordFigures) -> list[str]:
    interval = f"{_rounded(figures.sharpe_low)} and {_rounded(figures.sharpe_high)}"
    return [
        record.subject,
        record.model_type,
        record.provenance,
        record.standing,
        _rounded(figures.years, ".1f"),
        f"{_rounded(figures.sharpe_ratio)}, {interval}",
        _rounded(figures.hold_sharpe),
        _rounded(figures.total_return, ".0f", " %"),
        _rounded(figures.hold_return, ".0f", " %"),
        _rounded(figures.max_drawdown, ".0f", " %"),
        str(figures.trades),
        _rounded(100.0 * figures.exposure, ".0f", " %"),
    ]


def _rounded(value: float | None, form: str = ".2f", unit: str = "") -> str:
    return "-" if value is None else f"{value:{form}}{unit}"


def _row(record: Record) -> list[object]:
    figures = record.figures
    done = f"{record.folds - record.missing} of {record.folds}"
    if not isinstance(figures, RecordFigures):  # the figures of a copy are in its sentence
        return [record.subject, record.model_type, record.standing, *[None] * 8, done]
    return [
        record.subject,
        record.model_type,
        record.standing,
        figures.years,
        figures.sharpe_ratio,
        figures.sharpe_low,
        figures.sharpe_high,
        figures.hold_sharpe,
        figures.total_return,
        figures.hold_return,
        figures.max_drawdown,
        done,
    ]
