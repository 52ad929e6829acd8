"""Progress of a training outside the desk: a live bar on a terminal, otherwise a line every half minute, on stderr."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Column

from trainers.interface import Progress

_LINES = 30.0  # seconds between two lines


@contextmanager
def shown(progress: Progress | None, console: Console | None = None) -> Iterator[Progress]:
    """`progress` itself; without it one that shows the progress on `console`."""
    if progress is not None:
        yield progress
        return
    console = console or Console(stderr=True)
    if console.is_terminal:
        with _bar(console) as bar:
            task = bar.add_task("", total=1.0)
            yield lambda fraction, message: bar.update(task, completed=fraction, description=message)
    else:
        yield _lines(console)


def _bar(console: Console) -> Bar:
    text = TextColumn("{task.description}", markup=False, table_column=Column(ratio=1))
    columns = (BarColumn(bar_width=20), TextColumn("{task.percentage:3.0f} %"), TimeElapsedColumn())
    return Bar(*columns, TimeRemainingColumn(), text, console=console, expand=True)


def _lines(console: Console) -> Progress:
    shown_at = time.monotonic()

    def show(fraction: float, message: str) -> None:
        nonlocal shown_at
        if fraction >= 1.0 or time.monotonic() - shown_at >= _LINES:
            shown_at = time.monotonic()
            console.print(f"{fraction:4.0%} {message}", markup=False, highlight=False, soft_wrap=True)

    return show
