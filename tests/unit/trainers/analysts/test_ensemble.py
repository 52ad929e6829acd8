"""The ensemble decides causally, goes on without an analyst, and shows what each analyst adds."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.bars.bars import Bars
from data_pipeline.inputs import Inputs
from evaluation import backtest
from evaluation.accounting.backtest import Costs
from tests.support.markets.easy import SYMBOL, rough_bars
from trainers.analysts.comparison import compared, member_comparisons
from trainers.analysts.ensemble import Ensemble
from trainers.analysts.model import signals_of
from trainers.analysts.strategies import AnalystWeights, load_strategy
from trainers.analysts.votes import Votes

ROWS = 320
TITLES = ("Great profits, a wonderful success", "Terrible losses, an awful disaster", "They hold a meeting")


def _inputs(bars: Bars) -> Inputs:
    """Bars, and a headline an hour before every third close."""
    seen = pd.DatetimeIndex(bars.frame.index[::3] - pd.Timedelta(hours=1), name="time")
    titles = [TITLES[nth % 3] for nth in range(len(seen))]
    return Inputs(SYMBOL, {SYMBOL: bars}, headlines={SYMBOL: pd.DataFrame({"title": titles}, seen)})


def _sells(inputs: Inputs) -> Votes:
    """A policy that is sure of a fall at every bar."""
    rows = len(inputs.only)
    return Votes.of(inputs.only.frame.index, np.zeros(rows), np.ones(rows))


def _alternates(inputs: Inputs) -> Votes:
    """A policy that changes its mind every ten bars and is not very sure."""
    rows = np.arange(len(inputs.only))
    return Votes.of(inputs.only.frame.index, np.where(rows // 10 % 2, 0.2, 0.8), np.full(len(rows), 0.3))


def _foresees(inputs: Inputs) -> Votes:
    """A policy that is sure of whether the next bar closes above its open."""
    frame = inputs.only.frame
    up = np.sign(frame["close"] - frame["open"]).shift(-1).fillna(0.0).to_numpy() > 0.0
    return Votes.of(frame.index, np.where(up, 1.0, 0.0), np.full(len(up), 3.0))


@settings(max_examples=30)
@given(bars=st.integers(1, ROWS))
def test_a_decision_does_not_depend_on_anything_later_to_the_last_bit(bars: int) -> None:
    inputs = _inputs(rough_bars(ROWS))
    whole, part = (Ensemble(policy=_sells).decide(seen) for seen in (inputs, inputs.head(bars)))
    pd.testing.assert_frame_equal(part, whole.head(bars), check_exact=True, check_freq=False)


def test_a_policy_that_is_sure_to_sell_lowers_the_probability_at_every_bar() -> None:
    inputs = _inputs(rough_bars(ROWS))
    without, with_policy = Ensemble().decide(inputs), Ensemble(policy=_sells).decide(inputs)
    spoken = without[["tech_confidence", "news_confidence", "risk_confidence"]].sum(axis=1) > 0.0
    assert spoken.sum() > 200
    lower = with_policy["probability_up"] < without["probability_up"]
    assert lower[spoken & (without["probability_up"] > 0.0)].all()
    assert (with_policy["probability_up"] <= without["probability_up"]).all()


def test_without_headlines_the_others_decide_and_the_news_columns_are_empty() -> None:
    bars = rough_bars(ROWS)
    decided = Ensemble().decide(Inputs.of(bars))
    assert decided.index.equals(bars.frame.index)
    assert decided["news_confidence"].isna().all()
    assert set(decided["action"]) == {0, 1, 2}
    assert decided["strength"].between(0.0, 1.0).all()
    assert (decided["strength"] == 0.0).equals(decided["action"] == 0)


def test_an_analyst_of_weight_zero_is_not_asked_and_a_strategy_without_a_policy_has_none() -> None:
    ensemble = Ensemble(AnalystWeights(news=0.0, rl=0.0), _sells)
    assert "rl_confidence" not in ensemble.decide(_inputs(rough_bars(ROWS)))
    assert Ensemble.of(load_strategy("baseline_v1"), _sells).policy is None


def test_the_comparison_is_the_account_of_the_ensemble_with_each_weight_at_zero_net_of_costs() -> None:
    bars = rough_bars(ROWS)
    inputs, since, costs = _inputs(bars), _time(bars, 200), Costs(commission=0.002)
    rows = compared(Ensemble(policy=_alternates), inputs, since, "short", costs)
    assert [row["member"] for row in rows] == ["tech", "news", "risk", "rl"]
    for comparison in member_comparisons(rows):
        assert comparison.bars == ROWS - 200
        assert comparison.first == since.isoformat()
        others = Ensemble(AnalystWeights(**{comparison.member: 0.0}), _alternates)
        signals = signals_of(others.decide(inputs), "short").since(since)
        expected = backtest(bars.since(since), signals, costs).metrics()
        assert comparison.without.total_return == pytest.approx(expected["total_return"], abs=1e-12)
        assert comparison.without.sharpe_ratio == expected["sharpe_ratio"]
        assert comparison.whole != comparison.without


def test_only_an_analyst_that_surely_adds_something_has_a_small_p_value() -> None:
    bars = rough_bars(900)
    inputs, since = _inputs(bars), _time(bars, 200)
    p_values = {}
    for policy in (_foresees, _alternates):
        rows = compared(Ensemble(policy=policy), inputs, since, "short", Costs())
        p_values[policy] = {each.member: each.p_value for each in member_comparisons(rows)}["rl"]
    assert p_values[_foresees] < 0.001
    assert p_values[_alternates] > 0.05


def test_an_analyst_without_a_view_of_the_compared_bars_is_not_compared() -> None:
    bars = rough_bars(ROWS)
    rows = compared(Ensemble(), Inputs.of(bars), _time(bars, 250), "exit", Costs())
    assert [row["member"] for row in rows] == ["tech", "risk"]


def _time(bars: Bars, row: int) -> datetime:
    return bars.frame.index[row].to_pydatetime()
