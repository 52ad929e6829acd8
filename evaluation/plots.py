"""Plots: the only room with matplotlib in it, drawing straight to files without a display."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from config.publish import publishing
from evaluation.formulas import drawdowns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from data_pipeline.bars import Bars
    from evaluation.backtesting import Backtest

INK, MUTED, GRID = "#1f2933", "#616e7c", "#e4e7eb"
MODEL, LONG, SHORT, WARNING = "#1d4ed8", "#15803d", "#b91c1c", "#b45309"
TURNS = ((1.0, "^", LONG, "turns long"), (-1.0, "v", SHORT, "turns short"), (0.0, "o", INK, "turns flat"))
MANY = 120
# For each warning of a bar: colour and marker; for each part of the health index: colour and line style.
MARKS = ((WARNING, "v"), (SHORT, "x"), ("#7c3aed", "s"), ("#d97706", "o"))
PARTS = ((LONG, "-"), (WARNING, "--"), ("#7c3aed", "-."), (SHORT, ":"))
# Whoever stands beside the model, in the order drawn: colour and line style.
STYLES = {"flat": ("#9aa5b1", ":"), "buy_and_hold": ("#7b8794", "-"), "champion": ("#d97706", "-")}


def draw_equity(
    path: Path, challenger: Backtest, others: Mapping[str, Backtest], *, symbol: str, model: str, provenance: str
) -> None:
    """Equity of the model beside the others, its trades on it, and the drawdowns under it, as a PNG."""
    figure = Figure(figsize=(12.0, 7.2), dpi=110, facecolor="white", edgecolor="white")
    FigureCanvasAgg(figure)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    figure.subplots_adjust(left=0.08, right=0.97, top=0.84, bottom=0.07, hspace=0.07)
    _equity(top, challenger, {name: others[name] for name in [*STYLES, *others] if name in others})
    _drawdown(bottom, challenger, others)
    for axes in (top, bottom):
        _quiet(axes)
    if isinstance(challenger.equity.index, pd.DatetimeIndex):
        locator = AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
        bottom.xaxis.set_major_locator(locator)
        bottom.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    _headline(figure, challenger, f"{symbol}  ·  {model}", provenance)
    with publishing(path) as temp:
        figure.savefig(temp, format="png", metadata={"Software": None})


def draw_health(path: Path, bars: Bars, daily: pd.DataFrame, marks: pd.DataFrame) -> None:
    """The closes with every bar that gives a warning, and under them the Data Health Index and its parts, as a PNG."""
    figure = Figure(figsize=(12.0, 7.2), dpi=110, facecolor="white", edgecolor="white")
    FigureCanvasAgg(figure)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    figure.subplots_adjust(left=0.08, right=0.97, top=0.84, bottom=0.07, hspace=0.16)
    sessions = bars.interval == "1d"
    closes = bars.frame["close"].set_axis(bars.dates) if sessions else bars.frame["close"]
    shown = closes.reindex(daily.index) if sessions else closes  # what is missing is a gap in the line
    top.plot(_times(shown), shown, color=INK, linewidth=1.1, label="close")
    for (name, flags), (colour, marker) in zip(marks.items(), MARKS, strict=True):
        found = closes[flags.to_numpy()]
        if not found.empty:
            label = f"{str(name).replace('_', ' ')} ({len(found)})"
            top.scatter(_times(found), found, s=34, c=colour, marker=marker, zorder=3, label=label)
    top.set_ylabel("Close", color=MUTED)
    for name, (colour, line) in zip(("completeness", "freshness", "validity", "consistency"), PARTS, strict=True):
        bottom.plot(_times(daily[name]), daily[name], color=colour, linestyle=line, linewidth=1.1, label=name)
    bottom.fill_between(_times(daily["index"]), daily["index"], 0.0, color=MODEL, alpha=0.12, linewidth=0.0)
    bottom.plot(_times(daily["index"]), daily["index"], color=MODEL, linewidth=1.9, label="health index")
    bottom.set_ylabel("Health", color=MUTED)
    bottom.set_ylim(min(0.5, float(daily.min().min())) - 0.02, 1.03)
    for axes in (top, bottom):
        _quiet(axes)
        axes.legend(loc="lower left", bbox_to_anchor=(-0.008, 1.0), ncols=6, frameon=False, labelcolor=INK, fontsize=9)
    locator = AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    bottom.xaxis.set_major_locator(locator)
    bottom.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    now = daily.iloc[-1]
    facts = f"{_day(daily.index[0])} to {_day(daily.index[-1])}, {len(bars)} bars   ·   health {now['index']:.3f}"
    parts = "   ·   ".join(f"{name} {now[name]:.2f}" for name in daily.columns[1:])
    _title(figure, f"{bars.symbol}  ·  data health", f"{facts}   ·   {parts}", bars.source)
    with publishing(path) as temp:
        figure.savefig(temp, format="png", metadata={"Software": None})


def _equity(axes: Axes, challenger: Backtest, others: Mapping[str, Backtest]) -> None:
    for name, other in others.items():
        colour, line = STYLES.get(name, (MUTED, "--"))
        axes.plot(
            _times(other.equity),
            other.equity,
            color=colour,
            linestyle=line,
            linewidth=1.2,
            label=name.replace("_", " "),
        )
    axes.plot(_times(challenger.equity), challenger.equity, color=MODEL, linewidth=1.9, label="model")
    _fills(axes, challenger)
    axes.set_ylabel("Account at each close", color=MUTED)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    handles, labels = axes.get_legend_handles_labels()
    order = [len(others), *range(len(others)), *range(len(others) + 1, len(labels))]  # the model first
    axes.legend(
        [handles[at] for at in order],
        [labels[at] for at in order],
        loc="lower left",
        bbox_to_anchor=(-0.008, 1.0),
        ncols=len(order),
        frameon=False,
        labelcolor=INK,
        fontsize=9,
        columnspacing=1.6,
    )


def _fills(axes: Axes, challenger: Backtest) -> None:
    """A mark where the account turned long, short or flat; smaller and under the line where there are many."""
    side = np.sign(challenger.shares.to_numpy())
    turned = np.flatnonzero(np.diff(side, prepend=0.0))
    size = float(np.clip(2200.0 / max(len(turned), 1), 12.0, 55.0))
    zorder = 3.0 if len(turned) <= MANY else 1.5
    for now, marker, colour, label in TURNS:
        at = turned[side[turned] == now]
        if at.size:
            x, y = _times(challenger.equity)[at], challenger.equity.to_numpy()[at]
            axes.scatter(
                x, y, s=size, c=colour, marker=marker, edgecolors="white", linewidths=0.6, zorder=zorder, label=label
            )


def _drawdown(axes: Axes, challenger: Backtest, others: Mapping[str, Backtest]) -> None:
    for name in ("buy_and_hold", "champion"):
        if name in others:
            depth = drawdowns(others[name].returns.to_numpy())
            axes.plot(_times(others[name].equity), depth, color=STYLES[name][0], linewidth=1.0)
    depth = drawdowns(challenger.returns.to_numpy())
    axes.fill_between(_times(challenger.equity), depth, 0.0, color=MODEL, alpha=0.22, linewidth=0.0)
    axes.plot(_times(challenger.equity), depth, color=MODEL, linewidth=1.1)
    axes.set_ylabel("Drawdown", color=MUTED)
    axes.yaxis.set_major_formatter(PercentFormatter(decimals=0))
    axes.set_ylim(top=0.0)


def _headline(figure: Figure, challenger: Backtest, title: str, provenance: str) -> None:
    index, metrics = challenger.equity.index, challenger.metrics()
    sharpe = "undefined" if metrics["sharpe_ratio"] is None else f"{metrics['sharpe_ratio']:.2f}"
    trades = "1 trade" if metrics["trades"] == 1 else f"{metrics['trades']} trades"
    facts = (
        f"{_day(index[0])} to {_day(index[-1])}, {len(index)} bars   ·   return {metrics['total_return']:+.1f} %   ·   "
        f"Sharpe {sharpe}   ·   worst drawdown {metrics['max_drawdown']:.1f} %   ·   {trades}"
    )
    _title(figure, title, facts, provenance)


def _title(figure: Figure, title: str, facts: str, provenance: str) -> None:
    figure.text(0.08, 0.945, title, fontsize=16, fontweight="bold", color=INK)
    figure.text(0.08, 0.905, facts, fontsize=10, color=MUTED)
    sample = provenance == "sample"
    label = "SAMPLE DATA" if sample else f"data: {provenance}"
    badge = {"boxstyle": "round,pad=0.45", "facecolor": WARNING, "edgecolor": "none"} if sample else None
    style: dict[str, Any] = {"fontweight": "bold", "color": "white", "bbox": badge} if sample else {"color": MUTED}
    figure.text(0.963, 0.947, label, ha="right", fontsize=11, **style)


def _quiet(axes: Axes) -> None:
    """Only the lines a reader needs."""
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.margins(x=0.01)
    axes.tick_params(colors=MUTED, length=0, labelsize=9)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GRID)


def _times(series: pd.Series) -> Any:
    return series.index.to_numpy()


def _day(time: Any) -> str:
    return f"{time:%Y-%m-%d}" if isinstance(time, pd.Timestamp) else str(time)
