from __future__ import annotations

import numpy as np
import pytest

from config.errors import NightdeskError
from config.settings import Promotion
from evaluation import Backtest, Costs, backtest, judge
from tests.support.prices import frame, series

BARS = 120
RULES = Promotion(min_trades=3, min_sharpe_gain=0.0, max_extra_drawdown=5.0)


def trader(skill: float, seed: int = 0, size: float = 0.9) -> Backtest:
    """Trades the same market in spells of five bars, knowing the next spell's direction with probability `skill`."""
    rng = np.random.default_rng(7)
    spells = rng.choice([-1.0, 1.0], BARS // 5)
    steps = np.repeat(spells, 5) * 0.004 + rng.normal(0.0, 0.01, BARS)
    close = 100.0 * np.exp(np.cumsum(steps))
    bars = frame(np.concatenate([[100.0], close[:-1]]), close)
    right = np.random.default_rng(seed).random(BARS // 5) < skill
    return backtest(bars, series(np.repeat(np.where(right, spells, -spells), 5) * size, bars), Costs(0.0, 0.0))


def flat() -> Backtest:
    return trader(1.0, size=0.0)


def test_a_better_sharpe_on_the_same_bars_is_better():
    verdict = judge(trader(0.9), trader(0.5), RULES)
    assert (verdict.verdict, verdict.reasons) == ("better", ("sharpe_diff",))
    gain = verdict.figures["challenger"]["sharpe_ratio"] - verdict.figures["champion"]["sharpe_ratio"]
    assert verdict.figures["sharpe_gain"] == gain > 0.0


def test_a_worse_sharpe_is_worse():
    assert judge(trader(0.3), trader(0.9), RULES).verdict == "worse"


def test_the_same_is_inconclusive_and_so_is_a_gain_that_is_too_small():
    assert judge(trader(0.9), trader(0.9), RULES).verdict == "inconclusive"
    verdict = judge(trader(0.9), trader(0.5), Promotion(min_trades=3, min_sharpe_gain=100.0))
    assert (verdict.verdict, verdict.reasons) == ("inconclusive", ("sharpe_diff",))


def test_a_drawdown_deeper_than_allowed_outweighs_a_better_sharpe():
    bold, timid = trader(0.95), trader(0.8, size=0.05)
    strict = Promotion(min_trades=3, max_extra_drawdown=0.0)
    assert bold.metrics()["sharpe_ratio"] > timid.metrics()["sharpe_ratio"]
    assert (judge(bold, timid, strict).verdict, judge(bold, timid, strict).reasons) == ("worse", ("drawdown",))
    assert judge(bold, timid, Promotion(min_trades=3, max_extra_drawdown=100.0)).verdict == "better"


def test_too_few_trades_prove_nothing():
    verdict = judge(trader(0.9), trader(0.5), Promotion(min_trades=1000))
    assert (verdict.verdict, verdict.reasons) == ("inconclusive", ("too_few_trades",))


def test_without_a_champion_cash_must_be_beaten():
    assert judge(trader(0.9), None, RULES).verdict == "better"
    losing = judge(trader(0.1), None, RULES)
    assert (losing.verdict, losing.reasons) == ("worse", ("sharpe_diff", "total_return"))


def test_a_champion_that_held_nothing_is_judged_as_cash():
    verdict = judge(trader(0.9), flat(), RULES)
    assert verdict.verdict == "better"
    assert verdict.figures["champion"]["sharpe_ratio"] is None


def test_a_challenger_that_held_nothing_never_wins():
    for champion in (None, flat(), trader(0.1)):
        assert judge(flat(), champion, RULES).verdict == "inconclusive"


def test_what_is_undefined_fails_closed():
    sides = [trader(0.9), trader(0.5)]
    for side in sides:
        object.__setattr__(side, "periods_per_year", None)
    verdict = judge(sides[0], sides[1], RULES)
    assert (verdict.verdict, verdict.reasons) == ("inconclusive", ("undefined",))


def test_different_bars_are_not_compared():
    bars = frame([100.0] * 10)
    short = backtest(bars, series([0.0] * 10, bars))
    with pytest.raises(NightdeskError, match="120 bars and the champion on 10"):
        judge(trader(0.9), short, RULES)
