"""When a model is retrained for a reason, besides the schedule; pure, so that every case can be tested.

A place (a subject with a model type) has these reasons, the most urgent first:

    degradation   an alert fires on the accuracy of its champion
    drift         an alert fires on the drift of its champion's features or decisions
    regime        the volatility regime or the direction of the market is another than when its newest version was
                  trained
    age           its newest version was trained longer ago than its calendar allows

A place with a reason is retrained unless

    paused        a person has paused training
    training      a training of it is recorded that has not ended
    no_new_data   its newest version has learned from the newest bar that is stored, or a retraining on that bar was
                  started before: another one would give the same model
    cool_down     the last one that led to a version was less than the cool-down ago
    budget        places with more urgent reasons have used up what a night may retrain

and one without a version, or without a reason, is left to the schedule. A reason lasts for many nights, so hysteresis
stands before it: alerts clear by a margin, a regime must last for some bars.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from config.settings import Retraining, RetrainingReason
from config.settings.retraining import REASONS
from daemon.domain.alert_engine import Alert
from daemon.domain.targets import Target
from daemon.domain.tasks import Message

Hindrance = Literal["paused", "training", "no_new_data", "cool_down", "budget"]
# The alerts that are reasons to retrain, by their rules.
ALERTS: dict[str, RetrainingReason] = {
    "accuracy_below": "degradation",
    "copy_below": "degradation",
    "drift.actions": "drift",
    "drift.sides": "drift",
    "drift.features": "drift",
}
# The measurements of the volatility regime, now and when the newest version was trained; each is a number in REGIMES.
REGIME_NOW, REGIME_TRAINED = "volatility_regime", "regime_when_trained"
REGIMES = ("low", "normal", "high")
# The same of the direction of the market; each is a number in DIRECTIONS.
DIRECTION_NOW, DIRECTION_TRAINED = "market_direction", "direction_when_trained"
DIRECTIONS = ("bear", "sideways", "bull")
NIGHT = timedelta(hours=24)  # the time over which the budget counts
LATEST = datetime.max.replace(tzinfo=UTC)


class Diagnosis(Message):
    """One reason for which a model is retrained, with the figure that it is based on and its threshold, if any."""

    reason: RetrainingReason
    message: str
    value: float | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class NewestVersion:
    """The version of a place that was trained last: when, and until which bar."""

    id: int
    trained_at: datetime
    trained_until: datetime


@dataclass(frozen=True)
class LastRetraining:
    """The newest retraining of a place for a reason: when it was started, and the newest bar of that moment."""

    started_at: datetime
    data_until: datetime


@dataclass(frozen=True)
class Place:
    """What the database says of one place.

    Args:
        target: its subject and model type.
        newest: the version that was trained last; None before the first.
        data_until: the newest bar that is stored of its subject; None where none is.
        alerts: the alerts that fire on its champion.
        regime: the volatility regime when `newest` was trained, and the one now; None where not measured.
        direction: the direction of the market when `newest` was trained, and the one now; None where not measured.
        max_age: how old `newest` may become.
        last: its newest retraining for a reason.
        in_training: whether a training of it is recorded that has not ended.
    """

    target: Target
    newest: NewestVersion | None
    data_until: datetime | None
    alerts: tuple[Alert, ...]
    regime: tuple[int, int] | None
    direction: tuple[int, int] | None
    max_age: timedelta
    last: LastRetraining | None
    in_training: bool


@dataclass(frozen=True)
class Decision:
    """What becomes of one place with a reason: its retraining is due unless something stands against it."""

    place: Place
    diagnoses: tuple[Diagnosis, ...]
    hindrance: Hindrance | None

    @property
    def due(self) -> bool:
        """Whether the place is retrained."""
        return self.hindrance is None


def decide(
    places: Iterable[Place], rules: Retraining, now: datetime, *, recent: int | None, paused: bool = False
) -> list[Decision]:
    """The decision on each place with a reason, the most urgent first.

    `recent` is how many retrainings for a reason were started in the last 24 hours; None where no new run is started
    for them, so that they cost nothing.
    """
    decisions = []
    pairs = [(place, diagnoses) for place in places if (diagnoses := diagnose(place, rules, now))]
    for place, diagnoses in sorted(pairs, key=lambda pair: _urgency(*pair)):
        hindrance = "paused" if paused else _hindrance(place, rules, now)
        if hindrance is None and recent is not None:
            hindrance = "budget" if recent >= rules.nightly_budget else None
            recent += hindrance is None
        decisions.append(Decision(place, diagnoses, hindrance))
    return decisions


def diagnose(place: Place, rules: Retraining, now: datetime) -> tuple[Diagnosis, ...]:
    """The reasons to retrain a place, the most urgent first."""
    newest = place.newest
    if newest is None:
        return ()
    every = [*_alerted(place.alerts), *_regime(place), *_age(newest, place.max_age, now)]
    return tuple(sorted((each for each in every if each.reason in rules.on), key=lambda each: _rank(each.reason)))


def _alerted(alerts: Sequence[Alert]) -> Iterable[Diagnosis]:
    for alert in alerts:
        if alert.state == "firing" and alert.value is not None and alert.rule in ALERTS:
            yield Diagnosis(
                reason=ALERTS[alert.rule], message=alert.message, value=alert.value, threshold=alert.threshold
            )


def _regime(place: Place) -> Iterable[Diagnosis]:
    if place.regime is not None and place.regime[0] != place.regime[1]:
        before, now = (REGIMES[number] for number in place.regime)
        message = f"The volatility of {place.target.subject} is {now}; when it was trained last, it was {before}."
        yield Diagnosis(reason="regime", message=message)
    if place.direction is not None and place.direction[0] != place.direction[1]:
        before, now = (DIRECTIONS[number] for number in place.direction)
        message = f"The market of {place.target.subject} is {now}; when it was trained last, it was {before}."
        yield Diagnosis(reason="regime", message=message)


def _age(newest: NewestVersion, max_age: timedelta, now: datetime) -> Iterable[Diagnosis]:
    age = now - newest.trained_at
    if age >= max_age:
        message = f"It was trained {age.days} days ago; the limit is {max_age / timedelta(days=1):g} days."
        yield Diagnosis(
            reason="age", message=message, value=age / timedelta(days=1), threshold=max_age / timedelta(days=1)
        )


def _hindrance(place: Place, rules: Retraining, now: datetime) -> Hindrance | None:
    newest, last = place.newest, place.last
    if place.in_training:
        return "training"
    ends = [newest.trained_until] if newest is not None else []
    ends += [last.data_until] if last is not None else []
    if place.data_until is None or any(place.data_until <= end for end in ends):
        return "no_new_data"
    led_to_a_version = last is not None and newest is not None and newest.trained_at >= last.started_at
    if last is not None and led_to_a_version and timedelta(0) <= now - last.started_at < rules.cool_down:
        return "cool_down"
    return None


def _urgency(place: Place, diagnoses: Sequence[Diagnosis]) -> tuple[int, datetime, Target]:
    """The most urgent reason first, then the oldest version; names make the order the same whenever it is asked."""
    trained_at = place.newest.trained_at if place.newest is not None else LATEST
    return _rank(diagnoses[0].reason), trained_at, place.target


def _rank(reason: RetrainingReason) -> int:
    return REASONS.index(reason)
