from __future__ import annotations

import math
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from config.errors import NightdeskError
from config.settings import Monitoring
from daemon.alerts.rules import bounds, error_event, event, performance_observations, run_ended
from daemon.domain.metrics import Metrics, MonitoredMetrics
from daemon.domain.options import RunOptions
from daemon.domain.runs import Run

NOW = datetime(2026, 1, 5, tzinfo=UTC)
CHAMPION = SimpleNamespace(id=7, subject="AAPL", model_type="behavioral_cloner", version="20260101T020000Z")


def observed(metrics, monitoring=None):
    by_chance = metrics.pop("by_chance", {})
    measured = MonitoredMetrics(**{**Metrics.of(metrics).model_dump(), "by_chance": by_chance})
    result = performance_observations(CHAMPION, "unproven", {"live": measured}, monitoring or Monitoring())
    return {observation.rule: observation for observation in result}


@pytest.mark.parametrize(
    ("sharpe", "breached", "cleared"),
    [
        (0.49, True, False),
        (0.5, False, False),  # at the threshold: not below it, not back by the margin
        (0.549, False, False),
        (0.55, False, True),  # 0.5 + 0.1 * 0.5
        (-3.0, True, False),
        (None, False, False),
        (math.nan, False, False),
    ],
)
def test_sharpe_breaches_below_its_minimum_and_clears_beyond_the_margin(sharpe, breached, cleared):
    result = observed({"sharpe_ratio": sharpe})["sharpe_below"]
    assert (result.breached, result.cleared) == (breached, cleared)


@pytest.mark.parametrize(
    ("drawdown", "breached", "cleared"),
    [(-25.1, True, False), (-25.0, False, False), (-22.6, False, False), (-22.5, False, True), (0.0, False, True)],
)
def test_drawdown_breaches_beyond_its_threshold_and_clears_beyond_the_margin(drawdown, breached, cleared):
    result = observed({"max_drawdown": drawdown})["drawdown_beyond"]
    assert (result.breached, result.cleared) == (breached, cleared)


def test_a_margin_wider_than_the_threshold_still_lets_a_drawdown_clear():
    result = observed({"max_drawdown": 0.0}, Monitoring(max_drawdown_threshold=-5.0, clear_margin=2.0))
    assert result["drawdown_beyond"].cleared


def test_a_negative_minimum_clears_above_itself():
    monitoring = Monitoring(min_sharpe_ratio=-1.0)
    assert not observed({"sharpe_ratio": -0.95}, monitoring)["sharpe_below"].cleared
    assert observed({"sharpe_ratio": -0.9}, monitoring)["sharpe_below"].cleared


@pytest.mark.parametrize(
    ("psi", "breached", "cleared"),
    [(0.26, True, False), (0.25, False, False), (0.226, False, False), (0.225, False, True), (0.0, False, True)],
)
def test_drift_breaches_above_its_ceiling_and_clears_below_the_margin(psi, breached, cleared):
    result = observed({"side_psi": psi})["drift.sides"]
    assert (result.breached, result.cleared) == (breached, cleared)


def test_drift_that_chance_alone_would_show_is_none():
    result = observed({"side_psi": 0.6, "by_chance": {"side_psi": 0.7}})["drift.sides"]
    assert (result.breached, result.threshold) == (False, 0.7)
    assert observed({"side_psi": 0.8, "by_chance": {"side_psi": 0.7}})["drift.sides"].breached
    assert observed({"side_psi": 0.3, "by_chance": {"side_psi": 0.1}})["drift.sides"].threshold == 0.25


def test_accuracy_and_drifted_features_are_shown_in_percent():
    result = observed({"accuracy": 55.0, "drifted_features": 64.0})
    assert result["accuracy_below"].breached
    assert "is 64 %; the threshold is 50 %" in result["drift.features"].message
    assert result["drift.features"].breached


def test_small_positions_and_a_confidence_that_is_not_calibrated_raise_alerts():
    result = observed({"strength": 0.375, "calibration_error": 0.3})
    assert result["strength_below"].breached
    assert "The median size of the positions of" in result["strength_below"].message
    assert result["calibration_beyond"].breached
    sound = observed({"strength": 1.0, "calibration_error": 0.05})
    assert sound["strength_below"].cleared
    assert sound["calibration_beyond"].cleared


def test_an_observation_names_the_model_the_value_and_the_threshold():
    result = observed({"sharpe_ratio": 0.31, "max_drawdown": -31.25})
    assert result["sharpe_below"].subject == "AAPL/behavioral_cloner/live"
    assert result["sharpe_below"].message == (
        "The Sharpe ratio of AAPL/behavioral_cloner 20260101T020000Z (unproven) over the signals that were "
        "published is 0.31; the threshold is 0.5."
    )
    assert "is -31.25 %; the threshold is -25 %" in result["drawdown_beyond"].message
    assert result["drawdown_beyond"].link == "/api/v1/models/7"


def test_an_observation_of_a_record_that_is_still_computed_says_how_far_it_is():
    measured = MonitoredMetrics(values={"sharpe_ratio": 0.31})
    bases = {"live": measured, "evaluation": measured}
    live, record = (
        observation
        for observation in performance_observations(CHAMPION, "unproven", bases, Monitoring(), unfinished=(4, 52))
        if observation.rule == "sharpe_below"
    )
    assert "over its record, as yet the newest 4 of 52 folds, is 0.31;" in record.message
    assert "folds" not in live.message


def test_an_undefined_metric_says_why_it_has_no_value():
    result = observed({"sharpe_ratio": None, "reasons": {"sharpe_ratio": "too_few_returns"}})
    assert "has no value (too_few_returns)" in result["sharpe_below"].message
    assert "has no value (not_measured)" in result["drawdown_beyond"].message


def test_a_copy_without_an_account_raises_nothing_over_a_sharpe_ratio_but_over_simple_rules():
    nothing = {"sharpe_ratio": None, "max_drawdown": None, "reasons": {"sharpe_ratio": "no_account"}}
    result = observed({**nothing, "gain": -2.5})
    assert not result["sharpe_below"].breached
    assert result["sharpe_below"].undefined
    assert result["drawdown_beyond"].undefined
    assert result["copy_below"].breached
    assert "is -2.5 points; the threshold is 0 points" in result["copy_below"].message
    assert observed({**nothing, "gain": 3.0})["copy_below"].cleared
    assert observed({"sharpe_ratio": 1.0})["copy_below"].undefined


def test_each_basis_is_an_alert_of_its_own():
    nothing = MonitoredMetrics(values={})
    result = performance_observations(CHAMPION, "proven", {"live": nothing, "evaluation": nothing}, Monitoring())
    assert len({observation.fingerprint for observation in result}) == 2 * len(bounds(Monitoring()))


def run(state, cause=None, detail=None):
    return Run(
        12, "training", NOW, 1, state, "schedule", (), RunOptions(), None, NOW, NOW, NOW, NOW, None, cause, detail, None
    )


def test_a_failed_run_says_what_failed_why_and_what_to_do():
    unreachable = NightdeskError("data.unreachable", "Yahoo did not answer.", "Check the network.")
    failed = {"AAPL": unreachable.to_dict(), "MSFT": None}
    result = run_ended(run("failed", "data.unreachable", {"failed": failed}))
    assert result.breached
    assert (result.rule, result.subject, result.link) == ("run.failed", "training", "/api/v1/runs/12")
    assert result.message == "training-12 failed (data.unreachable): AAPL: Yahoo did not answer (1 more failed)."
    assert result.cure == "Check the network."


def test_a_run_that_did_only_a_part_alerts_too():
    result = run_ended(run("partial", "data.empty", {"failed": {"MSFT": None}}))
    assert result.breached
    assert result.message.startswith("training-12 succeeded in part (data.empty)")


@pytest.mark.parametrize("state", ["crashed", "timed_out"])
def test_a_run_that_failed_without_a_message_still_names_a_cure(state):
    result = run_ended(run(state))
    assert result.breached
    assert result.message.startswith(f"training-12 {state.replace('_', ' ')}")
    assert "log" in result.cure


def test_the_next_success_of_a_job_resolves_its_failure():
    failed, succeeded = run_ended(run("failed")), run_ended(run("succeeded"))
    assert failed.fingerprint == succeeded.fingerprint
    assert succeeded.cleared


@pytest.mark.parametrize("state", ["skipped", "missed", "cancelled"])
def test_other_ends_of_a_run_neither_fire_nor_resolve(state):
    assert run_ended(run(state)) is None


def test_an_error_becomes_an_event_with_its_message_and_cure():
    error = NightdeskError("config.invalid", "line 3: /symbols is empty.", "Name one.")
    result = error_event("config.invalid", "config", error)
    assert (result.message, result.cure, result.breached) == ("line 3: /symbols is empty.", "Name one.", True)
    over = event("config.invalid", "config", "It is valid again.", "Nothing to do.", happened=False)
    assert over.cleared
    assert over.fingerprint == result.fingerprint
