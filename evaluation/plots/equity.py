"""Equity of a model and its baselines, with its trades, positions and drawdowns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

from evaluation.labels import count, format_number, plain
from evaluation.metrics.formulas import drawdowns
from evaluation.plots.style import (
    FAINT,
    GREEN,
    INK,
    MODEL,
    MUTED,
    RED,
    STYLES,
    WIDE,
    Caption,
    dated,
    day,
    drawing,
    legend,
    minimal_axes,
    place,
    times,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from evaluation.accounting.backtest import Backtest

TURNS = ((1.0, "^", GREEN, "turns long"), (-1.0, "v", RED, "turns short"), (0.0, "o", INK, "turns flat"))
MAX_MARKS = 150  # more marks than this hide the line
LOG_SCALE_FROM = 6.0  # the ratio of highest to lowest equity from which the scale is logarithmic
_COLUMNS = 5
_MILLIONS = 5e6
_WITH_DRAWDOWN = ("buy_and_hold", "champion")


def draw_equity(path: Path, caption: Caption, challenger: Backtest, baselines: Mapping[str, Backtest]) -> None:
    """Equity, trades and drawdowns as a PNG; the model first, the baselines in the order of `STYLES`."""
    baselines = {name: baselines[name] for name in [*STYLES, *baselines] if name in baselines}
    with drawing(path, caption, "Equity on unseen bars", _facts(challenger), WIDE) as figure:
        top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=[12, 1, 4])
        place(figure, left=1.1, top=1.5, bottom=0.8, hspace=0.12)
        _equity(top, challenger, baselines)
        _positions(middle, challenger)
        _drawdown(bottom, challenger, baselines)
        for axes in (top, bottom):
            minimal_axes(axes)
            axes.margins(x=0.01)
        dated(bottom, challenger.equity.index)


def _facts(test: Backtest) -> str:
    index, metrics = test.equity.index, test.metrics()
    parts = (
        f"{day(index[0])} to {day(index[-1])}, {count(len(index), 'bar')}",
        f"return {format_number(metrics['total_return'], '+,.1f', ' %')}",
        f"Sharpe {format_number(metrics['sharpe_ratio'])}",
        f"worst drawdown {format_number(metrics['max_drawdown'], '.1f', ' %')}",
        count(metrics["trades"], "trade"),
    )
    return "   ·   ".join(parts)


def _equity(axes: Axes, challenger: Backtest, baselines: Mapping[str, Backtest]) -> None:
    for name, baseline in baselines.items():
        colour, line = STYLES.get(name, (MUTED, "--"))
        axes.plot(
            times(baseline.equity), baseline.equity, color=colour, linestyle=line, linewidth=1.3, label=plain(name)
        )
    axes.plot(times(challenger.equity), challenger.equity, color=MODEL, linewidth=2.0, label="model")
    _turns(axes, challenger)
    _scale(axes, [challenger, *baselines.values()])
    axes.set_ylabel("Account at each close", color=MUTED)
    handles, labels = axes.get_legend_handles_labels()
    order = [
        len(baselines),
        *reversed(range(len(baselines))),
        *range(len(baselines) + 1, len(labels)),
    ]  # the model first
    legend(axes, _COLUMNS, [handles[at] for at in order], [labels[at] for at in order])


def _scale(axes: Axes, tests: list[Backtest]) -> None:
    """Money on a linear scale; logarithmic if the equity grew many times, so that early years are visible."""
    lowest = min(float(test.equity.min()) for test in tests)
    if lowest > 0.0 and max(float(test.equity.max()) for test in tests) > LOG_SCALE_FROM * lowest:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(_money))


def _money(value: float, _at: int | None = None) -> str:
    return f"{value / 1e6:,g} M" if value >= _MILLIONS else f"{value:,.0f}"


def _positions(axes: Axes, challenger: Backtest) -> None:
    """The position at each close, long above the line and short below it."""
    weights, index = challenger.positions.to_numpy(), times(challenger.positions)
    axes.fill_between(index, np.maximum(weights, 0.0), 0.0, color=GREEN, linewidth=0.0, step="post")
    axes.fill_between(index, np.minimum(weights, 0.0), 0.0, color=RED, linewidth=0.0, step="post")
    axes.axhline(0.0, color=FAINT, linewidth=0.8)
    axes.set_ylim(-1.05, 1.05)
    axes.set_yticks([0.0], ["position"])
    axes.tick_params(colors=MUTED, length=0, labelsize=10.5, bottom=False)
    axes.set_frame_on(False)


def _turns(axes: Axes, challenger: Backtest) -> None:
    """A mark where the account turned long, short or flat; none if there are too many to tell apart."""
    side = np.sign(challenger.shares.to_numpy())
    turned = np.flatnonzero(np.diff(side, prepend=0.0))
    if len(turned) > MAX_MARKS:
        return
    size = float(np.clip(3200.0 / max(len(turned), 1), 22.0, 60.0))
    for now, marker, colour, label in TURNS:
        at = turned[side[turned] == now]
        if at.size:
            x, y = times(challenger.equity)[at], challenger.equity.to_numpy()[at]
            axes.scatter(
                x, y, s=size, c=colour, marker=marker, edgecolors="white", linewidths=0.6, zorder=3, label=label
            )


def _drawdown(axes: Axes, challenger: Backtest, baselines: Mapping[str, Backtest]) -> None:
    for name in _WITH_DRAWDOWN:
        if name in baselines:
            depth = drawdowns(baselines[name].returns.to_numpy())
            axes.plot(times(baselines[name].equity), depth, color=STYLES[name][0], linewidth=1.0)
    depth = drawdowns(challenger.returns.to_numpy())
    axes.fill_between(times(challenger.equity), depth, 0.0, color=MODEL, alpha=0.22, linewidth=0.0)
    axes.plot(times(challenger.equity), depth, color=MODEL, linewidth=1.1)
    axes.set_ylabel("Drawdown", color=MUTED)
    axes.yaxis.set_major_formatter(PercentFormatter(decimals=0))
    axes.set_ylim(bottom=min(axes.get_ylim()[0], -1.0), top=0.0)
