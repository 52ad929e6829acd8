"""Inputs that are large or hostile, given to the real desk: the largest config, links in folders, huge numbers."""

from __future__ import annotations

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from config.loader import MAX_BYTES
from config.paths import Home
from config.settings import JOBS
from tests.support.desks.running_desk import RunningDesk

QUIET: dict[str, Any] = {
    "sources": {"bars": "sample", "expert_logs": {"when_missing": "sample"}},
    "jobs": {job: {"enabled": False} for job in JOBS},
}
WITHIN = 1.0  # seconds in which /healthz answers
STOPPED_WITHIN = 45.0  # seconds in which the desk ends


def largest_config() -> str:
    """As many symbols as fit into a config."""
    config = json.dumps({"symbols": [f"S{number:05d}" for number in range(90_000)], **QUIET}, separators=(",", ":"))
    return config.ljust(MAX_BYTES)


def health_latencies(desk: RunningDesk, until: Any) -> list[float]:
    """How long /healthz takes, asked again and again until something has happened."""
    latencies = []
    with httpx.Client(trust_env=False, timeout=30) as http:
        end = time.monotonic() + 120
        while not until():
            assert time.monotonic() < end
            began = time.monotonic()
            assert http.get(f"{desk.url}/healthz").status_code == 200
            latencies.append(time.monotonic() - began)
    return latencies


def test_a_desk_answers_while_it_reads_the_largest_config_works_with_it_and_stops_in_time(home: Home) -> None:
    home.config.write_text(json.dumps({"symbols": ["AAPL"], **QUIET}))
    with RunningDesk(home) as desk:
        fresh = home.root / "new.json"
        fresh.write_text(largest_config())
        fresh.replace(home.config)
        latencies = health_latencies(desk, lambda: desk.events("config.reloaded"))
        assert max(latencies) < WITHIN
        with ThreadPoolExecutor(1) as pool:
            status = pool.submit(desk.status)
            latencies = health_latencies(desk, status.done)
        assert max(latencies) < WITHIN
        assert len(status.result()["models"]) == 90_000
        desk.signal(signal.SIGHUP)
        began = time.monotonic()
        assert desk.terminate() == 0
        assert time.monotonic() - began < STOPPED_WITHIN
