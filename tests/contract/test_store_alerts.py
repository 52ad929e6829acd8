"""The ledger of alerts and their outbox, on every kind of database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from config.settings import Monitoring, Notifications, Settings, Webhook
from daemon.alerts.rules import event
from daemon.domain.alert_engine import Observation
from daemon.store import alerts, outbox
from daemon.store.database import Database
from daemon.store.tables import alerts as alerts_table
from daemon.store.tables import outbox as outbox_table
from tests.support.desks.databases import KINDS, empty_place, next_attempt

NOW = datetime(2026, 1, 5, 3, tzinfo=UTC)
HOOK = Webhook(url="https://hooks.example.org/x", secret="env:HOOK_SECRET")
SETTINGS = Settings(monitoring=Monitoring(), notifications=Notifications(enabled=True, webhook=HOOK))
CHANNELS = ("log", "webhook")


@pytest.fixture(params=KINDS)
def database(request, tmp_path):
    opened = Database.open(empty_place(request.param, tmp_path))
    yield opened
    opened.close()


def failed(job="training", message="It failed."):
    return event("run.failed", job, message, "Look at its log.", link="/api/v1/runs/1")


def succeeded(job="training"):
    return event("run.failed", job, "It succeeded.", "Nothing to do.", happened=False)


def see(database, observation, now=NOW):
    return database.write(lambda c: alerts.observe(c, observation, SETTINGS, now))


def test_a_firing_alert_and_its_notifications_are_written_together(database):
    alert = see(database, failed())
    waiting = database.read(lambda c: outbox.pending(c, NOW, CHANNELS))
    assert [delivery.channel for delivery in waiting] == ["log", "webhook"]
    assert waiting[0].payload["transition"] == "firing"
    assert waiting[0].payload["alert"]["id"] == alert.id
    assert waiting[1].payload["key"] == waiting[1].key
    assert database.read(alerts.open_alerts) == [alert]


def test_when_the_write_fails_neither_the_alert_nor_a_notification_stays(database):
    def change(c):
        alerts.observe(c, failed(), SETTINGS, NOW)
        raise RuntimeError("the power went")

    with pytest.raises(RuntimeError):
        database.write(change)
    assert database.read(alerts.open_alerts) == []
    assert database.read(lambda c: c.scalar(select(func.count()).select_from(outbox_table))) == 0


def test_a_repeated_failure_is_counted_and_not_notified_again(database):
    first = see(database, failed())
    second = see(database, failed(message="It failed again."), NOW + timedelta(hours=1))
    assert (second.id, second.breaches, second.since, second.message) == (first.id, 2, NOW, "It failed again.")
    assert len(database.read(lambda c: outbox.deliveries(c, first.id))) == len(CHANNELS)


def test_an_alert_is_resolved_once_and_the_next_failure_is_a_new_one(database):
    first = see(database, failed())
    over = see(database, succeeded(), NOW + timedelta(hours=1))
    assert (over.id, over.state, over.resolved_at) == (first.id, "resolved", NOW + timedelta(hours=1))
    assert see(database, succeeded(), NOW + timedelta(hours=2)) is None
    second = see(database, failed(), NOW + timedelta(hours=3))
    assert second.id != first.id
    deliveries = database.read(lambda c: outbox.deliveries(c, first.id))
    assert [delivery.payload["transition"] for delivery in deliveries] == ["firing", "firing", "resolved", "resolved"]
    assert len({delivery.key for delivery in deliveries}) == 4


def test_a_success_without_a_failure_leaves_no_row(database):
    assert see(database, succeeded()) is None
    assert database.read(alerts.page) == []


def test_the_database_itself_refuses_a_second_open_alert(database):
    see(database, failed())

    def second(c):
        row = dict(c.execute(select(alerts_table)).mappings().one())
        del row["id"]
        c.execute(alerts_table.insert().values(**row))

    with pytest.raises(IntegrityError):
        database.write(second)


def test_jobs_have_alerts_of_their_own(database):
    ids = {see(database, failed(job)).id for job in ("training", "backup", "signals")}
    assert len(ids) == 3


def test_pages_go_back_in_time_without_gaps_or_repeats(database):
    for number in range(7):
        see(database, failed(f"job{number}"), NOW + timedelta(minutes=number))
    subjects, before = [], None
    while rows := database.read(lambda c, before=before: alerts.page(c, before=before, limit=3)):
        subjects += [row.subject for row in rows]
        before = rows[-1].id
    assert subjects == [f"job{number}" for number in reversed(range(7))]


def test_a_page_can_be_asked_for_one_state(database):
    see(database, failed("training"))
    see(database, failed("backup"))
    see(database, succeeded("backup"))
    states = {
        state: [row.subject for row in database.read(lambda c, state=state: alerts.page(c, state=state))]
        for state in ("firing", "resolved", "pending")
    }
    assert states == {"firing": ["training"], "resolved": ["backup"], "pending": []}


def test_only_the_log_gets_messages_while_notifications_are_off(database):
    quiet = Settings(notifications=Notifications(enabled=False, webhook=HOOK))
    alert = database.write(lambda c: alerts.observe(c, failed(), quiet, NOW))
    assert [row.channel for row in database.read(lambda c: outbox.deliveries(c, alert.id))] == ["log"]


def test_what_failed_waits_longer_each_time_and_a_quarter_of_an_hour_at_most(database):
    see(database, failed())
    waits, now = [], NOW
    for _ in range(14):
        (head,) = database.read(lambda c, now=now: outbox.pending(c, now, ["webhook"]))
        due = database.write(lambda c, head=head, now=now: outbox.postpone(c, head, now, "down"))
        assert database.read(lambda c: next_attempt(c, ["webhook"])) == due
        assert database.read(lambda c, now=now: outbox.pending(c, now, ["webhook"])) == []
        waits.append((due - now).total_seconds())
        now = due
    longest = [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900, 900]
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, longest, strict=True))
    assert len(set(waits[-5:])) > 1, "messages that failed together do not all come at once"


def test_a_postponed_message_holds_back_those_of_its_own_alert_alone(database):
    see(database, failed("training"))
    (first,) = database.read(lambda c: outbox.pending(c, NOW, ["webhook"]))
    database.write(lambda c: outbox.postpone(c, first, NOW, "down"))
    see(database, succeeded("training"), NOW)
    see(database, failed("training"), NOW)
    see(database, failed("backup"), NOW)
    due = database.read(lambda c: outbox.pending(c, NOW, ["webhook"]))
    assert [row.payload["alert"]["subject"] for row in due] == ["backup"]
    later = database.read(lambda c: outbox.pending(c, NOW + timedelta(seconds=2), ["webhook"]))
    assert [row.payload["alert"]["subject"] for row in later] == ["backup", "training"], "the least tried goes first"
    assert later[1].id == first.id


def test_a_channel_stalls_after_minutes_of_tries_or_a_dead_letter_and_not_when_it_answers_again(database):
    def stalls(now, **options):
        return database.read(lambda c: outbox.stalls(c, CHANNELS, now, **options))

    later = NOW + timedelta(minutes=5)
    see(database, failed("training"))
    see(database, failed("backup"))
    head, following = database.read(lambda c: outbox.pending(c, NOW, ["webhook"]))
    for tries in range(3):
        assert stalls(later) == {}
        tried = replace(head, attempts=tries)
        database.write(lambda c, tried=tried: outbox.postpone(c, tried, NOW, "down"))
    assert stalls(NOW) == {}, "a receiver may be restarted"
    assert list(stalls(NOW, lasting=True)) == ["webhook"]
    assert stalls(later)["webhook"] == outbox.Stall("webhook", NOW, 3, "down", dead=False)
    database.write(lambda c: outbox.block(c, head, "notify.blocked", "refused"))
    assert stalls(NOW)["webhook"].dead
    database.write(lambda c: outbox.delivered(c, following, NOW))
    assert stalls(later) == stalls(later, lasting=True) == {}


def test_dead_letters_are_counted_for_each_channel_and_wait_again_when_a_person_asks(database):
    alert = see(database, failed("training"))
    see(database, failed("backup"), NOW + timedelta(hours=1))
    head, following = database.read(lambda c: outbox.pending(c, NOW + timedelta(hours=1), ["webhook"]))
    database.write(lambda c: outbox.block(c, head, "notify.blocked", "refused"))
    database.write(lambda c: outbox.postpone(c, following, NOW + timedelta(hours=1), "down"))
    log, webhook = database.read(lambda c: outbox.channel_queues(c, CHANNELS))
    assert (log.channel, log.waiting, log.dead, log.last_error) == ("log", 2, 0, None)
    assert webhook == outbox.ChannelQueue("webhook", 1, NOW + timedelta(hours=1), 1, NOW, "down")

    later = NOW + timedelta(days=2)
    assert database.write(lambda c: outbox.retry(c, ["webhook"], later)) == 1
    assert database.write(lambda c: outbox.retry(c, ["webhook"], later)) == 0
    due = database.read(lambda c: outbox.pending(c, later, ["webhook"]))
    assert {row.key for row in due} == {head.key, following.key}
    assert [row.attempts for row in due] == [0, 1]
    (_, again) = database.read(lambda c: outbox.deliveries(c, alert.id))
    assert again.blocked is None


def test_a_blocked_notification_lets_the_next_one_pass(database):
    see(database, failed("training"))
    see(database, failed("backup"))
    head = database.read(lambda c: outbox.pending(c, NOW, ["webhook"]))[0]
    see(database, succeeded("training"))
    database.write(lambda c: outbox.block(c, head, "notify.blocked", "x" * 999))
    others = database.read(lambda c: outbox.pending(c, NOW, ["webhook"]))
    assert [row.payload["transition"] for row in others] == ["firing", "resolved"]
    blocked = next(row for row in database.read(lambda c: outbox.deliveries(c, head.alert_id)) if row.id == head.id)
    assert (blocked.blocked, len(blocked.last_error)) == ("notify.blocked", 255)


def test_a_clock_set_back_by_years_does_not_silence_a_channel(database):
    see(database, failed(), NOW + timedelta(days=1500))
    assert len(database.read(lambda c: outbox.pending(c, NOW, CHANNELS))) == 2


def test_nothing_waits_in_an_empty_outbox(database):
    assert database.read(next_attempt) is None
    assert database.read(lambda c: outbox.pending(c, NOW, CHANNELS)) == []


def test_the_alerts_of_a_model_that_is_no_longer_monitored_are_resolved_and_notified(database):
    for symbol in ("AAPL", "GONE"):
        subject = f"{symbol}/behavioral_cloner/live"
        see(database, Observation("sharpe_below", subject, 0.1, 0.5, True, False, "It is 0.1.", "Train it again."))
    see(database, failed())
    closed = database.write(lambda c: alerts.close_unwatched(c, {"AAPL/behavioral_cloner"}, SETTINGS, NOW))
    assert [(alert.subject, alert.state) for alert in closed] == [("GONE/behavioral_cloner/live", "resolved")]
    assert {alert.subject for alert in database.read(alerts.open_alerts)} == {"AAPL/behavioral_cloner/live", "training"}
    deliveries = database.read(lambda c: outbox.deliveries(c, closed[0].id))
    assert [(delivery.channel, delivery.payload["transition"]) for delivery in deliveries] == [
        ("log", "firing"),
        ("webhook", "firing"),
        ("log", "resolved"),
        ("webhook", "resolved"),
    ]
    assert database.write(lambda c: alerts.close_unwatched(c, {"AAPL/behavioral_cloner"}, SETTINGS, NOW)) == []
