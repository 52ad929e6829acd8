"""Returns of a model: their distribution, the calendar of months, and the rolling Sharpe ratio."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.colors import TwoSlopeNorm

from evaluation.labels import count, format_number, plain
from evaluation.plots.style import (
    FAINT,
    INK,
    MODEL,
    MUTED,
    RED,
    STYLES,
    Caption,
    dated,
    drawing,
    explain_empty,
    legend,
    minimal_axes,
    place,
    times,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from evaluation.accounting.backtest import Backtest
    from evaluation.metrics.formulas import Array

MIN_RETURNS = 20  # fewer are too few for a distribution or a rolling Sharpe ratio
_CALM = 5.0  # the least return in percent with the full colour, so that small returns look small
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def draw_distribution(path: Path, caption: Caption, test: Backtest) -> None:
    """Histogram and normal quantiles of the returns of the bars at which money was at risk, as a PNG.

    Bars in cash, whose return is exactly zero, are only counted, since they would dwarf all others. The value at risk
    is that of all bars, as in the metrics.
    """
    returns = 100.0 * test.returns.to_numpy()
    moved = returns[returns != 0.0]
    metrics = test.metrics()
    var, cvar = (format_number(metrics[name], unit=" %") for name in ("var_5", "cvar_5"))
    risk = f"VaR 5 % {var}   ·   CVaR 5 % {cvar}"
    facts = (
        f"{count(len(moved), 'bar')}, and {len(returns) - len(moved)} that returned nothing (not drawn)   ·   {risk}"
    )
    with drawing(path, caption, "Distribution of the returns of a bar", facts) as figure:
        if len(moved) < MIN_RETURNS or float(np.std(moved)) == 0.0:
            place(figure)
            explain_empty(
                figure.subplots(), f"{count(len(moved), 'return')}: too few to show how they are distributed."
            )
            return
        left, right = figure.subplots(1, 2, width_ratios=[1.75, 1.0])
        place(figure, left=0.75, top=1.25, bottom=0.95, wspace=0.32)
        normal = NormalDist(float(np.mean(moved)), float(np.std(moved, ddof=1)))
        _histogram(left, moved, normal, metrics["var_5"])
        _quantiles(right, moved, normal)


def _histogram(axes: Axes, moved: Array, normal: NormalDist, var: float | None) -> None:
    edges = np.histogram_bin_edges(moved, bins=int(np.clip(1.6 * np.sqrt(len(moved)), 12, 60)))
    axes.hist(moved, bins=list(edges), color=MODEL, alpha=0.75, edgecolor="white", linewidth=0.4, label="model")
    grid = np.linspace(edges[0], edges[-1], 200)
    expected = [len(moved) * (edges[1] - edges[0]) * normal.pdf(float(x)) for x in grid]
    axes.plot(grid, expected, color=INK, linewidth=1.4, label="normal")
    if var is not None:
        axes.axvline(var, color=RED, linewidth=1.6, linestyle="--", label="VaR 5 %")
    minimal_axes(axes)
    axes.set_ylabel("Bars", color=MUTED)
    axes.set_xlabel("Return of a bar, %", color=MUTED)
    legend(axes, 3)


def _quantiles(axes: Axes, moved: Array, normal: NormalDist) -> None:
    """Each return against the normal quantile of its rank: normal ones are on the line, fat tails bend away from it."""
    ranks = (np.arange(len(moved)) + 0.5) / len(moved)
    expected = np.array([normal.inv_cdf(float(rank)) for rank in ranks])
    ordered = np.sort(moved)
    ends = [min(expected[0], ordered[0]), max(expected[-1], ordered[-1])]
    axes.plot(ends, ends, color=INK, linewidth=1.2)
    axes.scatter(expected, ordered, s=11, color=MODEL, alpha=0.75, linewidths=0.0)
    minimal_axes(axes, "both")
    axes.set_xlabel("If normal, %", color=MUTED)
    axes.set_ylabel("Measured, %", color=MUTED)


def draw_rolling_sharpe(path: Path, caption: Caption, challenger: Backtest, baselines: Mapping[str, Backtest]) -> None:
    """The Sharpe ratio over a moving window of up to a quarter, of the model, and of buy and hold and the champion."""
    bars, per_year = len(challenger.returns), challenger.periods_per_year
    window = min(round(per_year / 4), max(MIN_RETURNS, bars // 4)) if per_year else 0
    whole = challenger.metrics()["sharpe_ratio"]
    facts = f"over the {window} bars before each   ·   over all {bars} bars {format_number(whole)}"
    with drawing(path, caption, "Rolling Sharpe ratio", facts) as figure:
        axes = figure.subplots()
        place(figure, left=0.75, top=1.25)
        if window < MIN_RETURNS or bars < 2 * window:
            explain_empty(axes, f"{count(bars, 'bar')}: too few for a moving window.")
            return
        axes.axhline(0.0, color=FAINT, linewidth=1.0)
        drawn = {name: baselines[name] for name in ("buy_and_hold", "champion") if name in baselines}
        for name, baseline in drawn.items():
            colour, line = STYLES[name]
            axes.plot(
                times(baseline.returns),
                _rolling(baseline, window),
                color=colour,
                linestyle=line,
                linewidth=1.3,
                label=plain(name),
            )
        axes.plot(times(challenger.returns), _rolling(challenger, window), color=MODEL, linewidth=2.0, label="model")
        if whole is not None:
            axes.axhline(whole, color=MODEL, linewidth=1.1, linestyle=(0, (4, 3)), label="model, all bars")
        minimal_axes(axes)
        axes.margins(x=0.01)
        axes.set_ylabel("Sharpe ratio, a year", color=MUTED)
        dated(axes, challenger.returns.index)
        handles, labels = axes.get_legend_handles_labels()
        first = [*range(len(drawn), len(handles)), *range(len(drawn))]  # the model before the others
        legend(axes, 4, [handles[at] for at in first], [labels[at] for at in first])


def _rolling(test: Backtest, window: int) -> Array:
    """The annualised Sharpe ratio of each window; NaN where it has no variance."""
    rolling = test.excess.rolling(window)
    deviation = rolling.std().where(lambda value: value > 1e-9)
    ratio: Array = (rolling.mean() / deviation * np.sqrt(test.periods_per_year or np.nan)).to_numpy()
    return ratio


def draw_months(path: Path, caption: Caption, test: Backtest) -> None:
    """The return of every month and year, in a calendar, as a PNG."""
    table = monthly(test.returns)
    months = table.iloc[:, :12].to_numpy() if table is not None else np.empty((0, 12))
    finite = months[np.isfinite(months)]
    facts = "the bars have no dates"
    if finite.size:
        facts = (
            f"{count(finite.size, 'month')}, {np.sum(finite > 0.0)} with a gain   ·   "
            f"best {format_number(finite.max(), '+.1f', ' %')}   ·   worst {format_number(finite.min(), '+.1f', ' %')}"
        )
    rows = len(months)
    with drawing(path, caption, "Return of each month, %", facts, (12.0, max(2.9, 2.0 + 0.42 * rows))) as figure:
        if table is None:
            place(figure)
            explain_empty(figure.subplots(), "Bars without dates belong to no month.")
            return
        _calendar(figure, table)


def monthly(returns: pd.Series) -> pd.DataFrame | None:
    """Returns in percent by year (rows) and month, with the whole year; None without dates, NaN without bars."""
    if not isinstance(returns.index, pd.DatetimeIndex):
        return None
    session = returns.index - pd.Timedelta(1, "ns")  # a bar belongs to the day that it closes
    growth = 1.0 + returns.to_numpy()
    by_month = pd.Series(growth).groupby([session.year, session.month]).prod().unstack()
    by_month = by_month.reindex(columns=range(1, 13)).set_axis(MONTHS, axis=1)
    return 100.0 * (by_month.assign(Year=by_month.prod(axis=1)) - 1.0)


def _calendar(figure: Figure, table: pd.DataFrame) -> None:
    left, right = figure.subplots(1, 2, width_ratios=[12.0, 1.25])
    place(figure, left=0.75, top=1.2, bottom=0.45, wspace=0.02)
    for axes, values, least in ((left, table.iloc[:, :12], _CALM), (right, table.iloc[:, 12:], 2 * _CALM)):
        numbers = values.to_numpy()
        largest = max(float(np.nanmax(np.abs(numbers))), least)
        norm = TwoSlopeNorm(0.0, -1.15 * largest, 1.15 * largest)
        axes.pcolormesh(numbers, cmap="RdBu", norm=norm, edgecolors="white", linewidth=2.0)
        axes.invert_yaxis()
        axes.set_xticks(np.arange(len(values.columns)) + 0.5, list(values.columns))
        axes.xaxis.tick_top()
        axes.set_facecolor("#f5f7fa")
        _values(axes, numbers, largest)
        axes.tick_params(colors=INK, length=0, labelsize=10.5)
        axes.set_frame_on(False)
    left.set_yticks(np.arange(len(table)) + 0.5, [str(year) for year in table.index])
    right.set_yticks([])


def _values(axes: Axes, numbers: Array, largest: float) -> None:
    for row, column in np.argwhere(np.isfinite(numbers)):
        value = float(numbers[row, column])
        style: dict[str, Any] = {"color": "white"} if abs(value) > 0.65 * largest else {"color": INK}
        axes.text(
            column + 0.5,
            row + 0.5,
            format_number(round(value, 1) + 0.0, ".1f"),
            ha="center",
            va="center",
            fontsize=10.5,
            **style,
        )
