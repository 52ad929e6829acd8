from __future__ import annotations

import json
import random
import threading
from datetime import UTC, datetime, timedelta

import pytest

from config.errors import ConfigError, NightdeskError
from config.secrets import Secret
from config.settings import Notifications, Settings, Webhook
from daemon.alerts.channels.base import LogChannel
from daemon.alerts.channels.webhook import WebhookChannel
from daemon.alerts.outbox import Outbox
from daemon.alerts.rules import event
from daemon.store import alerts
from daemon.store import outbox as ledger
from daemon.store.database import Database
from daemon.system.clock import ManualClock
from daemon.system.log import Log
from tests.support.desks.databases import next_attempt
from tests.support.servers.webhook_sink import WebhookSink, wait_until

NOW = datetime(2026, 1, 5, 3, tzinfo=UTC)
HOOK = Webhook(url="http://localhost:1/", secret="env:HOOK_SECRET", allow_private=True)
SETTINGS = Settings(notifications=Notifications(enabled=True, webhook=HOOK))


@pytest.fixture
def database(home):
    opened = Database.open(home.database)
    yield opened
    opened.close()


@pytest.fixture
def clock():
    return ManualClock(NOW)


@pytest.fixture
def log(home, clock):
    return Log(home, clock, "quiet")


def events(home):
    return [json.loads(line)["event"] for line in home.log.read_text("utf-8").splitlines()]


@pytest.fixture
def sink():
    with WebhookSink() as opened:
        yield opened


@pytest.fixture
def outbox(database, clock, log, sink):
    webhook = WebhookChannel(sink.url, Secret("s3cret"), clock, allow_private=True, deadline=1.0)
    return Outbox(database, [LogChannel(log), webhook], clock, log)


def fail(database, clock, job):
    observation = event("run.failed", job, f"{job} failed.", "Look at its log.")
    return database.write(lambda c: alerts.observe(c, observation, SETTINGS, clock.now()))


def succeed(database, clock, job):
    observation = event("run.failed", job, f"{job} succeeded.", "Nothing to do.", happened=False)
    return database.write(lambda c: alerts.observe(c, observation, SETTINGS, clock.now()))


def test_an_alert_arrives_once_in_every_channel(home, database, clock, sink, outbox):
    fail(database, clock, "training")
    assert outbox.deliver_due() == 2
    assert outbox.deliver_due() == 0
    assert events(home) == ["alert.firing"]
    assert [received.payload["alert"]["message"] for received in sink.received] == ["training failed."]
    assert database.read(lambda c: next_attempt(c, ["log", "webhook"])) is None


def test_after_hours_of_a_dead_sink_all_arrives_in_order_each_once(home, database, clock, sink, outbox):
    sink.status = 503
    jobs = ["data_update", "training", "evaluation", "signals", "backup"]
    for job in jobs:
        fail(database, clock, job)
        outbox.deliver_due()
        clock.move(timedelta(hours=1))
    for job in jobs:
        succeed(database, clock, job)
    outbox.deliver_due()
    assert len({received.key for received in sink.received}) == 5, "what comes later in one alert waits for the first"

    sink.status = 204
    sink.received.clear()
    clock.move(timedelta(hours=1))
    outbox.deliver_due()
    delivered_events = [
        (received.payload["transition"], received.payload["alert"]["subject"]) for received in sink.received
    ]
    assert sorted(delivered_events) == sorted((what, job) for job in jobs for what in ("firing", "resolved"))
    assert all(delivered_events.index(("firing", job)) < delivered_events.index(("resolved", job)) for job in jobs)
    assert len({received.key for received in sink.received}) == 10
    assert all(received.signed_with("s3cret") for received in sink.received)
    assert events(home).count("alert.firing") == 5, "a dead sink holds up no other channel"


def test_a_dead_sink_is_left_alone_until_its_time_has_come(database, clock, sink, outbox):
    sink.status = 500
    fail(database, clock, "training")
    outbox.deliver_due()
    outbox.deliver_due()
    assert len(sink.received) == 1
    assert NOW < database.read(next_attempt) <= NOW + timedelta(seconds=2)
    clock.move(timedelta(seconds=2))
    outbox.deliver_due()
    assert len(sink.received) == 2
    assert sink.received[0].key == sink.received[1].key


def test_a_kill_between_sending_and_writing_it_down_repeats_the_same_key(database, clock, log, sink, outbox):
    fail(database, clock, "training")
    (head,) = database.read(lambda c: ledger.pending(c, NOW, ["webhook"]))
    outbox.deliver_due()
    database.write(lambda c: ledger._change(c, head, delivered_at=None))
    outbox.deliver_due()
    assert [received.key for received in sink.received] == [head.key, head.key]


def test_a_redirecting_sink_blocks_that_message_with_its_reason(home, database, clock, sink, outbox):
    sink.status, sink.location = 302, "http://169.254.169.254/"
    alert = fail(database, clock, "training")
    outbox.deliver_due()
    clock.move(timedelta(days=1))
    outbox.deliver_due()
    assert len(sink.received) == 1
    (delivery,) = [row for row in database.read(lambda c: ledger.deliveries(c, alert.id)) if row.channel == "webhook"]
    assert delivery.blocked == "notify.blocked"
    assert "302" in delivery.last_error
    assert "notify.blocked" in events(home)


def test_a_private_webhook_is_blocked_unless_allowed(home, database, clock, log, sink):
    forbidden = WebhookChannel(sink.url, Secret("s3cret"), clock)
    fail(database, clock, "training")
    assert Outbox(database, [forbidden], clock, log).deliver_due() == 0
    assert sink.received == []
    assert events(home) == ["notify.blocked"]


def test_what_waits_for_a_channel_that_was_switched_off_is_kept(database, clock, log, sink, outbox):
    fail(database, clock, "training")
    quiet = Outbox.of(database, Settings(), clock, log)
    assert quiet.deliver_due() == 1
    assert database.read(lambda c: next_attempt(c, ["log"])) is None
    assert outbox.deliver_due() == 1
    assert len(sink.received) == 1


def test_a_reload_opens_the_new_channels(database, clock, log, sink, monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", "s3cret")
    outbox = Outbox.of(database, Settings(), clock, log)
    outbox.reopen(
        Settings(notifications=Notifications(enabled=True, webhook=HOOK.model_copy(update={"url": sink.url})))
    )
    fail(database, clock, "training")
    assert outbox.deliver_due() == 2


def test_an_address_that_is_a_secret_is_read_from_where_the_config_says(database, clock, log, sink, monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", "s3cret")
    monkeypatch.setenv("HOOK_URL", f"{sink.url}/T0123?key=hunter2")
    webhook = HOOK.model_copy(update={"url": "env:HOOK_URL"})
    outbox = Outbox.of(database, Settings(notifications=Notifications(enabled=True, webhook=webhook)), clock, log)
    fail(database, clock, "training")
    assert outbox.deliver_due() == 2
    assert [received.path for received in sink.received] == ["/hook/T0123?key=hunter2"]


def test_what_waits_is_tried_at_once_when_the_settings_may_have_mended_its_channel(database, clock, sink, outbox):
    sink.status = 500
    fail(database, clock, "training")
    outbox.deliver_due()
    assert database.read(next_attempt) > NOW
    outbox.try_at_once()
    assert database.read(next_attempt) == NOW


def test_a_reload_without_a_secret_keeps_the_channels_there_are(database, clock, log, outbox, monkeypatch):
    monkeypatch.delenv("HOOK_SECRET", raising=False)
    with pytest.raises(ConfigError):
        outbox.reopen(SETTINGS)
    fail(database, clock, "training")
    assert outbox.deliver_due() == 2


def test_a_closed_outbox_begins_no_other_delivery(database, clock, log):
    class Slow:
        name = "log"

        def __init__(self):
            self.begun, self.go_on, self.sent = threading.Event(), threading.Event(), 0

        def send(self, _):
            self.begun.set()
            self.go_on.wait(5)
            self.sent += 1

    slow = Slow()
    outbox = Outbox(database, [slow], clock, log)
    fail(database, clock, "training")
    fail(database, clock, "backup")
    thread = threading.Thread(target=outbox.deliver_due)
    thread.start()
    assert slow.begun.wait(5)
    outbox.close()
    slow.go_on.set()
    thread.join(5)
    assert slow.sent == 1


def test_two_threads_deliver_nothing_twice(database, clock, sink, outbox):
    for job in ("training", "backup", "signals"):
        fail(database, clock, job)
    threads = [threading.Thread(target=outbox.deliver_due) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = [received.key for received in sink.received]
    assert len(keys) == len(set(keys)) == 3


def test_a_webhook_that_hangs_does_not_hang_the_desk(database, clock, log):
    with WebhookSink(hang=60.0) as sink:
        webhook = WebhookChannel(sink.url, Secret("s3cret"), clock, allow_private=True, deadline=0.3)
        outbox = Outbox(database, [webhook], clock, log)
        fail(database, clock, "training")
        thread = threading.Thread(target=outbox.deliver_due)
        thread.start()
        assert wait_until(lambda: not thread.is_alive(), 3)
    assert NOW < database.read(next_attempt) <= NOW + timedelta(seconds=2)


def test_a_fault_of_the_database_is_not_mistaken_for_one_of_the_channel(database, clock, log, outbox):
    fail(database, clock, "training")
    database.write(
        lambda c: c.exec_driver_sql("CREATE TRIGGER no BEFORE UPDATE ON outbox BEGIN SELECT RAISE(ABORT, 'no'); END")
    )
    with pytest.raises(Exception, match="no") as caught:
        outbox.deliver_due()
    assert not isinstance(caught.value, NightdeskError) or not caught.value.code.startswith("notify")


def test_a_channel_with_a_fault_of_its_own_waits_and_does_not_silence_the_others(database, clock, log, sink):
    class Buggy:
        name = "log"

        def send(self, _):
            raise ValueError("nobody thought of this")

    webhook = WebhookChannel(sink.url, Secret("s3cret"), clock, allow_private=True)
    outbox = Outbox(database, [Buggy(), webhook], clock, log)
    fail(database, clock, "training")
    assert outbox.deliver_due() == 1
    assert len(sink.received) == 1
    assert NOW < database.read(lambda c: next_attempt(c, ["log"])) <= NOW + timedelta(seconds=2)


class Choosy:
    """A receiver that refuses some messages, by their subject, for ever; and takes the others."""

    name = "webhook"

    def __init__(self, code, *refused):
        self.code, self.refused, self.taken = code, set(refused), []

    def send(self, message):
        subject = message.payload["alert"]["subject"]
        if subject in self.refused:
            raise NightdeskError(self.code, "It answered 500.", "Look at it.")
        self.taken.append((subject, message.transition))


@pytest.mark.parametrize("code", ["notify.failed", "notify.rejected"])
def test_a_message_that_is_refused_for_ever_lets_the_others_pass_and_becomes_a_dead_letter(database, clock, log, code):
    channel = Choosy(code, "poison")
    outbox = Outbox(database, [channel], clock, log)
    alert = fail(database, clock, "poison")
    succeed(database, clock, "poison")
    for number in range(5):
        fail(database, clock, f"job{number}")
        outbox.deliver_due()
    assert [subject for subject, _ in channel.taken] == [f"job{number}" for number in range(5)]

    def poison():
        return next(row for row in database.read(lambda c: ledger.deliveries(c, alert.id)) if row.channel == "webhook")

    for _ in range(23):
        clock.move(timedelta(hours=1))
        outbox.deliver_due()
        assert poison().blocked is None
    clock.move(timedelta(hours=1))
    outbox.deliver_due()
    assert poison().blocked == "notify.expired"
    assert poison().last_error == "It answered 500. Cure: Look at it."
    outbox.deliver_due()

    channel.refused.clear()
    database.write(lambda c: ledger.retry(c, ["webhook"], clock.now()))
    outbox.deliver_due()
    assert channel.taken[-2:] == [("poison", "firing"), ("poison", "resolved")]


def test_a_receiver_that_is_down_for_days_loses_nothing_and_after_a_week_all_are_dead_letters(database, clock, log):
    jobs = [f"job{number}" for number in range(4)]
    channel = Choosy("notify.failed", *jobs)
    outbox = Outbox(database, [channel], clock, log)
    for job in jobs:
        fail(database, clock, job)

    def days(count):
        for _ in range(4 * count):
            clock.move(timedelta(hours=6))
            outbox.deliver_due()

    days(6)
    (queue,) = database.read(lambda c: ledger.channel_queues(c, ["webhook"]))[:1]
    assert (queue.waiting, queue.dead) == (4, 0)
    days(1)
    (queue,) = database.read(lambda c: ledger.channel_queues(c, ["webhook"]))[:1]
    assert (queue.waiting, queue.dead, queue.oldest_dead_at) == (0, 4, NOW)


def test_a_channel_that_hangs_holds_up_no_other(home, database, clock, log):
    class Hanging:
        name = "webhook"

        def __init__(self):
            self.go_on = threading.Event()

        def send(self, _):
            self.go_on.wait(30)

    hanging = Hanging()
    outbox = Outbox(database, [hanging, LogChannel(log)], clock, log)
    fail(database, clock, "training")
    outbox.begin_due()
    assert wait_until(lambda: home.log.exists() and events(home) == ["alert.firing"])
    assert wait_until(lambda: outbox.busy == ["webhook"])
    fail(database, clock, "backup")
    outbox.begin_due()
    assert wait_until(lambda: events(home) == ["alert.firing"] * 2)
    assert wait_until(lambda: outbox.busy == ["webhook"])
    outbox.close()
    assert not outbox.wait(0.05)
    hanging.go_on.set()
    assert outbox.wait(5)


def test_a_flaky_receiver_has_all_messages_within_a_minute(database, log):
    """15 of 100 answers are 500 and as many are lost: the message has arrived, and the desk does not know."""
    luck, clock = random.Random(7), ManualClock(NOW)
    received: list[str] = []

    class Flaky:
        name = "webhook"

        def send(self, message):
            draw = luck.random()
            if draw >= 0.15:
                received.append(message.key)
            if draw < 0.3:
                raise NightdeskError("notify.failed", "It answered 500.", "It is retried.")

    outbox = Outbox(database, [Flaky()], clock, log)
    for number in range(31):
        fail(database, clock, f"job{number}")
        if number:
            succeed(database, clock, f"job{number}")
    for _ in range(60):
        outbox.deliver_due()
        clock.move(timedelta(seconds=1))
    assert len(set(received)) == 61
    assert database.read(next_attempt) is None
