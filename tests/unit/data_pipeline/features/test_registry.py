"""Each formula against numbers worked without TA-Lib, and the engineer that adds them to plain frames."""

from __future__ import annotations

import inspect
import math
import statistics
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
import scipy.special
import scipy.stats

from config.errors import NightdeskError, UsageError
from data_pipeline.bars.bars import Bars
from data_pipeline.features import indicators
from data_pipeline.features import registry as features
from data_pipeline.features.indicators import Columns, yang_zhang
from data_pipeline.features.registry import (
    DEFAULT_FEATURES,
    FEATURES,
    STANDARD_FEATURES,
    FeatureEngineer,
    feature_matrix,
    settled,
    warm_up,
)
from data_pipeline.sources.sample import SampleSource

BARS = SampleSource().fetch("AAPL", "1d", datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 6, 30, tzinfo=UTC))
OPEN, HIGH, LOW, CLOSE, VOLUME = (BARS.frame[name] for name in ("open", "high", "low", "close", "volume"))


def _seeded_mean(values: pd.Series, n: int, weight: float) -> pd.Series:
    """A recursive mean begun with the plain mean of the first n values."""
    defined = values.dropna()
    out = pd.Series(np.nan, values.index)
    mean = defined.iloc[:n].mean()
    out[defined.index[n - 1]] = mean
    for time, value in defined.iloc[n:].items():
        mean += weight * (value - mean)
        out[time] = mean
    return out


def _ema(values: pd.Series, n: int) -> pd.Series:
    return _seeded_mean(values, n, 2.0 / (n + 1))


def _wilder(values: pd.Series, n: int = 14) -> pd.Series:
    return _seeded_mean(values, n, 1.0 / n)


def _rsi() -> pd.Series:
    change = CLOSE.diff()
    gain, loss = _wilder(change.clip(lower=0.0)), _wilder(-change.clip(upper=0.0))
    return 100.0 * gain / (gain + loss)


def _macd() -> pd.Series:
    """Both means begin at bar 26, as TA-Lib has it: the fast one from the last 12 closes before."""
    fast = _ema(CLOSE.iloc[26 - 12 :], 12).reindex(CLOSE.index)
    return fast - _ema(CLOSE, 26)


def _atr() -> pd.Series:
    before = CLOSE.shift()
    true_range = pd.concat([HIGH - LOW, (HIGH - before).abs(), (LOW - before).abs()], axis=1).max(axis=1)
    return _wilder(true_range.where(before.notna()))


def _stochastic_k() -> pd.Series:
    lowest, highest = LOW.rolling(14).min(), HIGH.rolling(14).max()
    return (100.0 * (CLOSE - lowest) / (highest - lowest)).rolling(3).mean()


def _from(values: pd.Series, first: int) -> pd.Series:
    """NaN before `first`, where TA-Lib waits for a slower part of the same indicator."""
    return values.where(np.arange(len(values)) >= first)


def _yang_zhang(n: int) -> pd.Series:
    """Bar by bar, from the formula, with the standard library alone."""
    out = pd.Series(np.nan, CLOSE.index)
    for t in range(n, len(CLOSE)):
        window = range(t - n + 1, t + 1)
        gaps = [math.log(OPEN.iloc[i] / CLOSE.iloc[i - 1]) for i in window]
        bodies = [math.log(CLOSE.iloc[i] / OPEN.iloc[i]) for i in window]
        ups = [math.log(HIGH.iloc[i] / OPEN.iloc[i]) for i in window]
        downs = [math.log(LOW.iloc[i] / OPEN.iloc[i]) for i in window]
        ranges = [u * (u - c) + d * (d - c) for u, d, c in zip(ups, downs, bodies, strict=True)]
        k = 0.34 / (1.34 + (n + 1) / (n - 1))
        variance = statistics.variance(gaps) + k * statistics.variance(bodies) + (1 - k) * statistics.fmean(ranges)
        out.iloc[t] = math.sqrt(variance)
    return out


def _fractional(values: pd.Series, d: float, width: int) -> pd.Series:
    """The weights are binomial coefficients, (-1)^k (d choose k)."""
    weights = [(-1) ** k * scipy.special.binom(d, k) for k in range(width)]
    return sum(weight * values.shift(k) for k, weight in enumerate(weights))


def _circles(name: str, part: pd.Index) -> dict[str, pd.Series]:
    angle = pd.Series(2.0 * np.pi * part.to_numpy("float64"), CLOSE.index)
    return {f"{name}_sine": np.sin(angle), f"{name}_cosine": np.cos(angle)}


LOG_RETURNS = np.log(CLOSE / CLOSE.shift())
MOMENTS = (CLOSE.index.tz_convert("America/New_York") - pd.Timedelta(1, "ns")).tz_localize(None)
PASSED = (MOMENTS - MOMENTS.normalize()) / pd.Timedelta(days=1)
DAYS_OF_YEAR = np.where(MOMENTS.is_leap_year, 366, 365)
MEAN, DEVIATION = CLOSE.rolling(20).mean(), CLOSE.rolling(20).std(ddof=0)
LINE = _macd()
SIGNAL = _ema(LINE, 9)
EXPECTED: dict[str, pd.Series] = {
    "return_1": CLOSE.pct_change(),
    "return_5": CLOSE.pct_change(5),
    "return_20": CLOSE.pct_change(20),
    "rsi": _rsi(),
    "ema": _ema(CLOSE, 20),
    "sma_10": CLOSE.rolling(10).mean(),
    "sma_20": MEAN,
    "sma_50": CLOSE.rolling(50).mean(),
    "disparity": CLOSE / _ema(CLOSE, 20) - 1.0,
    "sma_10_to_50": CLOSE.rolling(10).mean() / CLOSE.rolling(50).mean() - 1.0,
    "macd": _from(LINE, 33),
    "macd_signal": SIGNAL,
    "macd_histogram": LINE - SIGNAL,
    "macd_to_close": _from(LINE, 33) / CLOSE,
    "macd_signal_to_close": SIGNAL / CLOSE,
    "bollinger_upper": MEAN + 2.0 * DEVIATION,
    "bollinger_lower": MEAN - 2.0 * DEVIATION,
    "bollinger_width": 4.0 * DEVIATION / MEAN,
    "bollinger_percent": (CLOSE - MEAN + 2.0 * DEVIATION) / (4.0 * DEVIATION),
    "atr": _atr(),
    "atr_to_close": _atr() / CLOSE,
    "stochastic_k": _from(_stochastic_k(), 17),
    "stochastic_d": _stochastic_k().rolling(3).mean(),
    "realised_volatility": np.log(CLOSE / CLOSE.shift()).rolling(20).std(),
    "obv": VOLUME.iloc[0] + (np.sign(CLOSE.diff()) * VOLUME).fillna(0.0).cumsum(),
    "volume_z": (VOLUME - VOLUME.rolling(20).mean()) / VOLUME.rolling(20).std(),
    "volume_change": VOLUME.pct_change(),
    "high_low_spread": (HIGH - LOW) / CLOSE,
    "sma_200": CLOSE.rolling(200).mean(),
    "roc": 100.0 * CLOSE.pct_change(10),
    "log_return": LOG_RETURNS,
    "volume_ratio": VOLUME / VOLUME.rolling(20).mean(),
    "yang_zhang": _yang_zhang(20),
    "fractional_close": _fractional(np.log(CLOSE), 0.4, 55),
    **{f"return_1_lag_{n}": CLOSE.pct_change().shift(n) for n in (1, 2, 3, 5, 10)},
    "return_mean": LOG_RETURNS.rolling(20).mean(),
    "return_skewness": LOG_RETURNS.rolling(50).apply(lambda window: scipy.stats.skew(window, bias=False)),
    "return_kurtosis": LOG_RETURNS.rolling(50).apply(lambda window: scipy.stats.kurtosis(window, bias=False)),
    **{f"return_quantile_{q}": LOG_RETURNS.rolling(50).quantile(q / 100) for q in (5, 50, 95)},
    **_circles("time_of_day", PASSED),
    **_circles("hour", MOMENTS.hour / 24),
    **_circles("day_of_week", MOMENTS.day_of_week / 7),
    **_circles("time_of_year", (MOMENTS.day_of_year - 1 + PASSED) / DAYS_OF_YEAR),
}


def test_every_feature_has_an_independent_formula() -> None:
    assert set(EXPECTED) == set(FEATURES)


def test_every_formula_of_the_indicators_is_used_by_a_feature() -> None:
    source = inspect.getsource(features) + inspect.getsource(indicators)
    for name, value in vars(indicators).items():
        if inspect.isfunction(value) and value.__module__ == indicators.__name__:
            assert source.count(f"{name}(") + source.count(f"ta.{name}") > 1, name


@pytest.mark.parametrize("name", EXPECTED)
def test_a_feature_is_its_formula(name: str) -> None:
    got = feature_matrix(BARS, [name])[name]
    np.testing.assert_allclose(got, EXPECTED[name].astype("float64"), rtol=1e-8, atol=1e-9)


def _made_of(close: list[float], volume: list[float] | None = None) -> Bars:
    index = pd.date_range("2024-01-01", periods=len(close), freq="D", tz="UTC", name="time")
    prices = pd.Series(close, index)
    frame = pd.DataFrame({"open": prices, "high": prices, "low": prices, "close": prices})
    return Bars(frame.assign(volume=volume or [1.0] * len(close)), "BTC-USD")


def test_rsi_of_two_gains_for_each_loss_is_two_thirds() -> None:
    """Seven gains of 2 and seven losses of 1 in the first 14 changes: 100 * 14 / (14 + 7)."""
    closes = [100.0]
    for nth in range(14):
        closes.append(closes[-1] + (2.0 if nth % 2 == 0 else -1.0))
    assert feature_matrix(_made_of(closes), ["rsi"])["rsi"].iloc[-1] == pytest.approx(200.0 / 3.0)


def test_yang_zhang_of_three_bars_worked_by_hand() -> None:
    """In hundredths: gaps 1, 2, 3 vary by 1; bodies 2, 0, -2 by 4; u(u-c) + l(l-c) is 6, 2, 6. k = 0.34 / 3.34."""
    gaps, bodies, ups, downs = (
        np.array([[1.0, 2.0, 3.0], [2.0, 0.0, -2.0], [3.0, 1.0, 1.0], [-1.0, -1.0, -3.0]]) / 100.0
    )
    logs = np.cumsum(gaps + bodies) - bodies  # of the opens, after a close of 1
    prices = np.exp([logs, logs + ups, logs + downs, logs + bodies])
    columns = Columns(*np.column_stack([np.ones(4), prices]), volume=np.ones(4), wall=lambda: np.zeros(4, np.int64))
    k = 0.34 / 3.34
    expected = math.sqrt((1.0 + 4.0 * k + (1.0 - k) * 14.0 / 3.0) / 10_000.0)
    assert yang_zhang(columns, 3)[-1] == pytest.approx(expected, rel=1e-12)


def test_a_market_that_never_moves_has_defined_features() -> None:
    last = feature_matrix(_made_of([50.0] * 200), FEATURES).iloc[-1]
    assert last.notna().all()
    for name in ("return_1", "disparity", "macd", "bollinger_width", "atr", "realised_volatility", "volume_z"):
        assert last[name] == pytest.approx(0.0, abs=1e-9)
    assert last["bollinger_percent"] == pytest.approx(0.5)


def test_calendar_features_need_a_frame_with_dates() -> None:
    names = ("day_of_week_sine", "day_of_week_cosine")
    added = FeatureEngineer(names).transform(_plain())
    np.testing.assert_array_equal(added[list(names)].to_numpy(), feature_matrix(BARS, names).to_numpy())
    with pytest.raises(NightdeskError, match="no dates") as caught:
        FeatureEngineer(names).transform(_plain().drop(columns="date"))
    assert caught.value.code == "features.columns"


def test_volume_that_comes_out_of_nothing_is_no_change() -> None:
    change = feature_matrix(_made_of([1.0] * 4, [0.0, 10.0, 5.0, 0.0]), ["volume_change"])["volume_change"]
    np.testing.assert_array_equal(change, [np.nan, 0.0, -0.5, -1.0])


def test_the_default_features_mean_the_same_at_any_price() -> None:
    dear = BARS.frame.assign(**{name: BARS.frame[name] * 64.0 for name in ("open", "high", "low", "close")})
    cheap = feature_matrix(BARS, DEFAULT_FEATURES)
    np.testing.assert_allclose(feature_matrix(Bars(dear, "AAPL"), DEFAULT_FEATURES), cheap, rtol=1e-6, atol=1e-9)


def test_an_unknown_feature_is_refused_with_the_list_of_features() -> None:
    with pytest.raises(UsageError, match="rsj") as caught:
        feature_matrix(BARS, ["rsj"])
    assert "rsi" in caught.value.cure


def _plain() -> pd.DataFrame:
    frame = BARS.frame.reset_index(drop=True)
    frame.insert(0, "date", BARS.dates)
    return frame


def test_the_engineer_keeps_the_columns_it_was_given_in_their_order() -> None:
    market = _plain().assign(note="mine")
    out = FeatureEngineer().transform(market)
    assert list(out.columns) == [*market.columns, *STANDARD_FEATURES]
    assert {"rsi", "ema", "volume_change", "high_low_spread"} <= set(out.columns)
    assert len(out) == len(market) - warm_up(STANDARD_FEATURES)
    assert out.notna().all(axis=None)
    pd.testing.assert_frame_equal(out[list(market.columns)], market.iloc[warm_up(STANDARD_FEATURES) :])


def test_the_engineer_leaves_the_frame_it_was_given_alone() -> None:
    market = _plain()
    before = market.copy()
    FeatureEngineer().transform(market)
    pd.testing.assert_frame_equal(market, before)


@pytest.mark.parametrize(
    ("change", "code", "word"),
    [
        (lambda frame: frame.drop(columns="high"), "features.columns", "high"),
        (lambda frame: frame.rename(columns=str.title), "features.columns", "lower case"),
        (lambda frame: frame.head(30), "features.too_short", "30 rows"),
        (lambda frame: frame.head(0), "features.too_short", "0 rows"),
        (lambda frame: frame.assign(close=frame["close"].where(frame.index != 7)), "features.nan", "row 8"),
        (lambda frame: frame.assign(volume="many"), "features.nan", "many"),
        (lambda frame: frame.iloc[::-1], "features.order", "oldest first"),
        (lambda frame: frame.set_index("date").iloc[::-1], "features.order", "oldest first"),
        (lambda frame: frame.assign(date=frame["date"].where(frame.index != 7)), "features.order", "cannot be read"),
        (lambda frame: frame.assign(date=frame["date"].astype(str).iloc[::-1].array), "features.order", "Sort"),
    ],
)
def test_market_data_that_the_engineer_cannot_use_is_refused_with_the_reason(change, code: str, word: str) -> None:
    with pytest.raises(NightdeskError, match=word) as caught:
        FeatureEngineer().transform(change(_plain()))
    assert caught.value.code == code


@pytest.mark.parametrize("name", sorted(set(FEATURES) - {"obv"}))
def test_a_settled_feature_no_longer_depends_on_where_the_history_begins(name: str) -> None:
    whole = feature_matrix(BARS, [name])[name]
    begin = 40
    late = feature_matrix(BARS.since(BARS.frame.index[begin]), [name])[name].iloc[settled([name]) :]
    assert len(late) > 100
    assert (late - whole.loc[late.index]).abs().max() <= 1e-3 * max(whole.std(), 1e-9)


def test_the_warm_up_of_an_average_that_remembers_is_shorter_than_its_memory() -> None:
    late = feature_matrix(BARS.tail(60), ["rsi"])["rsi"].iloc[warm_up(["rsi"])]
    assert abs(late - feature_matrix(BARS, ["rsi"])["rsi"].iloc[-60 + warm_up(["rsi"])]) > 0.5
