"""The sender of one channel: delivers what is due, one message at a time, and decides what becomes of the others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from config.errors import NightdeskError
from daemon.alerts.message import Message
from daemon.domain.deliveries import EXPIRED, given_up
from daemon.store import outbox
from daemon.store.faults import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from daemon.alerts.channels.base import Channel
    from daemon.store.database import Database
    from daemon.store.outbox import Delivery
    from daemon.system.clock import Clock
    from daemon.system.log import Log

T = TypeVar("T")


class Sender:
    """Sends through one channel; of many threads, one at a time.

    Args:
        closing: set when no other delivery may begin.
        earlier: the sender of the same channel under earlier settings, whose delivery under way is waited for.
    """

    def __init__(
        self,
        database: Database,
        channel: Channel,
        clock: Clock,
        log: Log,
        *,
        closing: threading.Event,
        earlier: Sender | None = None,
    ) -> None:
        self.channel = channel
        self.rejection: NightdeskError | None = None
        self._database = database
        self._clock = clock
        self._log = log
        self._closing = closing
        # What became of messages while the database took no writes; by their ids, so that none is sent again meanwhile.
        self._unrecorded: dict[int, Callable[[Connection], object]] = {}
        self._busy: threading.Lock = earlier._busy if earlier is not None else threading.Lock()  # noqa: SLF001

    def start(self) -> Future[int]:
        """Deliver all that is due in a thread of its own; how many arrived."""
        arrived: Future[int] = Future()
        threading.Thread(target=self._run, args=(arrived,), name=f"send-{self.channel.name}", daemon=True).start()
        return arrived

    def _run(self, arrived: Future[int]) -> None:
        try:
            count = self._deliver_due()
        except BaseException as error:  # noqa: BLE001 -- it is raised where the result is asked for
            arrived.set_exception(error)
        else:
            arrived.set_result(count)

    def _deliver_due(self) -> int:
        arrived = 0
        with self._busy:
            for delivery_id in list(self._unrecorded):
                self._record(delivery_id, self._unrecorded.pop(delivery_id))
            while not self._closing.is_set() and (delivery := self._next()) is not None:
                arrived += self._deliver(delivery)
        return arrived

    def _next(self) -> Delivery | None:
        due = self._database.read(lambda c: outbox.pending(c, self._clock.now(), [self.channel.name]))
        return next((delivery for delivery in due if delivery.id not in self._unrecorded), None)

    def _record(self, delivery_id: int, change: Callable[[Connection], T]) -> T | None:
        """Record what became of a message; None where the database takes no writes now, and then it is done later."""
        try:
            return self._database.write(change)
        except StoreError:
            self._unrecorded[delivery_id] = change
            return None

    def _deliver(self, delivery: Delivery) -> bool:
        try:
            self.channel.send(Message(delivery.key, delivery.payload))
        except NightdeskError as error:
            self._not_delivered(delivery, error)
            return False
        except Exception as error:  # noqa: BLE001 -- the fault of one channel must not keep the others silent
            self._log.fault("notify.fault", error, channel=delivery.channel, key=delivery.key)
            self._not_delivered(delivery, _fault(delivery.channel, error))
            return False
        self.rejection = None
        arrived_at = self._clock.now()
        self._record(delivery.id, lambda c: outbox.delivered(c, delivery, arrived_at))
        return True

    def _not_delivered(self, delivery: Delivery, error: NightdeskError) -> None:
        self.rejection = error if error.code == "notify.rejected" else None
        code = self._record(delivery.id, lambda c: self._record_failure(c, delivery, error))
        self._log.write(
            "warning", code or error.code, channel=delivery.channel, key=delivery.key, error=error.to_dict()
        )

    def _record_failure(self, c: Connection, delivery: Delivery, error: NightdeskError) -> str:
        """Let the message wait, or make it a dead letter; returns the code of what happened."""
        now = self._clock.now()
        others_pass = outbox.others_pass(c, delivery)
        if error.code == "notify.blocked":
            outbox.block(c, delivery, error.code, str(error))
        elif given_up(delivery.created_at, delivery.attempts + 1, now, others_pass=others_pass):
            outbox.block(c, delivery, EXPIRED, str(error))
            return EXPIRED
        else:
            outbox.postpone(c, delivery, now, str(error))
        return error.code


def _fault(channel: str, error: Exception) -> NightdeskError:
    return NightdeskError(
        "notify.failed",
        f"The channel {channel} raised {type(error).__name__}: {error}.",
        "It is retried. Look at the settings of the channel; if they are right, this is a bug worth reporting.",
    )
