"""PPO and A2C begin with exactly the probabilities of the clone, learn in the trading environment, and are served."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from data_pipeline.offline.experiences import market_states
from data_pipeline.policy_states.states import MarketStates
from tests.support.markets.easy import easy_bars
from trainers.cloning.policy.fine_tuning import FineTuning, network_of
from trainers.cloning.policy.network.file import PolicyDescription
from trainers.cloning.policy.network.inference import RlPolicy, load_rl_policy
from trainers.cloning.policy.network.nets import NETWORKS
from trainers.rl.agents.configs import A2CConfig, PPOConfig
from trainers.rl.environments.config import TradingEnvConfig

SMALL = {"ppo": PPOConfig(learning_rate=1e-2, n_steps=64, batch_size=32), "a2c": A2CConfig(learning_rate=1e-2)}
every_network = pytest.mark.parametrize("kind", list(NETWORKS))
every_algorithm = pytest.mark.parametrize("algorithm", list(SMALL))


@cache
def market() -> MarketStates:
    return market_states(easy_bars(500))


def states() -> np.ndarray:
    values = market().values
    return values[np.isfinite(values).all(axis=1)]


def clone(kind: str = "plain") -> RlPolicy:
    """An untrained network whose scale is that of the states: no probability is near 0 or 1 by chance."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        network = NETWORKS[kind](hidden_dim=16)
        rows = torch.as_tensor(states(), dtype=torch.float32)
        network.scale(rows.mean(0), rows.std(0).clamp_min(0.1))
        for weights in network.parameters():
            weights.data.mul_(2.0)
    return RlPolicy(network.served(), PolicyDescription(config={}, metadata={"val_action_acc": 0.9}))


def tuning(kind: str = "plain", algorithm: str = "ppo") -> FineTuning:
    config = TradingEnvConfig(episode_length=50)
    return FineTuning(clone(kind), easy_bars(500), market(), algorithm, config=SMALL[algorithm], environment=config)


@every_network
@every_algorithm
def test_fine_tuning_begins_with_the_probabilities_of_the_clone(kind: str, algorithm: str) -> None:
    expected, _ = clone(kind).policy.decide(states())
    assert expected.std(axis=0).min() > 5e-4  # the states differ by far more than the tolerance
    assert_allclose(tuning(kind, algorithm).probabilities(states()), expected, rtol=0, atol=1e-6)


@every_network
def test_the_network_of_served_arrays_has_the_same_arrays(kind: str) -> None:
    arrays = clone(kind).policy.tensors()
    again = network_of(clone(kind).policy).served().tensors()
    assert arrays.keys() == again.keys()
    for name, array in arrays.items():
        assert_array_equal(array, again[name])


@every_algorithm
def test_a_tuned_policy_decides_otherwise_and_is_served_from_its_file(algorithm: str, tmp_path: Path) -> None:
    tuned = tuning(algorithm=algorithm)
    facts = tuned.train(128)
    assert facts["updates"] > 0
    tuned.save(tmp_path / "policy_best.pt")
    served = load_rl_policy(tmp_path / "policy_best.pt")
    assert_allclose(served.policy.decide(states())[0], tuned.probabilities(states()), rtol=0, atol=1e-6)
    assert np.abs(tuned.probabilities(states()) - clone().policy.decide(states())[0]).max() > 1e-3
    metadata = served.get_metadata()
    assert (metadata["fine_tuned_by"], metadata["timesteps"]) == (algorithm, facts["timesteps"])
    assert "val_action_acc" not in metadata  # it was measured of the clone


def test_the_same_seed_tunes_the_same_bits() -> None:
    one, other = tuning(), tuning()
    one.train(64)
    other.train(64)
    assert_array_equal(one.probabilities(states()), other.probabilities(states()))


@pytest.mark.slow
def test_a_clone_that_knows_nothing_learns_to_earn_in_an_easy_market() -> None:
    bars = easy_bars()
    config = PPOConfig(learning_rate=3e-3, n_steps=512, batch_size=128, gamma=0.5)
    tuned = FineTuning(clone(), bars, market_states(bars), "ppo", config=config, seed=1)
    before = _mean_reward(tuned)
    tuned.train(8_000)
    assert _mean_reward(tuned) > before + 0.1


def _mean_reward(tuned: FineTuning) -> float:
    """Percent a bar over one walk through all bars, by the most probable actions."""
    environment = tuned.environment
    state, _ = environment.reset(options={"symbol": "EASY", "start": 200})
    rewards, ended = [], False
    while not ended:
        choice = int(tuned.probabilities(state[None])[0].argmax())
        state, reward, terminated, truncated, _ = environment.step(choice)
        rewards.append(reward)
        ended = terminated or truncated
    return float(np.mean(rewards))
