"""The cases of a retraining for a reason, one by one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from config.settings import Retraining
from daemon.domain.alert_engine import Alert, AlertState
from daemon.domain.retraining import (
    Decision,
    Diagnosis,
    Hindrance,
    LastRetraining,
    NewestVersion,
    Place,
    decide,
    diagnose,
)
from daemon.domain.targets import Target

NOW = datetime(2026, 3, 4, 4, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = Retraining()
QUIET = Place(
    target=Target("AAPL", "cloner"),
    newest=NewestVersion(7, trained_at=NOW - 10 * DAY, trained_until=NOW - 11 * DAY),
    data_until=NOW - DAY,
    alerts=(),
    regime=(1, 1),
    direction=(1, 1),
    max_age=91 * DAY,
    last=None,
    in_training=False,
)


def alert(rule: str, state: AlertState = "firing", value: float | None = 55.0) -> Alert:
    return Alert(
        fingerprint="f", rule=rule, subject="AAPL/cloner/evaluation", state=state, breaches=1, clears=0, value=value,
        threshold=60.0, since=NOW, fired_at=NOW, resolved_at=None, updated_at=NOW, message=f"{rule} is bad.",
        cure="Look.", link=None,
    )  # fmt: skip


LOSING = replace(QUIET, alerts=(alert("accuracy_below"),))


def only(place: Place, rules: Retraining = RULES, *, recent: int | None = 0, paused: bool = False) -> Decision | None:
    decisions = decide([place], rules, NOW, recent=recent, paused=paused)
    return decisions[0] if decisions else None


def reasons(place: Place, rules: Retraining = RULES) -> list[str]:
    return [each.reason for each in diagnose(place, rules, NOW)]


def test_a_place_without_a_reason_is_left_to_the_schedule():
    assert decide([QUIET], RULES, NOW, recent=0) == []


def test_low_accuracy_retrains_with_the_figure_and_its_threshold_as_the_diagnosis():
    decision = only(LOSING)
    assert decision is not None
    assert decision.due
    diagnosis = Diagnosis(reason="degradation", message="accuracy_below is bad.", value=55.0, threshold=60.0)
    assert decision.diagnoses == (diagnosis,)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"alerts": (alert("drift.features"),)}, ["drift"]),
        ({"alerts": (alert("drift.sides"), alert("accuracy_below"))}, ["degradation", "drift"]),
        ({"alerts": (alert("copy_below"),)}, ["degradation"]),
        ({"alerts": (alert("sharpe_below"),)}, []),
        ({"alerts": (alert("accuracy_below", "pending"),)}, []),
        ({"alerts": (alert("accuracy_below", value=None),)}, []),
        ({"regime": (0, 2)}, ["regime"]),
        ({"regime": None}, []),
        ({"direction": (2, 0)}, ["regime"]),
        ({"direction": (2, 0), "regime": (0, 2)}, ["regime", "regime"]),
        ({"direction": None}, []),
        ({"max_age": 10 * DAY}, ["age"]),
        ({"max_age": 10 * DAY, "newest": None}, []),
    ],
)
def test_reasons_are_firing_alerts_on_accuracy_and_drift_another_regime_and_age(change, expected):
    assert reasons(replace(QUIET, **change)) == expected


def test_a_reason_that_the_settings_leave_out_is_none():
    assert reasons(replace(QUIET, regime=(0, 1), max_age=DAY), Retraining(on=("age",))) == ["age"]
    assert reasons(LOSING, Retraining(on=())) == []


def test_the_regimes_and_the_age_are_said_in_words():
    messages = [each.message for each in diagnose(replace(QUIET, regime=(0, 2), max_age=9 * DAY), RULES, NOW)]
    assert messages == [
        "The volatility of AAPL is high; when it was trained last, it was low.",
        "It was trained 10 days ago; the limit is 9 days.",
    ]


@pytest.mark.parametrize(
    ("change", "hindrance"),
    [
        ({"in_training": True}, "training"),
        ({"data_until": QUIET.newest and QUIET.newest.trained_until}, "no_new_data"),
        ({"data_until": None}, "no_new_data"),
        ({"last": LastRetraining(NOW - 20 * DAY, NOW - DAY)}, "no_new_data"),
        ({"last": LastRetraining(NOW - 10 * DAY, NOW - 11 * DAY)}, None),
        ({"last": LastRetraining(NOW - 11 * DAY, NOW - 12 * DAY)}, None),
    ],
)
def test_a_place_with_a_reason_waits_for_what_stands_against_it(change, hindrance: Hindrance | None):
    decision = only(replace(LOSING, **change))
    assert decision is not None
    assert decision.hindrance == hindrance


def test_a_retraining_cools_down_only_if_it_led_to_a_version():
    newest = NewestVersion(8, trained_at=NOW - 3 * DAY, trained_until=NOW - 4 * DAY)
    place = replace(LOSING, newest=newest)
    worked, failed = (only(replace(place, last=LastRetraining(NOW - days * DAY, NOW - 4 * DAY))) for days in (3.1, 2.9))
    assert worked is not None
    assert failed is not None
    assert (worked.hindrance, failed.hindrance) == ("cool_down", None)


def test_a_cool_down_of_a_clock_that_ran_ahead_holds_nothing_back():
    newest = NewestVersion(8, trained_at=NOW + 10 * DAY, trained_until=NOW - 4 * DAY)
    decision = only(replace(LOSING, newest=newest, last=LastRetraining(NOW + 9 * DAY, NOW - 4 * DAY)))
    assert decision is not None
    assert decision.due


def test_the_budget_of_a_night_goes_to_the_most_urgent_and_then_the_oldest():
    old = replace(QUIET, target=Target("A", "cloner"), max_age=DAY)
    older = replace(old, target=Target("Z", "cloner"), newest=NewestVersion(1, NOW - 90 * DAY, NOW - 91 * DAY))
    decisions = decide([old, older, LOSING], Retraining(nightly_budget=3), NOW, recent=1)
    assert [(each.place.target.subject, each.hindrance) for each in decisions] == [
        ("AAPL", None),
        ("Z", None),
        ("A", "budget"),
    ]


def test_a_training_that_was_to_come_anyway_costs_no_budget():
    assert [each.due for each in decide([LOSING] * 12, RULES, NOW, recent=None)] == [True] * 12


def test_nothing_is_started_while_a_person_has_paused_training():
    decision = only(LOSING, paused=True)
    assert decision is not None
    assert decision.hindrance == "paused"
