"""When an alert opens, fires and is resolved; pure, so that every case can be tested without a database.

An alert is one episode of one rule and subject. Every evaluation of a rule is one observation, which is one of

    breached     beyond the threshold
    cleared      back inside it by at least the margin
    in between   inside the threshold, not yet by the margin
    undefined    the metric has no value

A rule fires after `for_evaluations` breaches in a row and is resolved after `clear_after` clears in a row; a value in
between starts both counts anew. An undefined value changes no count: it neither fires nor clears, nor
opens an alert (a new desk has measured nothing yet, and that is no problem), but it is shown as the latest value of an
open one. A metric that flaps around its threshold therefore fires once, and fires until it has calmed down.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from config.settings import Monitoring
from daemon.domain.tasks import Document

AlertState = Literal["pending", "firing", "resolved"]
Transition = Literal["firing", "resolved"]
MAX_TEXT = 1024


@dataclass(frozen=True)
class Observation:
    """One look at one rule and subject. An event (a failed run) has no threshold; a metric has one."""

    rule: str
    subject: str
    value: float | None
    threshold: float | None
    breached: bool
    cleared: bool
    message: str
    cure: str
    link: str | None = None

    @property
    def fingerprint(self) -> str:
        """What makes two observations speak of the same alert."""
        return hashlib.sha256(f"{self.rule}\n{self.subject}".encode()).hexdigest()

    @property
    def undefined(self) -> bool:
        """Whether a metric had no value to compare."""
        return self.value is None and not self.breached and not self.cleared


@dataclass(frozen=True)
class Policy:
    """How many observations in a row it takes."""

    for_evaluations: int
    clear_after: int

    @classmethod
    def of(cls, observation: Observation, monitoring: Monitoring) -> Policy:
        """Metrics are noisy and wait as configured; an event is a fact and counts at once."""
        if observation.threshold is None:
            return cls(1, 1)
        return cls(monitoring.for_evaluations, monitoring.clear_after)


@dataclass(frozen=True)
class Alert:
    """One episode: since when, how bad, and what to do. `breaches` and `clears` are counted in a row."""

    fingerprint: str
    rule: str
    subject: str
    state: AlertState
    breaches: int
    clears: int
    value: float | None
    threshold: float | None
    since: datetime
    fired_at: datetime | None
    resolved_at: datetime | None
    updated_at: datetime
    message: str
    cure: str
    link: str | None
    id: int | None = None  # the database gives it

    def to_dict(self) -> Document:
        """As readers of the API and receivers of a webhook get it."""
        times = {name: _text(getattr(self, name)) for name in ("since", "fired_at", "resolved_at", "updated_at")}
        return {
            "id": self.id,
            "fingerprint": self.fingerprint,
            "rule": self.rule,
            "subject": self.subject,
            "state": self.state,
            "value": self.value,
            "threshold": self.threshold,
            "message": self.message,
            "cure": self.cure,
            "link": self.link,
            **times,
        }


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def advance(
    last: Alert | None, observation: Observation, policy: Policy, now: datetime
) -> tuple[Alert | None, Transition | None]:
    """What the newest alert of a fingerprint becomes by `observation`, and the notification that is due.

    None for the alert means that there is nothing to keep: all is well and was well before.
    """
    if last is None or last.state == "resolved":
        if not observation.breached:
            return None, None
        last = _opened(last, observation, now)
    breaches, clears = _counts(last, observation)
    advanced = replace(
        last,
        breaches=breaches,
        clears=clears,
        value=observation.value,
        threshold=observation.threshold,
        updated_at=now,
        message=observation.message[:MAX_TEXT],
        cure=observation.cure[:MAX_TEXT],
        link=observation.link,
    )
    return _judged(advanced, observation, policy, now)


def _opened(last: Alert | None, observation: Observation, now: datetime) -> Alert:
    """A new episode; one that never fired is reused, so that a flapping metric does not fill the table."""
    reused_id = last.id if last is not None and last.fired_at is None else None
    return Alert(
        observation.fingerprint,
        observation.rule,
        observation.subject,
        state="pending",
        breaches=0,
        clears=0,
        value=None,
        threshold=None,
        since=now,
        fired_at=None,
        resolved_at=None,
        updated_at=now,
        message="",
        cure="",
        link=None,
        id=reused_id,
    )


def _counts(last: Alert, observation: Observation) -> tuple[int, int]:
    if observation.undefined:
        return last.breaches, last.clears
    return (last.breaches + 1 if observation.breached else 0), (last.clears + 1 if observation.cleared else 0)


def _judged(alert: Alert, observation: Observation, policy: Policy, now: datetime) -> tuple[Alert, Transition | None]:
    if alert.state == "pending" and alert.breaches >= policy.for_evaluations:
        return replace(alert, state="firing", fired_at=now), "firing"
    if alert.state == "pending" and not (observation.breached or observation.undefined):
        return replace(alert, state="resolved", resolved_at=now), None
    if alert.state == "firing" and alert.clears >= policy.clear_after:
        return replace(alert, state="resolved", resolved_at=now), "resolved"
    return alert, None
