"""SIGKILL at any moment: no alert lost, doubled or sent twice with another key."""

from __future__ import annotations

from collections import Counter
from contextlib import closing

from sqlalchemy import select

from config.secrets import Secret
from daemon.alerts.channels.base import LogChannel
from daemon.alerts.channels.webhook import WebhookChannel
from daemon.alerts.outbox import Outbox
from daemon.store.database import Database
from daemon.store.tables import alerts, outbox
from daemon.system.clock import SystemClock
from daemon.system.log import Log
from tests.support.faults.kills import kill_midway
from tests.support.servers.webhook_sink import WebhookSink

KILLS = 8
PROGRAM = """
import itertools, sys, threading
from pathlib import Path
from config import Home, Settings
from config.secrets import Secret
from config.settings import Notifications, Webhook
from daemon.alerts.channels.base import LogChannel
from daemon.alerts.outbox import Outbox
from daemon.alerts.rules import event
from daemon.alerts.channels.webhook import WebhookChannel
from daemon.system.clock import SystemClock
from daemon.system.log import Log
from daemon.store import alerts
from daemon.store.database import Database

home, url, clock = Home(Path(sys.argv[1])), sys.argv[2], SystemClock()
hook = Webhook(url=url, secret="env:HOOK", allow_private=True)
settings = Settings(notifications=Notifications(enabled=True, webhook=hook))
database, log = Database.open(home.database), Log(home, clock, "quiet")
outbox = Outbox(database, [LogChannel(log), WebhookChannel(url, Secret("s"), clock, allow_private=True)], clock, log)

def observe(job, happened):
    observation = event("run.failed", job, "It failed.", "Look.", happened=happened)
    database.write(lambda c: alerts.observe(c, observation, settings, clock.now()))

def deliver():
    while True:
        outbox.deliver_due()

threading.Thread(target=deliver, daemon=True).start()
print("ready", flush=True)
for number in itertools.count():
    observe(f"job{number % 5}", happened=number % 10 < 5)
"""


def test_no_alert_is_lost_or_doubled_however_often_the_desk_is_killed(home):
    with WebhookSink() as sink:
        assert all(kill_midway(PROGRAM, home.root, sink.url, within=0.4, seed=seed) for seed in range(KILLS))
        with closing(Database.open(home.database)) as database:
            _deliver_the_rest(database, home, sink)
            rows = database.read(lambda c: c.execute(select(alerts)).mappings().all())
            deliveries = database.read(lambda c: c.execute(select(outbox)).mappings().all())

    open_ones = Counter(row["fingerprint"] for row in rows if row["state"] != "resolved")
    assert set(open_ones.values()) <= {1}
    transitions = Counter((row["alert_id"], row["channel"], row["payload"]["transition"]) for row in deliveries)
    assert set(transitions.values()) == {1}
    expected = {(row["id"], "webhook", "firing") for row in rows}
    expected |= {(row["id"], "webhook", "resolved") for row in rows if row["state"] == "resolved"}
    assert {key for key in transitions if key[1] == "webhook"} == expected
    assert all(row["delivered_at"] is not None for row in deliveries)
    assert {received.key for received in sink.received} == {
        row["key"] for row in deliveries if row["channel"] == "webhook"
    }
    repeated = sum(count - 1 for count in Counter(received.key for received in sink.received).values())
    assert repeated <= KILLS, "only what was under way at a kill may be sent again"


def _deliver_the_rest(database, home, sink):
    clock = SystemClock()
    log = Log(home, clock, "quiet")
    channels = [LogChannel(log), WebhookChannel(sink.url, Secret("s"), clock, allow_private=True)]
    Outbox(database, channels, clock, log).deliver_due()
