"""The state of a trader at the close of a bar, as 17 numbers: the market, its indicators, the time, the position."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from data_pipeline.features import fractional
from data_pipeline.features import indicators as ta
from data_pipeline.features.rolling import Floats, ratio
from data_pipeline.trader_logs.bars import TraderBars

NAMES: tuple[str, ...] = (
    "fractional_price", "yang_zhang", "volume_z",
    "rsi", "macd_histogram", "bollinger_width",
    "time_of_day_sin", "time_of_day_cos", "hour_sin", "hour_cos", "day_of_week_sin", "day_of_week_cos",
    "unrealised", "unrealised_share", "inventory", "position_size", "time_since_entry",
)  # fmt: skip
SCALED = 6  # the first of them have no natural scale: they are standardised by the training span's mean and deviation
_ORDER = 0.4  # of fractional differencing
WARM_UP = max(len(fractional.weights(_ORDER)) - 1, 33)  # bars until the differences and MACD's signal have a value
_LARGEST = 10.0  # a share of the cost can be ninety-nine times; more than ten says no more
_HOUR = 3600.0


def states(bars: TraderBars) -> Floats:
    """The 17 states of every row; NaN in the first `WARM_UP`. Each knows what happened before its `time`, no more."""
    if not len(bars):
        return np.empty((0, len(NAMES)))
    return np.column_stack([*_market(bars), *_clock(bars), *_position(bars)])


def _market(bars: TraderBars) -> list[Floats]:
    prices = bars.prices
    return [
        ta.fractional_close(prices, _ORDER),
        ta.yang_zhang(prices),
        ta.volume_z(prices),
        (ta.rsi(prices) - 50.0) / 50.0,
        ta.macd(prices)[2] / prices.close,
        ta.bollinger_width(prices),
    ]


def _clock(bars: TraderBars) -> list[Floats]:
    parts = (ta.time_of_day(bars.prices), ta.hour(bars.prices), ta.day_of_week(bars.prices))
    return [wave(part) for part in parts for wave in (ta.sine, ta.cosine)]


def _position(bars: TraderBars) -> list[Floats]:
    """Each against the most that this trader held in this market until then, so that small and large ones are alike."""
    return [
        ratio(bars.unrealised, bars.peak_cost),
        np.minimum(ratio(bars.unrealised, bars.cost), _LARGEST),
        ratio(bars.inventory, bars.peak_inventory),
        ratio(bars.cost, bars.peak_cost),
        np.tanh(bars.age / _HOUR),
    ]


class Moments:
    """Mean and standard deviation of the first `SCALED` states, gathered market by market."""

    def __init__(self) -> None:
        self.count = 0
        self._mean = np.zeros(SCALED)
        self._squares = np.zeros(SCALED)

    def add(self, rows: npt.NDArray[np.floating]) -> None:
        """Take rows in: Chan, Golub and LeVeque's update, exact however the rows are cut into parts."""
        values = rows[:, :SCALED].astype("f8")
        n = len(values)
        if n == 0:
            return
        mean = values.mean(axis=0)
        step = mean - self._mean
        total = self.count + n
        self._squares += ((values - mean) ** 2).sum(axis=0) + step**2 * (self.count * n / total)
        self._mean += step * (n / total)
        self.count = total

    def scale(self) -> tuple[Floats, Floats]:
        """What to take off and what to divide by; 1 where nothing varies."""
        deviation = np.sqrt(self._squares / max(self.count, 1))
        return self._mean.copy(), np.where(deviation > 0, deviation, 1.0)
