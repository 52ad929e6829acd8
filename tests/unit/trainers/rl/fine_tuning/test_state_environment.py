"""The environment of 34-number states: gymnasium's rules, the replayed account, and the rewards of the one within."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from numpy.testing import assert_allclose, assert_array_equal

from config.errors import NightdeskError
from data_pipeline.offline.experiences import market_states
from data_pipeline.policy_states.portfolio import Holding
from evaluation.accounting.backtest import backtest
from evaluation.accounting.costs import Costs
from evaluation.signals import Sell, sized_positions
from tests.support.markets.easy import easy_bars
from trainers.rl.environments.config import TradingEnvConfig
from trainers.rl.fine_tuning.state_environment import StateEnvironment

BARS = easy_bars(320)
MARKET = market_states(BARS)
WHOLE = TradingEnvConfig(episode_length=None, random_start=False, max_drawdown=None)


def strength(state: np.ndarray) -> float:
    """Between a quarter and three, by the newest return."""
    return float(0.5 + 0.25 * np.tanh(state[19]))


def environment(sell: Sell = "exit", config: TradingEnvConfig = WHOLE) -> StateEnvironment:
    return StateEnvironment(BARS, MARKET, strength, replace(config, short=sell == "short"))


@pytest.mark.filterwarnings("ignore:.*Box observation space.*is.*infinity")
def test_it_keeps_the_rules_of_gymnasium() -> None:
    check_env(environment(config=TradingEnvConfig(episode_length=20)), skip_render_check=True)


@pytest.mark.parametrize("sell", ["exit", "short"])
def test_its_states_and_rewards_are_those_of_the_replayed_positions(sell: Sell) -> None:
    played = environment(sell)
    state, info = played.reset(seed=1)
    choices = np.random.default_rng(3).integers(0, 3, len(BARS) - 1 - info["start"])
    states, rewards = [state], []
    for choice in choices:
        state, reward, *_ = played.step(int(choice))
        states.append(state)
        rewards.append(reward)
    sizes = np.array([strength(each) for each in states[:-1]])
    signed = np.select([choices == 1, choices == 2], [1, -1], 0)
    assert (sized_positions(signed, sizes, sell).min() < 0.0) == (sell == "short")
    positions = np.zeros(len(BARS))
    positions[info["start"] : -1] = sized_positions(signed, sizes, sell)
    decided = BARS.frame["close"].copy()
    decided[:] = positions
    expected = MARKET.rows(Holding.replayed(decided))[info["start"] :]
    assert_array_equal(np.array(states), expected.astype(np.float32))
    result = backtest(BARS, decided, costs=Costs(commission=WHOLE.commission, slippage=WHOLE.slippage))
    assert_allclose(np.array(rewards[:-1]), 100.0 * result.returns.to_numpy()[info["start"] + 1 : -1], atol=1e-9)


def test_states_of_other_bars_are_refused() -> None:
    with pytest.raises(NightdeskError, match="319 bars and 320 states") as refused:
        StateEnvironment(BARS.head(319), MARKET, strength, WHOLE)
    assert refused.value.code == "environment.states"
