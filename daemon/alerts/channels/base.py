"""Channels: ways to notify a person. A channel sends one message and returns whether it arrived, without retries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from config.secrets import read_address, read_reference
from config.settings import LOG_CHANNEL
from daemon.alerts.channels.webhook import WebhookChannel
from daemon.alerts.message import Message

if TYPE_CHECKING:
    from config.settings import ChannelSettings, Notifications
    from config.settings import WebhookChannel as WebhookSettings
    from daemon.system.clock import Clock
    from daemon.system.log import Log


class Channel(Protocol):
    """One way to notify a person.

    `send` returns when the message has arrived. It raises NightdeskError `notify.failed` where trying later may help,
    `notify.rejected` where it helps only after a person has mended something, and `notify.blocked` where this message
    must never be retried; nothing else.
    """

    @property
    def name(self) -> str:
        """How the outbox and readers call it; one channel a name."""

    def send(self, message: Message) -> None:
        """Deliver `message`, within a deadline."""


class LogChannel:
    """The desk's own log, which finds a way to be read even on a full disk."""

    name = LOG_CHANNEL

    def __init__(self, log: Log) -> None:
        self._log = log

    def send(self, message: Message) -> None:
        """Write a line that carries the whole alert."""
        level = "error" if message.transition == "firing" else "info"
        self._log.write(level, f"alert.{message.transition}", key=message.key, alert=message.payload["alert"])


def _open_webhook(settings: WebhookSettings, clock: Clock) -> WebhookChannel:
    url, secret = (
        read_address(f"{settings.name} URL", settings.url),
        read_reference(f"{settings.name} secret", settings.secret),
    )
    return WebhookChannel(url, secret, clock, name=settings.name, allow_private=settings.allow_private)


# A kind of channel and the function that opens it.
CHANNELS: dict[str, Callable[[ChannelSettings, Clock], Channel]] = {"webhook": _open_webhook}


def open_channels(notifications: Notifications, log: Log, clock: Clock) -> tuple[Channel, ...]:
    """The channels that these settings name, the log first.

    A secret that cannot be read is an error now, not at the first alert.
    """
    return (LogChannel(log), *(CHANNELS[settings.kind](settings, clock) for settings in notifications.active))
