from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest

from daemon.jobs.signals.tasks import newest_signal
from data_pipeline.bars.bars import Bars
from data_pipeline.bars.calendar import closes
from data_pipeline.provenance import Provenance
from evaluation.accounting.backtest import backtest
from evaluation.signals import Signals
from tests.support.markets.prices import walk


def bars_until(symbol: str, interval: str, last: str) -> Bars:
    end = pd.Timestamp(last, tz="UTC")
    index = closes(symbol, interval, end - pd.Timedelta(days=30), end)
    return Bars(walk(len(index)).set_axis(index), symbol, interval)


def constant(bars: Bars, position: float) -> Signals:
    row = pd.Series(position, index=bars.frame.index)
    return Signals(row, row.abs())


@pytest.mark.parametrize(
    ("symbol", "interval", "last", "act_by"),
    [
        ("AAPL", "1d", "2026-01-16 21:00", "2026-01-20 14:30"),  # over a weekend and Martin Luther King's day
        ("AAPL", "1d", "2026-03-06 21:00", "2026-03-09 13:30"),  # summer time begins
        ("AAPL", "15m", "2026-03-05 15:00", "2026-03-05 15:00"),  # the next bar opens as this one closes
        ("AAPL", "15m", "2026-03-05 21:00", "2026-03-06 14:30"),
        ("BTC-USD", "1d", "2026-03-05 00:00", "2026-03-05 00:00"),
        ("7203.T", "1d", "2026-03-05 06:30", "2026-03-06 00:00"),
    ],
)
def test_a_signal_is_to_be_acted_upon_at_the_next_open_of_its_calendar(symbol, interval, last, act_by):
    bars = bars_until(symbol, interval, last)
    signal = newest_signal(bars, constant(bars, 0.5), Provenance.parse("csv"))
    assert signal.bar_time == datetime.fromisoformat(last).replace(tzinfo=UTC)
    assert signal.act_by == datetime.fromisoformat(act_by).replace(tzinfo=UTC)
    assert signal.act_by <= signal.expires_at


def test_the_fill_of_the_accounting_is_at_the_open_that_a_signal_names():
    bars = bars_until("AAPL", "1d", "2026-03-06 21:00")
    decided = bars.until(bars.frame.index[-2].to_pydatetime())
    act_by = newest_signal(decided, constant(decided, 1.0), Provenance.parse("csv")).act_by
    target = constant(bars, 0.0).position
    target.iloc[-2] = 1.0
    filled = backtest(bars, target)
    assert filled.shares.iloc[-1] > 0.0 == filled.shares.iloc[-2]
    assert bars.frame.index[-2] < act_by < bars.frame.index[-1]
