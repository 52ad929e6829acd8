from __future__ import annotations

from dataclasses import replace

import pytest

from evaluation.records.figures import RecordFigures, sentence
from evaluation.records.standing import Standing

GOOD = RecordFigures(
    bars=2520,
    needed=252,
    years=10.0,
    trades=60,
    needed_trades=5,
    exposure=0.48,
    sharpe_ratio=1.0,
    sharpe_low=0.5,
    sharpe_high=1.5,
    total_return=120.0,
    max_drawdown=-20.0,
    excess=8.0,
    active=5.0,
    before_costs=10.0,
    p_cash=0.01,
    p_exposure=0.01,
    p_alpha=0.01,
    p_random=0.01,
    p_worse=0.99,
)

UNDECIDED = (
    "Looks better than cash, holding 48% of the time and random traders, but not surely so, and long enough, "
    "among 8 recipes tried here."
)


def said(standing: Standing = "unproven", tried: int = 8, **changes: float) -> str:
    return sentence(standing, replace(GOOD, **changes), tried=tried, confidence=0.95)


def test_a_proven_recipe_says_what_it_beat_and_among_how_many() -> None:
    assert said("proven") == (
        "Earned more than cash, than holding 48% of the time, than its market explains and than random traders, "
        "and surely so among 8 recipes tried here."
    )
    assert "among 1 recipe tried here" in said("proven", tried=1)


@pytest.mark.parametrize(
    ("before_costs", "ending"), [(3.0, ", and without the costs of trading it would not have."), (-1.0, "time.")]
)
def test_a_refuted_recipe_says_whether_it_is_costs_that_did_it(before_costs: float, ending: str) -> None:
    text = said("refuted", before_costs=before_costs)
    assert text.startswith("Surely earned less than cash and than holding 48% of the time")
    assert text.endswith(ending)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"bars": 251}, "Has a record of 251 bars; fewer than 252 prove nothing."),
        ({"trades": 4}, "Completed 4 trades on its record; fewer than 5 prove nothing."),
        (
            {"p_cash": 0.3},
            "Earned nothing that cash would not have earned (by chance alone as much in 30% of cases).",
        ),
        ({"p_cash": 0.8}, "Earned nothing that cash would not have earned."),
        (
            {"p_exposure": 0.9},
            "Earned nothing that holding 48% of the time would not have earned.",
        ),
        (
            {"p_exposure": 0.9, "exposure": -0.3},
            "Earned nothing that being short of the market 30% of the time would not have earned.",
        ),
        (
            {"p_alpha": 0.2},
            "Earned nothing that following its market would not have earned (by chance alone as much in 20% of cases).",
        ),
        ({"p_random": 0.12}, "Random traders of the same turnover earn as much in 12% of draws."),
        (
            {},
            UNDECIDED,
        ),
    ],
)
def test_an_unproven_recipe_says_the_first_thing_that_it_lacks(changes: dict[str, float], text: str) -> None:
    assert said(**changes) == text


def test_a_short_record_is_called_short_whatever_else_it_lacks() -> None:
    assert said(bars=10, trades=0, p_cash=1.0, p_exposure=1.0).startswith("Has a record of 10 bars")
