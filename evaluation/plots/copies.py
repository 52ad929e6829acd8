"""A copy of a trader: what both trade, how long the copy lasts, its confidence, and what a wished return changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evaluation.labels import plain
from evaluation.plots.style import (
    FAINT,
    INK,
    MODEL,
    MUTED,
    ORANGE,
    SKY,
    WIDE,
    Caption,
    drawing,
    explain_empty,
    legend,
    minimal_axes,
    place,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from evaluation.imitation.evidence import Part
    from evaluation.imitation.measures.replication import Distribution, Replication
    from evaluation.imitation.targets import TargetResponse
    from evaluation.monitoring.decision_quality import Calibration
    from evaluation.reports.evidence import Attention

PANELS = {
    "timing": "When: % of the market that is over",
    "size": "How much",
    "outcome": "Which outcome",
    "price": "At which price of it",
}


def draw_replication(path: Path, caption: Caption, replication: Replication) -> None:
    """The four distributions of the trader's and the copy's trades, as a PNG."""
    score = "undefined" if replication.score is None else f"{replication.score:.0f} of 100"
    with drawing(path, caption, "Trades of the trader and of its copy", f"replication score {score}", WIDE) as figure:
        panels = figure.subplots(2, 2)
        place(figure, left=0.75, top=1.4, bottom=0.9, hspace=0.5, wspace=0.14)
        for axes, (name, title) in zip(panels.flat, PANELS.items(), strict=True):
            _shares(axes, getattr(replication, name), title)
        legend(panels[0, 0], 2)


def _shares(axes: Axes, distribution: Distribution, title: str) -> None:
    places = np.arange(len(distribution.bins))
    for offset, label, shares, colour in (
        (-0.2, "trader", distribution.actual, SKY),
        (0.2, "copy", distribution.copied, MODEL),
    ):
        axes.bar(places + offset, [100.0 * share for share in shares], width=0.38, color=colour, label=label)
    axes.set_xticks(places, [name.partition("-")[0] for name in distribution.bins])
    minimal_axes(axes)
    distance = "no trades" if distribution.distance is None else f"L1 {distribution.distance:.2f}"
    axes.set_xlabel(f"{title}  ·  {distance}", color=MUTED)
    axes.set_ylabel("%", color=MUTED)
    axes.tick_params(axis="x", labelsize=9, labelcolor=INK)


def draw_calibration(path: Path, caption: Caption, calibration: Calibration) -> None:
    """The accuracy of decisions by their confidence, as a PNG."""
    facts = f"expected calibration error {calibration.error:.2f}   ·   size: number of decisions"
    with drawing(path, caption, "Is the confidence right?", facts) as figure:
        axes = figure.subplots()
        place(figure, left=0.95, top=1.1)
        axes.plot([0.0, 100.0], [0.0, 100.0], color=FAINT, linestyle=(0, (3, 3)), linewidth=1.2)
        most = max(row.decisions for row in calibration.rows)
        sizes = [40.0 + 360.0 * row.decisions / most for row in calibration.rows]
        x, y = ([100.0 * getattr(row, name) for row in calibration.rows] for name in ("confidence", "accuracy"))
        axes.plot(x, y, color=MODEL, linewidth=1.4)
        axes.scatter(x, y, s=sizes, color=MODEL, edgecolors="white", zorder=3)
        axes.set_xlim(-2.0, 102.0)
        axes.set_ylim(-2.0, 102.0)
        minimal_axes(axes, "both")
        axes.set_xlabel("Mean confidence, %", color=MUTED)
        axes.set_ylabel("Decisions copied, %", color=MUTED)


def draw_persistence(path: Path, caption: Caption, ages: Sequence[Part]) -> None:
    """The accuracy by the time since the training, of the copy and of the best simple rule, as a PNG."""
    facts = "share of decisions copied, by the time since the training   ·   number: markets"
    with drawing(path, caption, "Does the copy last?", facts) as figure:
        axes = figure.subplots()
        place(figure, left=0.8, top=1.3)
        places = np.arange(len(ages))
        axes.plot(places, [age.accuracy for age in ages], color=MODEL, marker="o", label="copy")
        axes.plot(
            places, [age.best_baseline for age in ages], color=ORANGE, marker="s", linestyle="--", label="best rule"
        )
        for x, age in zip(places, ages, strict=True):
            axes.annotate(
                f"{age.markets}", (x, age.accuracy), xytext=(0, 8), textcoords="offset points", ha="center", color=INK
            )
        axes.set_xticks(places, [age.name for age in ages])
        axes.set_xlim(-0.5, len(ages) - 0.5)
        axes.set_ylim(0.0, 105.0)
        minimal_axes(axes)
        axes.set_ylabel("%", color=MUTED)
        legend(axes, 2)


def draw_hours(path: Path, caption: Caption, hours: Sequence[Part]) -> None:
    """How often both trade in each hour of the day, and how much is copied, as a PNG."""
    facts = "share of bars with a trade, and line: share of decisions copied   ·   hours of UTC"
    with drawing(path, caption, "By time of day", facts) as figure:
        axes = figure.subplots()
        place(figure, left=0.8, top=1.3)
        places = np.arange(len(hours))
        axes.bar(places - 0.2, [hour.actual for hour in hours], width=0.38, color=SKY, label="trader trades")
        axes.bar(places + 0.2, [hour.copied for hour in hours], width=0.38, color=MODEL, label="copy trades")
        axes.plot(places, [hour.accuracy for hour in hours], color=ORANGE, marker="o", label="copied")
        axes.set_xticks(places, [hour.name for hour in hours])
        axes.set_ylim(0.0, 105.0)
        minimal_axes(axes)
        axes.set_ylabel("%", color=MUTED)
        legend(axes, 3)


def draw_targets(path: Path, caption: Caption, targets: Sequence[TargetResponse]) -> None:
    """The shares of its decisions by the return that is asked for, as a PNG."""
    facts = "shares of bars, by the return that is asked for to the end of the market"
    with drawing(path, caption, "What a wish for more return changes", facts) as figure:
        axes = figure.subplots()
        place(figure, left=0.8, top=1.3)
        places, below = np.arange(len(targets)), np.zeros(len(targets))
        for name, colour in (("up", MODEL), ("hold", FAINT), ("down", ORANGE)):
            heights = np.array([getattr(target, name) for target in targets])
            axes.bar(places, heights, bottom=below, width=0.6, color=colour, label=name)
            below += heights
        axes.set_xticks(places, [f"{100.0 * target.target:+.0f} %" for target in targets])
        minimal_axes(axes)
        axes.set_ylabel("% of bars", color=MUTED)
        legend(axes, 3)


def draw_attention(path: Path, caption: Caption, attention: Attention) -> None:
    """How much each row attends to each column, as a PNG."""
    with drawing(path, caption, "What it attends to", "mean attention, in percent of each row") as figure:
        axes = figure.subplots()
        place(figure, left=1.6, right=0.6, top=1.3, bottom=0.5)
        weights = np.array(attention.weights)
        if not weights.size:
            explain_empty(axes, "Nothing is attended to.")
            return
        axes.pcolormesh(weights, cmap="Blues", vmin=0.0, edgecolors="white", linewidth=1.0)
        axes.invert_yaxis()
        axes.set_xticks(np.arange(weights.shape[1]) + 0.5, [plain(name) for name in attention.columns])
        axes.set_yticks(np.arange(weights.shape[0]) + 0.5, [plain(name) for name in attention.rows])
        axes.xaxis.tick_top()
        axes.tick_params(colors=INK, length=0, labelsize=9)
        axes.set_frame_on(False)
