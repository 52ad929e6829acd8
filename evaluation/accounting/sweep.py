"""Sweep: one rule with thousands of parameter pairs, a few metrics for each, without full accounts.

The rule is a crossing: the target is `above` while one line (an average, a band, a level) is above another, `below`
while it is not, and 0 while either is undefined. Each line is given once; pairs name two of them. The metrics equal
those of `backtest` on the target of `crossing`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.accounting.costs import DEFAULT_COSTS, Costs
from evaluation.accounting.crossings import PAIR, walk
from evaluation.accounting.inputs import Frame, bars_a_year, check_cash, checked_frame, fail
from evaluation.accounting.ledger import Array


def crossing(first: pd.Series, second: pd.Series, above: float = 1.0, below: float = 0.0) -> pd.Series:
    """The target of one pair: `above` where `first` is greater, `below` where not, 0 where one is undefined."""
    defined = first.notna() & second.notna()
    return pd.Series(np.where(defined, np.where(first > second, above, below), 0.0), index=first.index)


def sweep(
    bars: Frame,
    lines: Mapping[Hashable, pd.Series],
    pairs: Sequence[tuple[Hashable, Hashable]],
    *,
    above: float = 1.0,
    below: float = 0.0,
    costs: Costs = DEFAULT_COSTS,
    initial_cash: float = 100_000.0,
    periods_per_year: float | None = None,
) -> pd.DataFrame:
    """The metrics of every pair of lines, one row a pair; an undefined metric is NaN.

    `sweep(bars, {n: close.rolling(n).mean() for n in (10, 20, 50)}, [(10, 20), (10, 50), (20, 50)])`
    """
    check_cash(initial_cash)
    frame = checked_frame(bars)
    per_year = bars_a_year(bars) if periods_per_year is None else periods_per_year
    opens, _, _, closes, dividends = np.ascontiguousarray(frame.to_numpy().T)
    ends, rates = _checked_pairs(pairs, list(lines)), costs.rates(per_year)
    states = np.zeros(len(ends), dtype=PAIR)
    for name in ("cash", "equity", "peak"):
        states[name] = initial_cash
    walk(
        opens,
        closes,
        dividends,
        _checked_lines(lines, frame.index),
        ends,
        (_checked_weight("above", above), _checked_weight("below", below)),
        rates,
        states,
    )
    figures = _figures(states, len(frame), initial_cash, per_year)
    return pd.DataFrame(figures, index=pd.MultiIndex.from_tuples(pairs, names=["first", "second"]))


def _figures(states: NDArray[Any], bars: int, initial_cash: float, per_year: float | None) -> dict[str, NDArray[Any]]:
    """What the sums come to, as `evaluation.metrics.formulas` defines it."""
    mean = states["gained"] / bars
    deviation = np.sqrt(np.maximum(states["squares"] - bars * mean**2, 0.0) / max(bars - 1, 1))
    sharpe = np.full(len(states), np.nan)
    # Rounding noise around a constant is no variance.
    defined = (deviation > 1e-10 * np.abs(mean) + 1e-15) & (per_year is not None and bars > 1)
    np.divide(mean * math.sqrt(per_year or 0.0), deviation, out=sharpe, where=defined)
    return {
        "total_return": 100.0 * (states["equity"] / initial_cash - 1.0),
        "sharpe_ratio": sharpe,
        "max_drawdown": 100.0 * states["deepest"],
        "trades": states["trades"],
        "exposure": 100.0 * states["held"] / bars,
    }


def _checked_weight(name: str, weight: float) -> float:
    if not -1.0 <= weight <= 1.0:
        fail(f"The target `{name}` is {weight}, outside [-1, 1].", "Give the fraction of the account to hold.")
    return float(weight)


def _checked_lines(lines: Mapping[Hashable, pd.Series], index: pd.Index) -> Array:
    for name, line in lines.items():
        if not line.index.equals(index):
            fail(
                f"The line {name} has {len(line)} rows and the bars have {len(index)}, and their times are not alike.",
                "Compute the lines on exactly these bars.",
            )
    return np.stack([line.to_numpy(dtype=np.float64) for line in lines.values()])


def _checked_pairs(pairs: Sequence[tuple[Hashable, Hashable]], lines: Sequence[Hashable]) -> NDArray[np.int64]:
    if not pairs:
        fail("There are no pairs.", "Name at least one pair of lines.")
    rows = {name: row for row, name in enumerate(lines)}
    if unknown := [name for pair in pairs for name in pair if name not in rows]:
        fail(f"The pairs name {unknown[0]}, which is no line.", f"Name two of {', '.join(map(str, lines))}.")
    return np.array([[rows[first], rows[second]] for first, second in pairs])
