"""train_rl_agent: what is counted, what ends a training, what is told of it, and what is refused before it begins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import TransformReward
from pydantic import ValidationError
from stable_baselines3.common.vec_env import DummyVecEnv

from config.errors import NightdeskError
from tests.support.markets.prices import walk
from tests.support.models.small_agents import TYPES, small
from tests.support.models.trainings import EPISODE, agent_on, environment, timeless, train, training_config, weights
from trainers.rl import CallbackList, EvalCallback, RLCallback, RLTrainingConfig, create_rl_agent, train_rl_agent


class Target(gymnasium.Env):
    """Say what you see; an episode never ends by itself."""

    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (1,))
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.seen = self.np_random.uniform(-1.0, 1.0, 1).astype(np.float32)
        return self.seen, {}

    def step(self, action):
        reward = -abs(float(action[0] - self.seen[0])) + 0.0 * np.random.random()  # draws where the training draws
        self.seen = self.np_random.uniform(-1.0, 1.0, 1).astype(np.float32)
        return self.seen, reward, False, False, {}


gymnasium.register("Target-v0", Target, max_episode_steps=10)


def target() -> gymnasium.Env:
    return gymnasium.make("Target-v0")


@pytest.mark.parametrize("agent_type", TYPES)
def test_every_agent_is_trained_for_as_many_episodes_as_asked_for(agent_type: str) -> None:
    agent, metrics = train(agent_type=agent_type, env=environment(agent_type, random_start=False))
    assert metrics["agent"] == agent_type
    assert metrics["stopped_by"] == "total_episodes"
    assert metrics["episodes"] == len(metrics["episode_rewards"]) >= 40
    assert metrics["timesteps"] >= 40 * EPISODE
    assert weights(agent) != weights(agent_on(environment(agent_type), agent_type))


def test_metrics_are_json_and_means_of_the_newest_episodes() -> None:
    _, metrics = train()
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    rewards = metrics["episode_rewards"]
    assert metrics["reward"]["mean"] == pytest.approx(np.mean(rewards))
    assert metrics["reward"]["best"] == max(rewards)
    assert metrics["reasons"] == {}
    assert metrics["max_drawdown"] < 0.0 <= metrics["win_rate"] <= 100.0
    assert metrics["best_evaluation"]["reward"] == max(row["reward"] for row in metrics["evaluations"])


def test_what_an_environment_does_not_tell_is_null_with_a_reason() -> None:
    agent = create_rl_agent("sac", 1, 1, small("sac"))
    metrics = train_rl_agent(agent, target(), training_config(total_episodes=8))
    assert metrics["episodes"] == 8
    assert metrics["timesteps"] == 80
    assert metrics["sharpe_ratio"] is None
    assert set(metrics["reasons"]) == {"sharpe_ratio", "max_drawdown", "win_rate"}
    assert metrics["evaluations"] == []  # it has no second environment to be tried on


def test_any_gymnasium_environment_is_evaluated_on_one_of_its_kind() -> None:
    agent = create_rl_agent("sac", 1, 1, small("sac"))
    metrics = train_rl_agent(agent, target(), training_config(total_episodes=20), eval_env=target())
    assert [row["episodes"] for row in metrics["evaluations"]] == [10, 20]
    assert all(len(row["rewards"]) == 2 for row in metrics["evaluations"])


def test_a_vector_that_does_not_report_its_episodes_is_monitored() -> None:
    agent = create_rl_agent("a2c", 1, 1, small("a2c"))
    metrics = train_rl_agent(agent, DummyVecEnv([target, target]), training_config(total_episodes=8))
    assert metrics["episodes"] == 8


def test_timesteps_end_a_training_too() -> None:
    _, metrics = train(total_timesteps=160, agent_type="sac")
    assert (metrics["timesteps"], metrics["stopped_by"]) == (160, "total_timesteps")
    _, metrics = train(total_episodes=None, total_timesteps=160, agent_type="sac")
    assert (metrics["timesteps"], metrics["episodes"]) == (160, 8)


def test_without_a_limit_a_training_has_a_thousand_episodes() -> None:
    assert RLTrainingConfig().last_episode == 1_000
    assert RLTrainingConfig(total_timesteps=5).last_episode is None


class Count(RLCallback):
    def __init__(self) -> None:
        self.environments = 0

    def on_training_start(self, training) -> None:
        self.environments = training.environments


@pytest.mark.parametrize(
    ("episodes", "environments", "played"),
    [(1, 64, 1), (40, 4, 4), (40, 64, 4), (200, 64, 16), (512, 64, 64), (40, 5, 5)],
)
def test_few_episodes_are_not_spread_over_many_environments(episodes: int, environments: int, played: int) -> None:
    count = Count()
    train([count], agent_type="a2c", total_episodes=episodes, environments=environments, total_timesteps=1)
    assert count.environments == played


def test_the_same_seed_trains_the_same_agent_and_another_one_does_not() -> None:
    first, metrics = train()
    second, second_metrics = train()
    assert weights(first) == weights(second)
    assert timeless(metrics) == timeless(second_metrics)
    assert weights(first) != weights(train(seed=7)[0])


@pytest.mark.parametrize("agent_type", ["ppo", "sac", "dqn"])
def test_looking_on_changes_nothing(agent_type: str, tmp_path: Path) -> None:
    evaluated, metrics = train(
        agent_type=agent_type,
        eval_frequency=4,
        progress=True,
        tensorboard=tmp_path,
        arguments={"eval_env": environment(agent_type, seed=1)},
    )
    alone, told_alone = train(agent_type=agent_type, eval_frequency=None)
    assert weights(evaluated) == weights(alone)
    assert metrics["episode_rewards"] == told_alone["episode_rewards"]
    assert len(metrics["evaluations"]) == 10


def test_an_evaluation_leaves_the_generators_alone_that_others_draw_from() -> None:
    def trained(eval_frequency: int | None) -> dict[str, bytes]:
        agent = create_rl_agent("sac", 1, 1, small("sac"))
        train_rl_agent(
            agent, target(), training_config(total_episodes=20, eval_frequency=eval_frequency), eval_env=target()
        )
        return weights(agent)

    assert trained(4) == trained(None)


def test_evaluations_always_play_the_same_episodes() -> None:
    env = environment(random_start=False)
    agent = agent_on(env)
    callback = EvalCallback(environment(seed=3), eval_freq=10, n_eval_episodes=3)
    metrics = train_rl_agent(agent, env, training_config(), callback)
    last = metrics["evaluations"][-1]
    assert len(last["rewards"]) == 3
    second = train_rl_agent(agent, env, training_config(total_timesteps=1, eval_frequency=None), callback)
    assert second["episodes"] == 0
    assert second["evaluations"] == []


def test_a_batch_size_is_the_agents_from_then_on() -> None:
    agent, _ = train(batch_size=16, total_timesteps=1)
    assert agent.config.model_dump()["batch_size"] == 16
    assert agent.algorithm.batch_size == 16


class Failing(RLCallback):
    def __init__(self) -> None:
        self.ended = 0

    def on_episode_end(self, training, episode) -> None:
        if episode.number == 7:
            raise LookupError("seven")

    def on_training_end(self, training) -> None:
        self.ended += 1


def test_an_error_in_a_callback_ends_the_training_as_it_is_and_closes_what_is_open(tmp_path: Path) -> None:
    failing = Failing()
    env = environment()
    agent = agent_on(env)
    with pytest.raises(LookupError, match="seven"):
        train([CallbackList([failing])], env=env, agent=agent, tensorboard=tmp_path)
    assert failing.ended == 1
    assert agent.algorithm.logger.output_formats == []
    assert agent.select_action(np.zeros(env.observation_space_dim)).shape == (1,)


@pytest.mark.parametrize(
    "changes", [{"total_episodes": 0}, {"total_timesteps": 0}, {"environments": 0}, {"batch_size": 1}, {"seed": -1}]
)
def test_counts_begin_at_one(changes: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match=next(iter(changes))):
        RLTrainingConfig(**changes)


def refused(**options: object) -> NightdeskError:
    with pytest.raises(NightdeskError) as caught:
        train(**options)
    return caught.value


def test_the_error_of_a_discrete_agent_says_how_to_make_its_environment() -> None:
    env = environment("ppo")
    agent = create_rl_agent("dqn", env.observation_space_dim, 3, small("dqn"))
    error = refused(env=env, agent=agent)
    assert error.code == "agent.other_spaces"
    assert 'TradingEnvConfig(actions="discrete")' in error.cure


def test_environments_that_do_not_fit_the_agent_are_refused_before_anything_is_played() -> None:
    env = environment()
    other = environment(windowed=("log_return", "rsi"))
    assert refused(env=other, agent=agent_on(env)).code == "agent.other_spaces"
    assert refused(env=env, arguments={"eval_env": other}).code == "agent.other_spaces"


@pytest.mark.parametrize("by", ["argument", "callback"])
def test_evaluations_need_a_single_environment_of_their_own(by: str) -> None:
    agent, env = create_rl_agent("sac", 1, 1, small("sac")), target()
    for trial in (env, DummyVecEnv([target])):
        options = {"eval_env": trial} if by == "argument" else {"callbacks": EvalCallback(trial)}
        with pytest.raises(NightdeskError, match="of their own") as caught:
            train_rl_agent(agent, env, training_config(), **options)
        assert caught.value.code == "training.eval_env"


def test_an_environment_without_an_end_needs_a_limit() -> None:
    agent = create_rl_agent("sac", 1, 1, small("sac"))
    with pytest.raises(NightdeskError, match="how long") as caught:
        train_rl_agent(agent, Target(), training_config())
    assert caught.value.code == "training.endless"
    assert train_rl_agent(agent, Target(), training_config(total_timesteps=30))["stopped_by"] == "total_timesteps"


def test_an_agent_without_batches_takes_no_batch_size() -> None:
    assert refused(agent_type="a2c", batch_size=16).code == "training.batch_size"


@pytest.mark.parametrize("where", ["tensorboard", "checkpoint_folder"])
def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_played(where: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    error = refused(**{where: tmp_path / "file" / "folder"})
    assert error.code == "training.unwritable"
    assert "folder" in error.message


def test_rewards_that_are_no_numbers_end_the_training() -> None:
    agent = create_rl_agent("sac", 1, 1, small("sac", learning_starts=100))
    broken = TransformReward(target(), lambda _: float("nan"))
    with pytest.raises(NightdeskError, match="nan") as caught:
        train_rl_agent(agent, broken, training_config())
    assert caught.value.code == "training.reward"


def test_what_an_agent_does_after_it_has_diverged_is_not_blamed_on_the_environment() -> None:
    class Diverges(RLCallback):
        def on_step(self, training: Any) -> None:
            for tensor in training.agent.algorithm.policy.parameters():
                tensor.data.fill_(float("nan"))

    with pytest.raises(NightdeskError) as caught:
        train([Diverges()])
    assert caught.value.code == "agent.diverged"


def test_many_symbols_are_trained_on_at_once() -> None:
    env = environment()
    both = type(env)({"ONE": walk(150), "TWO": walk(200, seed=1)}, env.config)
    _, metrics = train(env=both)
    assert metrics["episodes"] >= 40
