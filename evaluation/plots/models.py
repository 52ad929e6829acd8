"""Risk and return of several models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.font_manager import FontProperties
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

from evaluation.labels import format_number
from evaluation.plots.style import (
    CHAMPION,
    FAINT,
    INK,
    MODEL,
    MUTED,
    Caption,
    drawing,
    explain_empty,
    legend,
    minimal_axes,
    place,
    shortened,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


NAMED = 12
LONGEST = 40
_SIZE = 9.5
_HALO = [withStroke(linewidth=3.0, foreground="white")]  # names stay readable on lines
_AROUND = ((1.0, 0.0), (-1.0, 0.0), (1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0), (0.0, 1.0), (0.0, -1.0))


@dataclass(frozen=True)
class Risk:
    """Annualised volatility and return of a model in percent; `kind` is model, champion or baseline."""

    volatility: float
    annualised_return: float
    kind: str = "model"


KINDS = {"model": (MODEL, "o", "models"), "champion": (CHAMPION, "D", "serving"), "baseline": (MUTED, "s", "baselines")}


def draw_risk_return(path: Path, caption: Caption, points: Mapping[str, Risk], undefined: int = 0) -> None:
    """A point for each model, with lines of equal Sharpe ratio, as a PNG; `undefined` have no such figures."""
    facts = f"{len(points)} drawn   ·   dashed: equal Sharpe ratio" + (
        f"   ·   {undefined} without these figures, not drawn" if undefined else ""
    )
    with drawing(path, caption, "Risk and return of a year", facts) as figure:
        axes = figure.subplots()
        place(figure, left=0.9, top=1.25, bottom=0.95)
        if not points:
            explain_empty(axes, "No model has figures of a year to draw.")
            return
        for kind, (colour, marker, label) in KINDS.items():
            own = [point for point in points.values() if point.kind == kind]
            if own:
                x, y = [point.volatility for point in own], [point.annualised_return for point in own]
                axes.scatter(
                    x, y, s=75, c=colour, marker=marker, edgecolors="white", linewidths=0.8, zorder=3, label=label
                )
        minimal_axes(axes, "both")
        axes.set_xlabel("Volatility, % a year", color=MUTED)
        axes.set_ylabel("Return, % a year", color=MUTED)
        _bounds(axes, list(points.values()))
        _sharpes(axes)
        _names(figure, axes, points)
        legend(axes, 4)


def _bounds(axes: Axes, points: list[Risk]) -> None:
    """Set limits that include zero and leave room for names."""
    widest = max(point.volatility for point in points) or 1.0
    returns = [0.0, *(point.annualised_return for point in points)]
    room = 0.12 * ((max(returns) - min(returns)) or 1.0)
    axes.set_xlim(-0.03 * widest, 1.25 * widest)
    axes.set_ylim(min(returns) - room, max(returns) + room)


def _sharpes(axes: Axes) -> None:
    """Lines from the origin on which the Sharpe ratio is the same, each with it where the line leaves the picture."""
    right, (low, high) = axes.get_xlim()[1], axes.get_ylim()
    axes.axhline(0.0, color=FAINT, linewidth=1.0)
    for ratio in (-2.0, -1.0, 1.0, 2.0, 3.0):
        edge = high if ratio > 0.0 else low
        x = min(right, edge / ratio)
        axes.plot([0.0, x], [0.0, ratio * x], color=FAINT, linewidth=0.9, linestyle=(0, (3, 3)), zorder=1)
        if x > 0.15 * right:
            axes.annotate(
                format_number(ratio, "g"),
                (x, ratio * x),
                xytext=(-4, -3 if ratio > 0.0 else 3),
                textcoords="offset points",
                ha="right",
                va="top" if ratio > 0.0 else "bottom",
                color=MUTED,
                fontsize=9,
                path_effects=_HALO,
            )


def _names(figure: Figure, axes: Axes, points: Mapping[str, Risk]) -> None:
    """Write each name next to its point where it covers no other name or point; it is omitted if there is no room."""
    canvas: Any = figure.canvas
    measure = canvas.get_renderer().get_text_width_height_descent
    frame = axes.get_window_extent()
    places = {name: _pixel(axes, point) for name, point in points.items()}
    occupied = [Bbox.from_extents(x - 6, y - 6, x + 6, y + 6) for x, y in places.values()]
    for (x, y), names in _together(_first(points), places).items():
        text = shortened(", ".join(names), LONGEST)
        width, height, _ = measure(text, FontProperties(size=_SIZE), False)
        for move, up in _AROUND:
            box = Bbox.from_bounds(x + 12 * move - width * (1 - move) / 2, y + 16 * up - height / 2, width, height)
            if frame.x0 < box.x0 and box.x1 < frame.x1 and not any(box.overlaps(other) for other in occupied):
                occupied.append(box)
                left, middle = figure.transFigure.inverted().transform((box.x0, y + 16 * up))
                figure.text(left, middle, text, va="center_baseline", color=INK, fontsize=_SIZE, path_effects=_HALO)
                break


def _pixel(axes: Axes, point: Risk) -> tuple[int, int]:
    x, y = axes.transData.transform((point.volatility, point.annualised_return))
    return round(x), round(y)


def _together(names: list[str], places: Mapping[str, tuple[int, int]]) -> dict[tuple[int, int], list[str]]:
    """The names at each place, the most important first: points that coincide share a text."""
    shared: dict[tuple[int, int], list[str]] = {}
    for name in names:
        shared.setdefault(places[name], []).append(name)
    return shared


def _first(points: Mapping[str, Risk]) -> list[str]:
    """The models to name: the champion, the baselines, and the models with the highest ratio of return to risk."""
    order = {"champion": 0, "baseline": 1, "model": 2}
    return sorted(points, key=lambda name: (order[points[name].kind], -_ratio(points[name])))[:NAMED]


def _ratio(point: Risk) -> float:
    return point.annualised_return / point.volatility if point.volatility else 0.0
