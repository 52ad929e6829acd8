"""Trade logs mutated at random: nothing crashes, every rejected event has a name and is counted, memory is bounded."""

from __future__ import annotations

import json
import random
import tracemalloc

import numpy as np
import pytest

from config.errors import NightdeskError
from data_pipeline.trader_logs.bars import trader_bars
from data_pipeline.trader_logs.events import read_events
from data_pipeline.trader_logs.states import states
from tests.support.markets.trader_logs import REAL, wandering_market

REASONS = {
    *("not_an_object", "unknown_type", "not_a_number", "not_finite", "out_of_range", "unknown_outcome"),
    *("unknown_side", "no_identity", "crossed", "far_off", "before_first_trade", "repeated"),
}
NONSENSE = (
    *(None, True, "", "0.5", "NaN", [], {}, -1, 0, 2**63, 10**400, 1e308, -1e-300, [[[[]]]]),
    *(float("nan"), float("inf"), float("-inf"), "\ud800", "x" * 5000, {"a": {"b": [1]}}),
)
SEEDS = [json.loads(path.read_bytes()) for path in sorted(REAL.glob("*.json"))] + [json.loads(wandering_market(7))]


def mutated(chance: random.Random) -> bytes:
    """One file with a few mutations of one kind."""
    kind = chance.choice(("types", "structure", "bits", "cut", "deep", "splice", "times"))
    document = chance.choice(SEEDS)
    if kind in ("types", "structure", "times"):
        document = json.loads(json.dumps(document))
        for _ in range(chance.randint(1, 20)):
            _spoil(document, kind, chance)
        return json.dumps(document).encode("utf-8", "replace")
    data = bytearray(json.dumps(document).encode())
    at = chance.randrange(len(data))
    if kind == "bits":
        for _ in range(chance.randint(1, 30)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif kind == "cut":
        del data[at:]
    elif kind == "deep":
        depth = chance.choice((50, 900, 100_000))
        data[at:at] = b"[" * depth + b"]" * chance.choice((0, depth))
    else:
        data[at : at + chance.randint(0, 50)] = bytes(chance.randrange(256) for _ in range(chance.randint(0, 50)))
    return bytes(data)


def _spoil(document: dict, kind: str, chance: random.Random) -> None:
    events = document["prices"]
    which = chance.randrange(len(events))
    if kind == "structure":
        events[which] = chance.choice(NONSENSE)
    elif not isinstance(events[which], dict):
        return
    elif kind == "times":
        events[which]["t"] = chance.choice((0, 1, 10**15, -(10**12), 1767322833000 + chance.randint(-(10**11), 10**11)))
    else:
        field = chance.choice(("t", "type", "price", "side", "tx", "size", "usdc", "outcome", "aid"))
        if chance.random() < 0.2:
            events[which].pop(field, None)
        else:
            events[which][field] = chance.choice(NONSENSE)


def survive(seed: int) -> str:
    """Read one mutated file all the way to its states; `read`, or the code of its fault."""
    data = mutated(random.Random(seed))
    try:
        events = read_events(data)
    except NightdeskError as error:
        return error.code
    assert set(events.rejected) <= REASONS
    assert len(events) + sum(events.rejected.values()) == len(_raw_events(data))
    assert (np.diff(events.t) >= 0).all()
    bars = trader_bars(events, 60)
    values = states(bars)
    assert np.isfinite(values).all()
    assert np.isfinite(bars.reward).all()
    assert len(bars) <= 4 * 24 * 60 + 1
    return "read"


def _raw_events(data: bytes) -> list:
    return json.loads(data.decode(), parse_int=float)["prices"]


def survive_all(seeds: range) -> dict[str, int]:
    ends = {"trades.torn": 0, "read": 0}
    for seed in seeds:
        try:
            ends[survive(seed)] += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
    return ends


def test_300_mutated_logs_crash_nothing_and_every_rejected_event_is_counted():
    ends = survive_all(range(300))
    assert ends["trades.torn"] > 50
    assert ends["read"] > 100


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_10_000_mutated_logs_crash_nothing_and_memory_stays_bounded():
    survive_all(range(300))
    tracemalloc.start()
    survive_all(range(300, 1_000))
    before = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    survive_all(range(1_000, 10_000))
    after = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert after < before * 1.5 + 20_000_000


@pytest.mark.slow
def test_the_worst_file_within_the_bounds_takes_no_more_than_a_few_hundred_megabytes():
    worst = b'{"prices":[' + b'{"a":1},' * 1_300_000 + b"{}]}"
    tracemalloc.start()
    try:
        events = read_events(worst)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert events.rejected == {"unknown_type": 1_300_001}
    assert peak < 600_000_000
