"""Laws of the trading environments: one accounting, the same numbers one by one and together, nothing from later."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation import Costs, backtest
from tests.support.markets.episodes import environment, markets, played, quick
from tests.support.markets.prices import walk
from trainers.rl.environments.config import REWARDS
from trainers.rl.environments.environment import TradingEnvironment
from trainers.rl.environments.kernels import PORTFOLIO

# The first example may compile a kernel.
unhurried = settings(deadline=None, max_examples=30)
KINDS = st.fixed_dictionaries(
    {
        "reward": st.sampled_from(REWARDS),
        "actions": st.sampled_from(["continuous", "discrete"]),
        "short": st.booleans(),
        "random_start": st.booleans(),
        "max_drawdown": st.sampled_from([None, 0.05]),
        "min_change": st.sampled_from([0.0, 0.1, 0.5]),
    }
)
SEEDS = st.integers(0, 2**32)


def some_actions(env: TradingEnvironment, steps: int, seed: int) -> np.ndarray:
    env.action_space.seed(seed % 2**31)
    return np.array([env.action_space.sample() for _ in range(steps)])


@given(KINDS, SEEDS, st.integers(1, 4))
@unhurried
def test_vectorised_environments_equal_single_ones_to_the_last_bit(kind, seed, n):
    env = environment(**kind)
    vector = env.vectorised(n, seed=seed)
    single = [environment(**kind) for _ in range(n)]
    observations = vector.reset()
    for i, single_env in enumerate(single):
        np.testing.assert_array_equal(single_env.reset(seed=seed + i)[0], observations[i])
    for actions in some_actions(env, 90 * n, seed).reshape(90, n, *env.action_space.shape):
        observations, rewards, dones, infos = vector.step(actions)
        for i, single_env in enumerate(single):
            observation, reward, terminated, truncated, info = single_env.step(actions[i])
            assert np.float32(reward) == rewards[i]
            assert (terminated or truncated) == dones[i]
            if dones[i]:
                assert infos[i]["episode"] == info["episode"]
                assert infos[i]["TimeLimit.truncated"] == truncated
                np.testing.assert_array_equal(observation, infos[i]["terminal_observation"])
                observation = single_env.reset()[0]
            else:
                assert infos[i] == {}
            np.testing.assert_array_equal(observation, observations[i])
    state = vector.get_state()
    for i, single_env in enumerate(single):
        assert {name: values[i] for name, values in state.items()} == single_env.episode


@given(KINDS, SEEDS, st.sampled_from(["LONG", "MIDDLE"]))
@unhurried
def test_an_episode_is_the_backtest_of_what_it_ordered(kind, seed, symbol):
    env = environment(**kind | {"episode_length": None, "max_drawdown": None})
    rows = played(env, some_actions(env, 300, seed), seed=seed, options={"symbol": symbol})
    bars, config = markets()[symbol].tail(len(rows) + 1), env.config
    targets = pd.Series([*rows["target"], 0.0], bars.index)
    costs = Costs(config.commission, config.slippage, config.borrow, config.commission_minimum, config.cash_interest)
    per_year = env.market.periods_per_year[env.market.symbols.index(symbol)]
    before = config.initial_balance / (1.0 + costs.rates(per_year).interest)  # the backtest earns on its first bar too
    expected = backtest(bars, targets, costs, before, per_year)
    np.testing.assert_allclose(rows["equity"], expected.equity.iloc[1:], rtol=1e-9)
    assert rows["trades"].iloc[-1] == len(expected.trades)
    assert rows["wins"].iloc[-1] == (expected.trades["pnl"] > 0.0).sum()
    assert -100.0 * rows["fallen"].iloc[-1] == pytest.approx(expected.metrics()["max_drawdown"], abs=1e-9)


@given(KINDS, SEEDS)
@unhurried
def test_the_ratio_rewards_of_an_episode_add_up_to_its_ratio(kind, seed):
    env = environment(**kind)
    rows = played(env, some_actions(env, 60, seed), seed=seed)
    last = rows.iloc[-1]
    ratios = {
        "sharpe": last["gained"] / np.hypot(0.01, np.sqrt(last["squares"])),
        "sortino": last["gained"] / np.hypot(0.01, np.sqrt(last["losses"])),
        "calmar": (last["equity"] / env.config.initial_balance - 1.0) / (0.01 + last["fallen"]),
    }
    if (ratio := ratios.get(env.config.reward)) is not None:
        assert rows["paid"].sum() == pytest.approx(ratio, abs=1e-9)
    assert rows["paid"].sum() == pytest.approx(last["rewards"], abs=1e-12)


@given(KINDS, SEEDS)
@unhurried
def test_an_environment_restored_from_its_state_continues_exactly(kind, seed):
    env = environment(**kind)
    vector, restored = env.vectorised(3, seed=seed), env.vectorised(3, seed=0)
    actions = some_actions(env, 300, seed).reshape(100, 3, *env.action_space.shape)
    vector.reset()
    for action in actions[:40]:
        observations, *_ = vector.step(action)
    restored.set_state(vector.get_state())
    np.testing.assert_array_equal(restored.observations(), observations)
    for action in actions[40:]:
        for expected, actual in zip(vector.step(action), restored.step(action), strict=True):
            np.testing.assert_equal(expected, actual)


@given(SEEDS, st.integers(30, 190), st.sampled_from(["continuous", "discrete"]))
@unhurried
def test_later_bars_do_not_change_earlier_observations_and_rewards(seed, until, actions):
    kind = {"random_start": False, "episode_length": None, "max_drawdown": None, "actions": actions}
    bars = markets()["LONG"]
    changed = bars.copy()
    changed.iloc[until:, :4] *= np.random.default_rng(seed).uniform(0.5, 2.0, (len(bars) - until, 1))
    episodes = []
    for frame in (bars, changed, bars.iloc[:until]):
        env = TradingEnvironment(frame, quick(**kind))
        observation, info = env.reset(seed=0)
        lines = [observation]
        for action in some_actions(env, until - info["start"] - 1, seed):
            observation, reward, *_ = env.step(action)
            lines.append(np.append(observation, np.float32(reward)))
        episodes.append(np.concatenate(lines))
    np.testing.assert_array_equal(episodes[0], episodes[1])
    np.testing.assert_array_equal(episodes[0], episodes[2])


@given(KINDS, SEEDS, SEEDS)
@unhurried
def test_the_same_seed_plays_the_same_episodes(kind, seed, before):
    env, other = environment(**kind), environment(**kind)
    other.reset(seed=before)
    for reset in ({"seed": seed}, {}, {}):
        first, second = env.reset(**reset), other.reset(**reset)
        np.testing.assert_array_equal(first[0], second[0])
        assert first[1] == second[1]


@given(KINDS, SEEDS)
@unhurried
def test_an_observation_holds_its_window_its_features_and_the_account(kind, seed):
    env = environment(**kind)
    market, config = env.market, env.config
    env.reset(seed=seed)
    for action in some_actions(env, 60, seed):
        observation, _, terminated, truncated, _ = env.step(action)
        episode = env.episode
        bar = episode["bar"]
        window = market.windowed[bar - config.window_size + 1 : bar + 1].ravel()
        account = dict(zip(PORTFOLIO, observation[-len(PORTFOLIO) :], strict=True))
        np.testing.assert_array_equal(observation[: -len(PORTFOLIO)], [*window, *market.features[bar]])
        weight = episode["shares"] * market.prices[bar, 1] / episode["equity"] if episode["equity"] else 0.0
        assert account["position"] == pytest.approx(weight, abs=1e-6)
        assert account["target"] == np.float32(episode["target"])
        assert account["drawdown"] == pytest.approx(1.0 - episode["equity"] / episode["peak"], abs=1e-6)
        assert abs(account["unrealised_return"]) <= 1.0
        assert 0.0 <= account["since_trade"] <= 1.0
        assert env.observation_space.contains(observation)
        if terminated or truncated:
            break


@pytest.mark.parametrize("reward", REWARDS)
@pytest.mark.parametrize("actions", ["continuous", "discrete"])
@pytest.mark.parametrize("seed", range(5))
def test_doubled_costs_lower_the_reward_of_an_episode_with_trades(reward, actions, seed):
    rewards = []
    for factor in (1.0, 2.0):
        costs = {"commission": 0.001 * factor, "slippage": 0.0005 * factor, "commission_minimum": 0.0}
        config = quick(reward=reward, actions=actions, cash_interest=0.0, max_drawdown=None, **costs)
        env = TradingEnvironment(walk(300, seed), config)
        rows = played(env, some_actions(env, 60, seed), seed=seed)
        assert rows["trades"].iloc[-1] > 0
        rewards.append(rows["paid"].sum())
    assert rewards[1] < rewards[0]


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=40), st.floats(1e-4, 5e-3), st.floats(0.0, 5e-3))
@unhurried
def test_doubled_costs_lower_the_equity_and_the_pnl_of_an_episode_with_trades(twentieths, commission, slippage):
    actions = np.array(twentieths)[:, None] / 20.0
    equity, paid = [], []
    for factor in (1.0, 2.0):
        costs = {"commission": commission * factor, "slippage": slippage * factor, "commission_minimum": 0.0}
        env = TradingEnvironment(walk(60), quick(**costs, cash_interest=0.0, min_change=0.0, max_drawdown=None))
        rows = played(env, actions, seed=0, options={"start": 10})
        equity.append(rows["equity"].iloc[-1])
        paid.append(rows["paid"].sum())
    if any(twentieths):
        assert equity[1] < equity[0]
        assert paid[1] < paid[0]
    else:
        assert equity[1] == equity[0]
