from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

from config.errors import NightdeskError
from config.settings import Notifications, Settings, Webhook
from daemon.alerts.outbox import Outbox
from daemon.alerts.rules import event
from daemon.alerts.unstored import UnstoredAlerts
from daemon.store import alerts
from daemon.store.database import Database
from daemon.store.faults import StoreError
from daemon.system.clock import ManualClock
from daemon.system.log import Log
from tests.support.desks.databases import next_attempt
from tests.support.servers.webhook_sink import wait_until

NOW = datetime(2026, 1, 5, 3, tzinfo=UTC)
HOOK = Webhook(url="https://hooks.example.org/", secret_env="HOOK_SECRET")
SETTINGS = Settings(notifications=Notifications(enabled=True, webhook=HOOK))
FULL = event("disk.full", "disk", "It is full.", "Free space.")
ROOM = event("disk.full", "disk", "There is room.", "Nothing to do.", happened=False)


class Memory:
    """A channel that remembers the keys that it took; with an error it takes nothing."""

    def __init__(self, name):
        self.name, self.error, self.tries, self.taken = name, None, 0, []

    def send(self, message):
        self.tries += 1
        if self.error is not None:
            raise self.error
        self.taken.append((message.key, message.transition))


def test_an_alert_is_sent_once_from_memory_and_its_row_continues_under_the_same_key(home):
    clock = ManualClock(NOW)
    log, webhook = Memory("log"), Memory("webhook")
    channels = {"log": log, "webhook": webhook}
    webhook.error = NightdeskError("notify.failed", "It answered 500.", "It is retried.")
    unstored = UnstoredAlerts(clock, Log(home, clock, "quiet"))
    assert not unstored
    for _ in range(3):
        unstored.hold(FULL)
        unstored.send(channels)
        assert wait_until(lambda: log.taken and webhook.tries)
    assert unstored
    assert len(log.taken) == webhook.tries == 1, "the next try waits for its time"
    assert wait_until(lambda: home.log.exists() and "notify.failed" in home.log.read_text()), (
        "written when its next try has its time"
    )
    clock.move(timedelta(seconds=2))
    assert wait_until(lambda: (unstored.send(channels), webhook.tries == 2)[1])
    assert len(log.taken) == 1

    webhook.error = None
    clock.move(timedelta(minutes=1))
    with closing(Database.open(home.database)) as database:
        database.write(lambda c: unstored.store(c, SETTINGS))
        unstored.clear()
        database.write(lambda c: alerts.observe(c, ROOM, SETTINGS, clock.now()))
        outbox = Outbox(database, channels.values(), clock, Log(home, clock, "quiet"))
        outbox.deliver_due()
        outbox.deliver_due()
        (alert,) = database.read(alerts.page)
    assert (alert.rule, alert.state, alert.fired_at) == ("disk.full", "resolved", NOW)
    assert [what for _, what in log.taken] == [what for _, what in webhook.taken] == ["firing", "resolved"]
    assert log.taken[0][0].removesuffix("log") == webhook.taken[0][0].removesuffix("webhook")


def test_what_was_sent_but_could_not_be_recorded_is_not_sent_again(home, monkeypatch):
    clock, webhook = ManualClock(NOW), Memory("webhook")
    with closing(Database.open(home.database)) as database:
        outbox = Outbox(database, [webhook], clock, Log(home, clock, "quiet"))
        database.write(lambda c: alerts.observe(c, FULL, SETTINGS, NOW))
        write = database.write

        def full(_):
            raise StoreError("store.disk_full", "The disk is full.", "Free space.")

        monkeypatch.setattr(database, "write", full)
        for _ in range(3):
            outbox.deliver_due()
        assert webhook.tries == 1
        monkeypatch.setattr(database, "write", write)
        assert database.read(next_attempt) is not None
        outbox.deliver_due()
        assert webhook.tries == 1
        assert database.read(next_attempt) is None
