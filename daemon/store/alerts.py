"""Alerts: an observation and the notifications it causes are written in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, replace
from datetime import datetime

from sqlalchemy import Connection, exists, insert, or_, select, update

from config.errors import UsageError
from config.settings import Settings
from daemon.domain.alert_engine import MAX_TEXT, Alert, AlertState, Observation, Policy, advance
from daemon.store import outbox
from daemon.store.rows import all_as, first_as
from daemon.store.tables import alerts

# Alerts of what stays lost: no later observation resolves them, a person does.
STAYING = frozenset({"store.corrupt", "store.missing"})


def observe(
    c: Connection, observation: Observation, settings: Settings, now: datetime, *, channels: Iterable[str] | None = None
) -> Alert | None:
    """Let the engine see `observation`; store the alert and, when one is due, its notifications to the `channels`.

    Without `channels`, to all of the settings. Call it inside one write, together with what was measured: both are
    stored or neither is.
    """
    policy = Policy.of(observation, settings.monitoring)
    alert, due = advance(newest(c, observation.fingerprint), observation, policy, now)
    if alert is None:
        return None
    stored = _store(c, alert)
    if due is not None:
        outbox.enqueue(c, stored, due, settings.notifications.channel_names if channels is None else channels, now)
    return stored


def observe_sent(
    c: Connection, observation: Observation, settings: Settings, now: datetime, sent: Mapping[str, datetime]
) -> None:
    """Store an alert that arose at `now`, could not be stored then, and was sent from memory to the channels `sent`."""
    alert, due = advance(newest(c, observation.fingerprint), observation, Policy(1, 1), now)
    if alert is None:
        return
    stored = _store(c, alert)
    if due is not None:
        outbox.enqueue(c, stored, due, settings.notifications.channel_names, now, sent=sent)


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
            outbox.enqueue(c, alert, "resolved", settings.notifications.channel_names, now)
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
    acknowledged = replace(alert, state="resolved", resolved_at=now, updated_at=now, message=message)
    _store(c, acknowledged)
    outbox.enqueue(c, acknowledged, "resolved", settings.notifications.channel_names, now)
    return acknowledged


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


def get(c: Connection, alert_id: int) -> Alert | None:
    """One alert by its id."""
    return first_as(c, Alert, select(alerts).where(alerts.c.id == alert_id))


def loss_noted(c: Connection) -> bool:
    """Whether this database has an alert about the loss of the one before it, acknowledged or not."""
    return bool(c.execute(select(exists().where(alerts.c.rule.in_(STAYING)))).scalar())


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
