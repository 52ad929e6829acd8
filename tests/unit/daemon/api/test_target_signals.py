"""Signals of a return that a reader asks a trader's model for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy import Connection

from daemon.domain.options import RunOptions
from daemon.domain.runs import Owner
from daemon.domain.signals import TargetRequest
from daemon.store import runs, servings, versions
from daemon.store.versions import Version
from tests.support.desks.fake_desk import NOW, FakeDesk, publish, version_of
from tests.support.models import small_types
from tests.support.servers.http import BEARER

TRADER, SLUG = "trader:0x6031", "ethereum-up-or-down-march-4-12am-et"
PLACE = f"/api/v1/signals/{TRADER}"


@pytest.fixture
def trader(desk: FakeDesk) -> Iterator[Version]:
    """A champion of a trader, whose configured target is published."""
    with small_types.registered():
        document = desk.settings.model_dump() | {"model_types": ("small_trader",), "traders": ("0x6031",)}
        document["trader_params"] = {"target_returns": (0.02,)}
        desk.settings = type(desk.settings).model_validate(document)

        def change(c):
            run_id = runs.request(c, "training", now=NOW - timedelta(days=2), trigger="manual").id
            ended(c, run_id, NOW - timedelta(days=2))
            new = version_of(c, run_id, TRADER, model_type="small_trader")
            servings.serve(c, TRADER, "small_trader", new.id, NOW - timedelta(days=1), why="test", author="test")
            return versions.champion(c, TRADER, "small_trader")

        version = desk.database.write(change)
        say(desk, version, target="0.02", position=0.5)
        say(desk, version, position=-1.0)
        yield version


def ended(c: Connection, run_id: int, at: datetime) -> None:
    assert runs.claim(c, run_id, Owner.me(), at)
    runs.finish(c, run_id, "succeeded", at, attempts=1)


def say(desk: FakeDesk, version: Version, *, expires: timedelta = timedelta(seconds=30), **changes) -> None:
    now = desk.clock.now()
    facts = {"symbol": SLUG, "interval": "30s", "bar_time": now, "published_at": now, "act_by": now, **changes}
    desk.database.write(lambda c: publish(c, version, expires_at=now + expires, **facts))


def test_a_published_target_is_answered_at_once_and_by_itself(trader: Version, live: httpx.Client) -> None:
    response = live.get(PLACE, params={"target_return": 0.02})
    assert response.status_code == 200
    (signal,) = response.json()["current"]
    assert (signal["target_return"], signal["position"], signal["symbol"]) == (0.02, 0.5, SLUG)
    assert [item["target_return"] for item in response.json()["items"]] == [0.02]
    assert [item["target_return"] for item in live.get(PLACE).json()["current"]] == [None, 0.02]


def test_any_other_target_starts_one_run_whose_place_has_the_answer_later(
    desk: FakeDesk, trader: Version, live: httpx.Client
) -> None:
    asked = [live.get(PLACE, params={"target_return": text}, headers=BEARER) for text in ("0.05", "0.050")]
    assert [response.status_code for response in asked] == [202, 202]
    assert len({response.json()["id"] for response in asked}) == len(desk.requested) == 1
    assert desk.requested[0][1] == RunOptions(target=TargetRequest(subject=TRADER, target_return=0.05))
    place = asked[0].headers["location"]
    assert live.get(place).status_code == 202, "who follows the run that was started needs no token"
    say(desk, trader, target="0.05", position=1.0)
    desk.database.write(lambda c: ended(c, asked[0].json()["id"], desk.clock.now()))
    answer = live.get(place)
    assert (answer.status_code, [signal["position"] for signal in answer.json()["current"]]) == (200, [1.0])


def test_where_no_market_is_open_the_answer_is_empty_and_asking_again_at_once_starts_nothing(
    desk: FakeDesk, trader: Version, live: httpx.Client
) -> None:
    run = live.get(PLACE, params={"target_return": 0.05}, headers=BEARER).json()
    desk.clock.move(timedelta(seconds=40))
    desk.database.write(lambda c: ended(c, run["id"], desk.clock.now()))
    answer = live.get(PLACE, params={"target_return": 0.05})
    assert (answer.status_code, answer.json()["current"]) == (200, [])
    desk.clock.move(timedelta(seconds=61))
    assert live.get(PLACE, params={"target_return": 0.05}).status_code == 401
    assert live.get(PLACE, params={"target_return": 0.05}, headers=BEARER).status_code == 202


def test_a_read_without_the_token_starts_nothing(desk: FakeDesk, trader: Version, live: httpx.Client) -> None:
    response = live.get(PLACE, params={"target_return": 0.05})
    assert (response.status_code, response.json()["code"]) == (401, "request.token")
    assert desk.requested == []


def test_another_target_waits_while_one_is_made(desk: FakeDesk, trader: Version, live: httpx.Client) -> None:
    live.get(PLACE, params={"target_return": 0.05}, headers=BEARER)
    response = live.get(PLACE, params={"target_return": 0.06}, headers=BEARER)
    assert (response.status_code, response.json()["code"]) == (409, "run.overlap")


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e9", "-2", "two", ""])
def test_a_target_that_is_no_return_is_refused(trader: Version, live: httpx.Client, desk: FakeDesk, text: str) -> None:
    assert live.get(PLACE, params={"target_return": text}, headers=BEARER).status_code == 422
    assert desk.requested == []


def test_a_symbol_takes_no_target_and_a_trader_without_a_model_is_unknown(
    trader: Version, live: httpx.Client, desk: FakeDesk
) -> None:
    for subject, status in (("AAPL", 422), ("trader:0xdead", 404)):
        response = live.get(f"/api/v1/signals/{subject}", params={"target_return": 0.05}, headers=BEARER)
        assert response.status_code == status
    assert desk.requested == []


def test_between_markets_nothing_is_wrong_and_the_reason_is_plain(
    desk: FakeDesk, trader: Version, live: httpx.Client
) -> None:
    desk.clock.move(timedelta(hours=2))
    response = live.get(PLACE).json()
    assert response["current"] == []
    (missing,) = response["missing"]
    assert missing["code"] == "signals.no_open_market"
    assert missing["message"].startswith(f"No open market: {SLUG}, the newest, closed at")
    conditions = live.get("/api/v1/status").json()["conditions"]
    assert "signals.stale" not in [condition["code"] for condition in conditions]
