"""The output of commands: JSON, tables on a terminal, plain columns in a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import typer

from config.errors import NightdeskError

_COLOURS = {
    "ok": "green",
    "warn": "yellow",
    "fail": "red",
    "buy": "green",
    "sell": "red",
    "champion": "green",
    "succeeded": "green",
    "partial": "yellow",
    "failed": "red",
    "crashed": "red",
    "timed_out": "red",
    "firing": "red",
    "stale": "red",
}


def answer(document: Any, *, as_json: bool, render: Callable[[Any], None]) -> None:
    """Print `document`: as JSON for a program, or through `render` for a person."""
    if as_json:
        typer.echo(json.dumps(document, indent=2, default=str))
    else:
        render(document)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Rows under their columns; borders and colours only where a person looks."""
    cells = [[_text(cell) for cell in row] for row in rows]
    if not cells:
        typer.echo(f"{title}: none.")
    elif sys.stdout.isatty():
        _rich_table(title, columns, cells)
    else:
        widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
        for row in [columns, *cells]:
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            typer.echo(line.rstrip())


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The rows as a table in Markdown."""
    return "\n".join(f"| {' | '.join(line)} |" for line in (columns, ["---"] * len(columns), *rows))


def _rich_table(title: str, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in cells:
        grid.add_row(*(Text(cell, style=_COLOURS.get(cell, "")) for cell in row))
    Console().print(grid)


def _text(cell: Any) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)


def moment(value: str | datetime | None, now: datetime | None = None) -> str | None:
    """An instant as people read it: `2026-03-01 02:00Z`, and its distance from `now`."""
    if value is None:
        return None
    instant = (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)
    text = f"{instant:%Y-%m-%d %H:%M}Z"
    return text if now is None else f"{text} ({_distance((instant - now).total_seconds())})"


def _distance(seconds: float) -> str:
    size = abs(seconds)
    amount = next(
        (f"{size / unit:.0f} {name}" for name, unit in (("d", 86_400), ("h", 3_600), ("min", 60)) if size >= unit),
        f"{size:.0f} s",
    )
    return f"in {amount}" if seconds > 0 else f"{amount} ago"


def print_error(error: NightdeskError, *, as_json: bool) -> None:
    """Print an error on stderr with its cure."""
    if as_json:
        typer.echo(json.dumps({"error": error.to_dict()}, default=str), err=True)
    else:
        typer.echo(f"error: {error.message}\nCure: {error.cure}", err=True)
