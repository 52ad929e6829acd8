"""Look-ahead: what is said of a bar must stay, to the last bit, when later bars are cut off or come otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.errors import NightdeskError
from data_pipeline.bars import COLUMNS, Bars

Floats = NDArray[np.float64]
# Whatever is computed for each bar: named columns of numbers on the index of the bars.
Said = Callable[[Bars], pd.DataFrame]

EARLY = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233)  # inside warm-ups, where gaps tempt to be filled from behind
JUMPS, ODD, TURNS, ANYWHERE = 6, 20, 6, 8
ALTERED = 6


@dataclass(frozen=True)
class Change:
    """The first value of a column that was another with other later bars, or with none (`altered` is False)."""

    name: str
    at: datetime
    altered: bool
    whole: float
    otherwise: float
    cut: int
    values: int

    def __str__(self) -> str:
        later = "other later bars" if self.altered else "no later bars"
        return (
            f"{self.name} is {self.whole!r}, and with {later} {self.otherwise!r} "
            f"(cut after {self.cut} bars; {self.values} values differ)"
        )


def changes(said: Said, whole: pd.DataFrame, bars: Bars, cuts: list[int], random: np.random.Generator) -> list[Change]:
    """For each column of `whole`, said of all bars, the first sign that it knew something later.

    The history ends after each of `cuts`; after a few of them it also goes on with its bars in another order, on
    another level.
    """
    _check(whole, bars)
    altered = cuts[:: max(1, len(cuts) // ALTERED)]
    found: dict[str, Change] = {}
    for cut, alter in [*((cut, False) for cut in reversed(cuts)), *((cut, True) for cut in altered)]:
        other = _other_future(bars, cut, random) if alter else bars.head(cut)
        try:
            part = said(other)
        except NightdeskError:  # of few bars nothing can be said where all of them are needed: then the leak is told
            if not found:
                raise
            continue
        _check(part, other)
        for change in _changed(whole, part, cut, alter):
            found.setdefault(change.name, change)
    return [found[name] for name in map(str, whole.columns) if name in found]


def cuts_of(
    bars: Bars, whole: pd.DataFrame, turning: str, random: np.random.Generator, also: datetime | None = None
) -> list[int]:
    """After how many bars to cut a history: where a leak would pay or hide, and anywhere.

    Early; before the wildest moves; right after the oddest value of each column; where the column `turning` has just
    turned; after the bar `also`; before the last bar; and at a random place in each eighth.
    """
    rows = len(bars)
    moves = np.abs(np.diff(np.log(bars.frame["close"].to_numpy())))
    turns = np.flatnonzero(np.diff(whole[turning].to_numpy())) + 2
    chosen = [
        np.array([*EARLY, rows - 1]),
        np.argsort(moves, kind="stable")[-JUMPS:] + 1,
        random.permutation(_oddest(whole) + 1)[:ODD],
        random.permutation(turns)[:TURNS],
        (np.arange(ANYWHERE) + random.random(ANYWHERE)) * rows / ANYWHERE,
        np.array([] if also is None else [bars.frame.index.searchsorted(pd.Timestamp(also), side="right")]),
    ]
    cuts = np.unique(np.concatenate(chosen).astype(np.int64))
    return [int(cut) for cut in cuts if 0 < cut < rows]


def _oddest(whole: pd.DataFrame) -> NDArray[np.int64]:
    """For each column the row whose value is farthest from the column's median: a rare event, if it tells of any."""
    values = whole.to_numpy(np.float64)
    values = values[:, np.isfinite(values).any(axis=0)]
    far = np.where(np.isfinite(values), np.abs(values - np.nanmedian(values, axis=0)), -1.0)
    rows: NDArray[np.int64] = np.argmax(far, axis=0)
    return rows


def other_bits(a: Floats, b: Floats) -> NDArray[np.bool_]:
    """Where two arrays differ in any bit; what is undefined in both is the same."""
    differ: NDArray[np.bool_] = (a.view(np.int64) != b.view(np.int64)) & ~(np.isnan(a) & np.isnan(b))
    return differ


def _other_future(bars: Bars, cut: int, random: np.random.Generator) -> Bars:
    values = bars.frame.to_numpy(copy=True)
    values[cut:] = values[cut:][random.permutation(len(values) - cut)]
    values[cut:, : len(COLUMNS)] *= random.uniform(0.5, 2.0)
    frame = pd.DataFrame(values, bars.frame.index, bars.frame.columns)
    return Bars(frame, bars.symbol, bars.interval, bars.source)


def _changed(whole: pd.DataFrame, part: pd.DataFrame, cut: int, altered: bool) -> Iterator[Change]:
    if not part.columns.equals(whole.columns):
        raise NightdeskError(
            "leaks.misaligned",
            f"With other later bars the columns are {', '.join(map(str, part.columns))} instead of "
            f"{', '.join(map(str, whole.columns))}.",
            "Name the same features in the same order, however many bars there are.",
        )
    with_later, without = (np.ascontiguousarray(each.to_numpy(np.float64)[:cut]) for each in (whole, part))
    differ = other_bits(with_later, without)
    for column in np.flatnonzero(differ.any(axis=0)).tolist():
        row = int(np.argmax(differ[:, column]))
        yield Change(
            name=str(whole.columns[column]),
            at=whole.index[row].to_pydatetime(),
            altered=altered,
            whole=float(with_later[row, column]),
            otherwise=float(without[row, column]),
            cut=cut,
            values=int(differ[:, column].sum()),
        )


def _check(said: pd.DataFrame, bars: Bars) -> None:
    if not said.index.equals(bars.frame.index):
        raise NightdeskError(
            "leaks.misaligned",
            f"What is said of {len(bars)} bars has {len(said)} rows, or other times.",
            "Give one row a bar; a feature that is not known yet is NaN.",
        )
