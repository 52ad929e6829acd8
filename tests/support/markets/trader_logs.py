"""Trade logs made up for tests: one market, as the bucket holds it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

OPENS = 1_767_322_800_000  # 2026-01-02 03:00 UTC
REAL = Path(__file__).parents[2] / "golden" / "merged_trades" / "0x6031"


def trade(seconds: float, price: float = 0.5, size: float = 10.0, **changes: Any) -> dict[str, Any]:
    """A trade some seconds after the market opened, of Up, bought, unless `changes` says otherwise."""
    event = {
        "t": OPENS + round(seconds * 1000),
        "type": "trade",
        "price": price,
        "side": "BUY",
        "tx": f"0x{seconds}",
        "size": size,
        "outcome": "Up",
        "aid": "1",
    }
    return event | changes


def quote(seconds: float, bid: float, ask: float, **changes: Any) -> dict[str, Any]:
    """A change of the best prices."""
    event = {"t": OPENS + round(seconds * 1000), "type": "price_change", "bestBid": bid, "bestAsk": ask}
    return event | changes


def settlement(kind: str, seconds: float, size: float, **changes: Any) -> dict[str, Any]:
    """A merge or a redemption."""
    return {"t": OPENS + round(seconds * 1000), "type": kind, "size": size, "usdc": size, "tx": "0xm"} | changes


def log(events: Iterable[dict[str, Any]], slug: str = "a-market") -> bytes:
    """The file of a market."""
    return json.dumps({"slug": slug, "prices": list(events)}).encode()


def wandering_market(seed: int, *, events: int = 400, opens: int = 0, quotes: bool = True) -> bytes:
    """An hour of trades, and of quotes of both sides, around a price that wanders; `opens` in hours from the first."""
    random = np.random.default_rng(seed)
    seconds = np.sort(random.uniform(0, 3600, events)) + opens * 3600
    price = np.clip(0.5 + np.cumsum(random.normal(0, 0.01, events)), 0.05, 0.95).round(3)
    log_events = []
    for at, up in zip(seconds.tolist(), price.tolist(), strict=True):
        is_up = bool(random.random() < 0.5)
        outcome_price = up if is_up else round(1 - up, 3)
        if quotes and log_events and random.random() < 0.5:
            log_events.append(quote(at, round(outcome_price - 0.005, 4), round(outcome_price + 0.005, 4)))
        else:
            size = round(float(random.lognormal(2, 1)), 4)
            side = "BUY" if random.random() < 0.9 else "SELL"
            log_events.append(
                trade(int(at), outcome_price, size, side=side, outcome="Up" if is_up else "Down", tx=f"0x{at}")
            )
    log_events.append(settlement("merge", opens * 3600 + 3590, 50.0))
    log_events.append(settlement("redeem", opens * 3600 + 9000, 5.0))
    return log(sorted(log_events, key=lambda event: event["t"]), f"market-{seed}")


def write_log(path: Path, events: Iterable[dict[str, Any]]) -> Path:
    """The file of a market, at this place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(log(events, path.name.removesuffix("_prices.json")))
    return path
