"""The regimes of a market: its closes over the direction, and the probabilities of its volatilities under them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data_pipeline.provenance import Provenance
from evaluation.plots.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    MUTED,
    ORANGE,
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

_DIRECTIONS = {"bear": (RED, "//"), "bull": (GREEN, "")}
_VOLATILITIES = {"low": BLUE, "normal": FAINT, "high": ORANGE}


def draw_regimes(path: Path, bars: Bars, volatility: pd.DataFrame, direction: pd.DataFrame) -> None:
    """The closes over bands where bear or bull is the likeliest, and the probability of each volatility, as a PNG."""
    closes, likeliest = bars.frame["close"], direction.idxmax(axis=1)
    index = closes.index
    facts = (
        f"{day(index[0])} to {day(index[-1])}, {len(bars)} bars   ·   now {volatility.iloc[-1].idxmax()} volatility, "
        f"{likeliest.iloc[-1]}"
    )
    caption = Caption(f"{bars.symbol}  ·  {bars.interval} bars", Provenance.of(bars.source))
    with drawing(path, caption, f"Regimes of {bars.symbol}", facts, WIDE) as figure:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
        place(figure, top=1.25, hspace=0.18)
        top.plot(times(closes), closes, color=INK, linewidth=1.1, label="close")
        floor, roof = float(closes.min()) * 0.97, float(closes.max()) * 1.03
        for name, (colour, hatch) in _DIRECTIONS.items():
            there = (likeliest == name).to_numpy()
            label = f"{name} ({there.mean():.0%} of bars)"
            band = {"color": colour, "alpha": 0.15, "linewidth": 0.0, "hatch": hatch, "step": "mid", "label": label}
            top.fill_between(
                times(closes), np.full(len(closes), floor), np.full(len(closes), roof), where=there, **band
            )
        top.set_ylim(floor, roof)
        top.set_ylabel("Close", color=MUTED)
        top.ticklabel_format(axis="y", style="plain")
        bottom.stackplot(
            times(closes),
            *(volatility[name] for name in _VOLATILITIES),
            colors=list(_VOLATILITIES.values()),
            alpha=0.6,
            labels=[f"{name} volatility" for name in _VOLATILITIES],
        )
        bottom.set_ylim(0.0, 1.0)
        bottom.set_ylabel("Probability", color=MUTED)
        for axes in (top, bottom):
            minimal_axes(axes)
            axes.margins(x=0.0)
            legend(axes, 4)
        dated(bottom, index)
