from __future__ import annotations

import json

import numpy as np
import pytest

from config.errors import NightdeskError
from data_pipeline.trader_logs import events as trader_events
from data_pipeline.trader_logs.events import MERGE, QUOTE, REDEEM, TRADE, document, read_events
from tests.support.markets.trader_logs import OPENS, REAL, log, quote, settlement, trade


def rejected(*events) -> dict[str, int]:
    return read_events(log(events)).rejected


def test_a_trade_has_its_time_size_money_and_the_price_of_up():
    events = read_events(log([trade(1, 0.6, 10), trade(2, 0.3, 5, outcome="Down", side="SELL")]))
    assert events.t.tolist() == [OPENS + 1000, OPENS + 2000]
    assert events.kind.tolist() == [TRADE, TRADE]
    assert events.price.tolist() == [0.6, 0.7]
    assert events.size.tolist() == [10, 5]
    assert events.money.tolist() == [6.0, 1.5]


@pytest.mark.parametrize(
    ("side", "outcome", "sign"), [("BUY", "Up", 1), ("SELL", "Down", 1), ("BUY", "Down", -1), ("SELL", "Up", -1)]
)
def test_the_sign_of_a_trade_is_the_way_of_up(side, outcome, sign):
    assert read_events(log([trade(1, size=3, side=side, outcome=outcome)])).signed.tolist() == [3 * sign]


def test_quotes_of_both_sides_are_folded_to_up_by_nearness_to_its_last_price():
    events = read_events(log([trade(0, 0.7), quote(1, 0.69, 0.73), quote(2, 0.26, 0.28), quote(3, 0.74, 0.76)]))
    assert events.price.round(9).tolist() == [0.7, 0.71, 0.73, 0.75]


def test_folding_follows_a_price_that_wanders_on_one_side_of_the_middle():
    prices = [0.65, 0.72, 0.8, 0.7, 0.62, 0.57]
    mixed = [
        quote(n + 1, p - 0.01, p + 0.01) if n % 2 else quote(n + 1, 0.99 - p, 1.01 - p) for n, p in enumerate(prices)
    ]
    events = read_events(log([trade(0, 0.62), *mixed]))
    assert events.price[1:].round(9).tolist() == prices


def test_a_price_that_jumps_over_the_middle_is_seen_at_the_next_trade():
    events = read_events(log([trade(0, 0.55), quote(1, 0.41, 0.43), trade(2, 0.42), quote(3, 0.59, 0.61)]))
    assert events.price.round(9).tolist() == [0.55, 0.58, 0.42, 0.4]


def test_quotes_before_the_first_trade_are_dropped_and_counted():
    events = read_events(log([quote(0, 0.4, 0.42), trade(1, 0.6), quote(2, 0.6, 0.62)]))
    assert events.kind.tolist() == [TRADE, QUOTE]
    assert events.rejected == {"before_first_trade": 1}


def test_a_quote_without_bid_and_ask_is_its_middle_or_its_price():
    plain = {"t": OPENS + 2000, "type": "last_trade_price"}
    events = read_events(log([trade(0, 0.5), plain | {"mid": 0.52, "price": 0.9}, plain | {"price": 0.53}]))
    assert events.price.round(9).tolist() == [0.5, 0.52, 0.53]


def test_settlements_have_their_amount_of_money():
    events = read_events(log([trade(0), settlement("merge", 1, 4), settlement("redeem", 2, 3)]))
    assert events.kind.tolist() == [TRADE, MERGE, REDEEM]
    assert events.money.tolist() == [5, 4, 3]
    assert np.isnan(events.price[1:]).all()


def test_events_are_put_in_time_order_and_keep_their_order_within_one_instant():
    events = read_events(log([trade(5, 0.5), trade(1, 0.4), trade(5, 0.6)]))
    assert events.price.tolist() == [0.4, 0.5, 0.6]


def test_equal_fills_of_one_transaction_are_kept_and_counted_or_dropped_by_choice():
    fills = [trade(1, tx="0xa"), trade(1, tx="0xa"), trade(1, tx="0xa", size=9), trade(1, tx="0xb")]
    with_repeats, without_repeats = read_events(log(fills)), read_events(log(fills), "drop")
    assert (len(with_repeats), with_repeats.repeats, with_repeats.rejected) == (4, 1, {})
    assert (len(without_repeats), without_repeats.repeats, without_repeats.rejected) == (3, 1, {"repeated": 1})


@pytest.mark.parametrize("path", sorted(REAL.glob("*.json")), ids=lambda path: path.name)
def test_real_traders_merge_and_redeem_what_all_their_fills_amount_to(path):
    def unexplained(repeats) -> float:
        events = read_events(path.read_bytes(), repeats)
        assert not {"not_a_number", "unknown_type"} & set(events.rejected)
        shares = [(events.size * (events.kind == TRADE))[events.outcome == outcome].sum() for outcome in (1, -1)]
        return abs(min(shares) - events.size[events.kind == MERGE].sum())

    assert unexplained("keep") < 1e-3
    assert unexplained("drop") > 10


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (3, "not_an_object"),
        (None, "not_an_object"),
        ([], "not_an_object"),
        ({}, "unknown_type"),
        (trade(1, type="split"), "unknown_type"),
        (trade(1, type=["trade"]), "unknown_type"),
        (trade(1, t="1767322833000"), "not_a_number"),
        (trade(1, t=None), "not_a_number"),
        (trade(1, t=True), "not_a_number"),
        (trade(1, t=-5), "out_of_range"),
        (trade(1, t=1e300), "out_of_range"),
        (trade(1, "0.5"), "not_a_number"),
        (trade(1, 1.5), "out_of_range"),
        (trade(1, -0.1), "out_of_range"),
        (trade(1, float("nan")), "not_finite"),
        (trade(1, float("inf")), "not_finite"),
        (trade(1, size=float("-inf")), "not_finite"),
        (trade(1, size=10**400), "not_finite"),
        (trade(1, size=0), "out_of_range"),
        (trade(1, size=-3), "out_of_range"),
        (trade(1, size=1e13), "out_of_range"),
        (trade(1, size=[1]), "not_a_number"),
        (trade(1, outcome="Yes"), "unknown_outcome"),
        (trade(1, outcome={}), "unknown_outcome"),
        (trade(1, side="buy"), "unknown_side"),
        (trade(1, tx=7), "no_identity"),
        (trade(1, aid=None), "no_identity"),
        (trade(1, tx="0" * 1000), "no_identity"),
        (quote(1, 0.6, 0.5), "crossed"),
        (quote(1, 0.6, 1.5), "out_of_range"),
        (quote(1, "a", 0.5), "not_a_number"),
        (quote(1, 0.5, 0.6, bestAsk=None), "not_a_number"),
        ({"t": OPENS, "type": "price_change"}, "not_a_number"),
        (settlement("merge", 1, -4), "out_of_range"),
        (settlement("redeem", 1, "4"), "not_a_number"),
        (trade(3 * 86_400), "far_off"),
        (settlement("merge", 3 * 86_400, 4), "far_off"),
        (settlement("redeem", -3 * 86_400, 4), "far_off"),
    ],
)
def test_a_bad_event_is_rejected_by_name_and_the_others_are_kept(event, reason):
    good = [trade(n / 10) for n in range(5)]
    events = read_events(log([*good[:3], event, *good[3:]]))
    assert events.rejected == {reason: 1}
    assert len(events) == 5


def test_a_redemption_may_come_days_later():
    assert rejected(trade(1), settlement("redeem", 20 * 86_400, 3)) == {}


def test_summaries_in_the_log_are_not_read():
    data = json.loads(log([trade(1), trade(2)]))
    with_summaries = data | {"stats": {"pnl": 99}, "lastEventTime": "never", "totalEvents": -1, "slug": None}
    assert (
        read_events(json.dumps(with_summaries).encode()).t.tolist() == read_events(json.dumps(data).encode()).t.tolist()
    )


def test_a_market_without_events_is_empty_and_not_an_error():
    events = read_events(log([]))
    assert (len(events), events.rejected) == (0, {})
    assert events.signed.tolist() == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"prices": {}}',
        b"{" * 10_000,
        b"[" * 2_000_000,
        b'{"prices":[',
        b"\xff\xfe",
        b"NaN",
    ],
    ids=lambda data: repr(data[:12]),
)
def test_a_file_that_is_no_log_is_torn(data):
    with pytest.raises(NightdeskError) as caught:
        document(data)
    assert caught.value.code == "trades.torn"


def test_a_file_of_too_many_values_is_refused_before_it_is_read():
    with pytest.raises(NightdeskError, match="Keep a market to a file") as caught:
        document(b'{"prices":[' + b"{}," * 3_000_000 + b"{}]}")
    assert caught.value.code == "trades.too_large"


def test_a_file_of_too_many_bytes_is_refused(monkeypatch):
    monkeypatch.setattr(trader_events, "_LARGEST", 100)
    with pytest.raises(NightdeskError) as caught:
        document(log([trade(1)]))
    assert caught.value.code == "trades.too_large"


def test_trades_without_an_outcome_are_of_their_slugs_token_else_of_up():
    """As the format of a trader's own log has them: without outcome, transaction and asset."""
    plain = {"t": OPENS, "type": "trade", "price": 0.3, "side": "BUY", "size": 20, "usdc": 6.0}
    for slug, price in (
        ("btc-updown-15m-1768904100", 0.3),
        ("will-it-rain-no", 0.7),
        ("eth-down", 0.7),
        ("x-yes", 0.3),
    ):
        events = read_events(log([plain, plain], slug))
        assert (events.price.round(9).tolist(), events.assumed, events.rejected) == ([price] * 2, 2, {})
        assert len(read_events(log([plain, plain], slug), "drop")) == 2  # nothing says that they are one fill


def test_half_an_identity_is_none():
    half = trade(1)
    del half["aid"]
    assert rejected(half) == {"no_identity": 1}


def test_bars_of_the_market_are_two_quotes_and_their_close_is_known_when_the_next_begins():
    def bar(minute: int, opened: float, high: float, low: float, close: float) -> dict:
        prices = {"open": opened, "high": high, "low": low, "close": close, "volume": 9.0}
        return {"t": OPENS + minute * 60_000, "type": "ohlcv", **prices}

    bars = [bar(1, 0.5, 0.6, 0.4, 0.55), bar(2, 0.56, 0.6, 0.5, 0.58)]
    events = read_events(log([trade(0, 0.5), *bars]))
    assert ((events.t - OPENS) // 60_000).tolist() == [0, 1, 2, 2]
    assert events.price.round(9).tolist() == [0.5, 0.5, 0.55, 0.56]
    assert rejected(trade(0), bar(1, 0.5, 0.4, 0.6, 0.5), bar(2, 90_000.0, 90_001.0, 89_000.0, 90_000.0)) == {
        "crossed": 1,
        "out_of_range": 1,
    }


def test_the_spread_of_a_quote_is_that_of_either_side():
    events = read_events(log([trade(0, 0.7), quote(1, 0.69, 0.73), quote(2, 0.27, 0.31)]))
    assert events.spread.round(9).tolist()[1:] == [0.04, 0.04]
    assert np.isnan(events.spread[0])
