"""A rollout is the policy playing its environment, and nothing more than a backtest of what it decides."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from config.errors import NightdeskError
from data_pipeline.bars.bars import Bars
from data_pipeline.features.registry import FEATURES, Feature
from evaluation import Costs, backtest
from tests.support.markets.easy import rough_bars
from trainers.rl.environments.config import TradingEnvConfig
from trainers.rl.environments.environment import TradingEnvironment
from trainers.rl.environments.market import Market
from trainers.rl.serving.policy import CompiledPolicy, PolicyLayers
from trainers.rl.serving.rollout import Rollout

CONFIGS = [
    TradingEnvConfig(window_size=5, max_drawdown=None),
    TradingEnvConfig(window_size=5, max_drawdown=None, actions="discrete"),
    TradingEnvConfig(window_size=1, windowed=("log_return", "rsi"), features=(), max_drawdown=None, short=False),
    TradingEnvConfig(windowed=(), max_drawdown=None, actions="discrete", short=False, min_change=0.0),
    TradingEnvConfig(window_size=30, max_drawdown=None, borrow=0.1, commission_minimum=5.0),
]


@cache
def bars() -> Bars:
    return rough_bars(300)


def restless(config: TradingEnvConfig, seed: int = 0) -> CompiledPolicy:
    """A policy with random layers over normalised observations: it has no idea, and trades often."""
    random = np.random.default_rng(seed)
    market = Market.of(bars(), config)
    first = market.rules["first"][0]
    observed = [np.tile(market.windowed[first:], config.window_size), market.features[first:]]
    mean, std = (
        np.concatenate([*(of(part, axis=0) for part in observed), np.full(5, account)]).astype(np.float32)
        for of, account in ((np.mean, 0.0), (np.std, 1.0))
    )
    sizes = [len(mean), 8, 2 + config.short if config.actions == "discrete" else 1]
    pairs = [(random.standard_normal(size, np.float32), np.zeros(size[1], np.float32)) for size in pairwise(sizes)]
    return CompiledPolicy(PolicyLayers(mean, std, pairs, "tanh", "argmax" if sizes[-1] > 1 else "tanh"))


def costs_of(config: TradingEnvConfig) -> Costs:
    return Costs(config.commission, config.slippage, config.borrow, config.commission_minimum, config.cash_interest)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("seed", [0, 3])
def test_it_is_the_policy_playing_the_environment(config: TradingEnvConfig, seed: int) -> None:
    whole = config.model_copy(update={"episode_length": None, "random_start": False})
    env, policy = TradingEnvironment(bars(), whole), restless(config, seed)
    rollout = Rollout.of(policy, bars(), config)
    observation, info = env.reset()
    assert not rollout.targets[: info["start"]].any()
    assert not rollout.confidences[: info["start"]].any()
    for bar in range(info["start"], len(bars()) - 1):
        action, confidence = policy.act(observation)
        assert confidence == rollout.confidences[bar]
        observation, *_ = env.step(action if config.actions == "discrete" else np.array([action]))
        assert env.episode["target"] == rollout.targets[bar]
    assert policy.act(observation)[1] == rollout.confidences[-1], "the last bar is decided too"
    assert len(np.unique(rollout.targets)) > 1
    earned = backtest(bars(), rollout.signals(bars()), costs=costs_of(config), initial_cash=config.initial_balance)
    assert earned.equity.iloc[-1] == pytest.approx(env.episode["equity"], rel=1e-9)


@pytest.mark.parametrize("config", CONFIGS)
def test_after_a_stop_it_is_flat_for_a_bar_and_goes_on_with_a_fresh_account(config: TradingEnvConfig) -> None:
    policy = restless(config)
    rollout, never = (
        Rollout.of(policy, bars(), config.model_copy(update={"max_drawdown": limit})) for limit in (0.05, None)
    )
    equity = backtest(bars(), never.signals(bars()), costs=costs_of(config)).equity
    stop = int(np.argmax(equity < 0.95 * equity.cummax().clip(lower=config.initial_balance)))
    assert stop > 0
    np.testing.assert_array_equal(rollout.targets[:stop], never.targets[:stop])
    assert (rollout.targets[stop], rollout.confidences[stop]) == (0.0, 0.0)
    observation, _ = TradingEnvironment(bars(), config).reset(options={"start": stop + 1})
    assert policy.act(observation)[1] == rollout.confidences[stop + 1], "the next close is the first of a fresh account"


def test_the_stop_can_come_more_than_once() -> None:
    config = CONFIGS[0].model_copy(update={"max_drawdown": 0.03})
    rollout = Rollout.of(restless(config), bars(), config)
    stops = (rollout.targets == 0.0) & (rollout.confidences == 0.0)
    assert stops[int(Market.of(bars(), config).rules["first"][0]) :].sum() > 2


def test_bars_without_an_observation_keep_the_last_target(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = FEATURES["return_5"]

    def with_holes(columns: Any) -> np.ndarray:
        return np.where(np.arange(len(columns.close)) % 50 >= 48, np.nan, whole.function(columns))

    monkeypatch.setitem(FEATURES, "holed", Feature("holed", whole.warm_up, with_holes))
    config = TradingEnvConfig(window_size=3, windowed=("holed",), features=(), max_drawdown=None)
    policy = restless(config.model_copy(update={"windowed": ("return_5",)}))
    rollout = Rollout.of(policy, bars(), config)
    blind = (np.arange(300) % 50 >= 48) | (np.arange(300) % 50 < 2)
    blind[:7] = True
    np.testing.assert_array_equal(rollout.confidences == 0.0, blind)
    rows = np.flatnonzero(blind)[8:]
    np.testing.assert_array_equal(rollout.targets[rows], rollout.targets[rows - 1])
    with pytest.raises(NightdeskError) as refused:
        Market.of(bars(), config)
    assert refused.value.code == "environment.feature"


@pytest.mark.parametrize("rows", [0, 1, 20, 21])
def test_a_history_too_short_to_decide_on_gives_flat_targets(rows: int) -> None:
    rollout = Rollout.of(restless(TradingEnvConfig()), bars().head(rows), TradingEnvConfig())
    assert len(rollout.targets) == rows
    assert (rollout.confidences > 0.0).tolist() == [False] * min(rows, 20) + [True] * max(rows - 20, 0)


def test_a_dividend_is_an_income_of_the_account_that_it_sees() -> None:
    config = CONFIGS[0].model_copy(update={"max_drawdown": 0.05})
    paid = Bars(bars().frame.assign(dividends=np.where(np.arange(300) % 50 == 49, 3.0, 0.0)), bars().symbol)
    with_dividends, without = (Rollout.of(restless(config), market, config) for market in (paid, bars()))
    assert (with_dividends.targets != without.targets).any()


def test_another_normalisation_gives_other_targets() -> None:
    policy: Any = restless(CONFIGS[0])
    louder = CompiledPolicy(replace(policy.layers, std=policy.layers.std * np.float32(0.5)))
    targets = [Rollout.of(compiled, bars(), CONFIGS[0]).targets for compiled in (policy, louder)]
    assert (targets[0] != targets[1]).any()
