"""The figures of a record of imitation, and what they say in a sentence; light, for the process that settles."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.records.standing import Standing

# Fewer markets are too few for a test by market.
LEAST_MARKETS = 8
# The rules without learning that a copy must beat, in words.
BASELINES: dict[str, str] = {
    "majority": "always deciding what the trader decides most often",
    "last_action": "repeating its last decision",
    "last_fill": "following its last trade",
}


@dataclass(frozen=True, kw_only=True)
class ImitationFigures:
    """How well a recipe copies its trader on markets that came after those it learned from; shares in percent.

    Args:
        markets: how many markets it has, `needed` of which are enough to be tested.
        decisions: the bars on which the trader's decision is known.
        accuracy: the share of its decisions that are copied, with the bounds between which it is believed to lie at
            90 %, by bootstrap over markets.
        balanced_accuracy: the mean of these shares over the classes of decisions.
        baselines: the accuracy of each rule without learning; `best_baseline` names the best of them.
        gain: by how much it is more accurate than the best of them.
        direction: the share of bars, of those on which both trade, on which it trades the outcome that the trader does.
        replication: how alike timing, size, outcome and price of the trades are distributed; 100 is equal.
        calibration_error: the mean gap between confidence and accuracy.
        p_baselines: by rule, of being no more accurate. `p_worse` is of being no less accurate than any.
    """

    markets: int
    needed: int
    decisions: int
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    balanced_accuracy: float | None
    baselines: dict[str, float]
    best_baseline: str | None
    gain: float | None
    direction: float | None
    replication: float | None
    calibration_error: float | None
    p_baselines: dict[str, float]
    p_worse: float

    @property
    def p_better(self) -> float:
        """Of being no more accurate than the best of the rules without learning."""
        return max(self.p_baselines.values(), default=1.0)

    def sentence(self, standing: Standing, *, tried: int, confidence: float) -> str:
        """What the evidence says of the recipe, in one sentence."""
        return sentence(standing, self, tried=tried, confidence=confidence)


def sentence(standing: Standing, figures: ImitationFigures, *, tried: int, confidence: float) -> str:
    """What the evidence says of a recipe, in one sentence."""
    accuracy, best = figures.accuracy, figures.best_baseline
    if accuracy is None or best is None:
        return f"Has a record of {_markets(figures.markets)}, in which no decision of the trader is known."
    copied = (
        f"Copies {_percent(accuracy)} of decisions where {BASELINES[best]} gets {_percent(figures.baselines[best])}"
    )
    copied += f"; {_markets(figures.markets)}"
    if standing == "proven":
        return f"{copied}, and surely more than any rule without learning, among {_recipes(tried)} tried here."
    if standing == "refuted":
        return f"{copied}, and surely less than every rule without learning."
    return f"{copied}{_unproven(figures, tried, 1.0 - confidence)}"


def _unproven(figures: ImitationFigures, tried: int, level: float) -> str:
    """The first of the reasons that holds."""
    if figures.markets < figures.needed:
        return f"; fewer than {figures.needed} prove nothing."
    if figures.p_better > level:
        chance = f" (by chance alone as much in {figures.p_better:.0%} of cases)" if figures.p_better < 0.5 else ""
        return f", which proves nothing{chance}."
    return f", but not surely so, and in enough markets, among {_recipes(tried)} tried here."


def _percent(share: float) -> str:
    return f"{share:.0f} %"


def _markets(number: int) -> str:
    return "1 market" if number == 1 else f"{number} markets"


def _recipes(tried: int) -> str:
    return "1 recipe" if tried == 1 else f"{tried} recipes"
