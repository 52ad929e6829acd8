"""The step that pulls: what it records of each dataset, and what it tells of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.paths import Home
from config.settings import Settings
from daemon.context import DeskContext
from daemon.core.dispatcher import Dispatcher
from daemon.domain.options import Acceptance, RunOptions
from daemon.store import datasets, runs
from data_pipeline.news.headlines import HeadlineStore
from data_pipeline.pulls.update import update_symbol
from data_pipeline.sources.sample import SampleSource
from tests.support.desks.night import WorkingExecutor, attend_all, every_run, request, scripted_desk
from tests.support.servers.fake_yahoo import FakeYahoo, fake_yahoo

NOW = datetime(2024, 6, 14, 23, tzinfo=UTC)
SYMBOLS = ["AAPL", "GOOGL", "MSFT"]


@pytest.fixture
def yahoo() -> Iterator[FakeYahoo]:
    with fake_yahoo() as server:
        for symbol in SYMBOLS:
            server.serve(symbol, SampleSource().fetch(symbol, "1d", NOW - timedelta(days=200), NOW).frame)
        yield server


@pytest.fixture
def house(home: Home, yahoo: FakeYahoo) -> Iterator[DeskContext]:
    sources = {"bars": "yahoo", "yahoo": {"base_url": yahoo.url, "at_once": 2}}
    settings = Settings.model_validate({"symbols": SYMBOLS, "sources": sources, "executor": {"workers": 8}})
    with scripted_desk(home, settings, NOW - timedelta(days=7)) as house:
        house.executor = WorkingExecutor(house.home, house.clock.now, settings.executor.workers)
        yield house


async def _pulled(house: DeskContext, now: datetime, options: RunOptions | None = None) -> Any:
    house.clock.move(now - house.clock.now())  # type: ignore[attr-defined]
    request(house, "data_update", options=options)
    await attend_all(Dispatcher(house))
    return every_run(house)[-1]


def _news(name: str) -> dict[str, Any]:
    return {"id": name, "content": {"id": name, "title": name, "pubDate": "2024-06-14T20:15:00Z"}}


async def test_revisions_and_headlines_are_in_detail_and_ledger(house: DeskContext, yahoo: FakeYahoo) -> None:
    yahoo.news["AAPL"] = [_news("one")]
    yahoo.rows["MSFT", "1d"].iloc[50, 2] *= -1.0
    first = await _pulled(house, NOW - timedelta(days=7))
    assert first.state == "succeeded"
    assert first.detail["quarantined"] == {"MSFT": {"not_positive": 1}}
    assert first.detail["headlines"] == 1
    assert "revised" not in first.detail
    yahoo.news["AAPL"].insert(0, _news("two"))
    yahoo.rows["MSFT", "1d"].iloc[50, 2] *= -1.0
    yahoo.split("GOOGL", 20.0, -2)
    second = await _pulled(house, NOW)
    assert (second.state, second.detail["new_rows"]) == ("succeeded", 16)
    assert second.detail["revised"] == {"GOOGL": "split", "MSFT": "mended"}
    assert second.detail["headlines"] == 1
    assert list(HeadlineStore(house.home).load("yahoo", "AAPL")["id"]) == ["one", "two"]
    details = {row.symbol: row.detail for row in house.database.read(datasets.latest)}
    assert {symbol: detail["why"] for symbol, detail in details.items()} == {
        "AAPL": "appended", "GOOGL": "split", "MSFT": "mended",
    }  # fmt: skip
    assert all(0.99 < detail["health"]["index"] <= 1.0 for detail in details.values())
    old = house.database.read(lambda c: datasets.find(c, details["GOOGL"]["replaces"]))
    assert old is not None
    newer = house.database.read(lambda c: datasets.successor(c, old))
    assert newer is not None
    assert (newer.symbol, newer.detail["why"]) == ("GOOGL", "split")


async def test_the_health_of_what_was_pulled_is_drawn_and_unchanged_bars_are_not_redrawn(
    house: DeskContext,
) -> None:
    await _pulled(house, NOW)
    picture = house.home.health("yahoo", "AAPL", "1d")
    drawn = picture.stat().st_mtime_ns
    assert picture.read_bytes().startswith(b"\x89PNG")
    await _pulled(house, NOW + timedelta(hours=1))
    assert picture.stat().st_mtime_ns == drawn


async def test_the_news_of_all_markets_is_kept_though_its_symbol_is_not_traded(
    house: DeskContext, yahoo: FakeYahoo
) -> None:
    yahoo.news["^GSPC"] = [_news("one"), _news("two")]
    run = await _pulled(house, NOW)
    assert run.detail["headlines"] == 2
    assert list(HeadlineStore(house.home).load("yahoo", "^GSPC")["seen_at"]) == [NOW, NOW]
    assert {row.symbol for row in house.database.read(datasets.latest)} == set(SYMBOLS)


async def test_no_more_symbols_are_asked_for_at_once_than_is_polite(house: DeskContext) -> None:
    await _pulled(house, NOW)
    assert isinstance(house.executor, WorkingExecutor)
    assert house.executor.most == 2


async def test_bars_without_news_are_better_than_no_bars(house: DeskContext, yahoo: FakeYahoo) -> None:
    yahoo.fail("no_news")
    run = await _pulled(house, NOW)
    assert run.state == "succeeded"
    assert {error["code"] for error in run.detail["without_headlines"].values()} == {"data.schema"}


async def test_an_unexplained_history_fails_its_symbol_with_the_reason(house: DeskContext, yahoo: FakeYahoo) -> None:
    await _pulled(house, NOW - timedelta(days=7))
    yahoo.rows["AAPL", "1d"].iloc[:, :4] *= 1.01
    run = await _pulled(house, NOW)
    assert (run.state, run.cause) == ("failed", "data.rewritten")  # two of three are not enough
    assert "no split or dividend explains them" in run.detail["failed"]["AAPL"]["message"]
    assert run.detail["new_rows"] == 10


async def test_the_author_of_an_acceptance_stays_in_the_lineage(house: DeskContext, yahoo: FakeYahoo) -> None:
    await _pulled(house, NOW - timedelta(days=7))
    yahoo.rows["AAPL", "1d"].iloc[:, :4] *= 1.01
    yahoo.rows["MSFT", "1d"].iloc[:, :4] *= 1.01
    options = RunOptions(symbols=["AAPL"], accept=Acceptance(author="anna", reason="the vendor wrote to us"))
    run = await _pulled(house, NOW, options)
    assert (run.state, run.detail["revised"], run.detail["tasks"]) == ("succeeded", {"AAPL": "accepted"}, 1)
    details = _accepted(house, "AAPL")
    assert (details["author"], details["reason"], details["run"]) == ("anna", "the vendor wrote to us", run.name)
    assert details["rows"] > 100
    later = await _pulled(house, NOW + timedelta(hours=1))
    assert list(later.detail["failed"]) == ["MSFT"]  # what was not named was not accepted
    assert _accepted(house, "AAPL") == details


async def test_a_killed_acceptance_is_signed_by_its_retry(house: DeskContext, yahoo: FakeYahoo) -> None:
    await _pulled(house, NOW - timedelta(days=7))
    yahoo.rows["AAPL", "1d"].iloc[:, :4] *= 1.01
    house.clock.move(timedelta(days=7))  # type: ignore[attr-defined]
    update_symbol(house.home, house.settings.sources, "AAPL", "1d", NOW, accept=True)  # and then the lights went out
    options = RunOptions(symbols=["AAPL"], accept=Acceptance(author="anna"))
    house.database.write(
        lambda c: runs.record(c, "data_update", NOW, now=NOW, trigger="retry", attempt=2, options=options)
    )
    await attend_all(Dispatcher(house))
    assert _accepted(house, "AAPL")["author"] == "anna"


def _accepted(house: DeskContext, symbol: str) -> Any:
    (row,) = house.database.read(lambda c: datasets.latest(c, symbol))
    return row.detail["accepted"]


async def test_of_many_symbols_a_few_may_be_missing(home: Home, yahoo: FakeYahoo) -> None:
    frame = SampleSource().fetch("AAPL", "1d", NOW - timedelta(days=40), NOW).frame
    symbols = [f"S{number}" for number in range(20)]
    for symbol in symbols[1:]:
        yahoo.serve(symbol, frame)
    sources = {"bars": "yahoo", "yahoo": {"base_url": yahoo.url, "headlines": False}}
    settings = Settings.model_validate({"symbols": symbols, "sources": sources})
    with scripted_desk(home, settings, NOW) as house:
        house.executor = WorkingExecutor(house.home, house.clock.now)
        run = await _pulled(house, NOW)
        assert (run.state, run.cause) == ("partial", "data.unknown_symbol")
        assert list(run.detail["failed"]) == ["S0"]
        yahoo.fail("empty", symbols=("S1",))
        run = await _pulled(house, NOW + timedelta(hours=1))
        assert (run.state, sorted(run.detail["failed"])) == ("failed", ["S0", "S1"])
