"""The rows of a trader's markets are the same, to the last bit, however the inputs are cut or altered later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.inputs import Inputs
from data_pipeline.trader_logs.inputs import MarketRows, market_rows, trader_inputs
from evaluation.audit.look_ahead import _other_future
from tests.support.markets.trader_logs import OPENS, REAL, trade, wandering_market, write_log

SECONDS = (5, 15, 60)
TRADER = "trader:0x6031"


@pytest.fixture(scope="module", autouse=True)
def logs(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Two real markets of an hour, and two whose slugs name no contract, at other hours."""
    folder = tmp_path_factory.mktemp("logs")
    for nth, hours in enumerate((30, 31)):
        (folder / f"market-{nth}_prices.json").write_bytes(wandering_market(nth, events=150, opens=hours))
    global LOGS  # noqa: PLW0603 -- hypothesis calls a test many times with one fixture
    LOGS = (*sorted(REAL.glob("*_prices.json"))[:2], *sorted(folder.iterdir()))


LOGS: tuple[Path, ...] = ()


@cache
def whole(seconds: int) -> tuple[Inputs, dict[str, MarketRows]]:
    inputs = trader_inputs(TRADER, LOGS, seconds=seconds)
    return inputs, market_rows(inputs)


def instant(inputs: Inputs, share: float) -> datetime:
    first, last = inputs.times[0] - pd.Timedelta(1, "min"), inputs.times[-1] + pd.Timedelta(1, "h")
    return (first + share * (last - first)).floor("ms").to_pydatetime()


def assert_same(part: dict[str, MarketRows], all_rows: dict[str, MarketRows], until: datetime) -> None:
    for name, rows in part.items():
        expected = all_rows[name]
        before, n = rows.index <= until, int((expected.index <= until).sum())
        pd.testing.assert_index_equal(rows.index[before], expected.index[:n])
        assert rows.states.to_numpy()[before].tobytes() == expected.states.to_numpy()[:n].tobytes(), name


@settings(max_examples=40)
@given(st.sampled_from(SECONDS), st.floats(0.0, 1.0))
def test_rows_do_not_change_when_the_inputs_are_cut(seconds, share):
    inputs, all_rows = whole(seconds)
    time = instant(inputs, share)
    part = market_rows(inputs.until(time))
    assert set(part) == {name for name, rows in all_rows.items() if rows.index[0] <= time}
    assert_same(part, all_rows, time)
    for name, rows in part.items():
        known = ~np.isnan(rows.net)
        np.testing.assert_array_equal(rows.net[known], all_rows[name].net[: len(rows)][known])
        np.testing.assert_array_equal(rows.trades[known], all_rows[name].trades[: len(rows)][known])
        assert known[:-1].all()
        is_settled = all_rows[name].settled <= time
        assert (rows.settled is not None) == is_settled == known[-1] == (not np.isnan(rows.reward).all())
        if is_settled:
            assert rows.reward.tobytes() == all_rows[name].reward.tobytes()


@settings(max_examples=15)
@given(st.sampled_from(SECONDS), st.floats(0.05, 0.95), st.integers(0, 100))
def test_rows_do_not_change_when_later_events_and_bars_are_others(seconds, share, seed):
    inputs, all_rows = whole(seconds)
    time = instant(inputs, share)
    assert_same(market_rows(_other_future(inputs, time, np.random.default_rng(seed))), all_rows, time)


@settings(max_examples=15)
@given(st.sampled_from(SECONDS), st.floats(0.0, 1.0))
def test_inputs_without_their_beginning_have_rows_too(seconds, share):
    inputs, _ = whole(seconds)
    part = inputs.since(instant(inputs, share))
    rows = market_rows(part)
    assert {name: len(each) for name, each in rows.items()} == {name: len(bars) for name, bars in part.bars.items()}


@settings(max_examples=25)
@given(st.floats(0.0, 1.2))
def test_what_was_known_of_an_open_contract_is_a_part_of_what_is_known_when_it_is_over(tmp_path_factory, share):
    """A log that ends early says no more than it knows: no bar is made of the time after it."""
    folder, slug = tmp_path_factory.mktemp("open"), f"btc-updown-15m-{OPENS // 1000}"
    events = [trade(at, 0.4 + at / 4000, outcome="Up" if at % 2 else "Down", tx=f"0x{at}") for at in range(3, 900, 17)]
    now = datetime.fromtimestamp(OPENS / 1000, UTC) + timedelta(seconds=900 * share)
    known = [event for event in events if event["t"] < now.timestamp() * 1000]
    full, early = (
        write_log(folder / name / f"{slug}_prices.json", each) for name, each in (("a", events), ("b", known))
    )
    later = market_rows(trader_inputs(TRADER, [full], seconds=5))
    earlier = market_rows(trader_inputs(TRADER, [early], seconds=5, now=now))
    for rows in earlier.values():
        assert_same(earlier, later, rows.index[-1])
        assert now - timedelta(seconds=23) <= rows.index[-1] <= now or share >= 1.0
        assert (rows.settled is not None) == (share >= 1.0)
