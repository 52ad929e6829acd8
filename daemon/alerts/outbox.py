"""The outbox: sends the notifications of the alert engine through every channel until they arrive or are given up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Self

from config.errors import NightdeskError
from daemon.alerts.channels.base import Channel, open_channels
from daemon.alerts.sender import Sender
from daemon.store import outbox

if TYPE_CHECKING:
    from config.settings import Settings
    from daemon.store.database import Database
    from daemon.system.clock import Clock
    from daemon.system.log import Log

# Longer than any channel may take for one message.
PATIENCE = 30.0


class Outbox:
    """Delivers what is due, each channel in a thread of its own, so that one that hangs holds up no other.

    The threads are daemon threads: one that hangs is left behind when the desk ends. A message that was sent when the
    desk ended, before that was recorded, is sent again with the same key, by which the receiver recognises it.
    """

    def __init__(self, database: Database, channels: Iterable[Channel], clock: Clock, log: Log) -> None:
        self._database = database
        self._clock = clock
        self._log = log
        self._closing = threading.Event()
        self._senders: dict[str, Sender] = {}
        self._running: dict[str, Future[int]] = {}
        self._use(channels)

    @classmethod
    def of(cls, database: Database, settings: Settings, clock: Clock, log: Log) -> Self:
        """An outbox with the channels of these settings."""
        return cls(database, open_channels(settings.notifications, log, clock), clock, log)

    def reopen(self, settings: Settings) -> None:
        """Deliver through the channels of these settings from now on; what waits for others keeps waiting.

        Raises ConfigError where a secret cannot be read, and then keeps the channels it has.
        """
        self._use(open_channels(settings.notifications, self._log, self._clock))

    def try_at_once(self) -> None:
        """Try all that waits for the open channels: new settings may be the cure."""
        self._database.write(lambda c: outbox.try_at_once(c, list(self._senders), self._clock.now()))

    def _use(self, channels: Iterable[Channel]) -> None:
        self._senders = {channel.name: self._sender(channel) for channel in channels}

    def _sender(self, channel: Channel) -> Sender:
        earlier = self._senders.get(channel.name)
        return Sender(self._database, channel, self._clock, self._log, closing=self._closing, earlier=earlier)

    @property
    def channels(self) -> Mapping[str, Channel]:
        """The open channels by their names."""
        return {name: sender.channel for name, sender in self._senders.items()}

    def close(self) -> None:
        """Begin no other delivery; those under way end within the deadlines of their channels, or are left behind."""
        self._closing.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the deliveries under way, no longer than `seconds`; whether all have ended."""
        return not wait(list(self._running.values()), seconds).not_done

    @property
    def busy(self) -> list[str]:
        """The channels with a delivery under way."""
        return [name for name, running in self._running.items() if not running.done()]

    def begin_due(self) -> None:
        """Start delivering on every channel that has something due and is not delivering; does not wait."""
        idle = [name for name in self._senders if name not in self._running or self._running[name].done()]
        for name in idle:
            if (ended := self._running.pop(name, None)) and (error := ended.exception()):
                self._log.fault("outbox.fault", error, channel=name)
        due = self._database.read(lambda c: outbox.pending(c, self._clock.now(), idle))
        for name in {delivery.channel for delivery in due}:
            self._running[name] = self._senders[name].start()

    def deliver_due(self, within: float = PATIENCE) -> int:
        """Deliver all whose time has come, and wait for it no longer than `within` seconds; how many arrived."""
        end = time.monotonic() + within
        running = {sender.start() for sender in self._senders.values()}
        while running_on := wait(running, 0.2).not_done:
            if self._closing.is_set() or time.monotonic() > end:
                break
        return sum(future.result() for future in running - running_on)

    def rejections(self) -> dict[str, NightdeskError]:
        """The channels whose receivers refuse whatever they are sent: a token or an address is wrong."""
        return {name: sender.rejection for name, sender in self._senders.items() if sender.rejection is not None}
