"""Progress of long work: a bar on a terminal, a line for each change elsewhere; always on stderr."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class ProgressLines:
    """Progress outside a terminal: a line for each change."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Nothing to close."""

    def show(self, run: str, fraction: float | None, message: str) -> None:
        """Print the progress of `run` if it has changed: by a tenth, or in its message where there is no fraction."""
        state = message if fraction is None else f"{int(fraction * 10)}"
        if self._last.get(run) != state:
            self._last[run] = state
            percent = "" if fraction is None else f" {fraction:4.0%}"
            typer.echo(f"{run}{percent} {message}", err=True)


class ProgressBars:
    """Progress on a terminal: a bar for each run."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.table import Column

        self._progress: Progress = Progress(
            SpinnerColumn(),
            TextColumn("[bold]{task.fields[run]}"),
            BarColumn(bar_width=20),
            TimeElapsedColumn(),
            # A long message wraps to the next line instead of narrowing the bar.
            TextColumn("{task.description}", markup=False, table_column=Column(ratio=1)),
            console=Console(stderr=True),
            expand=True,
        )
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()

    def show(self, run: str, fraction: float | None, message: str) -> None:
        """Move the bar of `run`; a moving stripe while there is no fraction."""
        if run not in self._bars:
            self._bars[run] = self._progress.add_task("", total=None, run=run)
        total = None if fraction is None else 1.0
        self._progress.update(self._bars[run], total=total, completed=fraction or 0.0, description=message)


def reporter() -> ProgressLines | ProgressBars:
    """Bars on a terminal, lines elsewhere."""
    return ProgressBars() if sys.stderr.isatty() else ProgressLines()
