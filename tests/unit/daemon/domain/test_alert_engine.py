from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from config.settings import Monitoring
from daemon.alerts.rules import event
from daemon.domain.alert_engine import Alert, Observation, Policy, advance

START = datetime(2026, 1, 5, 3, tzinfo=UTC)
# b breached, c cleared, - in between, ? undefined
LOOKS = {"b": (0.1, True, False), "c": (0.9, False, True), "-": (0.52, False, False), "?": (None, False, False)}


def look(kind: str) -> Observation:
    value, breached, cleared = LOOKS[kind]
    return Observation("sharpe_below", "AAPL/x/live", value, 0.5, breached, cleared, f"looks {kind}", "train again")


def play(looks: str, policy: Policy) -> tuple[list[str], list[str]]:
    """The state after each look (`.` where there is no alert), and the notifications."""
    alert: Alert | None = None
    states, transitions = [], []
    for hour, kind in enumerate(looks):
        stored, due = advance(alert, look(kind), policy, START + timedelta(hours=hour))
        alert = stored or alert
        states.append({None: ".", "pending": "P", "firing": "F", "resolved": "R"}[stored.state if stored else None])
        transitions += [due] if due else []
    return states, transitions


@pytest.mark.parametrize(
    ("looks", "for_evaluations", "clear_after", "states", "transitions"),
    [
        ("ccc", 1, 2, "...", []),
        ("b", 1, 2, "F", ["firing"]),
        ("bb", 2, 2, "PF", ["firing"]),
        ("bcb", 2, 2, "PRP", []),  # not in a row
        ("b-b", 2, 2, "PRP", []),  # in between ends the row
        ("b?b", 2, 2, "PPF", ["firing"]),  # undefined says nothing
        ("bcc", 1, 2, "FFR", ["firing", "resolved"]),
        ("bc-c", 1, 2, "FFFF", ["firing"]),
        ("bc?c", 1, 2, "FFFR", ["firing", "resolved"]),
        ("bcbcbcbc", 1, 2, "FFFFFFFF", ["firing"]),
        ("b????", 1, 1, "FFFFF", ["firing"]),
        ("???", 1, 1, "...", []),
        ("?c", 1, 2, "..", []),
        ("?-", 1, 2, "..", []),
        ("bccb", 1, 2, "FFRF", ["firing", "resolved", "firing"]),
        ("bcccc", 1, 2, "FFR..", ["firing", "resolved"]),
    ],
)
def test_a_row_of_observations_leads_to_these_states(looks, for_evaluations, clear_after, states, transitions):
    assert play(looks, Policy(for_evaluations, clear_after)) == (list(states), transitions)


def test_a_metric_that_flaps_100_times_fires_once_and_is_resolved_once():
    _, transitions = play("bc" * 100 + "cc", Policy(1, 2))
    assert transitions == ["firing", "resolved"]


def test_an_alert_names_its_rule_subject_value_time_and_cure():
    first, _ = advance(None, look("b"), Policy(2, 2), START)
    alert, due = advance(first, look("b"), Policy(2, 2), START + timedelta(hours=1))
    assert due == "firing"
    transitions = alert.to_dict()
    assert transitions["rule"] == "sharpe_below"
    assert transitions["subject"] == "AAPL/x/live"
    assert (transitions["value"], transitions["threshold"]) == (0.1, 0.5)
    assert transitions["since"] == "2026-01-05T03:00:00+00:00"
    assert transitions["fired_at"] == "2026-01-05T04:00:00+00:00"
    assert transitions["cure"] == "train again"


def test_an_undefined_metric_is_seen_in_a_firing_alert_that_stays_firing():
    alert, _ = advance(None, look("b"), Policy(1, 1), START)
    alert, due = advance(alert, look("?"), Policy(1, 1), START)
    assert (alert.state, alert.value, alert.message, due) == ("firing", None, "looks ?", None)


def test_an_episode_that_never_fired_is_reused_and_one_that_fired_is_not():
    quiet, _ = advance(None, look("b"), Policy(2, 1), START)
    quiet, _ = advance(Alert(**{**vars(quiet), "id": 7}), look("c"), Policy(2, 1), START)
    reopened, _ = advance(quiet, look("b"), Policy(2, 1), START + timedelta(hours=2))
    assert (reopened.id, reopened.state, reopened.since) == (7, "pending", START + timedelta(hours=2))

    loud, _ = advance(None, look("b"), Policy(1, 1), START)
    loud, due = advance(Alert(**{**vars(loud), "id": 8}), look("c"), Policy(1, 1), START)
    assert due == "resolved"
    fresh, _ = advance(loud, look("b"), Policy(1, 1), START)
    assert fresh.id is None


def test_metrics_wait_as_configured_and_events_count_at_once():
    monitoring = Monitoring(for_evaluations=3, clear_after=4)
    assert Policy.of(look("b"), monitoring) == Policy(3, 4)
    assert Policy.of(event("run.failed", "training", "It failed.", "Look."), monitoring) == Policy(1, 1)


def test_the_fingerprint_differs_by_rule_and_subject():
    prints = {
        event("a", "bc", "", "").fingerprint,
        event("ab", "c", "", "").fingerprint,
        event("a", "b", "", "").fingerprint,
    }
    assert len(prints) == 3
    assert event("a", "b", "one", "").fingerprint == event("a", "b", "two", "").fingerprint


def test_text_longer_than_its_column_is_cut():
    alert, _ = advance(None, event("a", "b", "x" * 5000, "y" * 5000), Policy(1, 1), START)
    assert (len(alert.message), len(alert.cure)) == (1024, 1024)
