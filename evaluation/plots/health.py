"""The health of a symbol's bars, session by session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from data_pipeline.provenance import Provenance
from evaluation.plots.style import (
    BLUE,
    GREEN,
    INK,
    MODEL,
    MUTED,
    ORANGE,
    PURPLE,
    RED,
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
    from data_pipeline.bars.bars import Bars

# For each warning of a bar: colour and marker; for each part of the health index: colour and line style.
MARKS = ((ORANGE, "v"), (RED, "x"), (PURPLE, "s"), (BLUE, "o"))
PARTS = ((GREEN, "-"), (ORANGE, "--"), (PURPLE, "-."), (RED, ":"))


def draw_health(path: Path, bars: Bars, daily: pd.DataFrame, marks: pd.DataFrame) -> None:
    """The closes with every bar that gives a warning, and under them the Data Health Index and its parts, as a PNG."""
    now = daily.iloc[-1]
    facts = "   ·   ".join(
        [
            f"{day(daily.index[0])} to {day(daily.index[-1])}, {len(bars)} bars",
            f"health {now['index']:.3f}",
            *(f"{name} {now[name]:.2f}" for name in daily.columns[1:]),
        ]
    )
    caption = Caption(f"{bars.symbol}  ·  {bars.interval} bars", Provenance.of(bars.source))
    with drawing(path, caption, f"Data health of {bars.symbol}", facts, WIDE) as figure:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
        place(figure, top=1.25, hspace=0.18)
        sessions = bars.interval == "1d"
        closes = bars.frame["close"].set_axis(bars.dates) if sessions else bars.frame["close"]
        line_closes = closes.reindex(daily.index) if sessions else closes  # what is missing is a gap in the line
        top.plot(times(line_closes), line_closes, color=INK, linewidth=1.1, label="close")
        for (name, flags), (colour, marker) in zip(marks.items(), MARKS, strict=True):
            flagged = closes[flags.to_numpy()]
            if not flagged.empty:
                label = f"{str(name).replace('_', ' ')} ({len(flagged)})"
                top.scatter(times(flagged), flagged, s=34, c=colour, marker=marker, zorder=3, label=label)
        top.set_ylabel("Close", color=MUTED)
        for name, (colour, line) in zip(("completeness", "freshness", "validity", "consistency"), PARTS, strict=True):
            bottom.plot(times(daily[name]), daily[name], color=colour, linestyle=line, linewidth=1.2, label=name)
        bottom.fill_between(times(daily["index"]), daily["index"], 0.0, color=MODEL, alpha=0.12, linewidth=0.0)
        bottom.plot(times(daily["index"]), daily["index"], color=MODEL, linewidth=2.0, label="health index")
        bottom.set_ylabel("Health", color=MUTED)
        bottom.set_ylim(min(0.5, float(daily.min().min())) - 0.02, 1.03)
        for axes in (top, bottom):
            minimal_axes(axes)
            axes.margins(x=0.01)
            legend(axes, 6)
        dated(bottom, daily.index)
