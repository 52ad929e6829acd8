"""Every way Yahoo fails has a name, and a desk without network learns so at once."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from yfinance import Ticker
from yfinance.data import SingletonMeta

from config.errors import ConfigError, NightdeskError
from config.paths import Home
from config.settings import Sources
from config.settings import YahooSource as YahooSettings
from data_pipeline.sources import open_source
from data_pipeline.sources.sample import SampleSource
from data_pipeline.sources.secrets import source_secrets, with_secrets
from data_pipeline.sources.yahoo import YahooSource
from tests.support.servers.fake_yahoo import FakeYahoo, fake_yahoo

START = datetime(2024, 3, 1, tzinfo=UTC)
END = datetime(2024, 5, 31, 23, tzinfo=UTC)


@pytest.fixture
def yahoo() -> Iterator[FakeYahoo]:
    with fake_yahoo() as server:
        server.serve("AAPL", SampleSource().fetch("AAPL", "1d", START, END).frame)
        yield server


@pytest.fixture(autouse=True)
def _a_client_without_memories() -> None:
    SingletonMeta._instances.clear()


@pytest.fixture
def source(yahoo: FakeYahoo, tmp_path: Path) -> YahooSource:
    return YahooSource(YahooSettings(base_url=yahoo.url, timeout=timedelta(seconds=2)), tmp_path)


def _code(source: YahooSource, symbol: str = "AAPL", interval: str = "1d") -> str:
    with pytest.raises(NightdeskError) as caught:
        source.pull(symbol, interval, START, END)
    assert symbol in caught.value.message
    assert caught.value.cure
    return caught.value.code


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        ("empty", "data.empty"),
        ("no_rows", "data.empty"),
        ("429", "data.rate_limited"),
        ("missing_columns", "data.schema"),
        ("truncated", "data.schema"),
        ("down", "data.unreachable"),
        ("reset", "data.unreachable"),
        ("dripping", "data.unreachable"),
        ("html", "data.schema"),
        ("consent", "data.schema"),
        ("no_result", "data.empty"),
        ("nulls", "data.empty"),
        ("no_timestamps", "data.schema"),
        ("uneven_columns", "data.schema"),
        ("no_time_zone", "data.schema"),
        ("huge_times", "data.schema"),
        ("huge_numbers", "data.schema"),
    ],
)
def test_each_failure_has_its_own_code(yahoo: FakeYahoo, source: YahooSource, failure: str, code: str) -> None:
    yahoo.fail(failure)
    assert _code(source) == code


def test_a_symbol_unknown_to_yahoo_is_named(source: YahooSource) -> None:
    assert _code(source, "NOSUCH") == "data.unknown_symbol"


def test_an_answer_torn_once_is_asked_for_again(yahoo: FakeYahoo, source: YahooSource) -> None:
    yahoo.fail("truncated", times=1)
    assert len(source.pull("AAPL", "1d", START, END)) == 64


def test_a_slow_yahoo_is_given_up_in_the_configured_time(yahoo: FakeYahoo, tmp_path: Path) -> None:
    yahoo.fail("slow")
    source = YahooSource(YahooSettings(base_url=yahoo.url, timeout=timedelta(seconds=1)), tmp_path)
    begin = time.monotonic()
    assert _code(source) == "data.unreachable"
    assert time.monotonic() - begin < 4


def test_a_refused_connection_is_an_error_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    source = YahooSource(YahooSettings(base_url=f"http://127.0.0.1:{port}"), tmp_path)
    begin = time.monotonic()
    assert _code(source) == "data.unreachable"
    assert time.monotonic() - begin < 1


def test_a_name_that_does_not_resolve_is_an_error_at_once(tmp_path: Path) -> None:
    source = YahooSource(YahooSettings(base_url="http://yahoo.invalid"), tmp_path)
    begin = time.monotonic()
    assert _code(source) == "data.unreachable"
    assert time.monotonic() - begin < 4


def test_a_server_whose_address_is_a_secret_is_read_by_the_desk_and_handed_to_the_task(
    yahoo: FakeYahoo, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YAHOO_ADDRESS", yahoo.url)
    settings = Sources(bars="yahoo", yahoo=YahooSettings(base_url="env:YAHOO_ADDRESS"))
    secrets = source_secrets(settings)
    monkeypatch.delenv("YAHOO_ADDRESS")  # as in a worker
    source = open_source("yahoo", with_secrets(settings, secrets), home)
    assert len(source.fetch("AAPL", "1d", START, END)) == len(yahoo.rows["AAPL", "1d"])
    with pytest.raises(ConfigError, match=r"address in sources\.yahoo\.base_url is not set"):
        open_source("yahoo", settings, home)


def test_a_last_bar_without_prices_is_left_out(yahoo: FakeYahoo, source: YahooSource) -> None:
    rows = yahoo.rows["AAPL", "1d"]
    rows.iloc[-1, :4] = np.nan
    assert len(source.pull("AAPL", "1d", START, END)) == len(rows) - 1


def test_a_bar_without_prices_in_the_middle_is_kept_for_the_quality_gates(
    yahoo: FakeYahoo, source: YahooSource
) -> None:
    yahoo.rows["AAPL", "1d"].iloc[20, :4] = np.nan
    assert source.pull("AAPL", "1d", START, END)["close"].isna().sum() == 1


def test_midnight_stamps_of_another_time_zone_still_meet_their_session(yahoo: FakeYahoo, source: YahooSource) -> None:
    frame = SampleSource().fetch("VOD.L", "1d", START, END).frame
    yahoo.serve("VOD.L", frame, time_zone="Europe/London")
    assert list(source.pull("VOD.L", "1d", START, END).index) == list(frame.index)


def test_dividends_and_splits_are_columns_next_to_the_prices(yahoo: FakeYahoo, source: YahooSource) -> None:
    stamps = yahoo.rows["AAPL", "1d"].index
    yahoo.dividends["AAPL"] = {int(stamps[10]): 0.25}
    yahoo.splits["AAPL"] = {int(stamps[30]): 4.0}
    rows = source.pull("AAPL", "1d", START, END)
    assert rows["dividends"].iloc[10] == 0.25
    assert rows["splits"].iloc[30] == 4.0
    assert rows[["dividends", "splits"]].to_numpy().sum() == 4.25


def test_bars_within_the_day_are_indexed_by_their_close(yahoo: FakeYahoo, source: YahooSource) -> None:
    begin, end = datetime(2024, 5, 29, tzinfo=UTC), datetime(2024, 5, 31, 17, 45, tzinfo=UTC)
    frame = SampleSource().fetch("AAPL", "1h", begin, END).frame
    yahoo.serve("AAPL", frame, "1h")
    rows = source.pull("AAPL", "1h", begin, end)
    assert list(rows.index) == list(frame.index[frame.index <= pd.Timestamp(end)])
    assert str(rows.index[-1]) == "2024-05-31 17:30:00+00:00"


def test_history_that_was_rewritten_shows_although_the_client_remembers_answers(
    yahoo: FakeYahoo, source: YahooSource
) -> None:
    before = source.pull("AAPL", "1d", START, END)
    yahoo.rows["AAPL", "1d"]["close"] *= 0.5
    after = source.pull("AAPL", "1d", START, END)
    np.testing.assert_array_equal(after["close"], before["close"] * 0.5)


def test_every_request_goes_to_the_configured_host_and_nothing_is_pickled_on_disk(
    yahoo: FakeYahoo, source: YahooSource, tmp_path: Path
) -> None:
    source.pull("AAPL", "1d", START, END)
    assert {path.partition("?")[0] for path in yahoo.requests} >= {
        "/", "/v1/test/getcrumb", "/v8/finance/chart/AAPL",
    }  # fmt: skip
    assert list(tmp_path.rglob("*.db")) == []


def test_a_symbol_costs_one_request_once_the_client_has_introduced_itself(
    yahoo: FakeYahoo, source: YahooSource
) -> None:
    source.pull("AAPL", "1d", START, END)
    yahoo.requests.clear()
    source.pull("AAPL", "1d", START, END)
    assert [path.partition("?")[0] for path in yahoo.requests] == ["/v8/finance/chart/AAPL"]


@pytest.mark.parametrize("failure", ["not_an_object", "text_for_numbers"])
def test_nonsense_of_any_kind_is_a_schema_error_or_refused_by_the_gates(
    yahoo: FakeYahoo, source: YahooSource, failure: str
) -> None:
    yahoo.fail(failure)
    assert _code(source) in ("data.schema", "data.empty")


def test_a_changed_time_zone_moves_no_bar(yahoo: FakeYahoo, source: YahooSource) -> None:
    before = source.pull("AAPL", "1d", START, END)
    yahoo.fail("other_time_zone")
    pd.testing.assert_frame_equal(source.pull("AAPL", "1d", START, END), before)


def test_bars_behind_another_content_type_are_the_same_bars(yahoo: FakeYahoo, source: YahooSource) -> None:
    before = source.pull("AAPL", "1d", START, END)
    yahoo.fail("other_type")
    pd.testing.assert_frame_equal(source.pull("AAPL", "1d", START, END), before)


def test_a_frame_of_another_shape_is_a_schema_error_and_one_without_a_zone_is_read_all_the_same(
    source: YahooSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer of Yahoo's makes the client of today give these; that of tomorrow may."""
    history = Ticker.history
    before = source.pull("AAPL", "1d", START, END)

    def of_many(ticker: Ticker, **options: object) -> pd.DataFrame:
        return pd.concat({"AAPL": history(ticker, **options)}, axis=1)

    def without_zone(ticker: Ticker, **options: object) -> pd.DataFrame:
        return history(ticker, **options).tz_localize(None)

    monkeypatch.setattr(Ticker, "history", of_many)
    assert _code(source) == "data.schema"
    monkeypatch.setattr(Ticker, "history", without_zone)
    pd.testing.assert_frame_equal(source.pull("AAPL", "1d", START, END), before)


def test_short_bars_older_than_yahoo_serves_give_the_error_of_missing_data(
    yahoo: FakeYahoo, source: YahooSource
) -> None:
    yahoo.serve("AAPL", SampleSource().fetch("AAPL", "5m", END - timedelta(days=20), END).frame, "5m")
    yahoo.now = END + timedelta(days=200)
    with pytest.raises(NightdeskError, match="within the last 60 days") as caught:
        source.pull("AAPL", "5m", END - timedelta(days=20), END)
    assert caught.value.code == "data.empty"
