"""What a record of imitation says in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from config.errors import NightdeskError
from evaluation.imitation.controls import Control, controls_of, verdict
from evaluation.imitation.figures import ImitationFigures

FIGURES = ImitationFigures(
    markets=12,
    needed=8,
    decisions=1440,
    accuracy=46.2,
    accuracy_low=42.0,
    accuracy_high=50.1,
    balanced_accuracy=33.0,
    baselines={"majority": 33.0, "last_action": 37.1, "last_fill": 35.0},
    best_baseline="last_action",
    gain=9.1,
    direction=70.0,
    replication=80.0,
    calibration_error=0.1,
    p_baselines={"majority": 0.001, "last_action": 0.12, "last_fill": 0.02},
    p_worse=0.99,
)


def said(**changes: object) -> str:
    return replace(FIGURES, **changes).sentence("unproven", tried=3, confidence=0.95)


def test_the_sentence_names_the_best_rule_and_the_number_of_markets() -> None:
    assert said() == (
        "Copies 46 % of decisions where repeating its last decision gets 37 %; 12 markets, "
        "which proves nothing (by chance alone as much in 12% of cases)."
    )


def test_too_few_markets_are_the_first_reason() -> None:
    assert said(markets=3).endswith("3 markets; fewer than 8 prove nothing.")


def test_small_p_values_are_not_enough_among_many_recipes_or_few_prefixes() -> None:
    assert said(p_baselines={"last_action": 0.01}).endswith(
        "but not surely so, and in enough markets, among 3 recipes tried here."
    )


def test_a_proven_and_a_refuted_recipe_say_so() -> None:
    assert "surely more than any rule" in FIGURES.sentence("proven", tried=1, confidence=0.95)
    assert "surely less than every rule" in FIGURES.sentence("refuted", tried=1, confidence=0.95)


def test_without_a_known_decision_there_is_nothing_to_say() -> None:
    assert "no decision of the trader is known" in said(accuracy=None, best_baseline=None)


@pytest.mark.parametrize(
    ("low", "high", "end"),
    [
        (0.2, 2.0, "conditioning earned its place."),
        (-0.5, 2.0, "conditioning did not earn its place."),
        (-3.0, -1.0, "conditioning does harm."),
    ],
)
def test_a_part_earned_its_place_only_if_the_whole_interval_says_so(low: float, high: float, end: str) -> None:
    control = Control(accuracy=43.0, part="conditioning", gain=(low + high) / 2, gain_low=low, gain_high=high)
    assert verdict("no target", control).endswith(end)


def test_controls_are_read_from_a_manifest_or_refused_by_name() -> None:
    assert controls_of({"boosting": {"accuracy": 44.4, "low": 40.0, "high": 48.0}})["boosting"].high == 48.0
    with pytest.raises(NightdeskError, match="not as expected") as refused:
        controls_of({"boosting": {"share": 44.4}})
    assert refused.value.code == "evaluation.controls"
