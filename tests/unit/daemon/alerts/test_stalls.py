from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from config.errors import NightdeskError
from config.settings import Notifications, Settings, Webhook
from config.settings import WebhookChannel as WebhookSettings
from daemon.alerts.outbox import Outbox
from daemon.alerts.rules import event
from daemon.alerts.stalls import observe_stalls
from daemon.store import alerts
from daemon.store.database import Database
from daemon.system.clock import ManualClock
from daemon.system.log import Log

NOW = datetime(2026, 1, 5, 3, tzinfo=UTC)
HOOK = {"url": "https://hooks.example.org/", "secret_env": "HOOK_SECRET"}
SETTINGS = Settings(
    notifications=Notifications(
        enabled=True, webhook=Webhook(**HOOK), channels=(WebhookSettings(name="on-call", **HOOK),)
    )
)


class Memory:
    """A channel that remembers what it took; with an error it takes nothing."""

    def __init__(self, name: str) -> None:
        self.name, self.error = name, None
        self.taken: list[tuple[str, str, str]] = []

    def send(self, message):
        if self.error is not None:
            raise self.error
        alert = message.payload["alert"]
        self.taken.append((alert["rule"], alert["subject"], message.transition))


class Place:
    """An outbox with three channels, and the clock of it all."""

    def __init__(self, home):
        self.clock = ManualClock(NOW)
        self.database = Database.open(home.database)
        self.channels = {name: Memory(name) for name in ("log", "webhook", "on-call")}
        self.outbox = Outbox(self.database, self.channels.values(), self.clock, Log(home, self.clock, "quiet"))

    def fail(self, job):
        observation = event("run.failed", job, "It failed.", "Look.")
        self.database.write(lambda c: alerts.observe(c, observation, SETTINGS, self.clock.now()))

    def look(self, settings=SETTINGS):
        self.outbox.deliver_due()
        observe_stalls(self.database, settings, self.clock.now(), self.outbox.rejections())
        self.outbox.deliver_due()

    def stalls(self, channel):
        return [row[1:] for row in self.channels[channel].taken if row[0] == "notify.stalled"]

    def firing(self):
        return [row.subject for row in self.database.read(alerts.open_alerts) if row.rule == "notify.stalled"]


@pytest.fixture
def place(home):
    place = Place(home)
    yield place
    place.database.close()


def test_a_mute_channel_is_announced_on_the_others_once_and_resolved_when_messages_pass(place):
    place.channels["webhook"].error = NightdeskError("notify.failed", "It answered 500.", "It is retried.")
    place.fail("training")
    place.look()
    assert place.firing() == []
    for _ in range(12):
        place.clock.move(timedelta(minutes=1))
        place.look()
    assert place.firing() == ["webhook"]
    (alert,) = [row for row in place.database.read(alerts.open_alerts) if row.rule == "notify.stalled"]
    assert "The channel webhook does not take a message of 2026-01-05 03:00 UTC" in alert.message
    assert "It answered 500." in alert.message
    assert "alerts retry webhook" in alert.cure

    place.channels["webhook"].error = None
    place.clock.move(timedelta(minutes=15))
    place.look()
    assert place.firing() == []
    for other in ("log", "on-call"):
        assert place.stalls(other) == [("webhook", "firing"), ("webhook", "resolved")]
    assert place.stalls("webhook") == []
    assert place.channels["webhook"].taken == [("run.failed", "training", "firing")]


def test_a_receiver_that_refuses_the_desk_itself_is_announced_at_once(place):
    place.channels["on-call"].error = NightdeskError("notify.rejected", "It answered 401.", "Mend the secret.")
    place.fail("training")
    place.look()
    assert place.stalls("webhook") == [("on-call", "firing")]
    place.look()
    assert place.stalls("webhook") == [("on-call", "firing")]


def test_a_dead_letter_is_announced_at_once_and_over_with_the_next_message_that_passes(place):
    place.channels["webhook"].error = NightdeskError("notify.blocked", "It is private.", "Allow it.")
    place.fail("training")
    place.look()
    assert place.firing() == ["webhook"]
    place.channels["webhook"].error = None
    place.fail("backup")
    place.look()
    assert place.firing() == []


def test_a_channel_that_is_configured_no_longer_is_no_longer_mute(place):
    place.channels["on-call"].error = NightdeskError("notify.blocked", "It is private.", "Allow it.")
    place.fail("training")
    place.look()
    assert place.firing() == ["on-call"]
    place.look(Settings())
    assert place.firing() == []
