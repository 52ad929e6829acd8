"""Alerts that cannot be stored, kept in memory on a full disk, sent at once, and stored when there is room."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from daemon.alerts.message import Message
from daemon.domain.alert_engine import Alert, Observation, Policy, advance
from daemon.domain.deliveries import retry_delay
from daemon.domain.tasks import Document
from daemon.store import alerts
from daemon.store.outbox import message_key

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from config.settings import Settings
    from daemon.alerts.channels.base import Channel
    from daemon.system.clock import Clock
    from daemon.system.log import Log


@dataclass
class _Unstored:
    """An alert in memory: when it arose, which channels took it when, and when the others are tried again."""

    observation: Observation
    alert: Alert
    arose: datetime
    delivered: dict[str, datetime] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)
    next_at: dict[str, datetime] = field(default_factory=dict)
    sending: set[str] = field(default_factory=set)


class UnstoredAlerts:
    """Each alert is sent once to each channel; its key in memory is the one that its row has later."""

    def __init__(self, clock: Clock, log: Log) -> None:
        self._clock = clock
        self._log = log
        self._alerts: dict[str, _Unstored] = {}
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._alerts)

    def hold(self, observation: Observation) -> None:
        """Keep an alert that could not be stored; one of the same rule and subject is kept once."""
        now = self._clock.now()
        alert, _ = advance(None, observation, Policy(1, 1), now)
        with self._lock:
            if alert is not None and observation.fingerprint not in self._alerts:
                self._alerts[observation.fingerprint] = _Unstored(observation, alert, now)

    def store(self, c: Connection, settings: Settings) -> None:
        """Store what is kept, and what arrived of it; call `clear` when that is committed."""
        for unstored in list(self._alerts.values()):
            alerts.observe_sent(c, unstored.observation, settings, unstored.arose, dict(unstored.delivered))

    def clear(self) -> None:
        """Forget what is stored now: the outbox does the rest."""
        with self._lock:
            self._alerts.clear()

    def send(self, channels: Mapping[str, Channel]) -> None:
        """Send what is due through each channel, in a thread of its own; does not wait."""
        now = self._clock.now()
        with self._lock:
            due = [
                (unstored, name)
                for unstored in self._alerts.values()
                for name in channels.keys() - unstored.delivered.keys() - unstored.sending
                if unstored.next_at.get(name, now) <= now
            ]
            for unstored, name in due:
                unstored.sending.add(name)
        for unstored, name in due:
            try:
                threading.Thread(target=self._send, args=(unstored, channels[name]), daemon=True).start()
            except RuntimeError:  # no thread can be started now; the next call tries again
                with self._lock:
                    unstored.sending.discard(name)

    def _send(self, unstored: _Unstored, channel: Channel) -> None:
        name = channel.name
        key = message_key(unstored.observation.fingerprint[:16], "firing", unstored.arose, name)
        payload: Document = {"key": key, "transition": "firing", "alert": unstored.alert.to_dict()}
        try:
            channel.send(Message(key, payload))
        except NightdeskError as error:
            self._postpone(unstored, name, key)
            self._log.write("warning", error.code, channel=name, key=key, error=error.to_dict())
        except Exception as error:  # noqa: BLE001 -- a channel's fault must not end the thread without a trace
            self._postpone(unstored, name, key)
            self._log.fault("notify.fault", error, channel=name, key=key)
        else:
            unstored.delivered[name] = self._clock.now()
        finally:
            with self._lock:
                unstored.sending.discard(name)

    def _postpone(self, unstored: _Unstored, name: str, key: str) -> None:
        unstored.tries[name] = unstored.tries.get(name, 0) + 1
        unstored.next_at[name] = self._clock.now() + retry_delay(key, unstored.tries[name])
