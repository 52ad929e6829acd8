"""The running desk without room on its disk, from the start or in an instant, and without descriptors."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.paths import Home
from config.settings import JOBS
from tests.support.desks.fake_desk import filled_desk
from tests.support.desks.running_desk import RunningDesk, write_config
from tests.support.faults.disks import fill, small_disk
from tests.support.servers.webhook_sink import WebhookSink

SECRET = {"NIGHTDESK_TEST_HOOK": "s3cret"}
# Only `maintenance` runs, every few seconds: it needs no worker.
JOBS_OF_TEST: dict[str, Any] = {job: {"enabled": False} for job in JOBS}
OFTEN = {**JOBS_OF_TEST, "maintenance": {"every": "2s"}}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", megabytes=80) as disk:
        yield disk


def served_home(folder: Path, sink: WebhookSink, jobs: dict[str, Any]) -> Home:
    """A home in which a champion serves, and whose alerts go to `sink`."""
    home = Home(folder / "home")
    channel = {"kind": "webhook", "url": sink.url, "secret_env": "NIGHTDESK_TEST_HOOK", "allow_private": True}
    write_config(home, jobs=jobs, notifications={"enabled": True, "channels": [channel]})
    with filled_desk(home):
        pass
    return home


def full_disk_messages(sink: WebhookSink) -> list[tuple[str, str]]:
    """The keys and transitions of the messages about the disk."""
    messages = [(item.key, item.payload) for item in sink.received]
    return [(key, item["transition"]) for key, item in messages if item["alert"]["rule"] == "disk.full"]


def test_a_disk_that_fills_in_an_instant_is_announced_from_memory_and_what_was_missed_has_its_cause(disk: Path) -> None:
    with WebhookSink() as sink:
        home = served_home(disk, sink, OFTEN)
        with RunningDesk(home, environment=SECRET) as desk:
            desk.wait_for(lambda: desk.runs(job="maintenance", state="skipped"))  # its ledger is years old
            ballast = fill(disk, leave=0)
            filled_at = datetime.now(UTC)
            desk.wait_for(lambda: full_disk_messages(sink))
            assert {"disk.full", "store.disk_full"} <= set(desk.problems())
            assert desk.get("/signals")["items"]
            desk.wait_for(lambda: datetime.now(UTC) - filled_at > timedelta(seconds=10))
            assert len(full_disk_messages(sink)) == 1, "one message an episode"

            ballast.unlink()
            desk.wait_for(lambda: desk.problems() == [])
            desk.wait_for(lambda: len(full_disk_messages(sink)) == 2)
            (key, firing), (_, resolved) = full_disk_messages(sink)
            assert (firing, resolved) == ("firing", "resolved")
            [alert] = [item for item in desk.get("/alerts")["items"] if item["rule"] == "disk.full"]
            assert alert["state"] == "resolved"
            assert key.endswith("-webhook")
            missed = desk.wait_for(lambda: desk.runs(job="maintenance", state="missed"))
            assert {run["cause"] for run in missed if run["scheduled_for"] > filled_at.isoformat()} == {"disk.full"}
            assert desk.get("/alerts")["items"][0]["rule"] != "notify.stalled"


def test_a_desk_that_starts_on_a_full_disk_serves_what_it_has_says_so_and_goes_on_when_there_is_room(
    disk: Path,
) -> None:
    with WebhookSink() as sink:
        home = served_home(disk, sink, OFTEN)
        home.token.write_text("t" * 43)
        home.lock.write_text(" " * 1024)  # as an earlier desk leaves it
        ballast = fill(disk, leave=0)
        with RunningDesk(home, environment=SECRET) as desk:
            assert [signal["symbol"] for signal in desk.get("/signals")["items"]] == ["AAPL"]
            assert desk.status()["models"][0]["champion"]
            assert {"disk.full", "store.disk_full"} <= set(desk.problems())
            refused = desk.ask("POST", "/jobs/maintenance/run", json={})
            assert (refused.status_code, refused.json()["code"]) == (507, "store.disk_full")
            assert "disk is full" in refused.json()["detail"]
            desk.wait_for(lambda: [what for _, what in full_disk_messages(sink)] == ["firing"])

            ballast.unlink()
            desk.wait_for(lambda: desk.problems() == [])
            desk.wait_for(lambda: [what for _, what in full_disk_messages(sink)] == ["firing", "resolved"])
            desk.wait_for(lambda: desk.runs(job="maintenance", state="skipped"))  # its ledger is years old
            assert desk.terminate() == 0


@pytest.mark.slow
def test_a_desk_without_memory_says_so_answers_and_retries_what_failed_by_it(home: Home) -> None:
    """Its address space, and that of the workers it starts, may grow no more."""
    write_config(home, jobs=JOBS_OF_TEST)
    with RunningDesk(home) as desk:
        desk.get("/status")
        limits = resource.prlimit(desk.pid, resource.RLIMIT_AS)
        resource.prlimit(desk.pid, resource.RLIMIT_AS, (address_space(desk.pid) + 2**21, limits[1]))
        desk.post("/jobs/data_update/run")
        desk.wait_for(lambda: desk.events("run.ended"))
        desk.wait_for(lambda: {"exhausted.processes", "exhausted.memory"} & set(desk.problems()))
        assert desk.get("/signals")["items"] == []
        assert desk.ask("GET", "/healthz").status_code == 200
        resource.prlimit(desk.pid, resource.RLIMIT_AS, limits)
        desk.wait_for(lambda: desk.problems() == [])
        [first, retry] = sorted(desk.runs(job="data_update"), key=lambda item: item["attempt"])
        assert (first["state"], first["cause"]) == ("failed", "exhausted.memory")
        assert (retry["state"], retry["trigger"]) == ("due", "retry")
        alert = next(item for item in desk.get("/alerts")["items"] if item["rule"] == "desk.exhausted")
        assert (alert["subject"], alert["state"]) == ("memory", "firing")
        faults = [event["error"]["code"] for event in desk.events("outbox.fault")]
        assert len(faults) <= 2, "an error that repeats itself is logged once a minute"


def address_space(pid: int) -> int:
    """The bytes that a process has mapped."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[0])
    return pages * resource.getpagesize()


def test_a_run_that_found_no_descriptors_is_retried_with_that_cause(home: Home) -> None:
    """The limit of the running desk is lowered below what it holds already, and lifted again."""
    write_config(home, jobs=JOBS_OF_TEST)
    with RunningDesk(home) as desk:
        desk.get("/status")
        limits = resource.prlimit(desk.pid, resource.RLIMIT_NOFILE)
        run = desk.post("/jobs/data_update/run")
        resource.prlimit(desk.pid, resource.RLIMIT_NOFILE, (8, limits[1]))
        desk.wait_for(lambda: '"run.ended"' in desk.printed)
        resource.prlimit(desk.pid, resource.RLIMIT_NOFILE, limits)
        [ended] = desk.events("run.ended")
        assert (ended["state"], ended["cause"]) == ("failed", "exhausted.descriptors")
        [first, retry] = sorted(desk.runs(job="data_update"), key=lambda item: item["attempt"])
        assert (first["id"], first["cause"]) == (run["id"], "exhausted.descriptors")
        assert (retry["state"], retry["trigger"]) == ("due", "retry")
        alert = next(item for item in desk.get("/alerts")["items"] if item["rule"] == "desk.exhausted")
        assert (alert["subject"], alert["state"]) == ("file descriptors", "firing")
