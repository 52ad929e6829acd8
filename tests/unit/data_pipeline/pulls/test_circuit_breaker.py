"""A source that wants fewer requests is left alone for a quarter of an hour."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from config.errors import NightdeskError
from config.paths import Home
from config.settings import Sources, YahooSource
from data_pipeline.bars.store import BarStore
from data_pipeline.pulls.circuit_breaker import JITTER, PAUSE, Breaker
from data_pipeline.pulls.update import update_symbol
from data_pipeline.sources.sample import SampleSource
from tests.support.servers.fake_yahoo import FakeYahoo, fake_yahoo

NOW = datetime(2024, 6, 14, 23, tzinfo=UTC)


@pytest.fixture
def yahoo() -> Iterator[FakeYahoo]:
    with fake_yahoo() as server:
        for symbol in ("AAPL", "MSFT"):
            server.serve(symbol, SampleSource().fetch(symbol, "1d", NOW - timedelta(days=60), NOW).frame)
        yield server


def _pull(home: Home, yahoo: FakeYahoo, symbol: str, now: datetime) -> None:
    sources = Sources(bars="yahoo", yahoo=YahooSource(base_url=yahoo.url))
    update_symbol(home, sources, symbol, "1d", now)


def _refused(home: Home, yahoo: FakeYahoo, symbol: str, now: datetime) -> NightdeskError:
    with pytest.raises(NightdeskError) as caught:
        _pull(home, yahoo, symbol, now)
    assert caught.value.code == "data.rate_limited"
    return caught.value


def test_after_a_429_no_request_is_sent_for_a_quarter_of_an_hour_and_the_error_says_until_when(
    home: Home, yahoo: FakeYahoo
) -> None:
    yahoo.fail("429")
    until = datetime.fromisoformat(_refused(home, yahoo, "AAPL", NOW).detail["until"])
    assert PAUSE <= until - NOW <= PAUSE * (1 + JITTER)
    yahoo.fail(None)
    yahoo.requests.clear()
    other = _refused(home, yahoo, "MSFT", until - timedelta(seconds=1))
    assert datetime.fromisoformat(other.detail["until"]) == until
    assert f"{until:%Y-%m-%d %H:%M}Z" in other.message
    assert yahoo.requests == []
    _pull(home, yahoo, "MSFT", until)
    assert yahoo.requests


def test_other_sources_go_on(home: Home, yahoo: FakeYahoo) -> None:
    yahoo.fail("429")
    _refused(home, yahoo, "AAPL", NOW)
    assert update_symbol(home, Sources(bars="sample"), "AAPL", "1d", NOW).fresh
    assert [dataset.source for dataset in BarStore(home).all()] == ["sample"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"until": 5}', b'{"until": "soon"}', b"\xff"])
def test_a_torn_file_of_the_pause_stops_no_request(home: Home, content: bytes) -> None:
    path = home.breaker("yahoo")
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert Breaker(path, "Yahoo").open_until(NOW) is None


def test_a_pause_set_by_a_clock_that_ran_ahead_is_ignored(home: Home) -> None:
    breaker = Breaker(home.breaker("yahoo"), "Yahoo")
    with pytest.raises(NightdeskError), breaker.guard(NOW + timedelta(days=365)):
        raise NightdeskError("data.rate_limited", "Too many.", "Wait.")
    assert breaker.open_until(NOW) is None


def test_other_errors_open_nothing(home: Home) -> None:
    breaker = Breaker(home.breaker("yahoo"), "Yahoo")
    with pytest.raises(NightdeskError, match="unreachable"), breaker.guard(NOW):
        raise NightdeskError("data.unreachable", "unreachable", "Wait.")
    assert breaker.open_until(NOW) is None
