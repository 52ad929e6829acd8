"""Signals: the target position and the confidence of a model at each bar's close."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from config.errors import NightdeskError

Sell = Literal["exit", "short"]


@dataclass(frozen=True, eq=False)
class Signals:
    """For each bar the target `position` in [-1, 1] and the `confidence` in [0, 1], decided at that bar's close.

    `remark` is what a reader should know of the newest of them, such as what it was decided without; mostly nothing.
    """

    position: pd.Series
    confidence: pd.Series
    remark: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "position", weights("position", self.position, low=-1.0))
        object.__setattr__(self, "confidence", weights("confidence", self.confidence, low=0.0))
        if not self.position.index.equals(self.confidence.index):
            raise NightdeskError(
                "signals.invalid",
                f"The position has {len(self.position)} rows and the confidence {len(self.confidence)}, "
                "and their times are not the same.",
                "Build both on the index of the bars they were decided on.",
            )

    def __len__(self) -> int:
        return len(self.position)

    @property
    def index(self) -> pd.Index:
        """The times of the bars."""
        return self.position.index

    def until(self, time: datetime) -> Signals:
        """The signals decided at `time` or before."""
        return Signals(self.position.loc[:time], self.confidence.loc[:time])

    def since(self, time: datetime) -> Signals:
        """The signals decided at `time` or after."""
        return Signals(self.position.loc[time:], self.confidence.loc[time:])


def weights(name: str, series: pd.Series, *, low: float) -> pd.Series:
    """`series` as float64, every value in [low, 1], its index strictly increasing."""
    if not isinstance(series, pd.Series):
        raise NightdeskError(
            "signals.invalid",
            f"The {name} is a {type(series).__name__}, not a pandas Series.",
            "Wrap it: pd.Series(values, index=bars.frame.index).",
        )
    try:
        checked = series.astype("float64")
    except (TypeError, ValueError) as error:
        raise NightdeskError(
            "signals.invalid", f"The {name} holds values that are no numbers: {error}.", "Give numbers only."
        ) from error
    if not (checked.index.is_unique and checked.index.is_monotonic_increasing):
        raise NightdeskError(
            "signals.invalid", f"The index of the {name} is not strictly increasing.", "Sort it and drop repeats."
        )
    values = checked.to_numpy()
    outside = np.flatnonzero(~((values >= low) & (values <= 1.0)))
    if outside.size:
        raise NightdeskError(
            "signals.invalid",
            f"The {name} is {values[outside[0]]} at {checked.index[outside[0]]}, outside [{low:g}, 1] "
            f"({outside.size} such rows).",
            "Clip it; where there is no decision yet (warm-up), give 0.",
            rows=int(outside.size),
        )
    return checked


def positions_from_actions(actions: ArrayLike, sell: Sell = "exit") -> NDArray[np.float64]:
    """The position after each action: hold (0) keeps it, buy (1) goes long, sell (-1) exits, or goes short.

    The first position is flat. Each depends on no later action.
    """
    codes = np.asarray(actions)
    if codes.ndim != 1 or not np.isin(codes, (-1, 0, 1)).all():
        raise NightdeskError(
            "signals.invalid",
            f"The actions are not a plain list of -1, 0 and 1 (shape {codes.shape}, type {codes.dtype}).",
            "Convert them by data_pipeline.actions first.",
        )
    newest = np.maximum.accumulate(np.where(codes != 0, np.arange(codes.size), -1), dtype=np.int64)
    last = np.where(newest >= 0, codes[np.maximum(newest, 0)] if codes.size else 0, 0).astype(np.float64)
    return np.maximum(last, 0.0) if sell == "exit" else last


def sized_positions(actions: ArrayLike, sizes: ArrayLike, sell: Sell = "exit") -> NDArray[np.float64]:
    """The position after each action, of the size (0 to 1) that the action had which took its side.

    A buy while long, or a sell while short, changes nothing: so a view that stays the same costs no trades.
    """
    side = positions_from_actions(actions, sell)
    taken = np.maximum.accumulate(np.where(np.diff(side, prepend=0.0) != 0.0, np.arange(side.size), 0), dtype=np.int64)
    return side * np.asarray(sizes, np.float64)[taken] if side.size else side


def positions_since_first_action(actions: pd.Series, sell: Sell = "exit") -> pd.Series:
    """The position after each action from the first buy or sell on; the position before that is unknown."""
    position = pd.Series(positions_from_actions(actions.to_numpy(), sell), index=actions.index)
    return position[(actions != 0).cummax()]
