"""The portfolio when a bar closes: the part of a state that depends on the trader and not on the market alone."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NoReturn, Self

import numpy as np
import pandas as pd

from config.errors import UsageError
from data_pipeline.features.rolling import Floats

_DAY = pd.Timedelta(days=1)
_MONTH = 30.0  # days


@dataclass(frozen=True, eq=False)
class Holding:
    """What a portfolio holds when a bar closes: a number, or an array with one for each bar.

    `position` is what was last decided to hold of the symbol, from -1 (all short) to 1 (all long); `leverage` the worth
    of all that is held, long or short, and `cash` the money, both by equity. `days_since_trade` is infinite before the
    first trade.
    """

    position: float | Floats = 0.0
    leverage: float | Floats = 0.0
    cash: float | Floats = 1.0
    days_since_trade: float | Floats = np.inf

    @classmethod
    def of(cls, position: float | Floats, days_since_trade: float | Floats = np.inf) -> Self:
        """What is held by someone who has this position, the rest as money, and nothing else."""
        return cls(position, np.abs(position), 1.0 - position, days_since_trade)

    @classmethod
    def replayed(cls, decided: pd.Series) -> Self:
        """The portfolio at each close of a trader who decided on these positions, each filled at the next bar's open.

        So at a bar's close the position is that of the bar before, and a trade is as old as the bar that decided on it.
        """
        times = pd.DatetimeIndex(decided.index).as_unit("ns").asi8
        targets = decided.to_numpy(np.float64)
        positions = np.concatenate([[0.0], targets])[:-1]
        traded = np.concatenate([[False], targets != positions])[:-1]  # when this bar opened
        newest = np.maximum.accumulate(np.where(traded, np.arange(len(positions)) - 1, -1))
        return cls.of(positions, np.where(newest >= 0, (times - times[newest]) / _DAY.value, np.inf))

    def columns(self, rows: int) -> Floats:
        """[rows, 4], in the order of the fields, as states hold them: days as tanh(days / 30)."""
        values = np.empty((rows, 4))
        for column, field in zip(values.T, fields(self), strict=True):
            array = np.asarray(getattr(self, field.name), np.float64)
            if array.shape not in {(), (rows,)}:
                refuse(f"{field.name} has the shape {array.shape}", f"Give a number, or one for each of {rows} bars.")
            column[:] = array
        _check(*values.T)
        values[:, 3] = np.tanh(values[:, 3] / _MONTH)
        return values


def _check(position: Floats, leverage: Floats, cash: Floats, days: Floats) -> None:
    for name, column, possible, cure in (
        ("position", position, np.abs(position) <= 1.0, "It is a share of equity, from -1 to 1."),
        ("leverage", leverage, (leverage >= 0.0) & np.isfinite(leverage), "It is 0 or more."),
        ("cash", cash, np.isfinite(cash), "It is a share of equity, and finite."),
        ("days_since_trade", days, days >= 0.0, "It is 0 or more, infinite before the first trade."),
    ):
        if not possible.all():
            refuse(f"{name} is {column[np.argmin(possible)]}", cure)


def refuse(problem: str, cure: str) -> NoReturn:
    """Raise the error for a portfolio that is impossible."""
    raise UsageError("states.holding", f"The portfolio is impossible: {problem}.", cure)
