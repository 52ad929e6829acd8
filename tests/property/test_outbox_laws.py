"""The outbox against a model of it: whatever receivers do, and however often the desk dies."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from config.errors import NightdeskError
from config.paths import Home
from config.settings import Notifications, Settings, Webhook
from daemon.alerts.outbox import Outbox
from daemon.alerts.rules import event
from daemon.domain.deliveries import GIVEN_UP_ALONE_AFTER, MOST_TRIES
from daemon.store import alerts
from daemon.store import outbox as ledger
from daemon.store.database import Database
from daemon.system.clock import ManualClock
from daemon.system.log import Log
from tests.support.desks.databases import next_attempt

JOBS = ("training", "backup", "signals")
HOOK = Webhook(url="https://hooks.example.org/", secret_env="HOOK_SECRET")
SETTINGS = Settings(notifications=Notifications(enabled=True, webhook=HOOK))
subjects = st.sampled_from(JOBS)
behaviours = st.sampled_from(["take", "refuse", "lose the answer", "reject the desk", "refuse for ever"])


class Killed(BaseException):
    """The desk dies in the middle of a delivery."""


class Receiver:
    """A webhook's receiver: what it does with the messages of each subject, and what has arrived."""

    name = "webhook"

    def __init__(self) -> None:
        self.behaviour = dict.fromkeys(JOBS, "take")
        self.arrived: list[tuple[str, str]] = []  # key and subject
        self.tried: set[str] = set()
        self.dies = False

    def send(self, message) -> None:
        subject = message.payload["alert"]["subject"]
        behaviour = self.behaviour[subject]
        self.tried.add(message.key)
        if behaviour in ("take", "lose the answer"):
            self.arrived.append((message.key, subject))
        if self.dies:
            raise Killed
        if behaviour in ("refuse", "lose the answer"):
            raise NightdeskError("notify.failed", "It answered 500.", "It is retried.")
        if behaviour == "reject the desk":
            raise NightdeskError("notify.rejected", "It answered 401.", "Mend the secret.")
        if behaviour == "refuse for ever":
            raise NightdeskError("notify.blocked", "It answered 422.", "Look at it.")


class OutboxLaws(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.home = Home(Path(self.folder.name))
        self.clock = ManualClock(datetime(2026, 1, 5, tzinfo=UTC))
        self.receiver = Receiver()
        self.firing = dict.fromkeys(JOBS, False)
        self.written: dict[str, list[str]] = {job: [] for job in JOBS}  # the keys of each subject in their order
        self.refused: set[str] = set()  # those that the receiver would never take
        self._start()

    def _start(self) -> None:
        self.database = Database.open(self.home.database)
        self.outbox = Outbox(self.database, [self.receiver], self.clock, Log(self.home, self.clock, "quiet"))

    def teardown(self) -> None:
        self.database.close()
        self.folder.cleanup()

    def rows(self) -> list[ledger.Delivery]:
        query = ledger.outbox.select().where(ledger.outbox.c.channel == "webhook").order_by(ledger.outbox.c.id)
        return self.database.read(lambda c: ledger.all_as(c, ledger.Delivery, query))

    @rule(job=subjects)
    def a_message_is_written(self, job: str) -> None:
        self.firing[job] = not self.firing[job]
        observation = event("run.failed", job, "It failed.", "Look.", happened=self.firing[job])
        self.database.write(lambda c: alerts.observe(c, observation, SETTINGS, self.clock.now()))
        self.written[job] += [row.key for row in self.rows() if row.payload["alert"]["subject"] == job][-1:]

    @rule(job=subjects, behaviour=behaviours)
    def the_receiver_changes(self, job: str, behaviour: str) -> None:
        self.receiver.behaviour[job] = behaviour

    @rule(hours=st.sampled_from([0.0, 0.001, 0.25, 6.0, 24.0]))
    def time_passes(self, hours: float) -> None:
        self.clock.move(timedelta(hours=hours))

    @rule()
    def the_clock_is_set_back(self) -> None:
        self.clock.move(timedelta(days=-400))

    @rule()
    def the_outbox_delivers(self) -> None:
        due = {row.key for row in self.database.read(lambda c: ledger.pending(c, self.clock.now(), ["webhook"]))}
        self.receiver.tried.clear()
        self.outbox.deliver_due()
        assert due <= self.receiver.tried, "a message that was due waited for another"

    @rule()
    def the_desk_dies_while_it_delivers(self) -> None:
        self.receiver.dies = True
        with suppress(Killed):
            self.outbox.deliver_due()
        self.receiver.dies = False
        self.database.close()
        self._start()

    @rule()
    def a_person_sends_the_dead_letters_again(self) -> None:
        self.database.write(lambda c: ledger.retry(c, ["webhook"], self.clock.now()))

    @precondition(lambda self: any(self.written.values()))
    @rule()
    def in_the_end_everything_arrives(self) -> None:
        self.receiver.behaviour = dict.fromkeys(JOBS, "take")
        self.database.write(lambda c: ledger.retry(c, ["webhook"], self.clock.now()))
        self.outbox.deliver_due()
        assert {key for key, _ in self.receiver.arrived} == {key for keys in self.written.values() for key in keys}
        assert self.database.read(next_attempt) is None

    @invariant()
    def every_message_is_in_the_ledger_once_and_in_order(self) -> None:
        rows = self.rows()
        for job, keys in self.written.items():
            assert [row.key for row in rows if row.payload["alert"]["subject"] == job] == keys
        assert all(row.key in {key for key, _ in self.receiver.arrived} for row in rows if row.delivered_at)

    @invariant()
    def what_arrives_of_one_alert_is_in_order_but_for_dead_letters(self) -> None:
        """A message is sent only when all before it in its alert were delivered or given up."""
        rows = {row.key: row for row in self.rows()}
        for job, keys in self.written.items():
            first_arrivals = list(dict.fromkeys(key for key, subject in self.receiver.arrived if subject == job))
            for key in first_arrivals:
                earlier = keys[: keys.index(key)]
                self.refused |= {name for name in earlier if rows[name].blocked is not None}
                assert all(rows[name].delivered_at or name in self.refused for name in earlier)

    @invariant()
    def nothing_is_given_up_but_by_the_rule(self) -> None:
        for row in self.rows():
            if row.blocked == "notify.expired":
                assert row.attempts >= MOST_TRIES
                assert self.clock.now() - row.created_at >= GIVEN_UP_ALONE_AFTER or self.clock.now() < row.created_at


OutboxLaws.TestCase.settings = settings(
    max_examples=10, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
test_whatever_receivers_do_messages_arrive_in_order_and_none_is_lost_or_held_up = OutboxLaws.TestCase
