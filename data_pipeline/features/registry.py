"""Named features of bars. Each at time t is a function of bars up to t, to the last bit: a property test holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import pandas as pd

from config.errors import NightdeskError, UsageError
from data_pipeline.bars import calendar
from data_pipeline.bars.bars import COLUMNS, TIME_NAMES, Bars
from data_pipeline.features import indicators as ta
from data_pipeline.features import rolling
from data_pipeline.features.indicators import Columns
from data_pipeline.features.rolling import Floats


@dataclass(frozen=True)
class Feature:
    """A named column: `function` gives as many values as there are bars, NaN in the first `warm_up` of them.

    Args:
        warm_up: bars before the first value.
        function: the values.
        memory: bars after its first value until that no longer depends on where the history begins, to within a
            thousandth of the feature's standard deviation. Recursive means (Wilder's, exponential ones) remember all
            bars, each with less weight: (13/14)^110 and (25/27)^110 are below 0.0003. `obv` is a sum from the first bar
            on, and depends on it for ever.
    """

    name: str
    warm_up: int
    function: Callable[[Columns], Floats]
    memory: int = 0


def _lagged_return(c: Columns, n: int) -> Floats:
    return ta.before(ta.change(c.close, 1), n)


def _return_quantile(c: Columns, percent: int) -> Floats:
    return rolling.quantile(ta.log_returns(c), 50, percent / 100.0)


def _on_circle(c: Columns, part: Callable[[Columns], Floats], wave: Callable[[Floats], Floats]) -> Floats:
    return wave(part(c))


_RECURSIVE = 110  # bars of memory of recursive means

_STANDARD = (
    Feature("return_1", 1, lambda c: ta.change(c.close, 1)),
    Feature("return_5", 5, lambda c: ta.change(c.close, 5)),
    Feature("return_20", 20, lambda c: ta.change(c.close, 20)),
    Feature("rsi", 14, ta.rsi, _RECURSIVE),
    Feature("ema", 19, ta.ema, _RECURSIVE),
    Feature("sma_10", 9, lambda c: ta.sma(c, 10)),
    Feature("sma_20", 19, lambda c: ta.sma(c, 20)),
    Feature("sma_50", 49, lambda c: ta.sma(c, 50)),
    Feature("disparity", 19, lambda c: c.close / ta.ema(c) - 1.0, _RECURSIVE),
    Feature("sma_10_to_50", 49, lambda c: ta.sma(c, 10) / ta.sma(c, 50) - 1.0),
    Feature("macd", 33, lambda c: ta.macd(c)[0], _RECURSIVE),
    Feature("macd_signal", 33, lambda c: ta.macd(c)[1], _RECURSIVE),
    Feature("macd_histogram", 33, lambda c: ta.macd(c)[2], _RECURSIVE),
    Feature("macd_to_close", 33, lambda c: ta.macd(c)[0] / c.close, _RECURSIVE),
    Feature("macd_signal_to_close", 33, lambda c: ta.macd(c)[1] / c.close, _RECURSIVE),
    Feature("bollinger_upper", 19, lambda c: ta.bollinger(c)[0]),
    Feature("bollinger_lower", 19, lambda c: ta.bollinger(c)[2]),
    Feature("bollinger_width", 19, ta.bollinger_width),
    Feature("bollinger_percent", 19, ta.bollinger_percent),
    Feature("atr", 14, ta.atr, _RECURSIVE),
    Feature("atr_to_close", 14, lambda c: ta.atr(c) / c.close, _RECURSIVE),
    Feature("stochastic_k", 17, lambda c: ta.stochastic(c)[0]),
    Feature("stochastic_d", 17, lambda c: ta.stochastic(c)[1]),
    Feature("realised_volatility", 20, ta.realised_volatility),
    Feature("obv", 0, ta.obv),
    Feature("volume_z", 19, ta.volume_z),
    Feature("volume_change", 1, lambda c: ta.change(c.volume, 1)),
    Feature("high_low_spread", 0, ta.high_low_spread),
)
_LONGER = (
    Feature("sma_200", 199, lambda c: ta.sma(c, 200)),
    Feature("roc", 10, ta.roc),
    Feature("log_return", 1, ta.log_returns),
    Feature("volume_ratio", 19, ta.volume_ratio),
    Feature("yang_zhang", 20, ta.yang_zhang),
    Feature("fractional_close", 54, ta.fractional_close),
    *(Feature(f"return_1_lag_{n}", 1 + n, partial(_lagged_return, n=n)) for n in (1, 2, 3, 5, 10)),
    Feature("return_mean", 20, lambda c: rolling.mean(ta.log_returns(c), 20)),
    Feature("return_skewness", 50, lambda c: rolling.skewness(ta.log_returns(c), 50)),
    Feature("return_kurtosis", 50, lambda c: rolling.kurtosis(ta.log_returns(c), 50)),
    *(Feature(f"return_quantile_{q}", 50, partial(_return_quantile, percent=q)) for q in (5, 50, 95)),
)
_CALENDAR = tuple(
    Feature(f"{part.__name__}_{wave.__name__}", 0, partial(_on_circle, part=part, wave=wave))
    for part in (ta.time_of_day, ta.hour, ta.day_of_week, ta.time_of_year)
    for wave in (ta.sine, ta.cosine)
)

FEATURES: dict[str, Feature] = {feature.name: feature for feature in (*_STANDARD, *_LONGER, *_CALENDAR)}

# What `FeatureEngineer` adds by default: no long warm-up eats a short history, and prices and volume are enough.
STANDARD_FEATURES: tuple[str, ...] = tuple(feature.name for feature in _STANDARD)

# Those that mean the same at any price level, so a model may carry them from one year into another.
DEFAULT_FEATURES: tuple[str, ...] = (
    "return_1", "return_5", "return_20", "rsi", "disparity", "sma_10_to_50", "macd_to_close", "bollinger_width",
    "bollinger_percent", "atr_to_close", "stochastic_k", "realised_volatility", "volume_z", "high_low_spread",
)  # fmt: skip


def _by_name(names: Iterable[str]) -> list[Feature]:
    requested = list(names)
    unknown = [name for name in requested if name not in FEATURES]
    if unknown:
        raise UsageError(
            "features.unknown",
            f"There is no feature {unknown[0]!r}.",
            f"Choose from {', '.join(FEATURES)}; models that fit regimes also have those of `regime_`.",
        )
    return [FEATURES[name] for name in requested]


def warm_up(names: Iterable[str]) -> int:
    """How many bars pass before every one of these features has a value."""
    return max((feature.warm_up for feature in _by_name(names)), default=0)


def settled(names: Iterable[str]) -> int:
    """How many bars must come before the first one that is judged or acted on, for these features to be as in training.

    Their warm-up and what they remember beyond it: with fewer, the same bar has other values than in a long history.
    """
    return max((feature.warm_up + feature.memory for feature in _by_name(names)), default=0)


def feature_matrix(bars: Bars, names: Iterable[str]) -> pd.DataFrame:
    """The features as float64 columns on the index of the bars; NaN inside each one's warm-up and nowhere else."""
    times = pd.DatetimeIndex(bars.frame.index)
    return _computed(bars.frame, _by_name(names), lambda: calendar.wall_times(bars.calendar, times))


def _computed(frame: pd.DataFrame, features: list[Feature], times: Callable[[], pd.DatetimeIndex]) -> pd.DataFrame:
    prices = {name: np.ascontiguousarray(frame[name].to_numpy("float64")) for name in COLUMNS}
    columns = Columns(**prices, wall=cache(lambda: times().as_unit("ns").asi8))
    values = np.empty((len(features), len(frame)))
    for row, feature in zip(values, features, strict=True):
        if len(frame):
            row[:] = feature.function(columns)
    return pd.DataFrame(values.T, index=frame.index, columns=[feature.name for feature in features])


def _times(df: pd.DataFrame) -> pd.DatetimeIndex | None:
    """The times of a plain frame as they stand in it, NaT for what is none; None where it has no such column."""
    named = [name for name in df.columns if str(name).lower() in TIME_NAMES]
    if named:
        return pd.DatetimeIndex(pd.to_datetime(df[named[0]], errors="coerce"))
    return df.index if isinstance(df.index, pd.DatetimeIndex) else None


def _dated(df: pd.DataFrame) -> pd.DatetimeIndex:
    times = _times(df)
    if times is None:
        raise NightdeskError(
            "features.columns",
            f"The market data has no dates for the features of the calendar; it has {', '.join(map(str, df.columns))}.",
            "Add a column `date`, or choose features without the time of day, week and year.",
        )
    return times.tz_localize(None)


class FeatureEngineer:
    """Adds features to a plain frame of market data."""

    def __init__(self, names: Iterable[str] = STANDARD_FEATURES) -> None:
        self.features = _by_name(names)

    def transform(self, df: pd.DataFrame) -> pd.DataFrame:
        """The frame with its own columns first and the features after them, less the first rows, which lack some."""
        self._check(df)
        added = _computed(df, self.features, lambda: _dated(df))
        first = max((feature.warm_up for feature in self.features), default=0)
        return df.assign(**added).iloc[first:]

    def _check(self, df: pd.DataFrame) -> None:
        missing = [name for name in COLUMNS if name not in df.columns]
        if missing:
            raise NightdeskError(
                "features.columns",
                f"The market data lacks the column {', '.join(missing)}; it has {', '.join(map(str, df.columns))}.",
                "Provide open, high, low, close and volume, in lower case.",
            )
        needed = warm_up(feature.name for feature in self.features) + 1
        if len(df) < needed:
            raise NightdeskError(
                "features.too_short",
                f"The market data has {len(df)} rows; these features need {needed} for their first full row.",
                "Load a longer span.",
            )
        self._check_order(df)
        self._check_values(df)

    @staticmethod
    def _check_order(df: pd.DataFrame) -> None:
        times = _times(df)
        if times is not None and not times.is_monotonic_increasing:
            raise NightdeskError(
                "features.order",
                "The rows of the market data are not in the order of their dates: later ones would explain earlier.",
                "Sort them by date, oldest first, and remove those whose date cannot be read.",
            )

    @staticmethod
    def _check_values(df: pd.DataFrame) -> None:
        for name in COLUMNS:
            values = pd.to_numeric(df[name], errors="coerce").to_numpy("float64")
            bad = np.flatnonzero(~np.isfinite(values))
            if len(bad):
                raise NightdeskError(
                    "features.nan",
                    f"The market data has {name} = {df[name].iloc[bad[0]]} in row {bad[0] + 1}.",
                    "Remove such rows before the features are computed; one of them would spoil all that follow.",
                )
