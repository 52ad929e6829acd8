"""Decisions of strategies: recorded whole, replaced by a later backtest, read by market."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from daemon.store import decisions, runs
from daemon.store.database import Database
from daemon.store.decisions import Market, NewDecision
from tests.support.desks.databases import DAY, KINDS, NOON, empty_place

MARKET = Market("BTC-USD", "1d", "sample")
FAR = NOON + 1000 * DAY


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with closing(Database.open(empty_place(request.param, tmp_path))) as opened:
        opened.write(lambda c: runs.request(c, "backtest", now=NOON, trigger="manual"))
        yield opened


def _decisions(days: range, **changes: object) -> list[NewDecision]:
    row = NewDecision(
        run_id=1,
        strategy="baseline_v1",
        symbol=MARKET.symbol,
        interval=MARKET.interval,
        time=NOON,
        action="buy",
        strength=0.4,
        probability_up=0.7,
        position=0.4,
        reward=0.01,
        price=100.0,
        provenance=MARKET.provenance,
        votes={"tech": [0.7, 0.5], "news": None},
    )
    return [replace(row, time=NOON + day * DAY, **changes) for day in days]  # type: ignore[arg-type]


def _read(database: Database, market: Market = MARKET, strategy: str | None = None) -> list[decisions.Decision]:
    return database.read(lambda c: decisions.between(c, market, NOON, FAR, strategy))


def test_a_decision_comes_back_as_it_was_recorded(database: Database) -> None:
    (written,) = _decisions(range(1), reward=None)
    database.write(lambda c: decisions.replace(c, [written]))
    (row,) = _read(database)
    assert {name: getattr(row, name) for name in vars(written)} == vars(written)


def test_the_same_backtest_again_doubles_nothing_and_another_span_stays(database: Database) -> None:
    database.write(lambda c: decisions.replace(c, _decisions(range(5))))
    database.write(lambda c: decisions.replace(c, _decisions(range(5))))
    database.write(lambda c: decisions.replace(c, _decisions(range(3, 8), action="sell")))
    assert [row.action for row in _read(database)] == ["buy"] * 3 + ["sell"] * 5


def test_a_recording_that_fails_leaves_what_was_there(database: Database) -> None:
    database.write(lambda c: decisions.replace(c, _decisions(range(3))))
    twice = [*_decisions(range(3), action="sell"), *_decisions(range(2, 3))]
    with pytest.raises(IntegrityError):
        database.write(lambda c: decisions.replace(c, twice))
    assert [row.action for row in _read(database)] == ["buy"] * 3


def test_of_several_strategies_the_one_recorded_last_is_read_unless_another_is_named(database: Database) -> None:
    database.write(lambda c: decisions.replace(c, _decisions(range(4))))
    database.write(lambda c: decisions.replace(c, _decisions(range(2), strategy="mine")))
    assert [row.strategy for row in _read(database)] == ["mine"] * 2
    assert len(_read(database, strategy="baseline_v1")) == 4
    assert _read(database, strategy="unknown") == []


def test_decisions_on_other_bars_are_not_mixed_in(database: Database) -> None:
    database.write(lambda c: decisions.replace(c, _decisions(range(3))))
    database.write(lambda c: decisions.replace(c, _decisions(range(6), interval="1h")))
    database.write(lambda c: decisions.replace(c, _decisions(range(4, 6), provenance="yahoo")))
    assert len(_read(database)) == 3
    assert len(_read(database, replace(MARKET, interval="1h"))) == 6
    assert len(_read(database, replace(MARKET, provenance="yahoo"))) == 2
    assert _read(database, replace(MARKET, symbol="AAPL")) == []
