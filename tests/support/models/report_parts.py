"""The parts of a report that come from a recipe's record: its figures, its standing and a decision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from evaluation.labels import decision_sentence
from evaluation.records.figures import RecordFigures, sentence
from evaluation.records.standing import Standing
from evaluation.reports.schema import Decision, StandingPart

FIGURES = RecordFigures(
    bars=504,
    needed=252,
    years=2.0,
    trades=60,
    needed_trades=10,
    exposure=0.6,
    sharpe_ratio=0.9,
    sharpe_low=-0.3,
    sharpe_high=2.1,
    total_return=14.0,
    max_drawdown=-8.0,
    excess=6.5,
    active=2.5,
    before_costs=8.0,
    p_cash=0.12,
    p_exposure=0.3,
    p_alpha=0.2,
    p_random=0.25,
    p_worse=0.9,
)


def figures(**changes: Any) -> RecordFigures:
    """The figures of a record of two years that looks good and proves nothing, with these changes."""
    return replace(FIGURES, **changes)


def standing_part(standing: Standing = "unproven", tried: int = 3, **changes: Any) -> StandingPart:
    """The standing of a recipe with the figures of its record."""
    record = figures(**changes)
    text = sentence(standing, record, tried=tried, confidence=0.95)
    return StandingPart(standing=standing, sentence=text, tried=tried, record=record)


def first_decision() -> Decision:
    """The decision on a version that takes over because nothing served in its place."""
    return Decision(
        case="first",
        outcome="takes_over",
        reasons=["first"],
        sentence=decision_sentence("takes_over", ["first"]),
        figures={},
    )
