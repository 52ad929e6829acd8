"""What the outbox may rely on, whatever the channel."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from config.errors import NightdeskError
from config.secrets import Secret
from config.settings import Notifications, Webhook
from daemon.alerts.channels import Channel, LogChannel, channel_names, open_channels
from daemon.alerts.engine import Alert
from daemon.alerts.message import Message
from daemon.alerts.webhook import WebhookChannel
from daemon.clock import ManualClock
from tests.support.desk_log import MemoryLog
from tests.support.webhook_sink import WebhookSink

NOW = datetime(2026, 1, 5, 3, tzinfo=UTC)


class Full(MemoryLog):
    def write(self, *_, **__):
        raise OSError(28, "No space left on device")


@dataclass
class Case:
    """A channel that works, one whose other end is down, and what has arrived of the first."""

    working: Channel
    down: Channel
    arrived: object  # () -> list of keys


def log_case(_: ExitStack) -> Case:
    log = MemoryLog()
    return Case(LogChannel(log), LogChannel(Full()), lambda: [line["key"] for line in log.lines])


def webhook_case(stack: ExitStack) -> Case:
    sink, down = stack.enter_context(WebhookSink()), stack.enter_context(WebhookSink(status=503))
    working, broken = (
        WebhookChannel(one.url, Secret("s3cret"), ManualClock(NOW), allow_private=True) for one in (sink, down)
    )
    return Case(working, broken, lambda: [received.key for received in sink.received])


@pytest.fixture(params=[log_case, webhook_case], ids=["log", "webhook"])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    with ExitStack() as stack:
        yield request.param(stack)


def message(number: int = 1, transition: str = "firing") -> Message:
    alert = Alert(
        *("f" * 64, "sharpe_below", "AAPL/x/live", "firing"),
        *(1, 0, 0.1, 0.5, NOW, NOW, None, NOW),
        *('Sharpe \u221e is \U0001f4c9 "quoted"\n', "Train it again.", "/api/v1/models/7", number),
    )
    key = f"{number}-{transition}"
    return Message(key, {"key": key, "transition": transition, "alert": alert.to_dict()})


def test_a_message_arrives_with_its_key(case):
    case.working.send(message())
    assert case.arrived() == ["1-firing"]


def test_messages_arrive_in_the_order_they_were_sent(case):
    for number in range(5):
        case.working.send(message(number))
    assert case.arrived() == [f"{number}-firing" for number in range(5)]


def test_both_transitions_are_said(case):
    case.working.send(message(1, "firing"))
    case.working.send(message(1, "resolved"))
    assert case.arrived() == ["1-firing", "1-resolved"]


def test_a_channel_that_is_down_says_so_with_a_code_and_a_cure(case):
    with pytest.raises(NightdeskError) as caught:
        case.down.send(message())
    assert caught.value.code in ("notify.failed", "notify.blocked")
    assert caught.value.cure


def test_a_channel_has_a_short_name_of_its_own(case):
    assert case.working.name == case.down.name
    assert 0 < len(case.working.name) <= 32


def test_sending_leaves_no_thread_behind(case):
    before = set(threading.enumerate())
    case.working.send(message())
    sinks = [thread for thread in threading.enumerate() if "process_request" in thread.name]
    assert set(threading.enumerate()) - before - set(sinks) == set()


@pytest.mark.parametrize(
    "notifications",
    [
        Notifications(),
        Notifications(enabled=True),
        Notifications(enabled=True, webhook=Webhook(url="https://hooks.example.org/x", secret_env="HOOK_SECRET")),
        Notifications(enabled=False, webhook=Webhook(url="https://hooks.example.org/x", secret_env="NOT_SET")),
    ],
)
def test_the_names_that_are_written_to_are_those_that_are_opened(notifications, monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", "s3cret")
    channels = open_channels(notifications, MemoryLog(), ManualClock(NOW))
    assert tuple(channel.name for channel in channels) == channel_names(notifications)
