"""The trading environment, as gymnasium and as people use it."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_for_sb3

from config.errors import NightdeskError
from tests.support.markets.episodes import LENGTHS, environment, markets, paying, played, quick
from tests.support.markets.prices import frame, walk
from trainers.rl.environments.config import REWARDS, TradingEnvConfig
from trainers.rl.environments.environment import TradingEnvironment
from trainers.rl.environments.kernels import PORTFOLIO


@pytest.mark.parametrize("reward", REWARDS)
@pytest.mark.parametrize("short", [True, False])
@pytest.mark.parametrize("actions", ["continuous", "discrete"])
def test_both_checkers_have_nothing_to_say(reward, short, actions):
    env = environment(reward=reward, short=short, actions=actions)
    check_env(env, skip_render_check=True)
    check_for_sb3(env)


def test_with_its_defaults_the_checkers_have_nothing_to_say_either():
    env = TradingEnvironment(walk(300))
    check_env(env, skip_render_check=True)
    check_for_sb3(env)


@pytest.mark.parametrize(
    ("changes", "choices"),
    [({}, 1), ({"short": False}, 1), ({"actions": "discrete"}, 3), ({"actions": "discrete", "short": False}, 2)],
)
def test_its_dimensions_are_those_of_its_spaces(changes, choices):
    env = environment(**changes)
    assert env.action_space_dim == choices
    assert env.observation_space.shape == (env.observation_space_dim,)
    assert env.observation_space_dim == 5 * 2 + 1 + len(PORTFOLIO)


@pytest.mark.parametrize(
    ("short", "targets"), [(True, {0: -1.0, 1: 0.0, 2: 1.0}), (False, {0: 0.0, 1: 1.0})], ids=["short", "long only"]
)
def test_choices_are_short_flat_and_long(short, targets):
    env = environment(actions="discrete", short=short)
    for action, target in targets.items():
        assert played(env, [action], seed=0)["target"].tolist() == [target]


def test_continuous_actions_are_weights_within_their_bounds():
    env = environment(min_change=0.0)
    assert played(env, [0.25, 1.5, -7.0, -0.5], seed=0)["target"].tolist() == [0.25, 1.0, -1.0, -0.5]
    env = environment(min_change=0.0, short=False)
    assert played(env, [0.25, 1.5, -7.0, -0.5], seed=0)["target"].tolist() == [0.25, 1.0, 0.0, 0.0]


def test_a_small_change_is_none_but_flat_and_whole_can_be_reached():
    env = environment(min_change=0.125)
    expected = [0.0625, 0.25, 0.3125, 0.375, 0.0625, 0.0, 0.9375, 1.0, -0.9375, -1.0]
    ordered = [0.0, 0.25, 0.25, 0.375, 0.0625, 0.0, 0.9375, 1.0, -0.9375, -1.0]
    assert played(env, expected, seed=0)["target"].tolist() == ordered


def test_a_drawdown_stops_the_episode():
    prices = frame([100.0] * 3 + [100.0, 90.0, 70.0, 60.0])
    config = TradingEnvConfig(window_size=1, features=(), random_start=False, max_drawdown=0.25, commission=0.0)
    env = TradingEnvironment(prices, config)
    env.reset()
    ends = [env.step(np.ones(1, np.float32))[2:4] for _ in range(4)]
    assert ends == [(False, False), (False, False), (False, False), (True, False)]


def test_ruin_ends_the_episode_even_where_no_drawdown_does():
    prices = frame([100.0] * 3 + [150.0, 250.0, 300.0])
    config = TradingEnvConfig(window_size=1, features=(), random_start=False, max_drawdown=None)
    env = TradingEnvironment(prices, config)
    env.reset()
    env.step(-1.0)
    env.step(-1.0)
    observation, reward, terminated, truncated, info = env.step(-1.0)
    assert (reward, terminated, truncated) == (-100.0, True, False)  # percent
    assert info["episode"]["total_return"] == -100.0
    assert info["episode"]["max_drawdown"] == -100.0
    assert (info["episode"]["trades"], info["episode"]["wins"]) == (1, 0)
    assert env.observation_space.contains(observation)


@pytest.mark.parametrize(("length", "bars"), [(10, 10), (None, 194), (10_000, 194)])
def test_an_episode_ends_after_its_length_or_with_the_data(length, bars):
    env = TradingEnvironment(walk(200), quick(episode_length=length, random_start=False))
    env.reset()
    assert env.longest_episode == bars
    for played_bars in range(1, bars + 1):
        *_, terminated, truncated, info = env.step(0.0)
        assert not terminated
        assert truncated == (played_bars == bars)
    assert info["episode"]["l"] == bars


def test_every_bar_is_as_likely_to_be_in_an_episode_that_is_drawn():
    env = environment()
    played_bars = {symbol: np.zeros(rows) for symbol, rows in LENGTHS.items()}
    for seed in range(6000):
        _, reported = env.reset(seed=seed)
        begin = env.market.begins[env.market.symbols.index(reported["symbol"])]
        played_bars[reported["symbol"]][reported["start"] + 1 : env.episode["last"] - begin + 1] += 1
    for symbol, often in played_bars.items():
        assert (often[:6] == 0).all(), "nothing is decided on within the warm-up, so nothing played in it"
        assert often[6:].min() > 0.8 * often[6:].mean(), symbol
        assert often[6:].max() < 1.2 * often[6:].mean(), symbol


def test_an_episode_as_long_as_the_data_is_always_whole():
    env = environment(episode_length=None)
    for seed in range(20):
        _, reported = env.reset(seed=seed)
        assert reported["start"] == 5
        assert env.episode["last"] == env.market.rules["last"][env.market.symbols.index(reported["symbol"])]


def test_without_random_starts_symbols_take_turns_from_their_first_bars():
    env = environment(random_start=False)
    assert [env.reset()[1] for _ in range(4)] == [
        {"symbol": symbol, "start": 5} for symbol in ("LONG", "MIDDLE", "SHORT", "LONG")
    ]
    assert env.reset(seed=1)[1]["symbol"] == "MIDDLE"


def test_an_episode_can_be_chosen():
    env = environment()
    assert env.reset(options={"symbol": "MIDDLE", "start": 40})[1] == {"symbol": "MIDDLE", "start": 40}
    assert env.reset(options={"symbol": "SHORT"})[1] == {"symbol": "SHORT", "start": 5}
    np.testing.assert_array_equal(env.reset(options={"start": 7, "symbol": "LONG"})[0][-5:], [0.0, 0.0, 0.0, 0.0, 1.0])


@pytest.mark.parametrize(
    ("options", "value"),
    [
        ({"symbol": "GONE"}, "GONE"),
        ({"start": 4, "symbol": "LONG"}, "4"),
        ({"start": 199, "symbol": "LONG"}, "199"),
        ({"start": "soon"}, "soon"),
        ({"speed": 2}, "speed"),
    ],
)
def test_an_episode_that_there_is_not_cannot_be_chosen(options, value):
    with pytest.raises(NightdeskError, match=value) as raised:
        environment().reset(options=options)
    assert raised.value.code == "environment.option"


def test_an_episode_has_its_summary_at_its_end():
    env = TradingEnvironment(paying(walk(100)), quick(reward="sharpe", episode_length=50))
    env.reset(seed=0)
    paid = []
    returns = []
    for i in range(50):
        before = env.episode["equity"]
        *_, info = env.step(0.9 if i % 10 < 5 else -0.4)
        returns.append(env.episode["equity"] / before - 1.0)
        paid.append(env.episode["reward"])
    reported = info["episode"]
    per_year = env.market.periods_per_year[0]
    excess = np.array(returns) - 0.03 / per_year
    assert reported["r"] == pytest.approx(sum(paid))
    assert reported["l"] == 50
    assert reported["total_return"] == pytest.approx(100.0 * (np.prod(1.0 + np.array(returns)) - 1.0))
    assert reported["sharpe"] == pytest.approx(excess.mean() / excess.std(ddof=1) * np.sqrt(per_year))
    assert reported["trades"] == 9
    assert reported["symbol"] == "prices"


def test_an_account_that_did_nothing_has_no_sharpe_ratio():
    env = TradingEnvironment(walk(100), quick(episode_length=50))
    env.reset(seed=0)
    for _ in range(50):
        *_, info = env.step(0.0)
    assert info["episode"]["sharpe"] is None
    assert info["episode"]["trades"] == 0


@pytest.mark.parametrize(("actions", "number"), [("continuous", 0.5), ("discrete", 2)])
def test_an_action_may_be_written_as_a_number_a_list_or_an_array(actions, number):
    rewards = set()
    for action in (number, [number], (number,), np.array([number])):
        env = environment(actions=actions)
        env.reset(seed=0)
        rewards.add(env.step(action)[1])
    assert len(rewards) == 1


@pytest.mark.parametrize(
    ("actions", "bad"),
    [
        ("continuous", np.array([np.nan], np.float32)),
        ("continuous", np.array([np.inf], np.float32)),
        ("continuous", np.array([0.1, 0.2], np.float32)),
        ("continuous", np.array([], np.float32)),
        ("continuous", None),
        ("continuous", "buy"),
        ("continuous", [0.1, 0.2]),
        ("discrete", 3),
        ("discrete", -1),
        ("discrete", 0.5),
        ("discrete", np.array([0, 1])),
    ],
)
def test_an_action_that_is_none_is_refused_and_nothing_is_played(actions, bad):
    env = environment(actions=actions)
    env.reset(seed=0)
    before = env.episode
    with pytest.raises(NightdeskError, match="The action is") as raised:
        env.step(bad)
    assert raised.value.code == "environment.action"
    assert env.episode == before


def test_nothing_is_played_before_a_reset_or_after_the_end():
    env = environment(episode_length=1)
    with pytest.raises(NightdeskError) as raised:
        env.step(0.0)
    assert raised.value.code == "environment.not_begun"
    env.reset(seed=0)
    env.step(0.0)
    with pytest.raises(NightdeskError, match="has ended"):
        env.step(0.0)


def test_old_and_recent_trades_are_distinguished_without_a_clock():
    env = environment()
    observation, _ = env.reset(seed=0)
    assert observation[-1] == 1.0
    reported = [env.step(action)[0][-1] for action in (0.0, 1.0, 1.0, 1.0, 0.0)]
    np.testing.assert_allclose(reported, [1.0, 0.0, 1 / 31, 2 / 32, 0.0], rtol=1e-6)


def test_unrealised_returns_are_of_the_average_price_paid():
    prices = frame([100.0] * 3 + [100.0, 110.0, 110.0, 132.0])
    config = TradingEnvConfig(
        window_size=1, features=(), random_start=False, commission=0.0, slippage=0.0, min_change=0.0
    )
    env = TradingEnvironment(prices, config)
    env.reset()
    env.step(0.0)
    # 500 shares bought at 100, then 50,000 of 105,000 more at 110: they cost 104.76 each.
    reported = [env.step(weight)[0][-3] for weight in (0.5, 0.5, 1.0, 1.0)]
    assert reported == pytest.approx([0.0, 0.1, 0.05, 0.26], abs=1e-6)


def test_markets_of_one_symbol_and_of_many_play_the_same():
    many = environment()
    one = TradingEnvironment(markets()["MIDDLE"], quick())
    weights = [0.5, -0.5, 1.0, 0.0, 0.3]
    reported = [
        played(env, weights, seed=0, options={"symbol": symbol, "start": 20})["equity"]
        for env, symbol in ((many, "MIDDLE"), (one, "prices"))
    ]
    np.testing.assert_array_equal(*reported)
