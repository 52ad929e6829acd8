"""Progress of a training: a live bar on a terminal, otherwise a line every half minute."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from trainers.interface import Progress as Report
from trainers.rl.training.callbacks.base import RLCallback, TrainingView
from trainers.rl.training.record import NEWEST, mean, trading

# Seconds between two updates: of a live bar, of lines in a log, and of reports.
_LIVE, _LINES, _REPORTS = 0.2, 30.0, 1.0


class RLProgressTracker(RLCallback):
    """Shows the progress, reward, Sharpe ratio and drawdown of the newest episodes, and the steps a second.

    On a terminal it is a bar with the remaining time, otherwise a line every half minute, both on stderr. With a
    `report` function nothing is shown; it is called with the fraction done and a message.
    """

    def __init__(self, report: Report | None = None, console: Console | None = None) -> None:
        self.report = report
        self.console = console or Console(stderr=True)
        self._live: Progress | None = None
        self._task = TaskID(0)
        self._every = _REPORTS if report else _LIVE if self.console.is_terminal else _LINES
        self._looked = self._began = 0.0
        self._steps_before = 0

    def on_training_start(self, training: TrainingView) -> None:
        """Start the bar and the clock."""
        self._looked = self._began = time.monotonic()
        self._steps_before = training.timesteps
        if self.report is None and self.console.is_terminal:
            columns = (BarColumn(bar_width=20), TextColumn("{task.percentage:3.0f} %"), TimeElapsedColumn())
            # What does not fit beside the bar goes on below, and never takes the bar's place.
            text = TextColumn("{task.description}", markup=False, table_column=Column(ratio=1))
            self._live = Progress(*columns, TimeRemainingColumn(), text, console=self.console, expand=True)
            self._task = self._live.add_task("", total=1.0)
            self._live.start()

    def on_step(self, training: TrainingView) -> None:
        """Update the display if it is due."""
        now = time.monotonic()
        if now - self._looked >= self._every:
            self._looked = now
            self._show(training)

    def on_training_end(self, training: TrainingView) -> None:
        """Show the final state."""
        if self._began:
            self._show(training)
        if self._live is not None:
            self._live.stop()

    def _show(self, training: TrainingView) -> None:
        message = self.message(training)
        if self.report is not None:
            self.report(training.fraction, message)
        elif self._live is not None:
            self._live.update(self._task, completed=training.fraction, description=message)
        else:
            self.console.print(f"{training.fraction:4.0%} {message}", markup=False, highlight=False, soft_wrap=True)

    def message(self, training: TrainingView) -> str:
        """The newest episodes in one line."""
        newest = training.record.episodes[-NEWEST:]
        figures = {"reward": mean(newest, "reward"), **trading(newest)}
        speed = (training.timesteps - self._steps_before) / max(time.monotonic() - self._began, 1e-9)
        words = {
            "reward": "reward {:.4g}",
            "sharpe_ratio": "Sharpe {:.2f}",
            "max_drawdown": "drawdown {:.1f} %",
            "win_rate": "wins {:.0f} %",
        }
        parts = [text.format(figures[name]) for name, text in words.items() if figures[name] is not None]
        return ", ".join([f"episode {training.episodes}", *parts, f"{speed:,.0f} steps/s"])
