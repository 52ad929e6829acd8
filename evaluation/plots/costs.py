"""Return and Sharpe ratio of a model at multiples of the costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter

from evaluation.labels import MINUS, format_number
from evaluation.plots.style import FAINT, INK, MODEL, MUTED, RED, Caption, drawing, explain_empty, minimal_axes, place

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from evaluation.statistics.cost_sensitivity import CostSensitivity

WHY = {
    "no_costs": "trading is free",
    "no_trades": "no trades",
    "never_profitable": "it loses even where trading is free",
    "always_profitable": "it earns at a hundred times these costs",
}
PANELS = (("total_return", "Total return, %", "+,.1f"), ("sharpe_ratio", "Sharpe ratio", ".2f"))


def draw_costs(path: Path, caption: Caption, sensitivity: CostSensitivity) -> None:
    """Return and Sharpe ratio at several multiples of the costs, and the break-even, as a PNG."""
    even = sensitivity.break_even
    text = WHY.get(str(even.reason), "break-even is undefined")
    if even.factor is not None:
        text = f"breaks even at {even.factor:.1f} times these costs, {even.one_way_percent:.2f} % one way"
    with drawing(path, caption, "Sensitivity to costs", text) as figure:
        panels = figure.subplots(1, 2)
        place(figure, left=0.75, top=1.25, bottom=0.95, wspace=0.28)
        for axes, (name, label, form) in zip(panels, PANELS, strict=True):
            _bars(
                axes,
                [f"{row.factor:g}x" for row in sensitivity.rows],
                [row.figures[name] for row in sensitivity.rows],
                form,
            )
            axes.set_title(label, loc="left", fontsize=11, color=INK, pad=12)
            axes.set_xlabel("Costs, times those configured", color=MUTED)


def _bars(axes: Axes, names: list[str], values: list[float | None], form: str) -> None:
    if not any(values):
        explain_empty(axes, format_number(values[0], form))
        return
    heights = [value or 0.0 for value in values]
    places = np.arange(len(values))
    colours = [MODEL if height >= 0.0 else RED for height in heights]
    axes.bar(places, heights, width=0.62, color=colours)
    axes.axhline(0.0, color=FAINT, linewidth=1.0)
    for x, height, value in zip(places, heights, values, strict=True):
        axes.annotate(
            format_number(value, form),
            (x, height),
            xytext=(0, 4 if height >= 0.0 else -4),
            textcoords="offset points",
            ha="center",
            va="bottom" if height >= 0.0 else "top",
            color=INK,
            fontsize=10,
        )
    axes.set_xticks(places, names)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}".replace("-", MINUS)))
    axes.margins(y=0.16)
    minimal_axes(axes)
