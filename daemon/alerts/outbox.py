"""The outbox: sends the notifications of the alert engine through every channel, in order, until they arrive."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Self

from config.errors import NightdeskError
from daemon.alerts.channels.base import Channel, open_channels
from daemon.alerts.message import Message
from daemon.store import alerts as ledger
from daemon.store.alerts import Delivery

if TYPE_CHECKING:
    from config.settings import Settings
    from daemon.store.database import Database
    from daemon.system.clock import Clock
    from daemon.system.log import Log


class Outbox:
    """Delivers what is due. Blocking, so it is called in a thread.

    A message that was sent when the desk was killed, before that was recorded, is sent a second time with the same key;
    the receiver recognises it by the key.
    """

    def __init__(self, database: Database, channels: Iterable[Channel], clock: Clock, log: Log) -> None:
        self._database = database
        self._clock = clock
        self._log = log
        self._busy = threading.Lock()
        self._closing = threading.Event()
        self._channels = {channel.name: channel for channel in channels}

    @classmethod
    def of(cls, database: Database, settings: Settings, clock: Clock, log: Log) -> Self:
        """An outbox with the channels of these settings."""
        return cls(database, open_channels(settings.notifications, log, clock), clock, log)

    def reopen(self, settings: Settings) -> None:
        """Deliver through the channels of these settings from now on; what waits for others keeps waiting.

        Raises ConfigError where a secret cannot be read, and then keeps the channels it has.
        """
        channels = open_channels(settings.notifications, self._log, self._clock)
        self._channels = {channel.name: channel for channel in channels}

    def close(self) -> None:
        """Begin no other delivery; the one under way ends within its channel's deadline."""
        self._closing.set()

    def deliver_due(self) -> int:
        """Deliver all whose time has come, in order for each channel; returns how many arrived."""
        arrived = 0
        with self._busy:
            while not self._closing.is_set():
                channels = self._channels
                heads = self._heads_due(channels)
                if not heads:
                    break
                arrived += sum(self._deliver(channels[head.channel], head) for head in heads)
        return arrived

    @property
    def next_at(self) -> datetime | None:
        """When the next delivery is due; None while nothing waits."""
        names = list(self._channels)
        return self._database.read(lambda c: ledger.next_delivery_at(c, names))

    def _heads_due(self, channels: Mapping[str, Channel]) -> list[Delivery]:
        return self._database.read(lambda c: ledger.pending_outbox(c, self._clock.now(), channels))

    def _deliver(self, channel: Channel, delivery: Delivery) -> bool:
        try:
            channel.send(Message(delivery.key, delivery.payload))
        except NightdeskError as error:
            self._not_delivered(delivery, error)
            return False
        except Exception as error:  # noqa: BLE001 -- the fault of one channel must not keep the others silent
            self._log.fault("notify.fault", error, channel=delivery.channel, key=delivery.key)
            self._not_delivered(delivery, _fault(delivery.channel, error))
            return False
        self._database.write(lambda c: ledger.delivered(c, delivery, self._clock.now()))
        return True

    def _not_delivered(self, delivery: Delivery, error: NightdeskError) -> None:
        if error.code == "notify.blocked":
            self._database.write(lambda c: ledger.block(c, delivery, error.code, str(error)))
        else:
            self._database.write(lambda c: ledger.postpone(c, delivery, self._clock.now(), str(error)))
        self._log.write("warning", error.code, channel=delivery.channel, key=delivery.key, error=error.to_dict())


def _fault(channel: str, error: Exception) -> NightdeskError:
    return NightdeskError(
        "notify.failed",
        f"The channel {channel} raised {type(error).__name__}: {error}.",
        "It is retried. Look at the settings of the channel; if they are right, this is a bug worth reporting.",
    )
