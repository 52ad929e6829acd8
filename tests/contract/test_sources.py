"""What every source of bars promises, held by each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from config.errors import NightdeskError
from config.settings import YahooSource as YahooSettings
from data_pipeline.bars import calendar
from data_pipeline.bars.bars import COLUMNS
from data_pipeline.sources import BarSource
from data_pipeline.sources.csv import CsvSource
from data_pipeline.sources.sample import SampleSource
from data_pipeline.sources.yahoo import YahooSource
from tests.support.servers.fake_yahoo import fake_yahoo

START = datetime(2024, 1, 2, tzinfo=UTC)
END = datetime(2024, 12, 31, 23, tzinfo=UTC)
SYMBOL = "AAPL"


@dataclass
class Case:
    source: BarSource
    knows_every_symbol: bool = False


def _expected_frame(symbol: str = SYMBOL, interval: str = "1d") -> pd.DataFrame:
    """A year more than is asked for, on both sides, so that a source which ignores the span is found out."""
    year = timedelta(days=365)
    return SampleSource().fetch(symbol, interval, START - year, END + year).frame


def _sample(_: Path) -> Iterator[Case]:
    yield Case(SampleSource(), knows_every_symbol=True)


def _csv(folder: Path) -> Iterator[Case]:
    for symbol in (SYMBOL, "BTC-USD"):
        _expected_frame(symbol).to_csv(folder / f"{symbol}.csv")
    yield Case(CsvSource(folder))


def _yahoo(folder: Path) -> Iterator[Case]:
    with fake_yahoo() as yahoo:
        yahoo.serve(SYMBOL, _expected_frame())
        yahoo.serve("BTC-USD", _expected_frame("BTC-USD"), time_zone="UTC")
        yield Case(YahooSource(YahooSettings(base_url=yahoo.url), folder / "cache"))


@pytest.fixture(params=[_sample, _csv, _yahoo], ids=["sample", "csv", "yahoo"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    make: Callable[[Path], Iterator[Case]] = request.param
    yield from make(tmp_path)


def test_a_source_has_a_name_that_can_be_a_folder(case: Case) -> None:
    assert case.source.name.isidentifier()


def test_every_session_of_the_span_is_one_bar_at_its_close(case: Case) -> None:
    bars = case.source.fetch(SYMBOL, "1d", START, END)
    assert list(bars.frame.index) == list(calendar.closes(SYMBOL, "1d", START, END))
    assert bars.source == case.source.name
    assert list(bars.frame.columns)[:5] == list(COLUMNS)
    assert (bars.frame.dtypes == np.float64).all()


def test_a_half_day_closes_early_and_summer_time_moves_the_close(case: Case) -> None:
    times = case.source.fetch(SYMBOL, "1d", START, END).frame.index
    assert pd.Timestamp("2024-07-03 17:00", tz="UTC") in times  # the day before Independence Day closes at 13:00
    assert pd.Timestamp("2024-01-02 21:00", tz="UTC") in times
    assert pd.Timestamp("2024-07-08 20:00", tz="UTC") in times


def test_crypto_trades_on_every_day_of_the_week_and_closes_at_midnight_utc(case: Case) -> None:
    bars = case.source.fetch("BTC-USD", "1d", START, END)
    assert (np.diff(bars.frame.index) == np.timedelta64(1, "D")).all()
    assert (bars.frame.index == bars.frame.index.normalize()).all()
    assert list(bars.dates[:1]) == [pd.Timestamp("2024-01-01")]


def test_a_bar_that_is_not_closed_yet_is_left_out(case: Case) -> None:
    before_the_close = datetime(2024, 6, 12, 19, 59, tzinfo=UTC)
    at_the_close = before_the_close + timedelta(minutes=1)
    assert case.source.fetch(SYMBOL, "1d", START, before_the_close).frame.index[-1].day == 11
    assert case.source.fetch(SYMBOL, "1d", START, at_the_close).frame.index[-1].day == 12


def test_the_same_request_returns_the_same_bars(case: Case) -> None:
    first, second = (case.source.fetch(SYMBOL, "1d", START, END) for _ in range(2))
    assert first.fingerprint() == second.fingerprint()


def test_a_later_end_adds_bars_and_changes_none(case: Case) -> None:
    early = case.source.fetch(SYMBOL, "1d", START, END - timedelta(days=100))
    late = case.source.fetch(SYMBOL, "1d", START, END)
    assert len(late) > len(early)
    assert late.head(len(early)).fingerprint() == early.fingerprint()


def test_all_sources_that_hold_the_same_market_return_the_same_prices(case: Case) -> None:
    actual = case.source.fetch(SYMBOL, "1d", START, END).frame[list(COLUMNS)]
    pd.testing.assert_frame_equal(actual, SampleSource().fetch(SYMBOL, "1d", START, END).frame, check_freq=False)


def test_a_span_without_bars_is_an_error_with_a_cure(case: Case) -> None:
    saturday = datetime(2024, 6, 15, tzinfo=UTC)
    with pytest.raises(NightdeskError) as caught:
        case.source.fetch(SYMBOL, "1d", saturday, saturday + timedelta(days=1))
    assert caught.value.code == "data.empty"
    assert caught.value.cure


def test_an_unknown_symbol_is_an_error_that_names_it(case: Case) -> None:
    if case.knows_every_symbol:
        assert len(case.source.fetch("NOSUCH", "1d", START, END)) == len(calendar.closes("NOSUCH", "1d", START, END))
        return
    with pytest.raises(NightdeskError, match="NOSUCH") as caught:
        case.source.fetch("NOSUCH", "1d", START, END)
    assert caught.value.code == "data.unknown_symbol"
