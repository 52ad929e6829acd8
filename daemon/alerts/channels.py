"""Channels: ways to tell a person. A channel sends one message and says whether it arrived; it never retries itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from config.secrets import read_secret
from config.settings import Notifications
from daemon.alerts.message import Message
from daemon.alerts.webhook import WebhookChannel

if TYPE_CHECKING:
    from daemon.clock import Clock
    from daemon.log import Log


class Channel(Protocol):
    """One way to tell a person.

    `send` returns when the message has arrived. It raises NightdeskError `notify.failed` where trying later may help,
    and `notify.blocked` where this message must never be tried again; nothing else.
    """

    @property
    def name(self) -> str:
        """How the outbox and readers call it; one channel a name."""

    def send(self, message: Message) -> None:
        """Deliver `message`, within a deadline."""


class LogChannel:
    """The desk's own log, which finds a way to be read even on a full disk."""

    name = "log"

    def __init__(self, log: Log) -> None:
        self._log = log

    def send(self, message: Message) -> None:
        """Write a line that carries the whole alert."""
        level = "error" if message.transition == "firing" else "info"
        self._log.write(level, f"alert.{message.transition}", key=message.key, alert=message.payload["alert"])


def channel_names(notifications: Notifications) -> tuple[str, ...]:
    """The names of the channels that these settings open; the log is always one of them."""
    return ("log", "webhook") if notifications.enabled and notifications.webhook else ("log",)


def open_channels(notifications: Notifications, log: Log, clock: Clock) -> tuple[Channel, ...]:
    """The channels themselves; a secret that cannot be read is an error now, not at the first alert."""
    webhook = notifications.webhook if notifications.enabled else None
    if webhook is None:
        return (LogChannel(log),)
    secret = read_secret("webhook secret", variable=webhook.secret_env, file=webhook.secret_file)
    return LogChannel(log), WebhookChannel(webhook.url, secret, clock, allow_private=webhook.allow_private)
