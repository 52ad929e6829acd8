"""Which recipes' signals a portfolio follows in each symbol, and what these say at each close."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import stdtr

from data_pipeline.bars.bars import Bars
from data_pipeline.inputs import Inputs
from evaluation.accounting.backtest import Costs, backtest
from evaluation.signals import Signals

LEAST_BARS = 60  # of signals, before they are compared
LEVEL = 0.05
_COLUMNS = ("position", "confidence")


def chosen_types(bars: Bars, rows: pd.DataFrame, costs: Costs) -> tuple[str, ...]:
    """The model types whose signals (`rows`) on one symbol are followed, by what they earned on these bars.

    It is the one that earned most by its t-value, after costs and beyond cash, if it surely earned something: with a
    p-value of at most 5 % divided by the number of types that are compared. Where none stands out, it is all of them.
    """
    tables = _by_type(rows, tuple(sorted(set(rows["model_type"]))))
    p_values = {name: _p_value(bars, table["position"], costs) for name, table in tables.items()}
    best = min(p_values, key=lambda name: p_values[name])
    return (best,) if p_values[best] <= LEVEL / len(p_values) else tuple(p_values)


def _p_value(bars: Bars, position: pd.Series, costs: Costs) -> float:
    """Of the signals earning no more than cash; 1 where they are too few or never traded."""
    lived = bars.since(position.index[0])
    if len(lived) < LEAST_BARS:
        return 1.0
    target = position.reindex(lived.frame.index, method="ffill")
    excess = backtest(lived, target, costs).excess.to_numpy()
    deviation = float(np.std(excess, ddof=1))
    if deviation <= 1e-15:
        return 1.0
    t = float(np.mean(excess)) / deviation * math.sqrt(excess.size)
    return float(1.0 - stdtr(excess.size - 1, t))


def followed_signals(inputs: Inputs, followed: Mapping[str, Sequence[str]]) -> dict[str, Signals]:
    """By symbol, on its own closes, the mean of the newest signals of the model types that are followed.

    Where nothing was chosen, all that there are. A type counts from its first signal on; before any, a symbol counts as
    held.
    """
    return {
        name: _mean(inputs.signals.get(name), followed.get(name), bars.frame.index)
        for name, bars in inputs.bars.items()
    }


def _mean(rows: pd.DataFrame | None, types: Sequence[str] | None, index: pd.Index) -> Signals:
    parts = {} if rows is None else _by_type(rows, types or sorted(set(rows["model_type"])))
    means = {}
    for column in _COLUMNS:
        table = pd.DataFrame({name: part[column].reindex(index, method="ffill") for name, part in parts.items()}, index)
        means[column] = table.mean(axis=1).fillna(1.0).rename(column)
    return Signals(means["position"], means["confidence"])


def _by_type(rows: pd.DataFrame, types: Sequence[str]) -> dict[str, pd.DataFrame]:
    """The signals of each of these types, one for each instant; types without any are left out."""
    parts = {name: rows[rows["model_type"] == name] for name in types}
    return {name: part[~part.index.duplicated(keep="last")] for name, part in parts.items() if len(part)}
