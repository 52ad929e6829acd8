"""A policy's account starts at an instant of its model: no bar before it changes a signal, and it can be continued."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

from data_pipeline.bars.bars import Bars
from data_pipeline.inputs import Inputs
from evaluation.signal_model import Request
from evaluation.signals import Signals
from tests.property.test_rollouts import restless
from tests.support.markets.easy import rough_bars
from trainers.rl.desk.model_type import ModelDescription, RLModel
from trainers.rl.environments.config import TradingEnvConfig
from trainers.rl.environments.environment import TradingEnvironment
from trainers.rl.serving.rollout import Rollout

# Recursive and cumulative features too, which remember every bar since the first.
CONFIGS = [
    TradingEnvConfig(window_size=5, max_drawdown=0.05),
    TradingEnvConfig(window_size=5, actions="discrete", max_drawdown=None),
    TradingEnvConfig(windowed=("rsi",), features=("ema", "obv", "macd_to_close", "atr_to_close"), window_size=3),
]
HISTORY, ACCOUNT = 60, 100
every_config = pytest.mark.parametrize("config", CONFIGS)


@cache
def bars() -> Bars:
    return rough_bars(300)


def instant(row: int) -> Any:
    return bars().frame.index[row].to_pydatetime()


def model(config: TradingEnvConfig, seed: int = 0) -> RLModel:
    description = ModelDescription(
        agent="ppo",
        environment=config,
        history_start=instant(HISTORY),
        account_start=instant(ACCOUNT),
        device="cpu",
        metrics={},
    )
    return RLModel(restless(config, seed), description)


def same(a: Signals, b: Signals) -> None:
    assert_series_equal(a.position, b.position, check_exact=True)
    assert_series_equal(a.confidence, b.confidence, check_exact=True)


@every_config
@pytest.mark.parametrize("dropped", [1, 21, 37, 59, 60])
def test_bars_dropped_before_the_history_change_no_bit(config: TradingEnvConfig, dropped: int) -> None:
    shorter = bars().since(instant(dropped))
    for seed in range(3):
        whole = model(config, seed).signals(bars())
        assert len(np.unique(whole.position)) > 1
        same(model(config, seed).signals(shorter), whole.since(instant(dropped)))
    assert model(config).reaches_back(shorter)
    whole = model(config).bar_features(bars()).loc[instant(dropped) :]
    assert_frame_equal(model(config).bar_features(shorter), whole, check_exact=True)


@every_config
def test_other_prices_before_the_history_change_no_bit(config: TradingEnvConfig) -> None:
    frame = bars().frame.copy()
    frame.iloc[:HISTORY] *= 3.0
    same(model(config).signals(Bars(frame, bars().symbol)), model(config).signals(bars()))


@every_config
def test_the_account_is_flat_until_it_starts_and_decides_there(config: TradingEnvConfig) -> None:
    signals = model(config).signals(bars())
    assert not signals.position.iloc[:ACCOUNT].any()
    assert not signals.confidence.iloc[:ACCOUNT].any()
    assert signals.confidence.iloc[ACCOUNT] > 0.0
    assert model(config).bar_features(bars()).iloc[:HISTORY].isna().all(axis=None)


def test_without_a_start_the_first_stored_bar_decides() -> None:
    """As models of format 1 do: what the start of the account is there to end."""
    policy = restless(CONFIGS[0])
    whole = Rollout.of(policy, bars(), CONFIGS[0]).targets
    shorter = Rollout.of(policy, bars().since(instant(21)), CONFIGS[0]).targets
    assert (whole[60:] != shorter[60 - 21 :]).any()


@every_config
def test_bars_that_start_after_the_history_begin_a_flat_account(config: TradingEnvConfig) -> None:
    late = bars().since(instant(150))
    assert model(config).reaches_back(bars())
    assert not model(config).reaches_back(late)
    assert not model(config).reaches_back(late.head(0))
    same(model(config).signals(late), Rollout.of(restless(config), late, config).signals(late))


@every_config
@pytest.mark.parametrize("until", [HISTORY + 1, ACCOUNT, 180, 299])
def test_a_ledger_of_its_own_signals_changes_no_bit(config: TradingEnvConfig, until: int) -> None:
    whole = model(config).signals(bars())
    same(model(config).signals(bars(), whole.since(instant(ACCOUNT)).until(instant(until))), whole)
    same(model(config).signals(bars(), whole), whole)


def test_it_replays_the_published_positions_and_continues_from_them() -> None:
    config = TradingEnvConfig(window_size=5, max_drawdown=None)
    times = bars().frame.index[ACCOUNT:200]
    positions = pd.Series(np.where(np.arange(100) < 30, 0.5, -1.0), index=times)
    published = Signals(positions, pd.Series(0.7, index=times))
    signals = model(config).signals(bars(), published)
    same(signals.since(times[0]).until(times[-1]), published)
    whole = config.model_copy(update={"episode_length": None, "random_start": False})
    env = TradingEnvironment(bars().since(instant(HISTORY)), whole)
    observation, _ = env.reset(options={"start": ACCOUNT - HISTORY})
    for target in positions:
        observation, *_ = env.step(np.array([target]))
    action, confidence = restless(config).act(observation)
    assert confidence == signals.confidence.iloc[200]
    env.step(np.array([action]))
    assert env.episode["target"] == signals.position.iloc[200]
    assert (signals.position != model(config).signals(bars()).position).any()


def test_where_bars_are_cut_the_account_takes_up_the_published_position() -> None:
    config = TradingEnvConfig(window_size=5, max_drawdown=None)
    late = bars().since(instant(150))
    times = bars().frame.index[120:190]
    published = Signals(pd.Series(-0.5, index=times), pd.Series(0.9, index=times))
    signals = model(config).signals(late, published)
    assert (signals.position.iloc[:40] == -0.5).all()
    flat = model(config).signals(late)
    assert (signals.position.iloc[40:] != flat.position.iloc[40:]).any(), "it decides from what it holds"
    assert (signals.confidence.iloc[40:] > 0.0).all()


def test_a_published_position_outlasts_a_stop_only_if_it_was_published() -> None:
    config = CONFIGS[0]
    times = bars().frame.index[ACCOUNT:]
    published = Signals(pd.Series(1.0, index=times), pd.Series(0.5, index=times))
    same(model(config).signals(bars(), published).since(times[0]), published)


def test_the_published_signals_of_a_request_are_used_only_where_bars_are_cut() -> None:
    config = TradingEnvConfig(window_size=5, max_drawdown=None)
    late = bars().since(instant(150))
    times = bars().frame.index[120:190]
    published = Signals(pd.Series(-0.5, index=times), pd.Series(0.9, index=times))
    request = Request(published={late.symbol: published})
    same(model(config).decide(Inputs.of(late), request)[late.symbol], model(config).signals(late, published))
    same(model(config).decide(Inputs.of(bars()), request)[late.symbol], model(config).signals(bars()))
