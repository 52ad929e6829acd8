"""The common style of all pictures: colours for the colour-blind, a headline, and the source of the data.

Colours are those of Okabe and Ito (2008, "Color Universal Design"); shape or line style always repeats the colour.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from config.publish import publishing
from data_pipeline.provenance import Provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, MUTED, FAINT, GRID = "#1f2933", "#52606d", "#9aa5b1", "#e4e7eb"
BLUE, ORANGE, GREEN, RED, SKY, PURPLE, YELLOW = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#d55e00",
    "#56b4e9",
    "#cc79a7",
    "#f0e442",
)
MODEL, CHAMPION, WARNING = BLUE, ORANGE, "#b45309"
# Baselines and champion drawn with a model, in the order drawn: colour and line style.
STYLES: dict[str, tuple[str, Any]] = {
    "flat": (FAINT, ":"),
    "random": ("#a84f86", (0, (5, 1.5, 1, 1.5))),
    "last_action": (GREEN, (0, (4, 1.5))),
    "buy_and_hold": ("#7b8794", "-"),
    "champion": (CHAMPION, "-"),
}
WIDE, HALF = (12.0, 7.4), (8.0, 5.2)
DPI = 110
_MARGIN = 0.16  # inches from the edge to the texts
_STYLE: dict[Any, Any] = {"text.parse_math": False, "font.size": 11.5, "axes.unicode_minus": True}
_NARROWEST = 4


@dataclass(frozen=True)
class Caption:
    """The subject of a picture and the provenance of its data; what is made up gets a conspicuous label."""

    subject: str
    provenance: Provenance


@contextmanager
def drawing(path: Path, caption: Caption, title: str, facts: str, size: tuple[float, float] = HALF) -> Iterator[Figure]:
    """A figure with its headline and source, which is published as a PNG at the end of the context."""
    with rc_context(_STYLE):
        figure = Figure(figsize=size, dpi=DPI, facecolor="white", edgecolor="white")
        FigureCanvasAgg(figure)
        yield figure
        _headline(figure, title, facts, caption)
        with publishing(path) as temp:
            # Software: the same picture on every version; compress_level: half the time for a fifth more bytes.
            figure.savefig(temp, format="png", metadata={"Software": None}, pil_kwargs={"compress_level": 3})


def place(
    figure: Figure, *, left: float = 0.95, right: float = 0.25, top: float = 1.0, bottom: float = 0.72, **more: Any
) -> None:
    """Set the margins around the axes, in inches."""
    width, height = figure.get_size_inches()
    figure.subplots_adjust(
        left=left / width, right=1.0 - right / width, top=1.0 - top / height, bottom=bottom / height, **more
    )


def minimal_axes(axes: Axes, grid: str = "y") -> None:
    """A light grid, no ticks, and only the bottom line of the frame."""
    if grid:
        axes.grid(axis=grid, color=GRID, linewidth=0.8)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    axes.tick_params(which="both", colors=MUTED, length=0, labelsize=10.5)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GRID)


def legend(axes: Axes, ncols: int, handles: Any = None, labels: Any = None) -> None:
    """A legend in rows above the axes."""
    explicit = {} if handles is None else {"handles": handles, "labels": labels}
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=ncols,
        frameon=False,
        labelcolor=INK,
        fontsize=10.5,
        columnspacing=1.5,
        handlelength=1.8,
        handletextpad=0.6,
        borderaxespad=0.2,
        **explicit,
    )


def dated(axes: Axes, index: pd.Index) -> None:
    """Dates under the axes, if the bars have any."""
    if isinstance(index, pd.DatetimeIndex):
        locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def explain_empty(axes: Axes, reason: str) -> None:
    """Write into empty axes why there is nothing to draw."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, reason, transform=axes.transAxes, ha="center", va="center", color=MUTED, fontsize=13, wrap=True)


def times(series: pd.Series) -> Any:
    """The index of a series as an array, for matplotlib."""
    return series.index.to_numpy()


def day(time: Any) -> str:
    """The date of a bar as text; an index that has no dates as it is."""
    return f"{time:%Y-%m-%d}" if isinstance(time, pd.Timestamp) else str(time)


def fitted(figure: Figure, text: str, inches: float, size: float, weight: str = "normal") -> str:
    """`text`, shortened in its middle by an ellipsis so that it fits into a width."""
    font, room = FontProperties(size=size, weight=weight), inches * DPI
    canvas: Any = figure.canvas
    measure = canvas.get_renderer().get_text_width_height_descent
    length = len(text)
    while measure(shortened(text, length), font, False)[0] > room and length > _NARROWEST:
        length -= max(1, length // 20)
    return shortened(text, length)


def shortened(text: str, length: int) -> str:
    """The text, or its two ends of `length` characters together with an ellipsis between them."""
    if length >= len(text):
        return text
    front = (length + 1) // 2
    return f"{text[:front].rstrip()}…{text[len(text) - length // 2 :].lstrip()}"


def _headline(figure: Figure, title: str, facts: str, caption: Caption) -> None:
    width, height = figure.get_size_inches()
    room = width - 2 * _MARGIN
    made_up, source = caption.provenance.badge, f"data: {caption.provenance.label}"
    label = made_up.upper() if made_up else fitted(figure, source, room * 0.4, 10.5)
    box = {"boxstyle": "round,pad=0.4", "facecolor": WARNING, "edgecolor": "none"}
    style: dict[str, Any] = {"weight": "bold", "color": "white", "bbox": box} if made_up else {"color": MUTED}
    aside = 0.141 * len(label) if made_up else 0.1 * len(label)

    def write(inches_down: float, text: str, size: float, *, left: float = _MARGIN, **more: Any) -> None:
        figure.text(left / width, 1.0 - inches_down / height, text, fontsize=size, va="center", **more)

    write(0.3, fitted(figure, title, room - aside, 15, "bold"), 15, weight="bold", color=INK)
    write(0.3, label, 10.5, left=width - _MARGIN - 0.06, ha="right", **style)
    write(0.6, fitted(figure, facts, room, 10.5), 10.5, color=MUTED)
    write(height - 0.17, fitted(figure, caption.subject, room, 9.5), 9.5, color=MUTED)
