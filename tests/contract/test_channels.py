"""What the outbox may rely on, whatever the channel."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from config.errors import NightdeskError
from config.paths import Home
from config.secrets import Secret
from config.settings import Notifications, Webhook
from config.settings import WebhookChannel as WebhookSettings
from daemon.alerts.channels.base import CHANNELS, Channel, LogChannel, open_channels
from daemon.alerts.channels.webhook import WebhookChannel
from daemon.alerts.message import Message
from daemon.domain.alert_engine import Alert
from daemon.system.clock import ManualClock
from daemon.system.log import Log
from tests.support.config_reference import sections_of
from tests.support.servers.webhook_sink import WebhookSink

NOW = datetime(2026, 1, 5, 3, tzinfo=UTC)


@dataclass
class Case:
    """A channel, the keys that have arrived of it, and the same channel while its other end is down."""

    channel: Channel
    arrived: Callable[[], list[str]]
    down: Channel | None


def log_case(home: Home, _: ExitStack) -> Case:
    def arrived() -> list[str]:
        return [json.loads(line)["key"] for line in home.log.read_text("utf-8").splitlines()]

    return Case(LogChannel(Log(home, ManualClock(NOW), "quiet")), arrived, down=None)


def webhook_case(_: Home, stack: ExitStack) -> Case:
    sink, down = stack.enter_context(WebhookSink()), stack.enter_context(WebhookSink(status=503))
    working, broken = (
        WebhookChannel(one.url, Secret("s3cret"), ManualClock(NOW), allow_private=True) for one in (sink, down)
    )
    return Case(working, lambda: [received.key for received in sink.received], broken)


@pytest.fixture(params=[log_case, webhook_case], ids=["log", "webhook"])
def case(request: pytest.FixtureRequest, home: Home) -> Iterator[Case]:
    with ExitStack() as stack:
        yield request.param(home, stack)


def message(number: int = 1, transition: str = "firing") -> Message:
    alert = Alert(
        *("f" * 64, "sharpe_below", "AAPL/x/live", "firing"),
        *(1, 0, 0.1, 0.5, NOW, NOW, None, NOW),
        *('Sharpe \u221e is \U0001f4c9 "quoted"\n', "Train it again.", "/api/v1/models/7", number),
    )
    key = f"{number}-{transition}"
    return Message(key, {"key": key, "transition": transition, "alert": alert.to_dict()})


def test_a_message_arrives_with_its_key(case):
    case.channel.send(message())
    assert case.arrived() == ["1-firing"]


def test_messages_arrive_in_the_order_they_were_sent(case):
    for number in range(5):
        case.channel.send(message(number))
    assert case.arrived() == [f"{number}-firing" for number in range(5)]


def test_both_transitions_arrive(case):
    case.channel.send(message(1, "firing"))
    case.channel.send(message(1, "resolved"))
    assert case.arrived() == ["1-firing", "1-resolved"]


def test_a_channel_that_is_down_raises_an_error_with_a_code_and_a_cure(case):
    if case.down is None:
        pytest.skip("the log is never down: what its file cannot take goes to standard error")
    with pytest.raises(NightdeskError) as caught:
        case.down.send(message())
    assert caught.value.code in ("notify.failed", "notify.blocked")
    assert caught.value.cure


def test_a_channel_has_a_short_name_of_its_own(case):
    assert 0 < len(case.channel.name) <= 32


def test_sending_leaves_no_thread_behind(case):
    before = set(threading.enumerate())
    case.channel.send(message())
    sinks = [thread for thread in threading.enumerate() if "process_request" in thread.name]
    assert set(threading.enumerate()) - before - set(sinks) == set()


@pytest.mark.parametrize(
    "notifications",
    [
        Notifications(),
        Notifications(enabled=True),
        Notifications(enabled=True, webhook=Webhook(url="https://hooks.example.org/x", secret="env:HOOK_SECRET")),
        Notifications(enabled=False, webhook=Webhook(url="https://hooks.example.org/x", secret="env:NOT_SET")),
        Notifications(
            enabled=True,
            webhook=Webhook(url="https://hooks.example.org/x", secret="env:HOOK_SECRET"),
            channels=(WebhookSettings(name="on-call", url="https://hooks.example.org/y", secret="env:HOOK_SECRET"),),
        ),
    ],
)
def test_the_names_that_are_written_to_are_those_that_are_opened(notifications, home, monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", "s3cret")
    channels = open_channels(notifications, Log(home, ManualClock(NOW), "quiet"), ManualClock(NOW))
    assert tuple(channel.name for channel in channels) == notifications.channel_names


def test_every_kind_of_channel_in_the_settings_can_be_opened():
    (channels,) = (field.annotation for name, field in Notifications.model_fields.items() if name == "channels")
    kinds = {section.model_fields["kind"].default for section in sections_of(channels)}
    assert kinds == set(CHANNELS)
