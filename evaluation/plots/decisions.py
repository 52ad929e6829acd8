"""What a model decided and why: how often it did what, how often the expert agrees, and which features weigh most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evaluation.plots.style import (
    FAINT,
    INK,
    MODEL,
    MUTED,
    ORANGE,
    SKY,
    Caption,
    drawing,
    legend,
    place,
    quiet,
    shortened,
)
from evaluation.words import count, plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST = 15  # features in the picture; the rest are counted
LONGEST = 28
_SPANS = (ORANGE, SKY, MODEL)  # the last span is the one that was judged


def draw_actions(path: Path, caption: Caption, shares: Mapping[str, Mapping[str, float]], facts: str) -> None:
    """How often each action was taken, for each of the spans in `shares` (in percent), as a PNG."""
    with drawing(path, caption, "What it decided", facts) as figure:
        axes = figure.subplots()
        place(figure, left=0.75, top=1.25)
        actions = list(next(iter(shares.values())))
        width = 0.8 / len(shares)
        for at, ((span, share), colour) in enumerate(zip(shares.items(), _SPANS[-len(shares) :], strict=True)):
            places = np.arange(len(actions)) + (at - (len(shares) - 1) / 2) * width
            heights = [share[action] for action in actions]
            axes.bar(places, heights, width=0.92 * width, color=colour, label=span)
            for x, height in zip(places, heights, strict=True):
                axes.annotate(
                    f"{height:.0f} %" if height >= 1.0 or height == 0.0 else f"{height:.1f} %",
                    (x, height),
                    xytext=(0, 3),
                    textcoords="offset points",
                    ha="center",
                    color=INK,
                    fontsize=10,
                )
        axes.set_xticks(np.arange(len(actions)), [plain(action) for action in actions])
        axes.set_ylabel("Share of bars, %", color=MUTED)
        axes.margins(y=0.12)
        quiet(axes)
        axes.tick_params(axis="x", labelsize=11.5, labelcolor=INK)
        legend(axes, 3)


def draw_confusion(
    path: Path,
    caption: Caption,
    counts: NDArray[np.int64],
    labels: Sequence[str],
    *,
    columns: str = "model",
    rows: str = "expert",
) -> None:
    """How often the model (columns) decided what where the expert (rows) decided what, as a PNG."""
    total, right = int(counts.sum()), int(np.trace(counts))
    facts = f"{count(total, 'decision')}, {right / total:.0%} alike   ·   shares are of each row"
    with drawing(path, caption, f"The {rows}'s decisions and the {columns}'s", facts) as figure:
        axes = figure.subplots()
        place(figure, left=1.6, right=1.0, top=1.3, bottom=0.4)
        of_row = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.pcolormesh(of_row, cmap="Blues", vmin=0.0, vmax=1.0, edgecolors="white", linewidth=2.0)
        axes.invert_yaxis()
        for row, column in np.ndindex(*counts.shape):
            share, dark = of_row[row, column], of_row[row, column] > 0.55
            axes.text(
                column + 0.5,
                row + 0.5,
                f"{counts[row, column]}\n{share:.0%}",
                ha="center",
                va="center",
                color="white" if dark else INK,
                fontsize=12,
                weight="bold" if row == column else "normal",
            )
        middles = np.arange(len(labels)) + 0.5
        axes.set_xticks(middles, [f"{columns}: {label}" for label in labels])
        axes.set_yticks(middles, [f"{rows}: {label}" for label in labels])
        axes.xaxis.tick_top()
        axes.tick_params(colors=INK, length=0, labelsize=11)
        axes.set_frame_on(False)


def draw_importance(path: Path, caption: Caption, importances: Mapping[str, float], measure: str) -> None:
    """The features that weigh most, longest bar first, as a PNG; `measure` says what the numbers are."""
    ranked = sorted(importances.items(), key=lambda item: item[1], reverse=True)
    shown = ranked[:MOST]
    facts = measure + (f"   ·   the first {MOST} of {len(ranked)}" if len(ranked) > MOST else "")
    with drawing(path, caption, "Which features weigh most", facts) as figure:
        axes = figure.subplots()
        place(figure, left=2.75, right=0.7, top=0.95, bottom=0.8)
        places, values = np.arange(len(shown)), [value for _, value in shown]
        axes.barh(places, values, height=0.68, color=MODEL)
        for place_, value in zip(places, values, strict=True):
            axes.annotate(
                f"{value:.3f}",
                (max(value, 0.0), place_),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                color=INK,
                fontsize=9.5,
            )
        axes.axvline(0.0, color=FAINT, linewidth=1.0)
        axes.set_yticks(places, [shortened(plain(name), LONGEST) for name, _ in shown])
        axes.set_ylim(max(len(shown), 5) - 0.4, -0.6)
        quiet(axes, "x")
        axes.tick_params(axis="y", labelcolor=INK, labelsize=10.5)
