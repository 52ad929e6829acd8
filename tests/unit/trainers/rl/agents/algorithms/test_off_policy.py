"""What is written out anew for speed does what stable-baselines3 does."""

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import DQN
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import DummyVecEnv

from tests.support.models.small_agents import agent_for
from trainers.rl.agents.algorithms.networks import DuelingPolicy
from trainers.rl.agents.algorithms.off_policy import Memory


def cart_pole(n: int, **options: int) -> DummyVecEnv:
    env = DummyVecEnv([lambda: Monitor(gymnasium.make("CartPole-v1", **options))] * n)
    env.seed(0)
    return env


@pytest.mark.parametrize("n", [1, 3])
def test_a_memory_holds_the_same_transitions_those_that_ended_and_those_cut_off(n):
    env = cart_pole(n, max_episode_steps=25)
    plain, ours = (
        kind(150 * n, env.observation_space, env.action_space, "cpu", n_envs=n) for kind in (ReplayBuffer, Memory)
    )
    generator, observation = np.random.default_rng(0), env.reset()
    for step in range(400):  # longer than the memory
        actions = (observation[:, 2] > 0).astype(int) if step < 300 else generator.integers(0, 2, n)
        following, rewards, dones, infos = env.step(actions)
        true_following = following.copy()
        for i in np.flatnonzero(dones):
            true_following[i] = infos[i]["terminal_observation"]
        plain.add(observation, true_following, actions, rewards, dones, infos)
        ours.add(observation, following, actions, rewards, dones, infos)
        observation = following
    assert plain.timeouts.any()
    assert ours.dones.any()
    assert np.array_equal(ours.dones, plain.dones * (1 - plain.timeouts))
    for name in ("observations", "next_observations", "actions", "rewards"):
        assert np.array_equal(getattr(ours, name), getattr(plain, name))


def test_a_training_remembers_what_the_game_did():
    env = cart_pole(3)
    agent = agent_for("dqn", env, buffer_size=1_000)
    agent.train(env, 900, seed=0)
    memory, game = agent.algorithm.replay_buffer, gymnasium.make("CartPole-v1").unwrapped
    for at in np.ndindex(memory.pos, 3):
        game.reset()
        game.state = memory.observations[at].astype(float)
        following, _, ended, _, _ = game.step(int(memory.actions[at][0]))
        assert np.allclose(following, memory.next_observations[at], atol=1e-5)
        assert ended == memory.dones[at]


def test_updates_are_the_same_where_nothing_follows():
    env = cart_pole(1)
    ours = agent_for("dqn", env, learning_rate=1e-2).algorithm
    peer = DQN(DuelingPolicy, env, learning_rate=1e-2, policy_kwargs=ours.policy_kwargs, device="cpu")
    peer.set_logger(Logger(None, []))
    peer.policy.load_state_dict(ours.policy.state_dict())
    before = ours.q_net.q_net[0].weight.detach().clone()
    draw = torch.Generator().manual_seed(0)
    for _ in range(20):
        batch = ReplayBufferSamples(
            torch.randn(8, 4, generator=draw),
            torch.randint(0, 2, (8, 1), generator=draw),
            torch.randn(8, 4, generator=draw),
            torch.ones(8, 1),
            torch.randn(8, 1, generator=draw),
        )
        for algorithm in (ours, peer):
            algorithm.replay_buffer.sample = lambda *_, batch=batch, **__: batch
            algorithm.train(gradient_steps=1, batch_size=8)
    assert not torch.allclose(ours.q_net.q_net[0].weight, before, atol=0.05)
    for one, other in zip(ours.q_net.parameters(), peer.q_net.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-5)
