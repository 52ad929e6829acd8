"""The figures of a record, and what they say in a sentence; light, for the process that settles standings."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.records.standing import Standing


@dataclass(frozen=True, kw_only=True)
class RecordFigures:
    """What a record earned, and its p-values on all of its bars.

    Args:
        bars: how many bars it has, `needed` of which make it long enough to be tested.
        years: the same in years; None where the length of a year is unknown.
        trades: its completed round trips, `needed_trades` of which make it tested.
        exposure: the mean share of capital it held; negative is short.
        sharpe_ratio: by the year, with the bounds between which it is believed to lie at 90 %.
        total_return: in percent; `max_drawdown` too, negative.
        hold_return: of buying and holding on the same bars, in percent; `hold_sharpe` is its Sharpe ratio by the year.
        excess: what it earned a year beyond cash, in percent; `active` is the same beyond the exposure-matched hold,
            and `before_costs` beyond cash without costs of trading.
        p_cash: of earning no more than cash; `p_exposure` than the exposure-matched hold; `p_alpha` than its exposure
            to the market explains; `p_random` than random traders of the same turnover. `p_worse` is of being no worse
            than cash and than the exposure-matched hold.
    """

    bars: int
    needed: int
    years: float | None
    trades: int
    needed_trades: int
    exposure: float
    sharpe_ratio: float | None
    sharpe_low: float | None
    sharpe_high: float | None
    total_return: float | None
    max_drawdown: float | None
    excess: float | None
    active: float | None
    before_costs: float | None
    p_cash: float
    p_exposure: float
    p_alpha: float
    p_random: float
    p_worse: float
    hold_return: float | None = None
    hold_sharpe: float | None = None

    def sentence(self, standing: Standing, *, tried: int, confidence: float) -> str:
        """What the evidence says of the recipe, in one sentence."""
        return sentence(standing, self, tried=tried, confidence=confidence)


def sentence(standing: Standing, figures: RecordFigures, *, tried: int, confidence: float) -> str:
    """What the evidence says of a recipe, in one sentence."""
    if standing == "proven":
        return (
            f"Earned more than cash, than {_hold(figures)}, than its market explains and than random traders, "
            f"and surely so among {_recipes(tried)} tried here."
        )
    if standing == "refuted":
        costs = figures.before_costs is not None and figures.before_costs > 0.0
        return f"Surely earned less than cash and than {_hold(figures)}" + (
            ", and without the costs of trading it would not have." if costs else "."
        )
    return _unproven(figures, tried, 1.0 - confidence)


def _unproven(figures: RecordFigures, tried: int, level: float) -> str:
    """The first of the reasons that holds."""
    reasons = (
        (
            figures.bars < figures.needed,
            f"Has a record of {figures.bars} bars; fewer than {figures.needed} prove nothing.",
        ),
        (
            figures.trades < figures.needed_trades,
            f"Completed {figures.trades} trades on its record; fewer than {figures.needed_trades} prove nothing.",
        ),
        (figures.p_cash > level, f"Earned nothing that cash would not have earned{_chance(figures.p_cash)}."),
        (
            figures.p_exposure > level,
            f"Earned nothing that {_hold(figures)} would not have earned{_chance(figures.p_exposure)}.",
        ),
        (
            figures.p_alpha > level,
            f"Earned nothing that following its market would not have earned{_chance(figures.p_alpha)}.",
        ),
        (
            figures.p_random > level,
            f"Random traders of the same turnover earn as much in {figures.p_random:.0%} of draws.",
        ),
    )
    undecided = (
        f"Looks better than cash, {_hold(figures)} and random traders, but not surely so, and long enough, "
        f"among {_recipes(tried)} tried here."
    )
    return next((reason for holds, reason in reasons if holds), undecided)


def _recipes(tried: int) -> str:
    return "1 recipe" if tried == 1 else f"{tried} recipes"


def _hold(figures: RecordFigures) -> str:
    exposure = abs(figures.exposure)
    side = "being short of the market" if figures.exposure < 0.0 else "holding"
    return f"{side} {exposure:.0%} of the time"


def _chance(p: float) -> str:
    """How likely the record is without skill, where that says more than the sentence."""
    return f" (by chance alone as much in {p:.0%} of cases)" if p < 0.5 else ""
