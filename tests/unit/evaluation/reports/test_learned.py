from __future__ import annotations

from dataclasses import replace

import pytest

from evaluation.monitoring.decision_quality import ExpertAgreement
from evaluation.reports.learned import learned
from evaluation.statistics.baselines import RandomBaseline, RandomBaselineRank
from tests.support.models.report_parts import standing_part

FIGURES = replace(standing_part().record, exposure=0.48, p_exposure=0.01)
AGREEMENT = ExpertAgreement(percent=71.2, low=66.0, high=76.0, majority=55.0, bars=900)


def randoms(p_value: float | None) -> RandomBaseline:
    rank = RandomBaselineRank(12.0, p_value=p_value, reason=None if p_value is not None else "no_variation")
    return RandomBaseline(200, 0, rank, rank)


def test_a_model_that_is_better_than_every_rule_has_learned_something():
    answer = learned(FIGURES, randoms(0.02), AGREEMENT)
    assert answer.learned
    assert answer.sentence == (
        "Learned something: yes. On its record it holds what its expert holds on 71 % of bars, more than the 55 % of "
        "always holding the same; earned more than holding 48% of the time (p = 0.01); "
        "earned more than random traders (p = 0.02)."
    )


@pytest.mark.parametrize(
    ("figures", "baseline", "agreement", "why"),
    [
        (replace(FIGURES, p_exposure=0.2), randoms(0.02), AGREEMENT, "did not surely earn more than holding 48%"),
        (FIGURES, randoms(0.2), AGREEMENT, "did not surely earn more than random traders"),
        (FIGURES, randoms(None), AGREEMENT, "never changed its position"),
        (FIGURES, randoms(0.02), replace(AGREEMENT, low=54.0), "not surely more than the 55 %"),
    ],
)
def test_one_rule_that_is_not_surely_beaten_means_that_nothing_was_learned(figures, baseline, agreement, why):
    answer = learned(figures, baseline, agreement)
    assert not answer.learned
    assert answer.sentence.startswith("Learned something: no.")
    assert why in answer.sentence


def test_a_model_without_an_expert_is_compared_with_the_market_alone():
    answer = learned(replace(FIGURES, exposure=-0.2), randoms(0.02))
    assert answer.learned
    assert "expert" not in answer.sentence
    assert "being short 20% of the time" in answer.sentence
