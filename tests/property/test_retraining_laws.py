"""The laws of retrainings for a reason, over any course of nights: bars, alerts, regimes, failing trainings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from config.settings import Retraining
from daemon.domain.alert_engine import Alert
from daemon.domain.retraining import NIGHT, LastRetraining, NewestVersion, Place, decide
from daemon.domain.targets import Target

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULES = Retraining(cool_down=timedelta(days=3), nightly_budget=2)
MAX_AGE = timedelta(days=20)
NAMES = ("A", "B", "C")
PLACES = st.sampled_from(NAMES)


@dataclass
class Truth:
    """One place as a person would follow it: what is stored, what was trained, what was started when on which bar."""

    bar: datetime = START
    trained_at: datetime = START
    trained_until: datetime = START
    accurate: bool = True
    regime: int = 1
    trained_regime: int = 1
    at_work: bool = False
    started: list[tuple[datetime, datetime]] = field(default_factory=list)
    trained: list[datetime] = field(default_factory=list)


class Nights(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.places = {name: Truth() for name in NAMES}
        self.starts: list[datetime] = []

    @rule(hours=st.integers(1, 60))
    def time_passes(self, hours: int) -> None:
        self.now += hours * HOUR

    @rule(name=PLACES)
    def a_bar_comes(self, name: str) -> None:
        self.places[name].bar = self.now

    @rule(name=PLACES, accurate=st.booleans(), regime=st.integers(0, 2))
    def the_market_changes(self, name: str, accurate: bool, regime: int) -> None:
        self.places[name].accurate, self.places[name].regime = accurate, regime

    @rule(name=PLACES, succeeds=st.booleans())
    def a_training_ends(self, name: str, succeeds: bool) -> None:
        place = self.places[name]
        if place.at_work and succeeds:
            self.learn(place)
        place.at_work = False

    @rule(name=PLACES)
    def the_schedule_trains(self, name: str) -> None:
        self.learn(self.places[name])

    def learn(self, place: Truth) -> None:
        place.trained_at, place.trained_until, place.trained_regime = self.now, place.bar, place.regime
        place.trained.append(self.now)

    @rule(paused=st.booleans())
    def the_desk_checks(self, paused: bool) -> None:
        recent = sum(self.now - NIGHT < started <= self.now for started in self.starts)
        due_by_model = {name for name in NAMES if self.may_start(self.places[name]) and not paused}
        decisions = decide([self.place(name) for name in NAMES], RULES, self.now, recent=recent, paused=paused)
        started = [each.place.target.subject for each in decisions if each.due]
        assert set(started) <= due_by_model
        assert len(started) == min(len(due_by_model), max(RULES.nightly_budget - recent, 0))
        for name in started:
            place = self.places[name]
            place.started.append((self.now, place.bar))
            place.at_work = True
            self.starts.append(self.now)
        again = decide([self.place(name) for name in NAMES], RULES, self.now, recent=0)
        assert not {each.place.target.subject for each in again if each.due} & set(started)

    def may_start(self, place: Truth) -> bool:
        """Whether a retraining may start, said as simply as it can be."""
        old = self.now - place.trained_at >= MAX_AGE
        if place.accurate and place.regime == place.trained_regime and not old:
            return False
        if place.at_work or place.bar <= place.trained_until:
            return False
        if any(place.bar <= bar for _, bar in place.started):
            return False
        worked = [at for at, _ in place.started[-1:] if any(trained >= at for trained in place.trained)]
        return all(self.now - at >= RULES.cool_down for at in worked)

    def place(self, name: str) -> Place:
        place = self.places[name]
        return Place(
            target=Target(name, "cloner"),
            newest=NewestVersion(1, place.trained_at, place.trained_until),
            data_until=place.bar,
            alerts=() if place.accurate else (_inaccurate(self.now),),
            regime=(place.trained_regime, place.regime),
            direction=None,
            max_age=MAX_AGE,
            last=LastRetraining(*place.started[-1]) if place.started else None,
            in_training=place.at_work,
        )


def _inaccurate(now: datetime) -> Alert:
    return Alert(
        fingerprint="f", rule="accuracy_below", subject="A/cloner/evaluation", state="firing", breaches=1, clears=0,
        value=50.0, threshold=60.0, since=now, fired_at=now, resolved_at=None, updated_at=now, message="It is wrong.",
        cure="Look.", link=None,
    )  # fmt: skip


TestNights = Nights.TestCase
TestNights.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
