"""Triple-barrier labels: what came first after an entry, the profit, the stop, or the end of the horizon.

M. Lopez de Prado, Advances in Financial Machine Learning (2018), chapter 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit

from config.errors import NightdeskError, UsageError
from data_pipeline.bars.bars import Bars
from data_pipeline.features.rolling import Floats

Integers = npt.NDArray[np.int64]
Touch = Literal["close", "range"]

_SPAN = 100


@dataclass(frozen=True)
class Barriers:
    """How far a price may go, in units of sigma (`inf`: without end), and for how many bars.

    With `touch="range"` highs and lows count too. Then a bar that opens beyond a barrier is left at its open, one that
    meets a barrier is left at the barrier, and one that meets both is taken to have met the stop first.
    """

    profit: float = 2.0
    stop: float = 2.0
    horizon: int = 20
    touch: Touch = "close"

    def __post_init__(self) -> None:
        whole = isinstance(self.horizon, int) and self.horizon >= 1
        if not (self.profit > 0.0 and self.stop > 0.0 and whole and self.touch in get_args(Touch)):
            raise UsageError(
                "labels.barriers",
                f"There are no barriers at profit {self.profit}, stop {self.stop}, horizon {self.horizon}, "
                f"touched by the {self.touch}.",
                "Choose profit and stop above 0, a whole number of bars, and `close` or `range`.",
            )


def volatility(bars: Bars, span: int = _SPAN) -> pd.Series:
    """Sigma of each bar: the exponentially weighted deviation of returns, NaN before `span` of them are known."""
    close = bars.frame["close"].to_numpy()
    returns = pd.Series(np.append(np.nan, close[1:] / close[:-1] - 1.0)[: len(close)], bars.frame.index)
    return returns.ewm(span=span, min_periods=span).std()


def barrier_labels(
    bars: Bars,
    barriers: Barriers | None = None,
    *,
    sigma: float | pd.Series | None = None,
    side: pd.Series | None = None,
) -> pd.DataFrame:
    """One row for each entry, made at the close of its bar: `side`, `label`, `pnl`, `touched_at`, `bars_held`.

    The label is 1 where the profit came first, -1 where the stop did, 0 where neither did within the horizon. `pnl` is
    the return in the direction of the side. Entries whose horizon reaches beyond the bars are left out, because of
    them only those that meet a barrier early would have labels; so are those whose sigma is unknown or 0.

    Args:
        bars: the market.
        barriers: where they stand; two sigma each way for 20 bars if None.
        sigma: a fraction for all bars, or one for each (on the index of the bars); `volatility(bars)` if None.
        side: 1 (long), -1 (short) or 0 (none) at the times of entries; long at every bar if None.
    """
    barriers = barriers or Barriers()
    entries, sides, sigmas = _entries(bars, barriers, sigma, side)
    prices = [np.ascontiguousarray(bars.frame[name].to_numpy()) for name in ("open", "high", "low", "close")]
    market = _Market(*prices) if barriers.touch == "range" else _Market(*prices[3:] * 4)
    limits = (float(barriers.profit), float(barriers.stop), barriers.horizon)
    labels, pnl, durations = _first_touches(market, entries, sides, sigmas, limits)
    index = bars.frame.index
    columns = {
        "side": sides,
        "label": labels,
        "pnl": pnl,
        "touched_at": index[entries + durations],
        "bars_held": durations,
    }
    return pd.DataFrame(columns, index=index[entries])


def long_touches(closes: Floats, entries: Integers, barriers: Barriers) -> tuple[Integers, Floats, Integers]:
    """Label, P&L and bars held of long entries at these closes, with barriers at parts of the price.

    Every entry needs a whole horizon of closes after it.
    """
    market, whole = _Market(*[np.ascontiguousarray(closes)] * 4), np.ones(len(entries))
    limits = (float(barriers.profit), float(barriers.stop), barriers.horizon)
    return _first_touches(market, entries, whole.astype(np.int64), whole, limits)


def _entries(
    bars: Bars, barriers: Barriers, sigma: float | pd.Series | None, side: pd.Series | None
) -> tuple[Integers, Integers, Floats]:
    """Where entries are made, on which side, and with which sigma."""
    index = bars.frame.index
    if side is None:
        entries, sides = np.arange(len(bars)), np.ones(len(bars), np.int64)
    else:
        entries = index.get_indexer(side.index)
        _check_entries(side, entries)
        sides = side.to_numpy(np.int64)
    sigmas = _sigmas(bars, sigma)[entries]
    valid = (sides != 0) & (sigmas > 0.0) & np.isfinite(sigmas) & (entries + barriers.horizon < len(bars))
    return entries[valid], sides[valid], sigmas[valid]


def _check_entries(side: pd.Series, entries: Integers) -> None:
    wrong = (entries < 0) | ~side.isin([-1, 0, 1]).to_numpy() | (np.diff(entries, prepend=-1) <= 0)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise NightdeskError(
            "labels.entries",
            f"The side {side.iloc[at]} at {side.index[at]} is no entry.",
            "Give -1, 0 or 1 at times of bars, each once and in order.",
        )


def _sigmas(bars: Bars, sigma: float | pd.Series | None) -> Floats:
    sigmas = volatility(bars) if sigma is None else sigma
    if not isinstance(sigmas, pd.Series):
        return np.full(len(bars), float(sigmas))
    if not sigmas.index.equals(bars.frame.index):
        raise NightdeskError(
            "labels.sigma",
            f"Sigma stands at {len(sigmas)} other times than the {len(bars)} bars.",
            "Give one for each bar, on the index of the bars; NaN where it is unknown.",
        )
    return sigmas.to_numpy(np.float64)


class _Market(NamedTuple):
    """Four prices a bar; where only closes may touch, all four are the close."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats


@njit(cache=True)
def _first_touches(
    market: _Market, entries: Integers, sides: Integers, sigmas: Floats, limits: tuple[float, float, int]
) -> tuple[Integers, Floats, Integers]:
    """Label, P&L and bars held of each entry; `limits` are profit, stop and horizon."""
    profit, stop, horizon = limits
    labels, pnl, bars_held = np.empty_like(entries), np.empty(len(entries)), np.empty_like(entries)
    for i in range(len(entries)):
        entry, side = entries[i], sides[i]
        price = market.close[entry]
        above, below = (profit, stop) if side > 0 else (stop, profit)
        upper, lower = price * (1.0 + above * sigmas[i]), price * (1.0 - below * sigmas[i])
        t, end = entry + 1, entry + horizon
        while t < end and market.high[t] <= upper and market.low[t] >= lower:
            t += 1
        touch = _touch(market, t, upper, lower, side)
        exit_price = market.close[t]
        if touch != 0:
            exit_price = max(market.open[t], upper) if touch > 0 else min(market.open[t], lower)
        labels[i], pnl[i], bars_held[i] = side * touch, side * (exit_price / price - 1.0), t - entry
    return labels, pnl, bars_held


@njit(cache=True)
def _touch(market: _Market, t: int, upper: float, lower: float, side: int) -> int:
    """1 where the bar met the upper barrier first, -1 the lower, 0 neither; the stop where the bar meets both."""
    if market.open[t] > upper:
        return 1
    if market.open[t] < lower:
        return -1
    if market.high[t] > upper and market.low[t] < lower:
        return -side
    if market.high[t] > upper:
        return 1
    return -1 if market.low[t] < lower else 0


def meta_labels(labelled: pd.DataFrame) -> pd.Series:
    """1 where following the side made money, else 0: what a second model learns, to say when to trust the first."""
    return (labelled["pnl"] > 0.0).astype("int64").rename("meta_label")


def fitted_barriers(bars: Bars, trades: pd.DataFrame, sigma: float | pd.Series | None = None) -> Barriers:
    """Barriers that fit a trader's trades: median winner and loser in units of sigma, and a horizon that 9 of 10 meet.

    `trades` has `entered_at`, `exited_at` and `side` (1 or -1), all within the training span; each instant is met by
    the last bar closed by then.
    """
    index = pd.DatetimeIndex(bars.frame.index)
    times = [trades[name] for name in ("entered_at", "exited_at")]
    if any(not isinstance(instants.dtype, pd.DatetimeTZDtype) for instants in times):
        raise NightdeskError(
            "labels.times",
            f"The times of the trades are {times[0].dtype} and {times[1].dtype}; those of bars are instants, in UTC.",
            "Give both with their time zone, as `pd.to_datetime(..., utc=True)` does.",
        )
    entered, exited = (index.searchsorted(instants, side="right") - 1 for instants in times)
    inside = entered >= 0
    first, last = entered[inside], np.maximum(exited, entered)[inside]
    close = bars.frame["close"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        gains = trades["side"].to_numpy()[inside] * (close[last] / close[first] - 1.0) / _sigmas(bars, sigma)[first]
    return barriers_of(gains, last - first)


def barriers_of(gains: npt.ArrayLike, bars_held: npt.ArrayLike) -> Barriers:
    """The median of the gains above 0 and of those below, and a horizon that 9 of 10 trades meet.

    A gain that is not finite is that of a trade whose end tells of no barrier.
    """
    values, held = np.asarray(gains, dtype="f8"), np.asarray(bars_held, dtype="i8")
    values = np.where(np.isfinite(values), values, 0.0)
    won, lost = values[values > 0.0], values[values < 0.0]
    if not (len(won) and len(lost)):
        raise NightdeskError(
            "labels.too_few_exits",
            f"Of {len(values)} trades at known sigma, {len(won)} won and {len(lost)} lost.",
            "Give trades of both kinds on bars that reach further back, or choose the barriers yourself.",
        )
    horizon = int(np.ceil(np.quantile(held, 0.9)))
    return Barriers(float(np.median(won)), float(-np.median(lost)), max(horizon, 1))
