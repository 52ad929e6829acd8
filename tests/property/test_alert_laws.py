from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from daemon.alerts.rules import Bound
from daemon.domain.alert_engine import Alert, Observation, Policy, advance
from daemon.domain.metrics import MonitoredMetrics

NOW = datetime(2026, 1, 5, tzinfo=UTC)
LOOKS = {"b": (0.1, True, False), "c": (0.9, False, True), "-": (0.52, False, False), "?": (None, False, False)}
policies = st.builds(Policy, st.integers(1, 5), st.integers(1, 5))
histories = st.text(alphabet="bc-?", max_size=60)


def notifications(looks: str, policy: Policy) -> list[tuple[int, str]]:
    """Which notification was due at which look."""
    alert: Alert | None = None
    due_at = []
    for at, kind in enumerate(looks):
        observation = Observation("r", "s", LOOKS[kind][0], 0.5, *LOOKS[kind][1:], "m", "c")
        changed, due = advance(alert, observation, policy, NOW)
        alert = changed or alert
        due_at += [(at, due)] if due else []
    return due_at


@given(histories, policies)
def test_firing_and_resolved_take_turns_beginning_with_firing(looks, policy):
    turns = [due for _, due in notifications(looks, policy)]
    assert turns[:1] in ([], ["firing"])
    assert all(one != other for one, other in pairwise(turns))


@given(histories, policies)
def test_every_notification_follows_as_many_observations_as_the_policy_asks(looks, policy):
    for at, due in notifications(looks, policy):
        kind, needed = ("b", policy.for_evaluations) if due == "firing" else ("c", policy.clear_after)
        assert looks[: at + 1].replace("?", "").endswith(kind * needed)


@given(st.text(alphabet="bc-?", max_size=200), st.integers(2, 5))
def test_a_metric_that_never_calms_down_fires_once_and_is_never_resolved(flaps, clear_after):
    restless = flaps
    while "c" * clear_after in restless.replace("?", ""):
        restless = restless.replace("?", "").replace("c" * clear_after, "c" * (clear_after - 1) + "b")
    turns = [due for _, due in notifications("b" + restless, Policy(1, clear_after))]
    assert turns == ["firing"]


@given(histories, policies, st.integers(0, 59))
def test_undefined_values_change_no_notification(looks, policy, at):
    without = [due for _, due in notifications(looks.replace("?", ""), policy)]
    assert [due for _, due in notifications(looks[:at] + "?" + looks[at:], policy)] == without


@given(
    st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)),
    st.floats(-100, 100),
    st.floats(0, 3),
    st.sampled_from(["floor", "ceiling"]),
)
def test_no_value_is_both_breached_and_cleared(value, threshold, margin, kind):
    bound = Bound("r", "m", "metric", "", threshold, math.inf if kind == "floor" else -math.inf, "c", kind)
    observation = bound.observe("s", "who", MonitoredMetrics(values={"m": value}), margin, "/x")
    assert not (observation.breached and observation.cleared)
    assert observation.undefined == (value is None or not math.isfinite(value))
