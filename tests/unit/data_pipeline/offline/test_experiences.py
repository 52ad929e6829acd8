from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from config.errors import NightdeskError
from data_pipeline.offline.experiences import market_states, offline_dataset
from data_pipeline.policy_states.states import NAMES, WARM_UP
from tests.support.markets.easy import easy_bars

BARS = easy_bars(130)
MARKET = market_states(BARS)


def test_each_decision_is_stored_with_the_portfolio_that_was_held_before_it() -> None:
    closes = BARS.frame.index[WARM_UP + 3 : WARM_UP + 7]
    decisions = pd.DataFrame({"action": [1, 0, 2, 0], "strength": [0.7, 0.0, 0.9, 0.0]}, closes)
    positions = pd.Series([0.7, 0.7, 0.0, 0.0], closes)
    dataset = offline_dataset(MARKET, decisions, positions, symbol="EASY")
    at = {name: NAMES.index(name) for name in ("position", "leverage", "cash", "days_since_trade")}
    assert dataset.states[:, at["position"]] == pytest.approx([0.0, 0.7, 0.7, 0.0])
    assert dataset.states[:, at["cash"]] == pytest.approx([1.0, 0.3, 0.3, 1.0])
    days = [(later - closes[0]) / pd.Timedelta(days=1) for later in closes[1:3]]
    assert dataset.states[:3, at["days_since_trade"]] == pytest.approx([1.0, *np.tanh(np.array(days) / 30.0)])
    assert dataset.actions.tolist() == [1, 0, 2, 0]
    assert dataset.times is not None
    assert dataset.times.tolist() == closes.as_unit("ns").asi8.tolist()


def test_warm_up_earlier_decisions_and_those_without_a_reward_are_left_out() -> None:
    every = pd.DataFrame({"action": 1, "strength": 1.0}, BARS.frame.index)
    held = pd.Series(1.0, every.index)
    whole = offline_dataset(MARKET, every, held, symbol="EASY")
    assert len(whole) == len(BARS) - WARM_UP
    since = BARS.frame.index[100]
    rewards = pd.Series(0.01, every.index[:-1])
    part = offline_dataset(MARKET, every, held, symbol="EASY", since=since, rewards=rewards)
    assert len(part) == len(BARS) - 100 - 1
    assert part.rewards == pytest.approx(np.full(len(part), 0.01))


def test_decisions_without_a_strength_are_refused() -> None:
    with pytest.raises(NightdeskError, match="no column strength") as refused:
        offline_dataset(MARKET, pd.DataFrame({"action": [1]}, BARS.frame.index[-1:]), pd.Series(), symbol="EASY")
    assert refused.value.code == "dataset.decisions"
