"""The outbox: notifications on their way to the channels, those that arrived, and the dead letters."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, func, insert, select, update

from daemon.domain.alert_engine import Alert, Transition
from daemon.domain.deliveries import LONGEST_DELAY, STALLED_AFTER, STALLED_TRIES, retry_delay
from daemon.domain.tasks import Document
from daemon.store.rows import all_as, first_as
from daemon.store.tables import alerts, outbox

# Of a notification that is neither delivered nor given up.
_WAITING = outbox.c.delivered_at.is_(None) & outbox.c.blocked.is_(None)


@dataclass(frozen=True)
class Delivery:
    """A notification on its way to one channel; `key` is the same however often it is tried.

    `blocked` is the reason why a dead letter is not sent any more; None for any other.
    """

    id: int
    key: str
    alert_id: int
    channel: str
    payload: Document
    created_at: datetime
    attempts: int
    next_attempt_at: datetime
    delivered_at: datetime | None
    blocked: str | None
    last_error: str | None


def message_key(name: str, transition: Transition, now: datetime, channel: str) -> str:
    """The key of a message: `name` is the alert's id. The instant tells it from one of another history with that id."""
    return f"{name}-{transition}-{now:%Y%m%dT%H%M%S.%fZ}-{channel}"


def enqueue(
    c: Connection,
    alert: Alert,
    transition: Transition,
    channels: Iterable[str],
    now: datetime,
    *,
    sent: Mapping[str, datetime] | None = None,
) -> None:
    """Write one row a channel. `sent` are the channels that have taken it, from memory; then its keys are those."""
    for channel in channels:
        name = str(alert.id) if sent is None else alert.fingerprint[:16]
        key = message_key(name, transition, now, channel)
        payload = {"key": key, "transition": transition, "alert": alert.to_dict()}
        c.execute(
            insert(outbox).values(
                key=key,
                alert_id=alert.id,
                channel=channel,
                payload=payload,
                created_at=now,
                attempts=0,
                next_attempt_at=now,
                delivered_at=None if sent is None else sent.get(channel),
            )
        )


def deliveries(c: Connection, alert_id: int) -> list[Delivery]:
    """The notifications of one alert, delivered or not."""
    query = select(outbox).where(outbox.c.alert_id == alert_id).order_by(outbox.c.id)
    return all_as(c, Delivery, query)


def pending(c: Connection, now: datetime, channels: Iterable[str]) -> list[Delivery]:
    """What may be sent now, what was tried least first: of each channel and fingerprint the oldest that waits.

    Whatever comes after it waits for it, so the order of one alert is kept, and no other alert is held up. A wait
    longer than any the desk imposes means that the clock was set back; its time has come too.
    """
    return [head for head in _heads(c, channels) if not now < head.next_attempt_at <= now + LONGEST_DELAY]


def _heads(c: Connection, channels: Iterable[str]) -> list[Delivery]:
    firsts = (
        select(func.min(outbox.c.id))
        .select_from(outbox.join(alerts))
        .where(_WAITING, outbox.c.channel.in_(list(channels)))
        .group_by(outbox.c.channel, alerts.c.fingerprint)
    )
    query = select(outbox).where(outbox.c.id.in_(firsts)).order_by(outbox.c.attempts, outbox.c.id)
    return all_as(c, Delivery, query)


def delivered(c: Connection, delivery: Delivery, now: datetime) -> None:
    """The channel took it; it is never sent a second time."""
    _change(c, delivery, attempts=delivery.attempts + 1, delivered_at=now, last_error=None)


def postpone(c: Connection, delivery: Delivery, now: datetime, error: str) -> datetime:
    """The channel did not take it: it waits. Returns when it is tried again."""
    tries = delivery.attempts + 1
    next_attempt_at = now + retry_delay(delivery.key, tries)
    _change(c, delivery, attempts=tries, next_attempt_at=next_attempt_at, last_error=error[:255])
    return next_attempt_at


def block(c: Connection, delivery: Delivery, code: str, error: str) -> None:
    """It is a dead letter: the channel must not, will not or did not take it; what comes after it goes on."""
    _change(c, delivery, attempts=delivery.attempts + 1, blocked=code, last_error=error[:255])


def others_pass(c: Connection, delivery: Delivery) -> bool:
    """Whether its channel has taken a later message."""
    later = (outbox.c.channel == delivery.channel, outbox.c.id > delivery.id, outbox.c.delivered_at.is_not(None))
    return bool(c.execute(select(exists(select(outbox.c.id).where(*later)))).scalar())


def retry(c: Connection, channels: Collection[str], now: datetime) -> int:
    """Let the dead letters of `channels` wait again, and try all that waits at once; returns how many were dead."""
    of_channels = outbox.c.channel.in_(list(channels))
    dead = update(outbox).where(of_channels, outbox.c.blocked.is_not(None))
    revived = c.execute(dead.values(blocked=None, attempts=0, next_attempt_at=now)).rowcount
    try_at_once(c, channels, now)
    return int(revived)


def try_at_once(c: Connection, channels: Collection[str], now: datetime) -> None:
    """End the wait of all that waits for `channels`: their address or their token may have been mended."""
    waiting = update(outbox).where(_WAITING, outbox.c.channel.in_(list(channels)))
    c.execute(waiting.values(next_attempt_at=now))


@dataclass(frozen=True)
class Stall:
    """A channel that does not take its messages: since when, how many tries, and the last error of the oldest one."""

    channel: str
    since: datetime
    tries: int
    last_error: str | None
    dead: bool


def stalls(c: Connection, channels: Collection[str], now: datetime, *, lasting: bool = False) -> dict[str, Stall]:
    """Of each channel that takes no messages, the oldest that it did not take.

    It is one that waits and was tried often and long enough, or the newest of all if that is a dead letter. With
    `lasting`, one failed try is enough: a stall is over when nothing is left of it.
    """
    tries, latest = (1, now) if lasting else (STALLED_TRIES, now - STALLED_AFTER)
    stuck = _WAITING & (outbox.c.attempts >= tries) & (outbox.c.created_at <= latest)
    rows = [row for channel in channels for row in (_oldest(c, channel, stuck), _newest_dead(c, channel)) if row]
    return {
        row.channel: Stall(row.channel, row.created_at, row.attempts, row.last_error, row.blocked is not None)
        for row in reversed(rows)
    }


def _oldest(c: Connection, channel: str, condition: ColumnElement[bool]) -> Delivery | None:
    return first_as(c, Delivery, select(outbox).where(outbox.c.channel == channel, condition).order_by(outbox.c.id))


def _newest_dead(c: Connection, channel: str) -> Delivery | None:
    """The newest message of the channel that was delivered or given up, if it was given up."""
    settled = select(outbox).where(outbox.c.channel == channel, ~_WAITING).order_by(outbox.c.id.desc())
    newest = first_as(c, Delivery, settled)
    return newest if newest is not None and newest.blocked is not None else None


@dataclass(frozen=True)
class ChannelQueue:
    """The messages of one channel that wait, and its dead letters: how many, and since when the oldest.

    `last_error` is that of the newest among them that has one.
    """

    channel: str
    waiting: int
    oldest_waiting_at: datetime | None
    dead: int
    oldest_dead_at: datetime | None
    last_error: str | None


def channel_queues(c: Connection, channels: Iterable[str]) -> list[ChannelQueue]:
    """The queues of these channels, and of every other that still has undelivered messages."""
    columns = (outbox.c.channel, outbox.c.created_at, outbox.c.blocked, outbox.c.last_error)
    rows = c.execute(select(*columns).where(outbox.c.delivered_at.is_(None)).order_by(outbox.c.id)).all()
    names = dict.fromkeys((*channels, *(row.channel for row in rows)))
    return [_queue(name, [row for row in rows if row.channel == name]) for name in names]


def _queue(channel: str, undelivered: list[Any]) -> ChannelQueue:
    waiting = [row.created_at for row in undelivered if row.blocked is None]
    dead = [row.created_at for row in undelivered if row.blocked is not None]
    errors = [row.last_error for row in undelivered if row.last_error]
    return ChannelQueue(
        channel,
        len(waiting),
        min(waiting, default=None),
        len(dead),
        min(dead, default=None),
        errors[-1] if errors else None,
    )


def _change(c: Connection, delivery: Delivery, **values: Any) -> None:
    c.execute(update(outbox).where(outbox.c.id == delivery.id).values(**values))
