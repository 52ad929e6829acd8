"""Whether a model has learned something: what it decides against rules that have learned nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evaluation.monitoring.decision_quality import ExpertAgreement
    from evaluation.records.figures import RecordFigures
    from evaluation.statistics.baselines import RandomBaseline

LEVEL = 0.05


@dataclass(frozen=True)
class Learned:
    """Whether the models of a recipe decide better on its record than each rule that learns nothing.

    Each comparison is at a level of 5 % by itself, whatever else was tried: that is for the standing to count.
    """

    learned: bool
    sentence: str


def learned(
    figures: RecordFigures, random_baseline: RandomBaseline, agreement: ExpertAgreement | None = None
) -> Learned:
    """Compare with the exposure-matched hold, random traders and, where there is an expert, its commonest position."""
    compared = [_hold(figures), _random(random_baseline)]
    if agreement is not None:
        compared.insert(0, _majority(agreement))
    answer = all(better for better, _ in compared)
    why = "; ".join(words for _, words in compared)
    return Learned(answer, f"Learned something: {'yes' if answer else 'no'}. On its record it {why}.")


def _majority(agreement: ExpertAgreement) -> tuple[bool, str]:
    better = agreement.low > agreement.majority
    words = f"holds what its expert holds on {agreement.percent:.0f} % of bars, " + (
        "more than" if better else "not surely more than"
    )
    return better, f"{words} the {agreement.majority:.0f} % of always holding the same"


def _hold(figures: RecordFigures) -> tuple[bool, str]:
    better = figures.p_exposure <= LEVEL
    side = "being short" if figures.exposure < 0.0 else "holding"
    earned = "earned more" if better else "did not surely earn more"
    return better, f"{earned} than {side} {abs(figures.exposure):.0%} of the time{_chance(figures.p_exposure)}"


def _random(baseline: RandomBaseline) -> tuple[bool, str]:
    p_value = baseline.total_return.p_value
    if p_value is None:
        return False, "never changed its position, as random traders would"
    better = p_value <= LEVEL
    return better, f"{'earned more' if better else 'did not surely earn more'} than random traders{_chance(p_value)}"


def _chance(p_value: float) -> str:
    return f" (p = {p_value:.2f})"
