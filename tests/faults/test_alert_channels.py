"""The running desk and the receivers of its alerts: one that refuses, and some that hang while it is stopped."""

from __future__ import annotations

import signal
import socket
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from config.paths import Home
from config.settings import JOBS, Notifications, Settings, Webhook
from daemon.alerts.rules import event
from daemon.store import alerts
from daemon.store.database import Database
from tests.support.desks.running_desk import RunningDesk, write_config
from tests.support.faults.resolvers import silent_resolver
from tests.support.servers.webhook_sink import WebhookSink

SECRET = {"NIGHTDESK_TEST_HOOK": "s3cret"}
HOOK = Webhook(url="http://localhost/", secret_env="NIGHTDESK_TEST_HOOK")
NO_JOBS = {job: {"enabled": False} for job in JOBS}
SETTINGS = Settings(notifications=Notifications(enabled=True, webhook=HOOK))


def channel(name: str, url: str, *, allow_private: bool = True) -> dict[str, Any]:
    """The settings of one webhook."""
    return {
        "kind": "webhook",
        "name": name,
        "url": url,
        "secret_env": "NIGHTDESK_TEST_HOOK",
        "allow_private": allow_private,
    }


def notifications(*channels: dict[str, Any]) -> dict[str, Any]:
    """Notifications to these channels."""
    return {"notifications": {"enabled": True, "channels": list(channels)}}


def write_alerts(home: Home, *jobs: str, ago: timedelta = timedelta(0)) -> None:
    """Alerts that wait for the channel `webhook`, and for the log."""
    at = datetime.now(UTC) - ago
    with closing(Database.open(home.database)) as database:
        for job in jobs:
            observation = event("run.failed", job, f"{job} failed.", "Look at its log.")
            database.write(lambda c, seen=observation: alerts.observe(c, seen, SETTINGS, at))


def test_a_message_that_is_refused_for_ever_lets_others_pass_and_is_announced_elsewhere(home: Home) -> None:
    """Its alert is ten minutes old, so that the test need not wait until its channel counts as mute."""
    with WebhookSink(poison=b"job-poison") as sink, WebhookSink() as other:
        write_config(home, jobs=NO_JOBS, **notifications(channel("webhook", sink.url), channel("on-call", other.url)))
        write_alerts(home, "job-poison", *(f"job-{number}" for number in range(20)), ago=timedelta(minutes=10))
        with RunningDesk(home, environment=SECRET) as desk:
            desk.wait_for(lambda: len({item.key for item in sink.received}) == 21, timeout=30)
            desk.wait_for(lambda: other.received)
            [stalled] = [item.payload["alert"] for item in other.received]
            assert (stalled["rule"], stalled["subject"]) == ("notify.stalled", "webhook")
            assert "500" in stalled["message"]
            assert not any(b"notify.stalled" in item.body for item in sink.received)
            assert desk.events("alert.firing")[-1]["alert"]["rule"] == "notify.stalled"

            ready = desk.ask("GET", "/readyz")
            assert ready.status_code == 200
            assert "notify.stalled" in ready.json()["notices"]
            status = desk.status()
            assert "notify.stalled" in [condition["code"] for condition in status["conditions"]]
            [queue] = [queue for queue in status["channels"] if queue["channel"] == "webhook"]
            assert (queue["waiting"], queue["dead"]) == (1, 0)
            assert "500" in queue["last_error"]

            sink.poison = None
            desk.post("/alerts/retry", {"channel": "webhook"})
            desk.wait_for(lambda: len(other.received) == 2)
            assert other.received[1].payload["transition"] == "resolved"
            desk.wait_for(lambda: {queue["waiting"] for queue in desk.status()["channels"]} == {0})


def test_whatever_hangs_the_desk_ends_in_time(home: Home, tmp_path: Path) -> None:
    """A resolver, a TLS handshake and an answer that drips, of alerts; the resolver of a data source, in a worker."""
    with ExitStack() as stack:
        before = stack.enter_context(silent_resolver(tmp_path))
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        dripping = stack.enter_context(WebhookSink(drip=0.2))
        write_config(
            home,
            jobs=NO_JOBS,
            sources={"bars": "yahoo", "yahoo": {"base_url": "http://source.example.org"}},
            limits={"stop_grace": "2s"},
            **notifications(
                channel("webhook", "https://hooks.example.org/x"),
                channel("handshake", f"https://127.0.0.1:{silent.getsockname()[1]}/"),
                channel("dripping", dripping.url),
            ),
        )
        desk = stack.enter_context(RunningDesk(home, environment=SECRET, before=before))
        run = desk.post("/jobs/data_update/run")
        settings = home.config.read_text()
        home.config.write_text("{}}")  # an alert, for every channel
        desk.wait_for(lambda: desk.events("config.invalid"))
        home.config.write_text(settings)
        desk.wait_for(lambda: desk.get(f"/runs/{run['id']}")["state"] == "running" and desk.workers())
        desk.wait_for(lambda: dripping.received)
        time.sleep(1)
        signalled_at = time.monotonic()
        desk.signal(signal.SIGTERM)
        assert desk.wait(45) == 0
        assert time.monotonic() - signalled_at < 45
        assert desk.workers() == set()
