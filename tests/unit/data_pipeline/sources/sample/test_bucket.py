"""The sample bucket of a trader's logs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_pipeline.sources.sample import sample_bucket


def test_the_bucket_has_the_layout_of_the_real_one(tmp_path: Path) -> None:
    written = sample_bucket(tmp_path / "a")
    assert len(written) >= 20
    for path in written:
        market = json.loads(path.read_bytes())
        assert list(market) == ["slug", "totalEvents", "firstEventTime", "lastEventTime", "prices"]
        assert path.relative_to(tmp_path / "a").as_posix() == f"merged_trades/0x5a3e/{market['slug']}_prices.json"
        events = market["prices"]
        times = [event["t"] for event in events]
        assert times == sorted(times)
        assert (market["firstEventTime"], market["lastEventTime"]) == (times[0], times[-1])
        assert market["totalEvents"] == len(events)
        assert {event["type"] for event in events} == {"trade", "merge", "redeem"}
        trades = [event for event in events if event["type"] == "trade"]
        assert {trade["outcome"] for trade in trades} == {"Up", "Down"}
        assert all(0.0 < trade["price"] < 1.0 and trade["t"] % 1000 == 0 for trade in trades)


def test_the_buckets_trader_is_paid_for_every_pair_and_for_the_winner_and_earns_or_loses(tmp_path: Path) -> None:
    earned = []
    for path in sample_bucket(tmp_path):
        events = json.loads(path.read_bytes())["prices"]
        *trades, merge, redeem = events
        shares = [sum(fill["size"] for fill in trades if fill["outcome"] == outcome) for outcome in ("Up", "Down")]
        assert merge["size"] == pytest.approx(min(shares), abs=1e-6)
        assert redeem["size"] == pytest.approx(0.0, abs=1e-6) or merge["size"] + redeem["size"] == pytest.approx(
            max(shares), abs=1e-5
        )
        earned.append(merge["usdc"] + redeem["usdc"] - sum(trade["usdc"] for trade in trades))
    assert min(earned) < 0.0 < max(earned)


def test_the_bucket_is_the_same_every_time(tmp_path: Path) -> None:
    first, second = ({path.name: path.read_bytes() for path in sample_bucket(tmp_path / name)} for name in ("a", "b"))
    assert first == second
