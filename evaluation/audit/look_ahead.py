"""Look-ahead: values computed for a bar must not change in any bit when later inputs are removed or altered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.errors import NightdeskError
from data_pipeline.bars.bars import COLUMNS, Bars
from data_pipeline.inputs import Inputs

Floats = NDArray[np.float64]
# By symbol or market named columns of numbers, a row a bar.
Tables = Mapping[str, pd.DataFrame]
Compute = Callable[[Inputs], Tables]

EARLY = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233)  # inside warm-ups, where a backward fill would show
# How many cuts there are of each other kind, and how many cuts the rows after are altered for.
JUMPS, ODD, TURNS, ANYWHERE = 6, 20, 6, 8
ALTERED = 6


@dataclass(frozen=True)
class Change:
    """The first value of a column that changed when later inputs were altered, or removed (`altered` is False)."""

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


def changes(
    compute: Compute, whole: Tables, inputs: Inputs, cuts: list[int], random: np.random.Generator
) -> list[Change]:
    """The first change of each column of `whole`, which was computed from all inputs, that shows look-ahead.

    The columns are computed again from inputs that end after each of `cuts` closes; for a few cuts also from inputs
    whose later rows are shuffled and scaled.
    """
    _check(whole, inputs)
    altered = cuts[:: max(1, len(cuts) // ALTERED)]
    first: dict[str, Change] = {}
    for cut, alter in [*((cut, False) for cut in reversed(cuts)), *((cut, True) for cut in altered)]:
        other = _other_future(inputs, inputs.times[cut - 1], random) if alter else inputs.head(cut)
        try:
            part = compute(other)
        except NightdeskError:  # fails on few bars because it needs later ones: then the leak has been found already
            if not first:
                raise
            continue
        _check(part, other)
        for change in _changed(whole, part, inputs.times[cut - 1], cut, alter):
            first.setdefault(change.name, change)
    names = dict.fromkeys(str(column) for table in whole.values() for column in table.columns)
    return [first[name] for name in names if name in first]


def cuts_of(
    inputs: Inputs, whole: Tables, turning: str, random: np.random.Generator, also: datetime | None = None
) -> list[int]:
    """After how many closes to cut the inputs: where a leak is likely, and at random.

    Early; before the largest price moves; right after the most extreme value of each column; where the column
    `turning` has just changed; after the close `also`; before the last one; and at a random place in each eighth.
    """
    rows = len(inputs.times)
    table = _in_one(whole, inputs)
    turns = np.flatnonzero(np.diff(table[turning].to_numpy())) + 2
    candidates = [
        np.array([*EARLY, rows - 1]),
        np.argsort(_moves(inputs), kind="stable")[-JUMPS:] + 1,
        random.permutation(_oddest(table) + 1)[:ODD],
        random.permutation(turns)[:TURNS],
        (np.arange(ANYWHERE) + random.random(ANYWHERE)) * rows / ANYWHERE,
        np.array([] if also is None else [inputs.times.searchsorted(pd.Timestamp(also), side="right")]),
    ]
    cuts = np.unique(np.concatenate(candidates).astype(np.int64))
    return [int(cut) for cut in cuts if 0 < cut < rows]


def _in_one(whole: Tables, inputs: Inputs) -> pd.DataFrame:
    """All tables as one, a row for each close; each column has the value of the first symbol with a bar there."""
    joined = pd.concat(list(whole.values())) if len(whole) > 1 else next(iter(whole.values()))
    return joined[~joined.index.duplicated()].sort_index().reindex(inputs.times)


def _moves(inputs: Inputs) -> Floats:
    """The largest absolute log return of any symbol from each close to the next."""
    moves = np.zeros(max(len(inputs.times) - 1, 0))
    for bars in inputs.bars.values():
        at = inputs.times.get_indexer(pd.DatetimeIndex(bars.frame.index))
        np.maximum.at(moves, at[1:] - 1, np.abs(np.diff(np.log(bars.frame["close"].to_numpy()))))
    return moves


def _oddest(table: pd.DataFrame) -> NDArray[np.int64]:
    """For each column the row whose value is farthest from the column's median."""
    values = table.to_numpy(np.float64)
    values = values[:, np.isfinite(values).any(axis=0)]
    far = np.where(np.isfinite(values), np.abs(values - np.nanmedian(values, axis=0)), -1.0)
    rows: NDArray[np.int64] = np.argmax(far, axis=0)
    return rows


def other_bits(a: Floats, b: Floats) -> NDArray[np.bool_]:
    """Where two arrays differ in any bit; NaN in both counts as equal."""
    differ: NDArray[np.bool_] = (a.view(np.int64) != b.view(np.int64)) & ~(np.isnan(a) & np.isnan(b))
    return differ


def _other_future(inputs: Inputs, cut: datetime, random: np.random.Generator) -> Inputs:
    """The same inputs until `cut`, with the later rows of every kind shuffled."""
    bars = {name: _other_bars(symbol_bars, cut, random) for name, symbol_bars in inputs.bars.items()}
    return replace(inputs, bars=bars).with_events(lambda rows: _other_events(rows, cut, random))


def _other_bars(bars: Bars, cut: datetime, random: np.random.Generator) -> Bars:
    values = bars.frame.to_numpy(copy=True)
    first = int(bars.frame.index.searchsorted(pd.Timestamp(cut), side="right"))
    values[first:] = values[first:][random.permutation(len(values) - first)]
    values[first:, : len(COLUMNS)] *= random.uniform(0.4, 0.9)  # never higher: some markets end at a price of one
    frame = pd.DataFrame(values, bars.frame.index, bars.frame.columns)
    return replace(bars, frame=frame)


def _other_events(rows: pd.DataFrame, cut: datetime, random: np.random.Generator) -> pd.DataFrame:
    first = int(rows.index.searchsorted(pd.Timestamp(cut), side="right"))
    order = np.concatenate([np.arange(first), first + random.permutation(len(rows) - first)])
    return rows.iloc[order].set_axis(rows.index)


def _changed(whole: Tables, part: Tables, cut: pd.Timestamp, closes: int, altered: bool) -> Iterator[Change]:
    for name, table in whole.items():
        with_later = table.loc[:cut]
        if len(with_later) == 0:
            continue
        if name not in part:
            raise _misaligned(f"With other later bars nothing is computed for {name}", "Compute it for every symbol.")
        yield from _changed_in(with_later, part[name].loc[:cut], closes, altered)


def _changed_in(whole: pd.DataFrame, part: pd.DataFrame, closes: int, altered: bool) -> Iterator[Change]:
    if not part.columns.equals(whole.columns):
        raise _misaligned(
            f"With other later bars the columns are {', '.join(map(str, part.columns))} instead of "
            f"{', '.join(map(str, whole.columns))}",
            "Name the same features in the same order, however many bars there are.",
        )
    with_later, without = (np.ascontiguousarray(table.to_numpy(np.float64)) for table in (whole, part))
    differ = other_bits(with_later, without)
    for column in np.flatnonzero(differ.any(axis=0)).tolist():
        row = int(np.argmax(differ[:, column]))
        yield Change(
            name=str(whole.columns[column]),
            at=whole.index[row].to_pydatetime(),
            altered=altered,
            whole=float(with_later[row, column]),
            otherwise=float(without[row, column]),
            cut=closes,
            values=int(differ[:, column].sum()),
        )


def _check(tables: Tables, inputs: Inputs) -> None:
    """Every symbol and market has a table on the times of its bars."""
    if tables.keys() != inputs.bars.keys():
        raise _misaligned(
            f"What is computed for {', '.join(inputs.bars)} is named {', '.join(tables) or 'nothing'}",
            "Compute a table for every symbol or market that has bars, and for no other.",
        )
    for name, bars in inputs.bars.items():
        if not tables[name].index.equals(bars.frame.index):
            raise _misaligned(
                f"What is computed for {len(bars)} bars of {name} has {len(tables[name])} rows, or other times",
                "Compute one row for each bar, in order.",
            )


def _misaligned(problem: str, cure: str) -> NightdeskError:
    return NightdeskError("leaks.misaligned", f"{problem}.", cure)
