"""The expert of the sample market."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd

from data_pipeline.bars.bars import Bars
from data_pipeline.experts.sample import sample_expert_log
from data_pipeline.sources.sample import SampleSource

START = datetime(2010, 1, 1, tzinfo=UTC)
END = datetime(2025, 6, 30, tzinfo=UTC)
SYMBOLS = ("AAPL", "GOOGL", "MSFT", "TSLA", "BTC-USD", "VOD.L")


def _bars(symbol: str, interval: str = "1d", start: datetime = START, end: datetime = END) -> Bars:
    return SampleSource().fetch(symbol, interval, start, end)


def test_the_expert_trades_on_a_few_days_in_a_hundred() -> None:
    for symbol in SYMBOLS:
        bars = _bars(symbol)
        shares = sample_expert_log(bars).frame["action"].value_counts() / len(bars)
        assert 0.03 < shares[1] < 0.09
        assert 0.03 < shares[-1] < 0.09


def test_the_expert_looks_at_nothing_that_comes_later() -> None:
    bars = _bars("AAPL").tail(400)
    whole = sample_expert_log(bars).frame
    for n in range(1, 400, 7):
        part = sample_expert_log(bars.head(n)).frame
        pd.testing.assert_frame_equal(part, whole.head(len(part)))
        last = bars.dates[n - 1]
        assert len(part) == (whole["date"] <= last).sum()


def test_the_sample_expert_log_is_marked_as_a_sample() -> None:
    assert sample_expert_log(_bars("AAPL").tail(100)).provenance == "sample"
