"""Headlines are kept with the time they were seen, so that no bar is told of news that came after it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from config.errors import NightdeskError
from config.paths import Home
from config.settings import YahooSource as YahooSettings
from data_pipeline.news.headlines import Headline, HeadlineStore
from data_pipeline.sources.yahoo import YahooSource
from tests.support.servers.fake_yahoo import FakeYahoo, fake_yahoo

NOW = datetime(2024, 6, 14, 23, tzinfo=UTC)
TONIGHT, TOMORROW = NOW, NOW + timedelta(days=1)


@pytest.fixture
def yahoo() -> Iterator[FakeYahoo]:
    with fake_yahoo() as server:
        yield server


@pytest.fixture
def source(yahoo: FakeYahoo, tmp_path: Path) -> YahooSource:
    return YahooSource(YahooSettings(base_url=yahoo.url, timeout=timedelta(seconds=2)), tmp_path)


def entry(name: str, **changes: Any) -> dict[str, Any]:
    content = {
        "id": name,
        "title": f"Title of {name}",
        "pubDate": "2024-06-14T20:15:00Z",
        "provider": {"displayName": "A Paper"},
        "canonicalUrl": {"url": f"https://example.org/{name}"},
    }
    return {"id": name, "content": content | changes}


def headline(name: str, title: str = "Title") -> Headline:
    return Headline(name, NOW - timedelta(hours=2), title, "A Paper", "")


def test_a_headline_has_a_title_a_time_and_a_publisher(yahoo: FakeYahoo, source: YahooSource) -> None:
    yahoo.news["AAPL"] = [entry("one")]
    published = datetime(2024, 6, 14, 20, 15, tzinfo=UTC)
    assert source.headlines("AAPL", datetime.now(UTC)) == [
        Headline("one", published, "Title of one", "A Paper", "https://example.org/one"),
    ]


@pytest.mark.parametrize(
    "nonsense",
    [
        None,
        "text",
        [],
        {},
        {"id": "x", "content": None},
        entry("x", title=None),
        entry("x", title="  "),
        entry("x", pubDate=None),
        entry("x", pubDate="yesterday"),
        entry("x", pubDate=17_000_000),
    ],
)
def test_a_malformed_entry_is_left_out(yahoo: FakeYahoo, source: YahooSource, nonsense: Any) -> None:
    yahoo.news["AAPL"] = [*([nonsense] if isinstance(nonsense, dict) else []), entry("one")]
    assert [headline.id for headline in source.headlines("AAPL", datetime.now(UTC))] == ["one"]


def test_an_entry_without_publisher_or_address_is_still_news(yahoo: FakeYahoo, source: YahooSource) -> None:
    yahoo.news["AAPL"] = [entry("one", provider=None, canonicalUrl="nowhere")]
    (headline,) = source.headlines("AAPL", datetime.now(UTC))
    assert (headline.publisher, headline.url) == ("", "")


def test_a_symbol_without_news_has_none(source: YahooSource) -> None:
    assert source.headlines("AAPL", datetime.now(UTC)) == []


@pytest.mark.parametrize(("failure", "code"), [("429", "data.rate_limited"), ("no_news", "data.schema")])
def test_failures_have_their_codes(yahoo: FakeYahoo, source: YahooSource, failure: str, code: str) -> None:
    yahoo.fail(failure)
    with pytest.raises(NightdeskError) as caught:
        source.headlines("AAPL", datetime.now(UTC))
    assert caught.value.code == code


def test_a_headline_stays_as_it_was_seen_first(home: Home) -> None:
    store = HeadlineStore(home)
    assert store.add("yahoo", "AAPL", [headline("b"), headline("a")], TONIGHT) == 2
    assert store.add("yahoo", "AAPL", [headline("c"), headline("b", "Rewritten")], TOMORROW) == 1
    assert store.add("yahoo", "AAPL", [headline("c")], TOMORROW) == 0
    rows = store.load("yahoo", "AAPL")
    assert rows[["id", "title"]].to_numpy().tolist() == [["a", "Title"], ["b", "Title"], ["c", "Title"]]
    assert list(rows["seen_at"]) == [pd.Timestamp(TONIGHT)] * 2 + [pd.Timestamp(TOMORROW)]


def test_headlines_as_of_an_instant_are_those_seen_by_then(home: Home) -> None:
    store = HeadlineStore(home)
    store.add("yahoo", "AAPL", [headline("a")], TONIGHT)
    store.add("yahoo", "AAPL", [headline("b")], TOMORROW)
    assert list(store.load("yahoo", "AAPL", seen_by=TONIGHT)["id"]) == ["a"]
    assert store.load("yahoo", "AAPL", seen_by=TONIGHT - timedelta(seconds=1)).empty


def test_nothing_stored_is_an_empty_frame_of_the_same_kind(home: Home) -> None:
    store = HeadlineStore(home)
    store.add("yahoo", "AAPL", [headline("a")], TONIGHT)
    empty = store.load("yahoo", "MSFT")
    assert empty.empty
    assert empty.dtypes.equals(store.load("yahoo", "AAPL").dtypes)


def test_a_text_without_end_is_cut(home: Home) -> None:
    store = HeadlineStore(home)
    store.add("yahoo", "AAPL", [headline("i" * 9000, "t" * 9000)], TONIGHT)
    assert store.add("yahoo", "AAPL", [headline("i" * 9000)], TOMORROW) == 0
    assert store.load("yahoo", "AAPL")["title"].str.len().max() == 500


def test_a_torn_file_is_named(home: Home) -> None:
    path = home.headlines("yahoo", "AAPL")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"torn")
    with pytest.raises(NightdeskError, match=r"data/news/yahoo/AAPL\.parquet") as caught:
        HeadlineStore(home).load("yahoo", "AAPL")
    assert caught.value.code == "data.corrupt"
