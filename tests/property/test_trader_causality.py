"""What is known at a time does not change, to the last bit, when what came later is cut off."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.trader_logs.bars import trader_bars
from data_pipeline.trader_logs.contract import Contract
from data_pipeline.trader_logs.events import read_events
from data_pipeline.trader_logs.states import states
from tests.support.markets.trader_logs import OPENS, REAL, log, wandering_market

SECONDS = (5, 15, 60)


@cache
def market(nth: int) -> list[dict]:
    """Made-up markets with quotes, then the real ones."""
    data = wandering_market(nth) if nth < 3 else sorted(REAL.glob("*.json"))[nth - 3].read_bytes()
    return json.loads(data)["prices"]


CONTRACT = Contract(OPENS, OPENS + 3_600_000)


def rows(events: list[dict], seconds: int, contract: Contract | None = None) -> tuple[np.ndarray, np.ndarray]:
    bars = trader_bars(read_events(log(events)), seconds, contract)
    return bars.time, states(bars)


@cache
def whole(nth: int, seconds: int) -> tuple[np.ndarray, np.ndarray]:
    return rows(market(nth), seconds)


@settings(max_examples=60)
@given(st.integers(0, 5), st.sampled_from(SECONDS), st.floats(0.02, 1.0))
def test_states_do_not_change_when_later_events_are_cut_off(nth, seconds, share):
    events = market(nth)
    time, states = rows(events[: max(1, int(len(events) * share))], seconds)
    all_times, all_states = whole(nth, seconds)
    np.testing.assert_array_equal(time, all_times[: len(time)])
    assert states.tobytes() == all_states[: len(time)].tobytes()


@settings(max_examples=30)
@given(st.integers(0, 2), st.sampled_from(SECONDS), st.floats(0.02, 1.0))
def test_states_of_a_whole_contract_do_not_change_until_the_first_event_that_is_cut_off(nth, seconds, share):
    """Its rows go on to the end of the contract, as if nothing more had happened."""
    events = market(nth)
    shorter = events[: max(1, int(len(events) * share))]
    time, cut = rows(shorter, seconds, CONTRACT)
    all_times, all_states = rows(events, seconds, CONTRACT)
    np.testing.assert_array_equal(time, all_times)
    missing = events[len(shorter)]["t"] if len(shorter) < len(events) else CONTRACT.closes
    known = time <= missing
    assert cut[known].tobytes() == all_states[known].tobytes()


@settings(max_examples=30)
@given(st.integers(0, 5), st.integers(0, 10_000), st.sampled_from(["price", "size", "outcome", "side"]))
def test_states_at_or_before_a_trade_do_not_depend_on_it(nth, which, field):
    events = [dict(event) for event in market(nth)]
    trades = [event for event in events if event["type"] == "trade"][1:]
    changed = trades[which % len(trades)]
    flipped = {"outcome": {"Up": "Down", "Down": "Up"}, "side": {"BUY": "SELL", "SELL": "BUY"}}.get(field)
    changed[field] = flipped[changed[field]] if flipped else changed[field] / 2
    time, states = rows(events, 15)
    before = time <= changed["t"]
    assert states[before].tobytes() == whole(nth, 15)[1][before].tobytes()
