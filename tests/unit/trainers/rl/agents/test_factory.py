import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from pydantic import ValidationError
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from config.errors import NightdeskError, UsageError
from tests.support.markets.prices import walk
from tests.support.models.identity_game import Identity
from tests.support.models.small_agents import CHOOSING, TYPES, agent_for, identity_for, small
from trainers.rl.agents.agent import RLAgent, vectorised
from trainers.rl.agents.configs import A2CConfig, DDPGConfig, DQNConfig, PPOConfig, SACConfig, TD3Config
from trainers.rl.agents.factory import create_rl_agent, list_available_agents
from trainers.rl.agents.specs import AGENTS
from trainers.rl.environments.config import TradingEnvConfig
from trainers.rl.environments.environment import TradingEnvironment
from trainers.rl.serving.policy import CompiledPolicy


def weights(agent) -> dict[str, np.ndarray]:
    return {name: tensor.detach().numpy().copy() for name, tensor in agent.algorithm.tensors().items()}


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def test_six_agents_are_listed_each_with_a_word_on_it():
    agents = list_available_agents()
    assert set(agents) == {"ppo", "dqn", "sac", "td3", "ddpg", "a2c"} == set(AGENTS)
    assert all(" - " in description for description in agents.values())


@pytest.mark.parametrize("agent_type", TYPES)
def test_an_agent_acts_before_it_has_seen_an_environment(agent_type):
    agent = create_rl_agent(agent_type, state_dim=20, action_dim=3)
    action = agent.select_action(np.zeros(20))
    if agent_type == "dqn":
        assert action in {0, 1, 2}
        assert isinstance(action, int)
    else:
        assert action.shape == (3,)
        assert (np.abs(action) <= 1).all()


def test_the_defaults_are_those_of_the_specification():
    assert PPOConfig().model_dump(include={"learning_rate", "n_steps", "n_epochs", "clip_range", "ent_coef"}) == {
        "learning_rate": 3e-4, "n_steps": 2048, "n_epochs": 10, "clip_range": 0.2, "ent_coef": 0.01
    }  # fmt: skip
    dqn = DQNConfig()
    assert (dqn.learning_rate, dqn.tau, dqn.exploration_initial, dqn.exploration_final) == (1e-4, 0.005, 1.0, 0.01)
    sac = SACConfig()
    assert (sac.learning_rate, sac.tau, sac.batch_size, sac.buffer_size) == (3e-4, 0.005, 256, 100_000)
    td3 = TD3Config()
    assert (td3.learning_rate, td3.policy_delay) == (3e-4, 2)
    assert (td3.target_noise, td3.target_noise_clip, td3.exploration_noise) == (0.2, 0.5, 0.1)
    ddpg = DDPGConfig()
    assert (ddpg.learning_rate, ddpg.critic_learning_rate) == (1e-4, 1e-3)
    assert (ddpg.noise_theta, ddpg.noise_sigma) == (0.15, 0.2)
    a2c = A2CConfig()
    assert (a2c.learning_rate, a2c.n_steps, a2c.gae_lambda, a2c.ent_coef) == (7e-4, 5, 1.0, 0.01)
    assert {kind().hidden_dim for kind in (spec.config for spec in AGENTS.values())} == {256}


def test_a_config_is_taken_as_it_is():
    config = SACConfig(hidden_dim=512, learning_rate=1e-4, gamma=0.995)
    agent = create_rl_agent("sac", state_dim=20, action_dim=3, config=config)
    assert agent.config == config
    assert agent.algorithm.gamma == 0.995
    assert agent.algorithm.actor.latent_pi[0].out_features == 512
    with pytest.raises(ValidationError):
        SACConfig(hidden=512)


def test_an_unknown_agent_and_a_config_of_another_are_refused_with_what_there_is():
    with pytest.raises(UsageError, match="a3c") as unknown:
        create_rl_agent("a3c", 4, 2)
    assert "ppo" in unknown.value.cure
    with pytest.raises(UsageError, match="PPOConfig") as other:
        create_rl_agent("sac", 4, 2, PPOConfig())
    assert "SACConfig" in other.value.cure


@pytest.mark.parametrize(
    ("agent_type", "space"),
    [
        ("dqn", spaces.Box(-1.0, 1.0, (1,))),
        ("sac", spaces.Discrete(3)),
        ("ppo", spaces.MultiDiscrete([3, 3])),
        ("td3", spaces.Box(-np.inf, np.inf, (1,))),
        ("ppo", spaces.Discrete(1)),
    ],
)
def test_actions_an_agent_cannot_give_are_refused(agent_type, space):
    with pytest.raises(NightdeskError) as refused:
        create_rl_agent(agent_type, 4, int(space.n) if isinstance(space, spaces.Discrete) else 1, action_space=space)
    assert refused.value.code == "agent.action_space"


def test_networks_this_small_learn_on_the_cpu_unless_another_device_is_asked_for():
    assert create_rl_agent("sac", 4, 1, small("sac")).device == "cpu"


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(NightdeskError, match="action_dim is 2"):
        create_rl_agent("ppo", 4, 2, action_space=spaces.Discrete(3))
    with pytest.raises(NightdeskError, match="state_dim is 0"):
        create_rl_agent("ppo", 0, 1)


@pytest.mark.parametrize("observation", [np.zeros(3), np.zeros((2, 5)), np.zeros((0, 4)), np.array([0, 0, np.nan, 0])])
def test_an_observation_of_another_size_or_with_holes_is_refused(observation):
    with pytest.raises(NightdeskError) as refused:
        create_rl_agent("ppo", 4, 1, small("ppo")).select_action(observation)
    assert refused.value.code == "agent.observation"


@pytest.mark.parametrize("agent_type", TYPES)
def test_the_same_observation_gets_the_same_action_and_a_batch_gets_many(agent_type):
    agent = agent_for(agent_type, identity_for(agent_type))
    rows = np.random.default_rng(0).normal(size=(5, agent.observation_space.shape[0]))
    agent.select_action(rows[0], deterministic=False)
    first, second = agent.select_action(rows), agent.select_action(rows)
    assert np.array_equal(first, second)
    assert np.allclose(first, [agent.select_action(row) for row in rows], atol=1e-6)


@pytest.mark.parametrize("agent_type", TYPES)
def test_the_same_seed_gives_the_same_weights_and_another_gives_others(agent_type):
    def trained(seed: int) -> dict[str, np.ndarray]:
        env = identity_for(agent_type)
        agent = agent_for(agent_type, env, seed=seed)
        agent.train(env, 120, seed=seed)
        return weights(agent)

    once = trained(1)
    torch.rand(7)
    np.random.rand(7)
    assert same(once, trained(1))
    assert not same(once, trained(2))


@pytest.mark.parametrize("agent_type", TYPES)
def test_first_weights_do_not_depend_on_how_many_threads_torch_has(agent_type):
    def first(threads: int) -> dict[str, np.ndarray]:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            return weights(create_rl_agent(agent_type, 30, 3 if agent_type == "dqn" else 1, seed=3))
        finally:
            torch.set_num_threads(before)

    assert same(first(1), first(2))


@pytest.mark.parametrize("agent_type", TYPES)
def test_training_learns_and_leaves_the_generators_and_threads_of_others_alone(agent_type):
    env = identity_for(agent_type)
    agent = agent_for(agent_type, env)
    before, generator, threads = weights(agent), np.random.get_state()[1].copy(), torch.get_num_threads()
    drawn = torch.get_rng_state()
    facts = agent.train(env, 160, seed=3)
    assert facts["timesteps"] >= 160
    assert facts["updates"] > 0
    assert facts["length"] == 20
    assert not same(before, weights(agent))
    assert np.array_equal(generator, np.random.get_state()[1])
    assert torch.equal(drawn, torch.get_rng_state())
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("agent_type", TYPES)
def test_what_was_learnt_survives_another_number_of_environments(agent_type):
    one, four = identity_for(agent_type, 1), identity_for(agent_type, 4)
    agent = agent_for(agent_type, four)
    agent.train(four, 80, seed=1)
    learnt = weights(agent)
    agent.algorithm.attach(one)
    assert same(learnt, weights(agent))
    agent.train(one, 40)
    assert agent.algorithm.n_envs == 1


@pytest.mark.parametrize("environments", [1, 5, 64, 4096])
def test_a_rollout_of_ppo_has_so_many_steps_in_total(environments):
    agent = create_rl_agent("ppo", 1, 1, small("ppo", n_steps=2048, batch_size=2048, n_epochs=1))
    agent.algorithm.attach(Identity(environments, continuous=True))
    assert agent.algorithm.rollout_buffer.buffer_size == max(2048 // environments, 1)


@pytest.mark.parametrize("agent_type", TYPES)
def test_agents_train_in_a_trading_environment_and_in_ones_of_gymnasium(agent_type):
    discrete = agent_type in CHOOSING
    trading = TradingEnvironment(walk(100), TradingEnvConfig(actions="discrete" if discrete else "continuous"))
    for env in (trading, gymnasium.make("CartPole-v1" if discrete else "Pendulum-v1")):
        facts = agent_for(agent_type, env).train(env, 250)
        assert facts["timesteps"] >= 250
        assert facts["reward"] is not None


def test_an_environment_with_other_spaces_is_refused():
    agent = agent_for("ppo", Identity(2, continuous=True))
    for env in (Identity(2, continuous=False), gymnasium.make("Pendulum-v1")):
        with pytest.raises(NightdeskError) as refused:
            agent.train(env, 10)
        assert refused.value.code == "agent.other_spaces"


@pytest.mark.parametrize("agent_type", ["ppo", "sac"])
def test_a_training_that_diverges_is_reported(agent_type):
    env = identity_for(agent_type)
    plain = agent_for(agent_type, env)
    wild = plain.config.model_copy(update={"learning_rate": 1e30})  # no config that is checked can be so wild
    agent = RLAgent(agent_type, wild, env.observation_space.shape[0], env.action_space)
    with pytest.raises(NightdeskError) as refused:
        agent.train(env, 200)
    assert refused.value.code == "agent.diverged"


def test_an_exception_in_a_callback_passes_through_and_the_agent_can_go_on():
    class Stop(BaseCallback):
        def _on_step(self) -> bool:
            raise KeyboardInterrupt

    env = identity_for("sac")
    agent = agent_for("sac", env)
    with pytest.raises(KeyboardInterrupt):
        agent.train(env, 100, Stop())
    assert agent.train(env, 100)["timesteps"] == 100


@pytest.mark.parametrize("agent_type", TYPES)
def test_a_changed_config_keeps_what_was_learnt_and_another_architecture_is_refused(agent_type):
    env = identity_for(agent_type)
    agent = agent_for(agent_type, env)
    agent.train(env, 80)
    learnt = weights(agent)
    agent.configure(gamma=0.9)
    assert agent.config.gamma == agent.algorithm.gamma == 0.9
    assert same(learnt, weights(agent))
    with pytest.raises(UsageError, match="hidden_dim"):
        agent.configure(hidden_dim=16)


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("agent_type", [*TYPES, "ppo continuous", "a2c continuous"])
def test_the_layers_decide_as_the_agent_does(agent_type, normalise):
    name, _, continuous = agent_type.partition(" ")
    env = Identity(4, continuous=bool(continuous) or name not in CHOOSING)
    agent = agent_for(name, env, normalise_observations=normalise)
    agent.train(env, 160, seed=1)
    policy = CompiledPolicy(agent.layers())
    rows = np.random.default_rng(1).normal(scale=5, size=(50, agent.observation_space.shape[0])).astype(np.float32)
    alike = np.isclose([policy.act(row)[0] for row in rows], agent.select_action(rows).reshape(50), atol=1e-5)
    # Two choices may be worth the same to the last digit but one.
    assert alike.all() if isinstance(env.action_space, spaces.Box) else alike.mean() >= 0.95


@pytest.mark.parametrize("agent_type", TYPES)
def test_observations_are_normalised_by_those_of_training_unless_it_is_switched_off(agent_type):
    for normalise in (True, False):
        env = identity_for(agent_type)
        agent = agent_for(agent_type, env, normalise_observations=normalise)
        agent.train(env, 160)
        count = float(agent.algorithm.normaliser.count)
        assert (count > 0) == normalise
        agent.select_action(np.full(agent.observation_space.shape, 100.0))
        assert float(agent.algorithm.normaliser.count) == count


@pytest.mark.parametrize("agent_type", TYPES)
def test_a_decaying_rate_ends_near_zero(agent_type):
    env = identity_for(agent_type)
    agent = agent_for(agent_type, env, learning_rate_decays=True)
    agent.train(env, 200)
    most = max(agent.config.model_dump(include={"learning_rate", "critic_learning_rate"}).values())
    for optimiser in agent.algorithm.optimisers().values():
        assert 0.0 <= optimiser.param_groups[0]["lr"] < 0.1 * most


def test_a_vector_that_reports_its_episodes_is_not_wrapped_again():
    plain = DummyVecEnv([lambda: gymnasium.make("CartPole-v1")])
    vector = vectorised(plain)
    assert isinstance(vector, VecMonitor)
    assert vectorised(vector) is vector
    monitored = DummyVecEnv([lambda: Monitor(gymnasium.make("CartPole-v1"))])
    assert vectorised(monitored) is monitored
