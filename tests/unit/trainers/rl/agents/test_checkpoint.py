import gymnasium
import numpy as np
import pytest
from stable_baselines3.common.callbacks import BaseCallback

from config.errors import NightdeskError
from tests.support.models.small_agents import CHOOSING, TYPES, agent_for, identity_for, small, trading_for
from trainers.rl.agents.agent import RLAgent
from trainers.rl.agents.checkpoint import CHECKPOINT
from trainers.rl.agents.factory import create_rl_agent
from trainers.safe_files import read_tensors, tensor_bytes

WORLDS = {"identity": identity_for, "trading": trading_for}
STEPS = 400


def bits(agent: RLAgent) -> bytes:
    tensors = {name: tensor.detach().numpy() for name, tensor in agent.algorithm.tensors().items()}
    return b"".join(tensors[name].tobytes() for name in sorted(tensors))


class KeepAt(BaseCallback):
    """Keeps a checkpoint at the first boundary after so many steps, and goes on."""

    def __init__(self, agent, folder, steps):
        super().__init__()
        self.agent, self.folder, self.steps, self.kept_at = agent, folder, steps, None

    def _on_rollout_start(self):
        if self.kept_at is None and self.agent.algorithm.num_timesteps >= self.steps:
            self.kept_at = self.agent.algorithm.num_timesteps
            self.agent.save_checkpoint(self.folder)

    def _on_step(self):
        return True


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("agent_type", TYPES)
def test_a_resumed_training_ends_as_the_one_that_was_not_interrupted(agent_type, world, tmp_path):
    env = WORLDS[world](agent_type)
    agent = agent_for(agent_type, env, seed=3, learning_rate_decays=True)
    callback = KeepAt(agent, tmp_path, 170)
    whole = agent.train(env, STEPS, callback, seed=5)

    env = WORLDS[world](agent_type)
    resumed = agent_for(agent_type, env)
    np.random.rand(3)
    resumed.load_checkpoint(tmp_path, env)
    facts = resumed.train(env, STEPS - callback.kept_at, reset=False)
    assert facts["timesteps"] == whole["timesteps"]
    assert facts["updates"] == whole["updates"]
    assert bits(resumed) == bits(agent)


@pytest.mark.parametrize("agent_type", TYPES)
def test_a_training_in_two_parts_ends_as_one_whose_second_part_was_resumed(agent_type, tmp_path):
    env = identity_for(agent_type)
    agent = agent_for(agent_type, env)
    agent.train(env, 130, seed=1)
    agent.save_checkpoint(tmp_path)
    agent.train(env, 130, reset=False)

    env = identity_for(agent_type)
    resumed = agent_for(agent_type, env)
    resumed.load_checkpoint(tmp_path, env)
    resumed.train(env, 130, reset=False)
    assert bits(resumed) == bits(agent)


@pytest.mark.parametrize("agent_type", TYPES)
def test_where_environments_cannot_tell_their_state_new_episodes_begin(agent_type, tmp_path):
    def env():
        return gymnasium.make("CartPole-v1" if agent_type in CHOOSING else "Pendulum-v1")

    agent = agent_for(agent_type, env())
    agent.train(env(), 120, seed=1)
    agent.save_checkpoint(tmp_path)
    resumed = agent_for(agent_type, env())
    resumed.load_checkpoint(tmp_path, env())
    assert bits(resumed) == bits(agent)
    assert resumed.train(env(), 64, reset=False)["timesteps"] >= 184


def test_a_full_memory_is_resumed_where_it_was_written_last(tmp_path):
    env = identity_for("sac")
    agent = agent_for("sac", env, buffer_size=64)
    agent.train(env, 200)
    agent.save_checkpoint(tmp_path)
    resumed = agent_for("sac", env)
    resumed.load_checkpoint(tmp_path, env)
    ours, theirs = resumed.algorithm.replay_buffer, agent.algorithm.replay_buffer
    assert (ours.pos, ours.full, ours.size()) == (theirs.pos, theirs.full, theirs.size()) == (50 % 16, True, 16)
    assert np.array_equal(ours.observations, theirs.observations)


def test_a_checkpoint_of_another_agent_or_another_number_of_environments_is_refused(tmp_path):
    env = identity_for("sac")
    agent = agent_for("sac", env)
    agent.train(env, 80)
    agent.save_checkpoint(tmp_path)
    changed = {
        "agent.other_type": (create_rl_agent("td3", 1, 1, small("td3")), identity_for("td3")),
        "agent.other_spaces": (create_rl_agent("sac", 3, 1, small("sac")), identity_for("sac")),
        "agent.other_architecture": (agent_for("sac", env, hidden_dim=4), identity_for("sac")),
        "agent.other_environments": (agent_for("sac", env), identity_for("sac", 2)),
    }
    for code, (other, world) in changed.items():
        before = bits(other)
        with pytest.raises(NightdeskError) as refused:
            other.load_checkpoint(tmp_path, world)
        assert refused.value.code == code
        assert bits(other) == before


@pytest.mark.parametrize("part", ["weights", "memory", "environment", "randomness", "optimiser"])
def test_a_checkpoint_that_lacks_a_part_is_refused_and_nothing_changes(part, tmp_path):
    env = identity_for("sac")
    agent = agent_for("sac", env)
    agent.train(env, 80)
    agent.save_checkpoint(tmp_path)
    tensors, metadata = read_tensors(tmp_path / CHECKPOINT)
    remaining = dict(tensors)
    for name in [name for name in tensors if name.startswith(part)][::2]:
        del remaining[name]
    (tmp_path / CHECKPOINT).write_bytes(tensor_bytes(remaining, metadata))
    other = agent_for("sac", env, seed=8)
    before = bits(other)
    with pytest.raises(NightdeskError) as refused:
        other.load_checkpoint(tmp_path, env)
    assert refused.value.code == "model.corrupt"
    assert bits(other) == before


def test_an_agent_that_never_trained_has_no_checkpoint(tmp_path):
    with pytest.raises(NightdeskError) as refused:
        create_rl_agent("ppo", 3, 1, small("ppo")).save_checkpoint(tmp_path)
    assert refused.value.code == "agent.not_training"


def test_a_newer_checkpoint_takes_the_place_of_the_older_one_whole(tmp_path):
    env = identity_for("ppo")
    agent = agent_for("ppo", env)
    agent.train(env, 64)
    agent.save_checkpoint(tmp_path)
    first = (tmp_path / CHECKPOINT).read_bytes()
    agent.train(env, 64, reset=False)
    agent.save_checkpoint(tmp_path)
    assert (tmp_path / CHECKPOINT).read_bytes() != first
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]
