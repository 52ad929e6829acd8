"""The state of a trader at the close of a bar: 17 numbers that every model is given, and named groups of others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from data_pipeline.features import fractional
from data_pipeline.features import indicators as ta
from data_pipeline.features.indicators import Columns
from data_pipeline.features.rolling import Floats, ratio
from data_pipeline.trader_logs.bars import TraderBars

# The market, its indicators, the time, the position.
BASE: tuple[str, ...] = (
    "fractional_price", "yang_zhang", "volume_z",
    "rsi", "macd_histogram", "bollinger_width",
    "time_of_day_sin", "time_of_day_cos", "hour_sin", "hour_cos", "day_of_week_sin", "day_of_week_cos",
    "unrealised", "unrealised_share", "inventory", "position_size", "time_since_entry",
)  # fmt: skip
GROUPS: dict[str, tuple[str, ...]] = {
    "base": BASE,
    # The level of the price, from -1 to 1; how much of the indicators' windows lies in the market; what is left of it.
    "price": ("price_level", "price_known", "window_share", "time_left"),
    # Which way the trader went in each of the last four bars, and when it last traded.
    "actions": ("way_1", "way_2", "way_3", "way_4", "last_way"),
    "fills": ("fills_1", "fills_4", "fills_16", "time_since_fill", "bought_16"),
    "book": ("spread", "spread_known"),
}
NAMES: tuple[str, ...] = tuple(name for names in GROUPS.values() for name in names)
SCALED = 6  # the first of them have no natural scale: they are standardised by the training span's mean and deviation
_ORDER = 0.4  # of fractional differencing
WINDOW = max(len(fractional.weights(_ORDER)) - 1, 33)  # bars that the differences and MACD's signal look back
_LARGEST = 10.0  # a share of the cost can be ninety-nine times; more than ten says no more
_HOUR, _MINUTE = 3600.0, 60.0


def states(bars: TraderBars) -> Floats:
    """All states of every row, in the order of `NAMES`. Each knows what happened before its `time`, and no more."""
    if not len(bars):
        return np.empty((0, len(NAMES)))
    columns = [*_market(bars), *_clock(bars), *_position(bars), *_price(bars), *_actions(bars), *_fills(bars)]
    return np.column_stack([*columns, *_book(bars)])


def _market(bars: TraderBars) -> list[Floats]:
    """The indicators, as if the price had stood still before the first row: no row is lost to a warm-up."""
    before = _stood_still(bars)
    moved = np.maximum.accumulate(before.close != bars.opening)
    states = (
        ta.fractional_close(before, _ORDER),
        ta.yang_zhang(before),
        ta.volume_z(before),
        np.where(moved, (ta.rsi(before) - 50.0) / 50.0, 0.0),  # neither strong nor weak while nothing has moved
        ta.macd(before)[2] / before.close,
        ta.bollinger_width(before),
    )
    return [state[WINDOW:] for state in states]


def _stood_still(bars: TraderBars) -> Columns:
    """The bars after a window of others in which nothing happened."""
    prices = bars.prices
    opened, high, low, close = (
        np.concatenate([np.full(WINDOW, bars.opening), column])
        for column in (prices.open, prices.high, prices.low, prices.close)
    )
    return Columns(opened, high, low, close, np.concatenate([np.zeros(WINDOW), prices.volume]), wall=prices.wall)


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


def _price(bars: TraderBars) -> list[Floats]:
    return [
        2.0 * bars.prices.close - 1.0,
        bars.priced.astype("f8"),
        np.minimum((np.arange(len(bars)) + 1.0) / WINDOW, 1.0),
        np.nan_to_num(np.clip(bars.left, 0.0, 1.0), nan=0.0),
    ]


def _actions(bars: TraderBars) -> list[Floats]:
    """1 towards Up, -1 towards Down, 0 for neither."""
    way = np.sign(bars.bought.round(6))
    traded = np.maximum.accumulate(np.where(way != 0.0, np.arange(len(way)), -1))
    last = np.where(traded < 0, 0.0, way[traded])
    return [*(_bars_ago(way, n) for n in range(4)), last]


def _bars_ago(values: Floats, n: int) -> Floats:
    """The value n bars earlier; 0 before the first row."""
    return np.concatenate([np.zeros(min(n, len(values))), values[: max(len(values) - n, 0)]])


def _fills(bars: TraderBars) -> list[Floats]:
    """How many fills there were in the last bars, when the last one was, and how much they went one way."""
    fills = bars.fills.astype("f8")
    return [
        *(np.log1p(_sums(fills, n)) for n in (1, 4, 16)),
        np.tanh(np.nan_to_num(bars.last_fill, nan=np.inf) / _MINUTE),
        ratio(_sums(bars.bought, 16), _sums(np.abs(bars.bought), 16)),
    ]


def _sums(values: Floats, n: int) -> Floats:
    """The sums of the last n values, or of as many as there are; each adds its own terms, so that no rounding stays."""
    sums: Floats = np.sum([_bars_ago(values, back) for back in range(n)], axis=0)
    return sums


def _book(bars: TraderBars) -> list[Floats]:
    known = ~np.isnan(bars.spread)
    return [np.where(known, bars.spread, 0.0), known.astype("f8")]


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
