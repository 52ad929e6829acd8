"""A cloned policy that learns on from rewards."""

from __future__ import annotations

import numpy as np
import pytest

from config.errors import UsageError
from data_pipeline.offline.experiences import market_states
from data_pipeline.policy_states.portfolio import Holding
from data_pipeline.policy_states.states import WARM_UP
from tests.support.markets.easy import easy_bars
from tests.support.models.small_policies import ruled_dataset, small_network
from trainers.cloning.policy.fine_tuning import FineTuning
from trainers.cloning.policy.network.file import PolicyDescription
from trainers.cloning.policy.network.inference import RlPolicy
from trainers.rl.environments.config import TradingEnvConfig

BARS = easy_bars(220)
STATES = ruled_dataset(200, seed=8).states


def clone(kind: str = "plain") -> RlPolicy:
    return RlPolicy(small_network(kind).served(), PolicyDescription(config={}, metadata={"val_action_acc": 0.8}))


@pytest.mark.parametrize("kind", ["plain", "attention"])
@pytest.mark.parametrize("algorithm", ["ppo", "a2c"])
def test_it_begins_with_exactly_the_cloned_probabilities(kind: str, algorithm: str) -> None:
    tuning = FineTuning(clone(kind), BARS, algorithm=algorithm)  # type: ignore[arg-type]
    assert np.abs(tuning.probabilities(STATES) - clone(kind).policy.decide(STATES)[0]).max() < 1e-6


@pytest.mark.parametrize("algorithm", ["ppo", "a2c"])
def test_what_it_has_learned_serves_as_the_clone_does_with_the_strengths_of_the_clone(algorithm: str) -> None:
    first = FineTuning(clone("attention"), BARS, algorithm=algorithm, learning_rate=1e-3)  # type: ignore[arg-type]
    tuned = first.learn(256)
    probabilities, strengths = tuned.policy.decide(STATES)
    assert np.abs(first.probabilities(STATES) - probabilities).max() < 1e-5
    before, cloned_strengths = clone("attention").policy.decide(STATES)
    assert np.abs(probabilities - before).max() > 1e-3
    assert np.array_equal(strengths, cloned_strengths)
    assert tuned.get_metadata()["cloned"] == {"val_action_acc": 0.8}
    again = FineTuning(clone("attention"), BARS, algorithm=algorithm, learning_rate=1e-3).learn(256)  # type: ignore[arg-type]
    assert np.array_equal(again.policy.decide(STATES)[0], probabilities)


def test_the_environment_shows_the_state_with_the_portfolio_that_its_actions_made() -> None:
    environment = FineTuning(clone(), BARS, environment=TradingEnvConfig(short=False, episode_length=50)).environment
    state, _ = environment.reset(seed=1, options={"start": WARM_UP})
    market = market_states(BARS)
    assert state == pytest.approx(market.row(Holding.of(0.0), WARM_UP).astype(np.float32))
    size = clone().policy.decide(state.reshape(1, -1))[1][0]
    state, *_ = environment.step(1)
    days = (BARS.frame.index[WARM_UP + 1] - BARS.frame.index[WARM_UP]).total_seconds() / 86400
    assert state == pytest.approx(market.row(Holding.of(size, days), WARM_UP + 1).astype(np.float32), abs=1e-6)
    held, *_ = environment.step(1)
    assert held[24] == pytest.approx(size)  # a buy while long changes nothing
    flat, *_ = environment.step(2)
    assert flat[24] == 0.0


def test_an_unknown_algorithm_is_refused() -> None:
    with pytest.raises(UsageError, match="sarsa"):
        FineTuning(clone(), BARS, algorithm="sarsa")  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_clone_that_knows_nothing_learns_to_earn_in_an_easy_market() -> None:
    bars = easy_bars()
    tuning = FineTuning(clone(), bars, learning_rate=3e-3, seed=1)
    before = _mean_reward(tuning)
    tuning.learn(12_000)
    assert _mean_reward(tuning) > before + 0.1


def _mean_reward(tuning: FineTuning) -> float:
    """Percent a bar over one walk through a year of bars, by the most probable actions."""
    environment = tuning.environment
    state, _ = environment.reset(seed=3, options={"start": 2 * WARM_UP})
    rewards, ended = [], False
    while not ended:
        choice = int(tuning.probabilities(state[None])[0].argmax())
        state, reward, terminated, truncated, _ = environment.step(choice)
        rewards.append(reward)
        ended = terminated or truncated
    return float(np.mean(rewards))
