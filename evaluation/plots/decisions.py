"""A model's decisions: their distribution, the confusion matrix with the expert, and the feature importance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evaluation.labels import count, plain
from evaluation.plots.style import (
    FAINT,
    INK,
    MODEL,
    MUTED,
    SKY,
    Caption,
    drawing,
    legend,
    minimal_axes,
    place,
    shortened,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from evaluation.monitoring.drift import Shift

MAX_FEATURES = 15  # features in the picture; the rest are counted
LONGEST = 28
ACTIONS, SIGNS = ("sell", "hold", "buy"), ("short", "flat", "long")


def draw_actions(path: Path, caption: Caption, trade_action: Shift, position_sign: Shift) -> None:
    """The shares of its actions and position signs, in training and on unseen bars, as a PNG."""
    moved = [
        plain(name) for name, shift in (("decisions", trade_action), ("positions", position_sign)) if shift.drifted
    ]
    change = f"{' and '.join(moved)} have drifted" if moved else "no significant drift"
    facts = f"{change}   ·   PSI of decisions {trade_action.psi:.2f}, of positions {position_sign.psi:.2f}"
    with drawing(path, caption, "Actions and positions", facts) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        place(figure, left=0.75, top=1.35, wspace=0.08)
        _shares(left, trade_action, ACTIONS)
        _shares(right, position_sign, SIGNS)
        left.set_ylabel("Share of bars, %", color=MUTED)
        left.margins(y=0.12)
        legend(left, 2)


def _shares(axes: Axes, shift: Shift, names: Sequence[str]) -> None:
    for offset, label, shares, colour in (
        (-0.2, "training", shift.reference, SKY),
        (0.2, "unseen", shift.current, MODEL),
    ):
        places, heights = np.arange(len(names)) + offset, [100.0 * share for share in shares]
        axes.bar(places, heights, width=0.37, color=colour, label=label)
        for x, height in zip(places, heights, strict=True):
            form = ".1f" if 0.0 < height < 1.0 else ".0f"
            axes.annotate(
                f"{height:{form}}",
                (x, height),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                color=INK,
                fontsize=9.5,
            )
    axes.set_xticks(np.arange(len(names)), list(names))
    minimal_axes(axes)
    axes.tick_params(axis="x", labelsize=11.5, labelcolor=INK)


def draw_confusion(
    path: Path,
    caption: Caption,
    counts: NDArray[np.int64],
    names: Sequence[str] = SIGNS,
    *,
    teacher: str = "expert",
    what: str = "Positions",
) -> None:
    """The confusion matrix of positions or decisions, model in columns and teacher in rows, as a PNG."""
    row_shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    facts = (
        f"{count(int(counts.sum()), 'bar')}, {np.trace(counts) / counts.sum():.0%} alike   ·   shares are of each row"
    )
    with drawing(path, caption, f"{what} of the {teacher} and the model", facts) as figure:
        axes = figure.subplots()
        place(figure, left=1.6, right=1.0, top=1.3, bottom=0.5)
        axes.pcolormesh(row_shares, cmap="Blues", vmin=0.0, vmax=1.0, edgecolors="white", linewidth=2.0)
        axes.invert_yaxis()
        for row, column in np.ndindex(*counts.shape):
            share, dark = row_shares[row, column], row_shares[row, column] > 0.55
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
        middles = np.arange(len(names)) + 0.5
        axes.set_xticks(middles, [f"model: {plain(name)}" if len(names) <= 3 else plain(name) for name in names])
        axes.set_yticks(middles, [f"{teacher}: {plain(name)}" for name in names])
        axes.xaxis.tick_top()
        axes.tick_params(colors=INK, length=0, labelsize=11)
        axes.set_frame_on(False)


def draw_importance(path: Path, caption: Caption, importances: Mapping[str, float], measure: str) -> None:
    """The most important features, largest first, as a PNG; `measure` names what the numbers are."""
    ranked = sorted(importances.items(), key=lambda item: item[1], reverse=True)
    top = ranked[:MAX_FEATURES]
    facts = measure + (f"   ·   the first {MAX_FEATURES} of {len(ranked)}" if len(ranked) > MAX_FEATURES else "")
    with drawing(path, caption, "Most important features", facts) as figure:
        axes = figure.subplots()
        place(figure, left=2.75, right=0.7, top=0.95, bottom=0.8)
        places, values = np.arange(len(top)), [value for _, value in top]
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
        axes.set_yticks(places, [shortened(plain(name), LONGEST) for name, _ in top])
        axes.set_ylim(max(len(top), 5) - 0.4, -0.6)
        minimal_axes(axes, "x")
        axes.tick_params(axis="y", labelcolor=INK, labelsize=10.5)
