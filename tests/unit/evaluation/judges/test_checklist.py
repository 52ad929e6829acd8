"""The production checklist: every item once, measured by whom it can be, and said to be unmeasured where by nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from evaluation.audit.leak_audit import Span
from evaluation.judges.checklist import ITEMS, checklist
from evaluation.judges.judged_version import JudgedVersion
from evaluation.monitoring.decision_quality import DecisionQuality, ExpertAgreement
from evaluation.reports.evidence import AccountFigures, Check, MemberComparison, ModelEvidence
from evaluation.statistics.slices import Slice, Slices
from tests.support.models.walk_forward_rule import Threshold

NOW = datetime(2026, 3, 4, tzinfo=UTC)
BARE = JudgedVersion("v1", Threshold(0.0), Span(NOW, NOW), (), None, None, trained_at=NOW, metrics={"loss": 0.4})
UNKNOWN = DecisionQuality(None, None, None, {})


def regime(name: str, earned: float, held: float, bars: int = 100) -> Slice:
    return Slice(name, bars, {"total_return": earned}, held, {})


def member(name: str, whole: float | None, without: float | None) -> MemberComparison:
    sides = (AccountFigures(ratio, None, None) for ratio in (whole, without))
    return MemberComparison(name, "2025-01-01", "2025-12-31", 252, *sides)


def checks(
    version: JudgedVersion = BARE,
    *regimes: Slice,
    quality: DecisionQuality = UNKNOWN,
    decisions: int = 1000,
    seconds: float = 2.0,
) -> dict[str, Check]:
    slices = Slices(regimes, (), ())
    measured = checklist(version, slices=slices, quality=quality, decisions=decisions, seconds=seconds)
    assert [check.name for check in measured][: len(ITEMS)] == list(ITEMS)
    return {check.name: check for check in measured}


def passed(name: str, version: JudgedVersion = BARE, *regimes: Slice) -> bool | None:
    return checks(version, *regimes)[name].passed


def test_what_nobody_measures_is_on_the_list_as_not_measured_with_the_reason() -> None:
    for name in ("validation_accuracy", "loss_gap", "accuracy_gap", "members", "regimes", "fallback"):
        check = checks()[name]
        assert (check.passed, check.measured) == (None, None), name
        assert check.note


def test_what_a_model_type_supplies_counts_before_what_the_judge_measures_and_its_own_items_follow() -> None:
    supplied = (
        Check("inference_speed", 0.1, "under 0.2 ms", True, unit="ms"),
        Check("kappa", 0.5, "above 0.4", True),
    )
    measured = checks(replace(BARE, evidence=ModelEvidence(checks=supplied)))
    assert measured["inference_speed"] is supplied[0]
    assert list(measured)[-1] == "kappa"


@pytest.mark.parametrize(("seconds", "fast"), [(2.0, True), (11.0, False)])
def test_the_speed_is_the_mean_time_of_a_decision(seconds: float, fast: bool) -> None:
    check = checks(seconds=seconds)["inference_speed"]
    assert (check.measured, check.unit, check.passed) == (seconds, "ms", fast)


@pytest.mark.parametrize(("percent", "enough"), [(70.0, False), (70.1, True)])
def test_agreement_with_the_expert_on_unseen_bars_is_an_accuracy(percent: float, enough: bool) -> None:
    quality = replace(UNKNOWN, expert_agreement=ExpertAgreement(percent, 60.0, 80.0, 50.0, 300))
    check = checks(quality=quality)["validation_accuracy"]
    assert (check.measured, check.passed) == (percent, enough)


@pytest.mark.parametrize(
    ("low", "high", "works"),
    [
        ((5.0, 9.0), (1.0, 20.0), True),
        ((5.0, 9.0), (-3.0, -8.0), True),
        ((5.0, 9.0), (-8.0, -3.0), False),
        ((0.0, 9.0), (2.0, 1.0), False),
    ],
)
def test_a_regime_is_passed_by_a_gain_or_by_a_smaller_loss_than_holding(low, high, works: bool) -> None:
    check = checks(BARE, regime("low_vol", *low), regime("high_vol", *high))["regimes"]
    assert (check.passed, check.measured) == (works, min(low[0], high[0]))
    assert "low volatility" in check.note


def test_one_regime_or_one_of_a_few_bars_says_nothing_of_regimes() -> None:
    few, unknown = regime("high_vol", 1.0, 0.0, bars=3), regime("unknown", 1.0, 0.0)
    assert passed("regimes", BARE, regime("low_vol", 1.0, 0.0), few, unknown) is None


@pytest.mark.parametrize(
    ("others", "works", "least"),
    [
        ((member("rl", 1.0, 0.5),), True, 0.5),
        ((member("rl", 1.0, 0.5), member("news", 1.0, 1.25)), False, -0.25),
        ((member("rl", 1.0, 0.5), member("news", 1.0, None)), None, 0.5),
        ((member("rl", None, 0.5),), None, None),
    ],
)
def test_members_pass_where_the_sharpe_ratio_falls_without_each(others, works: bool | None, least) -> None:
    check = checks(replace(BARE, evidence=ModelEvidence(comparisons=others)))["members"]
    assert (check.passed, check.measured) == (works, least)


def test_a_version_has_a_time_and_metrics() -> None:
    assert passed("versioned") is True
    assert passed("versioned", replace(BARE, metrics={})) is False
    assert passed("versioned", replace(BARE, trained_at=None)) is False
