"""What the agents compute, against numbers worked out by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from torch import nn

from tests.support.models.identity_game import LENGTH, Identity
from tests.support.models.small_agents import agent_for
from trainers.rl.agents.algorithms.noise import OrnsteinUhlenbeck
from trainers.rl.agents.factory import create_rl_agent
from trainers.rl.environments.normaliser import RunningMeanStd


def dqn(**changes):
    return agent_for("dqn", Identity(2, continuous=False), **changes)


def constant(values: list[float]) -> nn.Module:
    """A network that says the same of every state."""

    class Constant(nn.Module):
        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return torch.tensor(values).repeat(len(rows), 1)

        def best(self, rows: torch.Tensor) -> torch.Tensor:
            return self(rows).argmax(dim=1)

    return Constant()


def test_a_dueling_network_joins_value_and_centred_advantages():
    network = dqn().algorithm.q_net
    with torch.no_grad():
        for layer in (network.value, network.advantage):
            layer.weight.zero_()
        network.value.bias.fill_(10.0)
        network.advantage.bias.copy_(torch.tensor([1.0, 2.0, 6.0]))  # their mean is 3
    assert network(torch.zeros(1, 3)).tolist() == [[8.0, 9.0, 13.0]]


def test_each_stream_of_a_dueling_network_has_hidden_neurons_of_its_own():
    network = dqn().algorithm.q_net
    with torch.no_grad():
        network.q_net[2].weight[8:] = 0.0  # the advantages' half
        network.q_net[2].bias[8:] = 0.0
        network.advantage.bias.zero_()
    one, other = network(torch.eye(3)[:2])
    assert torch.allclose(one, one[0].expand(3))  # no advantage left, so all actions are alike
    assert not torch.equal(one, other)  # while the value still sees the state


def test_a_double_target_is_chosen_by_one_network_and_valued_by_the_other():
    algorithm = dqn(gamma=0.5).algorithm
    algorithm.q_net, algorithm.q_net_target = constant([1.0, 5.0, 2.0]), constant([100.0, 4.0, 50.0])
    batch = ReplayBufferSamples(
        observations=torch.zeros(2, 3),
        actions=torch.zeros(2, 1),
        next_observations=torch.zeros(2, 3),
        dones=torch.tensor([[0.0], [1.0]]),
        rewards=torch.tensor([[1.0], [1.0]]),
    )
    assert algorithm.targets(batch).tolist() == [[1.0 + 0.5 * 4.0], [1.0]]


@pytest.mark.parametrize("continuous", [True, False])
def test_the_distributions_written_out_are_those_of_stable_baselines3(continuous):
    agent = agent_for("ppo", Identity(1, continuous=continuous))
    policy, rows = agent.algorithm.policy, torch.randn(50, agent.observation_space.shape[0])
    if continuous:
        policy.log_std.data.fill_(-0.3)
    actions, values, logs = policy(rows)
    slow = ActorCriticPolicy.evaluate_actions(policy, rows, actions)
    for ours in ((values, logs), policy.evaluate_actions(rows, actions.float())[:2]):
        assert torch.allclose(ours[0], slow[0])
        assert torch.allclose(ours[1], slow[1], atol=1e-6)
    assert torch.allclose(policy.evaluate_actions(rows, actions.float())[2], slow[2], atol=1e-6)


def test_actions_are_drawn_as_often_as_they_are_likely():
    policy = agent_for("ppo", Identity(1, continuous=False)).algorithm.policy
    with torch.no_grad():
        policy.action_net.weight.zero_()
        policy.action_net.bias.copy_(torch.tensor([0.6, 0.3, 0.1]).log())
        torch.manual_seed(0)
        actions, _, _ = policy(torch.zeros(20_000, 3))
    assert torch.bincount(actions) / 20_000 == pytest.approx([0.6, 0.3, 0.1], abs=0.01)


def test_the_target_moves_by_tau_with_each_update():
    env = Identity(1, continuous=False)
    agent = agent_for("dqn", env, tau=0.25, learning_starts=0, train_freq=1)
    before = agent.algorithm.q_net_target.value.weight.detach().clone()
    agent.train(env, 1)
    online, after = agent.algorithm.q_net.value.weight, agent.algorithm.q_net_target.value.weight
    assert torch.allclose(after, 0.75 * before + 0.25 * online)


def test_every_environment_explores_by_a_coin_of_its_own():
    algorithm = dqn().algorithm
    algorithm.attach(Identity(1000, continuous=False))
    algorithm.q_net, algorithm.exploration_rate = constant([0.0, 1.0, 0.0]), 0.3
    actions = algorithm._exploring_actions(torch.zeros(1000, 3)).numpy()
    assert 0.1 < (actions != 1).mean() < 0.3  # two thirds of 0.3 are another action


def test_noise_moves_by_theta_and_sigma_of_one_step():
    noise = OrnsteinUhlenbeck(theta=0.15, sigma=0.2)
    noise.begin((1, 1))
    noise.value[:] = 2.0
    np.random.seed(0)
    drawn = np.random.RandomState(0).standard_normal()
    assert noise.next()[0, 0] == pytest.approx(2.0 - 0.15 * 2.0 + 0.2 * drawn)


def test_noise_has_the_spread_and_memory_of_its_process_and_rows_are_strangers():
    np.random.seed(1)
    noise = OrnsteinUhlenbeck(theta=0.15, sigma=0.2)
    noise.begin((200, 1))
    path = np.array([noise.next().ravel() for _ in range(600)])[100:]
    assert path.std() == pytest.approx(0.2 / np.sqrt(1 - 0.85**2), rel=0.03)
    assert np.corrcoef(path[:-1].ravel(), path[1:].ravel())[0, 1] == pytest.approx(0.85, abs=0.02)
    assert abs(np.corrcoef(path[:, 0], path[:, 1])[0, 1]) < 0.4
    noise.reset(np.array([3]))
    assert noise.value[3] == 0.0
    assert noise.value[4] != 0.0


def test_ddpg_has_a_learning_rate_for_each_of_its_networks():
    env = Identity(1, continuous=True)
    agent = agent_for("ddpg", env, learning_rate=1e-4, critic_learning_rate=1e-3)
    agent.train(env, 40)
    rates = {name: optimiser.param_groups[0]["lr"] for name, optimiser in agent.algorithm.optimisers().items()}
    assert rates == {"actor": pytest.approx(1e-4), "critic": pytest.approx(1e-3)}


def test_an_episode_that_was_cut_off_is_remembered_as_going_on_and_with_its_own_last_observation():
    env = Identity(2, continuous=True)
    agent = agent_for("sac", env)
    agent.train(env, 2 * LENGTH + 2)
    memory = agent.algorithm.replay_buffer
    assert not memory.dones.any()
    assert np.array_equal(memory.next_observations[: LENGTH - 1], memory.observations[1:LENGTH])


def test_a_rollout_values_what_was_cut_off_and_not_what_has_ended():
    algorithm = agent_for("a2c", Identity(3, continuous=False), gamma=0.5).algorithm
    last = np.array([1.0, 0.0, 0.0], np.float32)
    infos = [
        {},
        {"terminal_observation": last, "TimeLimit.truncated": True},
        {"terminal_observation": last, "TimeLimit.truncated": False},
    ]
    rewards = algorithm._with_cut_off(np.zeros(3, np.float32), np.array([False, True, True]), infos)
    value = algorithm.policy.predict_values(torch.from_numpy(last)[None]).item()
    assert rewards == pytest.approx([0.0, 0.5 * value, 0.0])


@given(st.lists(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=9), min_size=1, max_size=6))
def test_statistics_of_batches_are_those_of_all_rows_at_once(batches):
    normaliser = RunningMeanStd(1)
    for batch in batches:
        normaliser.update(np.array(batch)[:, None])
    rows = np.concatenate(batches)
    assert float(normaliser.count) == len(rows)
    assert float(normaliser.running_mean) == pytest.approx(rows.mean(), rel=1e-9, abs=1e-9)
    assert float(normaliser.running_var) == pytest.approx(rows.var(), rel=1e-9, abs=1e-6)


def test_small_spreads_around_large_means_are_not_lost():
    normaliser = RunningMeanStd()
    rows = 1e6 + np.random.default_rng(0).normal(scale=1e-2, size=10_000)
    for batch in rows.reshape(100, 100):
        normaliser.update(batch)
    assert float(normaliser.running_var) == pytest.approx(1e-4, rel=0.05)


def test_normalised_rows_have_mean_0_deviation_1_and_bounds():
    rows = np.random.default_rng(0).normal(loc=[5.0, -3.0], scale=[2.0, 0.1], size=(5000, 2))
    normaliser = RunningMeanStd(2)
    assert np.array_equal(normaliser.normalize(rows[:1]), np.clip(rows[:1] / np.sqrt(1 + 1e-8), -10, 10))
    normaliser.update(rows)
    normal = normaliser.normalize(rows)
    assert normal.mean(axis=0) == pytest.approx([0.0, 0.0], abs=1e-9)
    assert normal.std(axis=0) == pytest.approx([1.0, 1.0], rel=1e-5)
    assert normaliser.normalize(np.array([1e9, -1e9])).tolist() == [10.0, -10.0]
    forward = normaliser(torch.from_numpy(rows.astype(np.float32))).numpy()
    assert np.allclose(forward, normal, atol=1e-4)


def test_all_networks_of_an_agent_see_through_one_normaliser():
    algorithm = create_rl_agent("sac", 2, 1).algorithm
    normalisers = {id(module) for module in algorithm.policy.modules() if isinstance(module, RunningMeanStd)}
    assert normalisers == {id(algorithm.normaliser)}


def test_a_loaded_normaliser_normalises_as_the_saved_one():
    one, other = RunningMeanStd(2), RunningMeanStd(2)
    one.update(np.random.default_rng(0).normal(size=(50, 2)))
    other.load_state_dict(one.state_dict())
    rows = torch.randn(5, 2)
    assert torch.equal(one(rows), other(rows))
