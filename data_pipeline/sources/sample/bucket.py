"""A bucket of trade logs in the layout of the traders' bucket: hourly markets on whether a coin rises."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from config.publish import publish_bytes
from data_pipeline.sources.sample.seeds import seed_of

ADDRESS = "0x5a3e"
_FIRST = datetime(2026, 1, 1, 5, tzinfo=UTC)  # midnight in New York, by which the markets are named
_MARKETS = 24
_COINS = ("bitcoin", "ethereum")
_HOUR = 3600


def sample_bucket(folder: Path) -> list[Path]:
    """Write `merged_trades/<address>/<slug>_prices.json` for a day of markets below `folder`."""
    written = []
    for hour in range(_MARKETS):
        market = _market(_COINS[hour % len(_COINS)], _FIRST + timedelta(hours=hour), hour)
        path = folder / "merged_trades" / ADDRESS / f"{market['slug']}_prices.json"
        publish_bytes(path, json.dumps(market, separators=(",", ":")).encode())
        written.append(path)
    return written


def _market(coin: str, opens: datetime, hour: int) -> dict[str, Any]:
    clock = f"{hour % 12 or 12}{'am' if hour < 12 else 'pm'}"
    slug = f"{coin}-up-or-down-january-1-{clock}-et"
    random = np.random.default_rng(seed_of(slug))
    events = _trades(slug, random, opens)
    over = events[-1]["t"]
    pairs, rest = _held(events)
    events.append(_closing(slug, "merge", over + 60_000, pairs))
    events.append(_closing(slug, "redeem", over + 3_660_000, rest))
    return {
        "slug": slug,
        "totalEvents": len(events),
        "firstEventTime": events[0]["t"],
        "lastEventTime": events[-1]["t"],
        "prices": events,
    }


def _trades(slug: str, random: np.random.Generator, opens: datetime) -> list[dict[str, Any]]:
    """Buys of Up and Down around a price that wanders to 0 or 1 as the hour runs out; times floored to the second."""
    n = int(random.integers(80, 300))
    seconds = np.sort(random.integers(0, _HOUR, n))
    up = 1.0 / (1.0 + np.exp(-np.cumsum(random.normal(0.0, 0.15, n))))
    is_up = random.random(n) < 0.5 + 0.3 * np.sign(up - 0.5)
    prices = np.clip(np.round(np.where(is_up, up, 1.0 - up), 2), 0.01, 0.99)
    sizes = np.round(random.lognormal(2.0, 1.0, n), 6)
    return [
        {
            "t": int(opens.timestamp() + seconds[nth]) * 1000,
            "type": "trade",
            "price": float(prices[nth]),
            "side": "BUY",
            "tx": _hash(slug, nth),
            "size": float(sizes[nth]),
            "usdc": round(float(prices[nth] * sizes[nth]), 6),
            "outcome": "Up" if is_up[nth] else "Down",
            "aid": str(int(_hash(slug, "Up" if is_up[nth] else "Down"), 16)),
        }
        for nth in range(n)
    ]


def _held(trades: list[dict[str, Any]]) -> tuple[float, float]:
    """Shares in pairs of both outcomes, which a merge turns back into money, and what else is held of the winner."""
    held = {
        outcome: sum(trade["size"] for trade in trades if trade["outcome"] == outcome) for outcome in ("Up", "Down")
    }
    pairs = min(held.values())
    last = trades[-1]
    has_risen = (last["outcome"] == "Up") == (last["price"] > 0.5)
    return round(pairs, 6), round(held["Up" if has_risen else "Down"] - pairs, 6)


def _closing(slug: str, kind: str, t: int, size: float) -> dict[str, Any]:
    return {"t": t, "type": kind, "size": size, "usdc": size, "tx": _hash(slug, kind)}


def _hash(*parts: object) -> str:
    return "0x" + hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()
