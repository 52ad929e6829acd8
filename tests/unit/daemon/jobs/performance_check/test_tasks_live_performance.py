"""What following the published signals would have earned."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest

from config.paths import Home
from daemon.domain.metrics import Metrics
from daemon.domain.signals import PublishedSignal
from daemon.jobs.performance_check.messages import LivePerformanceRequest
from daemon.jobs.performance_check.tasks import live_performance
from evaluation.records.live import followed
from tests.support.markets.easy import SYMBOL
from tests.support.models.stored_versions import NAME, Shelf, context, market


@pytest.fixture
def shelf(home: Home) -> Shelf:
    new_shelf = Shelf(home)
    new_shelf.store(market())
    return new_shelf


def signal(bar: int, published: pd.Timestamp, position: float) -> PublishedSignal:
    return PublishedSignal(
        symbol=SYMBOL,
        bar_time=market().frame.index[bar].to_pydatetime(),
        published_at=published.to_pydatetime(),
        position=position,
        confidence=0.8,
    )


def test_a_signal_published_in_the_night_is_followed_at_the_next_open() -> None:
    bars = market()
    night = bars.frame.index[10] + timedelta(hours=5)
    assert followed(bars, [signal(10, night, 1.0)]).index[0] == bars.frame.index[10]


def test_a_signal_published_after_the_open_waits_for_the_next_one() -> None:
    bars = market()
    late = bars.frame.index[11] - timedelta(hours=1)
    assert followed(bars, [signal(10, late, 1.0)]).index[0] == bars.frame.index[11]


def test_of_two_signals_before_the_same_open_the_later_counts() -> None:
    bars = market()
    close = bars.frame.index[10]
    both = [signal(10, close + timedelta(hours=1), 1.0), signal(10, close + timedelta(hours=2, microseconds=1), 0.0)]
    assert followed(bars, both).to_dict() == {close: 0.0}


def live(home: Home, shelf: Shelf, *signals: PublishedSignal) -> Metrics:
    shelf.put("v1")
    request = LivePerformanceRequest(subject=SYMBOL, model_type=NAME, version="v1", signals=signals)
    return live_performance(context(home), request).metrics


def test_live_performance_is_that_of_what_could_be_followed(home: Home, shelf: Shelf) -> None:
    index, opens = market().frame.index, market().frame["open"]
    late = signal(600, index[601] - timedelta(hours=1), 1.0), signal(610, index[610] + timedelta(hours=1), 0.0)
    metrics = live(home, shelf, *late).values
    earned = opens.iloc[611] / opens.iloc[602] * (1 - 0.0015) / (1 + 0.0015) - 1.0
    assert metrics["best_trade"] == pytest.approx(100.0 * earned, abs=0.02)
    assert metrics["trades"] == 1


def test_a_single_bar_measures_nothing_and_has_a_reason(home: Home, shelf: Shelf) -> None:
    last = market().frame.index[-1]
    metrics = live(home, shelf, signal(-1, last + timedelta(hours=1), 1.0))
    assert metrics.values == {"sharpe_ratio": None, "max_drawdown": None}
    assert metrics.reasons == {"sharpe_ratio": "too_few_bars", "max_drawdown": "too_few_bars"}
