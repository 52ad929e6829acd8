"""The weights of a portfolio over time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evaluation.plots.style import (
    BLUE,
    FAINT,
    GREEN,
    MUTED,
    ORANGE,
    RED,
    WIDE,
    Caption,
    dated,
    drawing,
    legend,
    minimal_axes,
    place,
    times,
)

if TYPE_CHECKING:
    from evaluation.portfolio.evidence import PortfolioEvidence

_LONGEST = 14  # letters of a name in the legend
_COLOURS = (BLUE, ORANGE, GREEN, RED, "#7a5195", "#1b9aaa", "#a47148")


def draw_weights(path: Path, caption: Caption, portfolio: PortfolioEvidence) -> None:
    """The share of each symbol in the account, long above the line and short below it, as a PNG.

    The symbols with the largest mean share have a colour each; the others are one band.
    """
    index = pd.DatetimeIndex(portfolio.times)
    table = pd.DataFrame(portfolio.weights, index=index)
    largest = table.abs().mean().sort_values(ascending=False).index
    named, others = list(largest[: len(_COLOURS)]), list(largest[len(_COLOURS) :])
    bands = [table[name] for name in named] + ([table[others].sum(axis=1)] if others else [])
    labels = [*map(_short, named), f"{len(others)} others"][: len(bands)]
    gross = table.abs().sum(axis=1)
    facts = f"{len(table.columns)} symbols   ·   {gross.mean():.0%} of the account held on average"
    with drawing(path, caption, "Weights over time", facts, WIDE) as figure:
        axes = figure.subplots()
        place(figure, top=1.25, bottom=0.95)
        for side in (1.0, -1.0):
            base = np.zeros(len(table))
            for band, label, colour in zip(bands, labels, (*_COLOURS, FAINT), strict=False):
                edge = base + side * np.maximum(side * band.to_numpy(), 0.0)
                name = label if side > 0.0 else None
                axes.fill_between(times(band), base, edge, step="post", color=colour, linewidth=0.0, label=name)
                base = edge
        axes.axhline(0.0, color=MUTED, linewidth=0.8)
        axes.set_ylabel("Share of the account", color=MUTED)
        axes.yaxis.set_major_formatter(lambda value, _at: f"{value:.0%}")
        minimal_axes(axes)
        axes.margins(x=0.0)
        legend(axes, 4)
        dated(axes, index)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
