"""Alerts and their outbox: an observation and the notifications it causes are written in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update

from config.errors import UsageError
from config.settings import Settings
from daemon.domain.alert_engine import MAX_TEXT, Alert, AlertState, Observation, Policy, Transition, advance
from daemon.domain.tasks import Document
from daemon.store.rows import all_as, first_as
from daemon.store.tables import alerts, outbox

# Alerts of what stays lost: no later observation resolves them, a person does.
STAYING = frozenset({"store.corrupt", "store.missing"})
FIRST_DELAY = timedelta(seconds=30)
LONGEST_DELAY = timedelta(hours=1)
# After so many attempts, about a quarter of an hour, a channel that takes nothing is called mute.
MUTE_ATTEMPTS = 5


@dataclass(frozen=True)
class Delivery:
    """A notification on its way to one channel; `key` is the same however often it is tried."""

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


def observe(c: Connection, observation: Observation, settings: Settings, now: datetime) -> Alert | None:
    """Let the engine see `observation`; store the alert and, when one is due, its notifications.

    Call it inside one write, together with what was measured: both are stored or neither is.
    """
    policy = Policy.of(observation, settings.monitoring)
    alert, due = advance(newest(c, observation.fingerprint), observation, policy, now)
    if alert is None:
        return None
    stored = _store(c, alert)
    if due is not None:
        _enqueue(c, stored, due, settings.notifications.channel_names, now)
    return stored


def close_unwatched(c: Connection, watched: Collection[str], settings: Settings, now: datetime) -> list[Alert]:
    """Resolve the metric alerts of models that are not `watched` any longer: no observation would resolve them.

    A watched model is named as in its alerts: AAPL/behavioral_cloner.
    """
    closed = [
        replace(alert, state="resolved", resolved_at=now, updated_at=now, message="This model is no longer watched.")
        for alert in open_alerts(c)
        if alert.threshold is not None and alert.subject.rpartition("/")[0] not in watched
    ]
    for alert in closed:
        _store(c, alert)
        if alert.fired_at is not None:
            _enqueue(c, alert, "resolved", settings.notifications.channel_names, now)
    return closed


def acknowledge(c: Connection, alert_id: int, author: str, settings: Settings, now: datetime) -> Alert:
    """Resolve an alert that only a person can, and note who has seen it.

    Raises:
        UsageError: `alert.unknown`; `alert.resolves_itself` for any other alert, and for one that is resolved.
    """
    alert = get(c, alert_id)
    if alert is None:
        raise UsageError("alert.unknown", f"There is no alert {alert_id}.", "See /api/v1/alerts for what there is.")
    if alert.rule not in STAYING or alert.state == "resolved":
        state = "is resolved already" if alert.state == "resolved" else "resolves itself when its cause ends"
        raise UsageError(
            "alert.resolves_itself",
            f"The alert {alert_id} ({alert.rule}) {state}.",
            "Only an alert that stays until a person has seen it can be acknowledged.",
        )
    message = f"{alert.message[: MAX_TEXT - 100]} Acknowledged by {author}."
    seen = replace(alert, state="resolved", resolved_at=now, updated_at=now, message=message)
    _store(c, seen)
    _enqueue(c, seen, "resolved", settings.notifications.channel_names, now)
    return seen


def newest(c: Connection, fingerprint: str) -> Alert | None:
    """The latest alert of one rule and subject, open or not."""
    query = select(alerts).where(alerts.c.fingerprint == fingerprint).order_by(alerts.c.id.desc())
    return first_as(c, Alert, query)


def _store(c: Connection, alert: Alert) -> Alert:
    facts = asdict(alert)
    if facts.pop("id") is not None:
        c.execute(update(alerts).where(alerts.c.id == alert.id).values(**facts))
        return alert
    alert_id = c.execute(insert(alerts).values(**facts).returning(alerts.c.id)).scalar_one()
    return replace(alert, id=alert_id)


def _enqueue(c: Connection, alert: Alert, transition: Transition, channels: Iterable[str], now: datetime) -> None:
    """One row a channel. The instant in the key tells it from a row of another history with the same alert id."""
    for channel in channels:
        key = f"{alert.id}-{transition}-{now:%Y%m%dT%H%M%S.%fZ}-{channel}"
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
            )
        )


def get(c: Connection, alert_id: int) -> Alert | None:
    """One alert by its id."""
    return first_as(c, Alert, select(alerts).where(alerts.c.id == alert_id))


def open_alerts(c: Connection) -> list[Alert]:
    """Everything pending or firing, firing first, oldest first."""
    query = select(alerts).where(alerts.c.state != "resolved").order_by(alerts.c.state, alerts.c.id)
    return all_as(c, Alert, query)


def page(c: Connection, *, state: AlertState | None = None, before: int | None = None, limit: int = 50) -> list[Alert]:
    """Alerts newest first, below the id `before`; without those that were resolved before they fired."""
    query = select(alerts).where(or_(alerts.c.state != "resolved", alerts.c.fired_at.is_not(None)))
    if state is not None:
        query = query.where(alerts.c.state == state)
    if before is not None:
        query = query.where(alerts.c.id < before)
    return all_as(c, Alert, query.order_by(alerts.c.id.desc()).limit(limit))


def deliveries(c: Connection, alert_id: int) -> list[Delivery]:
    """The notifications of one alert, delivered or not."""
    query = select(outbox).where(outbox.c.alert_id == alert_id).order_by(outbox.c.id)
    return all_as(c, Delivery, query)


def pending_outbox(c: Connection, now: datetime, channels: Iterable[str]) -> list[Delivery]:
    """The head of each channel's queue, if its time has come: whatever comes after it waits, so order is kept.

    A wait longer than any the desk imposes means that the clock was set back; its time has come too.
    """
    return [head for head in _heads(c, channels) if not now < head.next_attempt_at <= now + LONGEST_DELAY]


def next_delivery_at(c: Connection, channels: Iterable[str]) -> datetime | None:
    """When the next delivery is due; None when nothing waits."""
    return min((head.next_attempt_at for head in _heads(c, channels)), default=None)


def _heads(c: Connection, channels: Iterable[str]) -> list[Delivery]:
    waiting = outbox.c.delivered_at.is_(None) & outbox.c.blocked.is_(None)
    firsts = (
        select(func.min(outbox.c.id)).where(waiting, outbox.c.channel.in_(list(channels))).group_by(outbox.c.channel)
    )
    query = select(outbox).where(outbox.c.id.in_(firsts)).order_by(outbox.c.id)
    return all_as(c, Delivery, query)


def undelivered(c: Connection) -> list[Delivery]:
    """Of each channel that takes no alerts, one: the oldest that waits after `MUTE_ATTEMPTS`, or the newest refused."""
    waiting = outbox.c.delivered_at.is_(None) & outbox.c.blocked.is_(None)
    oldest = select(func.min(outbox.c.id)).where(waiting).group_by(outbox.c.channel)
    newest = select(func.max(outbox.c.id)).where(~waiting).group_by(outbox.c.channel)
    mute = (outbox.c.id.in_(oldest) & (outbox.c.attempts >= MUTE_ATTEMPTS)) | (
        outbox.c.id.in_(newest) & outbox.c.blocked.is_not(None)
    )
    rows = all_as(c, Delivery, select(outbox).where(mute).order_by(outbox.c.id))
    return list({row.channel: row for row in reversed(rows)}.values())


def delivered(c: Connection, delivery: Delivery, now: datetime) -> None:
    """The channel took it; it is never sent a second time."""
    _change(c, delivery, attempts=delivery.attempts + 1, delivered_at=now, last_error=None)


def postpone(c: Connection, delivery: Delivery, now: datetime, error: str) -> datetime:
    """The channel is down: wait twice as long as the last time, an hour at most. Returns when it is retried."""
    delay = min(FIRST_DELAY * (1 << min(delivery.attempts, 16)), LONGEST_DELAY)
    _change(c, delivery, attempts=delivery.attempts + 1, next_attempt_at=now + delay, last_error=error[:255])
    return now + delay


def block(c: Connection, delivery: Delivery, code: str, error: str) -> None:
    """The channel must not or will not take it, ever: what comes after it goes on."""
    _change(c, delivery, attempts=delivery.attempts + 1, blocked=code, last_error=error[:255])


def _change(c: Connection, delivery: Delivery, **values: Any) -> None:
    c.execute(update(outbox).where(outbox.c.id == delivery.id).values(**values))
