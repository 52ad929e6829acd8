from __future__ import annotations

import numpy as np
import pytest

from config.errors import NightdeskError
from config.settings import Promotion
from evaluation import Backtest, Costs, backtest, judge
from evaluation.gate import Doubt
from evaluation.statistics.significance import Trials
from tests.support.markets.prices import frame, series

BARS = 120
RULES = Promotion(min_trades=3, min_sharpe_gain=0.0, max_extra_drawdown=5.0, confidence=0.9)


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
    verdict = judge(trader(0.9), trader(0.7), RULES)
    assert (verdict.verdict, verdict.reasons) == ("better", ("sharpe_diff",))
    gain = verdict.figures["challenger"]["sharpe_ratio"] - verdict.figures["champion"]["sharpe_ratio"]
    told = verdict.figures["sharpe_difference"]
    assert told["difference"] == pytest.approx(gain)
    assert 0.0 < told["low"] < gain < told["high"]
    assert told["confidence"] >= verdict.figures["confidence"] == RULES.confidence


def test_a_better_sharpe_is_not_better_before_it_is_sure():
    ours, champion = trader(0.85), trader(0.75)
    assert ours.metrics()["sharpe_ratio"] > champion.metrics()["sharpe_ratio"] + 0.5
    for confidence, verdict in ((0.6, "better"), (0.999, "inconclusive")):
        rules = Promotion(min_trades=3, min_sharpe_gain=0.0, confidence=confidence)
        assert judge(ours, champion, rules).verdict == verdict


def test_a_lower_sharpe_is_not_worse_before_it_is_sure():
    ours, champion = trader(0.7), trader(0.75)
    for confidence, verdict in ((0.6, "worse"), (0.999, "inconclusive")):
        rules = Promotion(min_trades=3, max_extra_drawdown=100.0, confidence=confidence)
        assert (judge(ours, champion, rules).verdict, judge(ours, champion, rules).reasons) == (
            verdict,
            ("sharpe_diff",),
        )


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


def test_who_wins_after_many_attempts_may_have_been_lucky():
    ours = trader(0.8, seed=1)
    assert judge(ours, None, RULES, trials=Trials(1)).verdict == "better"
    lucky = judge(ours, None, RULES, trials=Trials(1000, (0.5, -4.0, 3.0)))
    assert (lucky.verdict, lucky.reasons) == ("inconclusive", ("deflated_sharpe",))
    worth = lucky.figures["significance"]
    assert worth["trials"] == 1000
    assert worth["deflated_sharpe_ratio"] < RULES.confidence < worth["probabilistic_sharpe_ratio"]
    against = judge(ours, trader(0.7), RULES, trials=Trials(1000, (0.5, -4.0, 3.0)))
    assert against.figures["sharpe_difference"]["confidence"] > RULES.confidence
    assert (against.verdict, against.reasons) == ("inconclusive", ("deflated_sharpe",))


def test_a_champion_that_surely_loses_to_cash_is_judged_as_cash():
    loser, less = trader(0.1), trader(0.3)
    assert judge(loser, None, RULES).verdict == "worse"
    verdict = judge(less, loser, RULES)
    assert (verdict.verdict, verdict.figures["rival"]) == ("worse", "cash")
    assert judge(trader(0.9), loser, RULES).verdict == "better"


@pytest.mark.parametrize("doubt", ["leak", "no_audit", "drift"])
def test_what_is_in_doubt_is_never_better(doubt: Doubt):
    for champion in (None, trader(0.7)):
        verdict = judge(trader(0.9), champion, RULES, doubts=[doubt])
        assert (verdict.verdict, verdict.reasons) == ("inconclusive", (doubt,))
        assert verdict.figures["sharpe_difference"] is not None


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
    assert verdict.figures["reasons"] == {"sharpe_difference": "unknown_period"}


def test_too_few_bars_to_be_sure_of_anything_fail_closed():
    bars = frame(100.0 * 1.01 ** np.arange(12.0))
    quick = backtest(bars, series([0.5, 0.5, 0.0] * 4, bars), Costs(0.0, 0.0), periods_per_year=252)
    assert quick.metrics()["sharpe_ratio"] > 0.0
    verdict = judge(quick, None, Promotion(min_trades=1))
    assert (verdict.verdict, verdict.reasons) == ("inconclusive", ("undefined",))


def test_different_bars_are_not_compared():
    bars = frame([100.0] * 10)
    short = backtest(bars, series([0.0] * 10, bars))
    with pytest.raises(NightdeskError, match="120 bars and the champion on 10"):
        judge(trader(0.9), short, RULES)


def test_who_lives_on_the_interest_of_cash_is_not_better_than_cash():
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(5).normal(-0.0005, 0.015, 252)))
    bars = frame(np.concatenate([[100.0], close[:-1]]), close)
    little = series(np.where(np.arange(252) // 5 % 2, 0.05, 0.0), bars)
    lender = backtest(bars, little, Costs(cash_interest=0.05), periods_per_year=252.0)
    assert lender.metrics()["total_return"] > 2.0
    assert lender.metrics()["trades"] > RULES.min_trades
    verdict = judge(lender, None, RULES)
    assert (verdict.verdict, verdict.reasons[-1]) == ("worse", "total_return")
    assert verdict.figures["cash"]["total_return"] == pytest.approx(5.0, abs=0.2)
