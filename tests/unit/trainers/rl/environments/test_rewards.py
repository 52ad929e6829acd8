"""Rewards, against numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.support.markets.episodes import played
from tests.support.markets.prices import frame
from trainers.rl.environments.config import TradingEnvConfig
from trainers.rl.environments.environment import TradingEnvironment

# Fully long without costs from the open of bar 2: the account returns +10 %, -20 %, +25 % and +2 %.
PRICES = frame([100.0, 100.0, 100.0, 110.0, 88.0, 110.0], [100.0, 100.0, 110.0, 88.0, 110.0, 112.2])
RETURNS = [0.1, -0.2, 0.25, 0.02]


def rewards(actions=(1.0,) * 4, **changes):
    plain = {"window_size": 1, "features": (), "commission": 0.0, "slippage": 0.0, "episode_length": None}
    measured = {"random_start": False, "reward_scale": 1.0}
    env = TradingEnvironment(PRICES, TradingEnvConfig(**plain | measured | changes))
    return played(env, actions)["paid"].tolist()


def test_pnl_is_the_return_of_the_bar():
    assert rewards() == pytest.approx(RETURNS)


def test_pnl_is_net_of_every_cost():
    # All-in after costs: 1 / (1.001 * 1.002) of the account is in shares, which rise by a tenth.
    assert rewards(commission=0.002, slippage=0.001)[0] == pytest.approx(1.1 / (1.001 * 1.002) - 1.0)


def test_the_scale_multiplies_every_reward():
    assert rewards(reward_scale=100.0) == pytest.approx([10.0, -20.0, 25.0, 2.0])


def test_sharpe_is_the_change_of_the_sum_by_the_root_of_the_squares():
    ratios = [
        0.1 / math.sqrt(0.0001 + 0.01),
        -0.1 / math.sqrt(0.0001 + 0.05),
        0.15 / math.sqrt(0.0001 + 0.1125),
        0.17 / math.sqrt(0.0001 + 0.1129),
    ]
    assert rewards(reward="sharpe") == pytest.approx(np.diff([0.0, *ratios]))


def test_sortino_counts_only_what_was_lost_as_risk():
    ratios = [0.1 / 0.01, -0.1 / math.sqrt(0.0401), 0.15 / math.sqrt(0.0401), 0.17 / math.sqrt(0.0401)]
    assert rewards(reward="sortino") == pytest.approx(np.diff([0.0, *ratios]))


def test_calmar_is_the_change_of_the_gain_by_the_deepest_drawdown():
    ratios = [0.1 / 0.01, -0.12 / 0.21, 0.1 / 0.21, 0.122 / 0.21]
    assert rewards(reward="calmar") == pytest.approx(np.diff([0.0, *ratios]))


def test_differential_sharpe_is_the_derivative_of_a_running_ratio():
    mean, square, measured = 0.0, 0.0, []
    for r in RETURNS:
        top = (square + 0.0001) * (r - mean) - 0.5 * mean * (r * r - square)
        measured.append(top / (square + 0.0001 - mean**2) ** 1.5)
        mean, square = mean + 0.1 * (r - mean), square + 0.1 * (r * r - square)
    assert rewards(reward="differential_sharpe", adaptation=0.1) == pytest.approx(measured)
    assert measured[0] == pytest.approx(0.1 / 0.01)


def test_differential_sharpe_is_what_a_small_step_of_the_averages_changes():
    def ratio(mean, square):
        return mean / math.sqrt(0.0001 + square - mean**2)

    adaptation = 1e-6
    measured = rewards(reward="differential_sharpe", adaptation=adaptation)
    mean = square = 0.0
    for r, reward in zip(RETURNS, measured, strict=True):
        after = mean + adaptation * (r - mean), square + adaptation * (r * r - square)
        assert (ratio(*after) - ratio(mean, square)) / adaptation == pytest.approx(reward, rel=1e-3)
        mean, square = after


@pytest.mark.parametrize("reward", ["sharpe", "sortino", "differential_sharpe"])
def test_ratios_are_of_what_was_earned_beyond_idle_cash(reward):
    assert rewards(actions=(0.0,) * 4, reward=reward, cash_interest=0.05) == pytest.approx([0.0] * 4, abs=1e-12)
    assert min(rewards(actions=(0.0,) * 4, cash_interest=0.05)) > 0.0


@pytest.mark.parametrize("crash", [0.05, 0.3, 0.9])
def test_differential_sharpe_pays_for_no_crash_however_far_behind_the_account_is(crash):
    close = 100.0 * 0.995 ** np.arange(60)
    close[-1] = close[-2] * (1.0 - crash)
    config = TradingEnvConfig(window_size=1, features=(), reward="differential_sharpe", random_start=False)
    env = TradingEnvironment(frame(np.r_[close[:1], close[:-1]], close), config)
    paid = played(env, (1.0,) * 58)["paid"]
    assert paid.iloc[-1] <= 0.0


def test_an_account_that_only_loses_has_lower_rewards_the_more_it_loses():
    falling = frame(np.linspace(100.0, 50.0, 30))
    config = TradingEnvConfig(
        window_size=1, features=(), reward="calmar", reward_scale=1.0, random_start=False, max_drawdown=None
    )
    env = TradingEnvironment(falling, config)
    little, much = (played(env, (weight,) * 20)["paid"].sum() for weight in (0.3, 0.9))
    assert much < little < 0.0
