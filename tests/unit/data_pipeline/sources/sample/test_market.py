"""The sample market: the same for everybody, never changing its past, lively enough to learn from."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from data_pipeline.bars import calendar
from data_pipeline.bars.bars import Bars
from data_pipeline.sources.sample import SampleSource

START = datetime(2010, 1, 1, tzinfo=UTC)
END = datetime(2025, 6, 30, tzinfo=UTC)
SYMBOLS = ("AAPL", "GOOGL", "MSFT", "TSLA", "BTC-USD", "VOD.L")


def _bars(symbol: str, interval: str = "1d", start: datetime = START, end: datetime = END) -> Bars:
    return SampleSource().fetch(symbol, interval, start, end)


def test_a_symbol_has_the_same_history_on_every_machine() -> None:
    assert _bars("AAPL").frame.iloc[0].tolist() == [33.1365, 33.1733, 32.819, 32.9955, 1821704.0]
    assert _bars("AAPL").frame.iloc[-1].tolist() == [972.1336, 975.243, 968.8079, 974.038, 2191362.0]


@pytest.mark.parametrize("interval", ["1d", "1h", "5m"])
@pytest.mark.parametrize("symbol", ["AAPL", "BTC-USD"])
def test_a_later_end_changes_no_earlier_bar(symbol: str, interval: str) -> None:
    begin = END - timedelta(days=30)
    whole = _bars(symbol, interval, begin)
    for hours in (1, 29, 100, 500):
        part = _bars(symbol, interval, begin, END - timedelta(hours=hours))
        assert part.fingerprint() == whole.head(len(part)).fingerprint()


@pytest.mark.parametrize("symbol", ["AAPL", "BTC-USD"])
def test_the_bars_of_a_day_add_up_to_its_daily_bar(symbol: str) -> None:
    begin = END - timedelta(days=20)
    hours = _bars(symbol, "1h", begin)
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    added = hours.frame.groupby(hours.dates).agg(rules)
    days = _bars(symbol, "1d", begin)
    daily = days.frame.set_axis(days.dates)
    np.testing.assert_array_equal(added.loc[daily.index[1] :], daily.iloc[1:])


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_it_looks_like_a_market(symbol: str) -> None:
    bars = _bars(symbol)
    returns = np.log(bars.frame["close"]).diff().dropna()
    yearly = returns.std() * np.sqrt(calendar.periods_per_year(symbol, "1d"))
    assert 0.10 < yearly < 0.50
    assert returns.kurt() > 0.5  # fatter tails than a normal distribution
    assert returns.abs().autocorr(1) > 0.02  # volatility comes in clusters
    assert bars.frame["volume"].corr(returns.abs()) > 0.2
    friday, wednesday = (bars.frame["volume"][bars.dates.day_of_week == day].median() for day in (4, 2))
    assert friday > wednesday


def test_symbols_differ() -> None:
    a, b = (np.log(_bars(symbol).frame["close"]).diff() for symbol in ("AAPL", "MSFT"))
    assert abs(a.corr(b)) < 0.1


def test_fifteen_years_are_made_in_a_moment() -> None:
    _bars("AAPL")  # the calendar is built once
    begin = time.perf_counter()
    _bars("NVDA")
    assert time.perf_counter() - begin < 0.3


def _trend_rule_return(bars: Bars) -> float:
    """Long while the mean of 5 closes is above that of 15, filled at the next open, 0.15 % a side."""
    close, opens = bars.frame["close"], bars.frame["open"]
    target = (close.rolling(5).mean() > close.rolling(15).mean()).astype(float).shift(1).fillna(0.0)
    position = target.shift(1).fillna(0.0)
    overnight, day = opens / close.shift(1) - 1.0, close / opens - 1.0
    growth = (
        (1.0 + position * overnight.fillna(0.0)) * (1.0 + target * day) * (1.0 - (target - position).abs() * 0.0015)
    )
    return float(growth.prod() - 1.0)


def test_a_plain_trend_rule_earns_more_than_its_costs_on_most_symbols() -> None:
    names = [f"S{n}" for n in range(30)]
    results = [_trend_rule_return(_bars(name).tail(756)) for name in names]
    assert np.mean(np.array(results) > 0.0) > 0.8
