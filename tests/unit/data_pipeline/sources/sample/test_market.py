"""The sample market: the same for everybody, never changing its past, and as hard as a real one.

Measured over 2010 to mid-2025, of 12 symbols on 5 calendars: daily returns correlate with the next day's by -0.03 to
0.04; their excess kurtosis is 5 to 21; absolute returns correlate by 0.15 to 0.26 (next day) and 0.07 to 0.2 (10 days);
buying and holding has a Sharpe ratio of 0.35 to 0.75, 5-day momentum one of -1.3 to 0.1 after costs, and the sample
expert one of 0.8 to 1.2.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from config.paths import Home
from config.settings import Sources
from data_pipeline.bars import calendar
from data_pipeline.bars.bars import Bars
from data_pipeline.experts.sample import sample_expert_log
from data_pipeline.news.headlines import HeadlineStore
from data_pipeline.news.sentiment import sentiment
from data_pipeline.pulls.update import pull_headlines
from data_pipeline.sources.sample import SampleSource
from evaluation.accounting.backtest import backtest
from evaluation.accounting.costs import Costs

START = datetime(2010, 1, 1, tzinfo=UTC)
END = datetime(2025, 6, 30, tzinfo=UTC)
MARKETS = ("AAPL", "GOOGL", "MSFT", "TSLA", "BTC-USD", "ETH-USD", "VOD.L", "^GSPC", "EURUSD=X", "7203.T", "S1", "S2")
SYMBOLS = ("AAPL", "GOOGL", "MSFT", "TSLA", "BTC-USD", "VOD.L")


def _bars(symbol: str, interval: str = "1d", start: datetime = START, end: datetime = END) -> Bars:
    return SampleSource().fetch(symbol, interval, start, end)


def test_a_symbol_has_the_same_history_on_every_machine() -> None:
    assert _bars("AAPL").frame.iloc[0].tolist() == [5522701.95, 5570484.77, 5458808.49, 5467148.75, 2960041.0]
    assert _bars("AAPL").frame.iloc[-1].tolist() == [32926204.78, 32942655.61, 32901789.5, 32933089.91, 1174209.0]


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


@pytest.mark.parametrize("symbol", MARKETS)
def test_it_moves_like_a_real_market(symbol: str) -> None:
    bars = _bars(symbol)
    returns = np.log(bars.frame["close"]).diff().dropna()
    assert 0.10 < returns.std() * np.sqrt(calendar.periods_per_year(symbol, "1d")) < 0.45
    assert abs(returns.autocorr(1)) < 0.05
    assert 3.5 < returns.kurt() < 22.0
    assert 0.12 < returns.abs().autocorr(1) < 0.35  # volatility comes in clusters,
    assert 0.05 < returns.abs().autocorr(10) < 0.3  # which last for weeks
    assert bars.frame["volume"].corr(returns.abs()) > 0.4
    friday, wednesday = (bars.frame["volume"][bars.dates.day_of_week == day].median() for day in (4, 2))
    assert friday > wednesday


def _sharpe(bars: Bars, target: pd.Series) -> float:
    return float(backtest(bars, target, Costs(commission=0.001, slippage=0.0005)).metrics()["sharpe_ratio"])


@pytest.mark.parametrize("symbol", MARKETS)
def test_it_is_as_hard_to_trade_as_a_real_market_but_for_the_edge_that_its_expert_trades(symbol: str) -> None:
    bars = _bars(symbol)
    close = bars.frame["close"]
    assert 0.3 < _sharpe(bars, pd.Series(1.0, close.index)) < 0.8
    momentum = (close > close.shift(5)).astype(float)
    assert _sharpe(bars, momentum) < 0.5
    assert _sharpe(bars, 2.0 * momentum - 1.0) < 0.5
    log = sample_expert_log(bars).frame
    action = pd.Series(log["action"].to_numpy(), pd.DatetimeIndex(log["date"])).reindex(bars.dates)
    position = action.replace(-1.0, 0.0).ffill().fillna(0.0).set_axis(close.index)
    assert 0.7 < _sharpe(bars, position) < 1.2


@pytest.mark.parametrize("symbol", MARKETS)
def test_no_listing_has_its_prices(symbol: str) -> None:
    assert _bars(symbol).frame["close"].min() > 500_000.0


@pytest.mark.parametrize("symbol", ["AAPL", "BTC-USD"])
def test_headlines_are_seen_after_the_day_that_they_report_on_and_know_nothing_of_the_next(symbol: str) -> None:
    bars = _bars(symbol)
    headlines = SampleSource().headlines(symbol, END)[::-1]
    assert 300 < len(headlines) < 900
    seen_at = [headline.seen_at for headline in headlines]
    assert all(headline.published_at < headline.seen_at <= END for headline in headlines)  # type: ignore[operator]
    assert {headline.publisher for headline in headlines} == {"Sample market (made up)"}
    frame = pd.DataFrame({"seen_at": seen_at, "title": [headline.title for headline in headlines]})
    recent = bars.tail(1000)
    score = sentiment(frame, pd.DatetimeIndex(recent.frame.index)).score
    returns = np.log(recent.frame["close"]).diff().fillna(0.0).to_numpy()
    assert np.corrcoef(score[1:], returns[:-1])[0, 1] > 0.12  # it reports on the day before
    assert abs(np.corrcoef(score, returns)[0, 1]) < 0.12  # and not on the day that follows


def test_later_headlines_change_no_earlier_ones() -> None:
    early = SampleSource().headlines("AAPL", END - timedelta(days=100))
    late = SampleSource().headlines("AAPL", END)
    begin = max(early[-1].published_at, late[-1].published_at)
    old = [headline for headline in late if headline in early]
    assert old == [headline for headline in early if headline.published_at >= begin]


def test_its_news_reach_the_store_with_the_times_at_which_they_were_seen(home: Home) -> None:
    sources = Sources(bars="sample")
    assert pull_headlines(home, sources, "sample", "AAPL", END) > 300
    stored = HeadlineStore(home).load("sample", "AAPL")
    assert stored["seen_at"].is_monotonic_increasing
    assert stored["seen_at"].iloc[0] < pd.Timestamp(END) - pd.Timedelta(days=4 * 365)
    assert pull_headlines(home, sources, "sample", "AAPL", END) == 0


def test_symbols_differ() -> None:
    a, b = (np.log(_bars(symbol).frame["close"]).diff() for symbol in ("AAPL", "MSFT"))
    assert abs(a.corr(b)) < 0.1


def test_fifteen_years_are_made_in_a_moment() -> None:
    _bars("AAPL")  # the calendar is built once
    begin = time.process_time()
    _bars("NVDA")
    assert time.process_time() - begin < 2.0
