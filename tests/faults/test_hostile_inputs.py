"""Inputs that are large or hostile, given to the real desk: the largest config, links in folders, huge numbers."""

from __future__ import annotations

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
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


def test_a_link_in_a_folder_of_bars_is_refused_by_name_and_its_content_is_in_no_answer(
    home: Home, tmp_path: Path
) -> None:
    secret, bars = tmp_path / "shadow", tmp_path / "bars"
    secret.write_text("root:*:20228:0:99999:7:::\n")
    bars.mkdir()
    (bars / "MSFT.csv").symlink_to(secret)
    config = {"symbols": ["MSFT"], "sources": {"bars": "csv", "csv_folder": str(bars)}}
    home.config.write_text(json.dumps({**QUIET, **config}))
    with RunningDesk(home) as desk:
        run = desk.post("/jobs/data_update/run")
        desk.rest()
        failed = desk.get(f"/runs/{run['id']}")
        assert (failed["state"], failed["cause"]) == ("failed", "data.link")
        assert "MSFT.csv is a link to a file outside the folder 'bars'" in json.dumps(failed)
        answers = json.dumps([failed, desk.status(), desk.get("/alerts")]) + desk.printed + home.log.read_text()
    assert not any(word in answers for word in ("20228", "root:*", "99999"))


def test_a_header_of_40_kilobytes_in_one_piece_is_refused_and_the_next_request_answered(home: Home) -> None:
    home.config.write_text(json.dumps({"symbols": ["AAPL"], **QUIET}))
    with RunningDesk(home) as desk, httpx.Client(trust_env=False, timeout=30) as http:
        refused = http.get(f"{desk.url}/api/v1/status", headers={"X-Long": "y" * 40_000})
        assert (refused.status_code, refused.json()["code"]) == (431, "request.headers_too_large")
        assert "yyy" not in refused.text
        assert http.get(f"{desk.url}/healthz").status_code == 200
