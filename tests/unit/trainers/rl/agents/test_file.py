import json
from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium import spaces

from config.errors import NightdeskError
from tests.support.models.identity_game import Identity
from tests.support.models.small_agents import TYPES, agent_for, identity_for, small
from trainers.rl.agents.agent import RLAgent
from trainers.rl.agents.factory import create_rl_agent
from trainers.safe_files import read_tensors, tensor_bytes


def trained(agent_type: str, seed: int = 1) -> RLAgent:
    env = identity_for(agent_type)
    agent = agent_for(agent_type, env, seed=seed)
    agent.train(env, 120, seed=seed)
    return agent


def bits(agent: RLAgent) -> bytes:
    return b"".join(tensor.detach().numpy().tobytes() for _, tensor in sorted(agent.algorithm.tensors().items()))


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
@pytest.mark.parametrize("agent_type", TYPES)
def test_a_loaded_agent_is_the_saved_one_to_the_last_bit(agent_type, suffix, tmp_path):
    agent = trained(agent_type)
    agent.save(tmp_path / "deep" / f"agent.{suffix}")
    other = agent_for(agent_type, identity_for(agent_type), seed=9)
    assert bits(other) != bits(agent)
    other.load(str(tmp_path / "deep" / f"agent.{suffix}"))
    assert bits(other) == bits(agent)
    rows = np.random.default_rng(0).normal(size=(20, agent.observation_space.shape[0]))
    assert np.array_equal(agent.select_action(rows), other.select_action(rows))


def test_the_config_travels_with_the_weights(tmp_path):
    env = identity_for("sac")
    agent = agent_for("sac", env, gamma=0.9, tau=0.02)
    agent.save(tmp_path / "agent")
    other = agent_for("sac", env)
    other.load(tmp_path / "agent")
    assert other.config == agent.config
    assert (other.algorithm.gamma, other.algorithm.tau) == (0.9, 0.02)


@pytest.mark.parametrize("agent_type", TYPES)
def test_a_loaded_agent_goes_on_learning(agent_type, tmp_path):
    trained(agent_type).save(tmp_path / "agent")
    env = identity_for(agent_type)
    agent = agent_for(agent_type, env)
    agent.load(tmp_path / "agent")
    before = bits(agent)
    agent.train(env, 120)
    assert bits(agent) != before


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def torch_file(path: Path) -> None:
    torch.save({"weights": torch.zeros(3)}, path)


def pickled(path: Path) -> None:
    path.write_bytes(b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00]\x94.")


def without_description(path: Path) -> None:
    path.write_bytes(tensor_bytes(read_tensors(path)[0], {}))


def without_a_tensor(path: Path) -> None:
    tensors, metadata = read_tensors(path)
    path.write_bytes(tensor_bytes(dict(list(tensors.items())[1:]), metadata))


def with_holes(path: Path) -> None:
    tensors, metadata = read_tensors(path)
    path.write_bytes(tensor_bytes({name: array + np.nan for name, array in tensors.items()}, metadata))


def of_another_shape(path: Path) -> None:
    tensors, metadata = read_tensors(path)
    path.write_bytes(
        tensor_bytes({name: np.concatenate([a.ravel(), a.ravel()]) for name, a in tensors.items()}, metadata)
    )


def with_another_config(path: Path) -> None:
    tensors, metadata = read_tensors(path)
    metadata["agent"]["config"]["gamma"] = 7.0
    path.write_bytes(tensor_bytes(tensors, metadata))


def gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (torn, "model.corrupt"),
        (empty, "model.corrupt"),
        (torch_file, "model.unsafe"),
        (pickled, "model.unsafe"),
        (without_description, "model.corrupt"),
        (without_a_tensor, "model.corrupt"),
        (with_holes, "model.corrupt"),
        (of_another_shape, "model.corrupt"),
        (with_another_config, "model.corrupt"),
        (gone, "model.corrupt"),
    ],
)
def test_a_damaged_or_executable_file_is_refused_and_the_agent_stays_as_it_was(damage, code, tmp_path):
    path = tmp_path / "agent.pt"
    trained("sac").save(path)
    damage(path)
    agent = trained("sac", seed=2)
    before, config = bits(agent), agent.config
    with pytest.raises(NightdeskError) as refused:
        agent.load(path)
    assert refused.value.code == code
    assert (bits(agent), agent.config) == (before, config)


@pytest.mark.parametrize(
    ("other", "code"),
    [
        (lambda: create_rl_agent("td3", 1, 1, small("td3")), "agent.other_type"),
        (lambda: create_rl_agent("sac", 2, 1, small("sac")), "agent.other_spaces"),
        (lambda: create_rl_agent("sac", 1, 2, small("sac")), "agent.other_spaces"),
        (
            lambda: create_rl_agent("sac", 1, 1, small("sac"), action_space=spaces.Box(-2.0, 2.0, (1,))),
            "agent.other_spaces",
        ),
        (lambda: create_rl_agent("sac", 1, 1, small("sac", hidden_dim=16)), "agent.other_architecture"),
    ],
)
def test_an_agent_of_another_kind_is_refused_with_what_to_do(other, code, tmp_path):
    other().save(tmp_path / "agent")
    agent = agent_for("sac", Identity(1, continuous=True))
    before = bits(agent)
    with pytest.raises(NightdeskError) as refused:
        agent.load(tmp_path / "agent")
    assert refused.value.code == code
    assert "create the agent" in refused.value.cure.lower()
    assert bits(agent) == before


def test_saving_over_an_older_file_leaves_nothing_else_behind(tmp_path):
    agent = trained("ppo")
    agent.save(tmp_path / "agent")
    agent.save(tmp_path / "agent")
    assert [path.name for path in tmp_path.iterdir()] == ["agent"]


def test_a_file_describes_its_agent_without_being_loaded(tmp_path):
    trained("dqn").save(tmp_path / "agent")
    description = read_tensors(tmp_path / "agent")[1]["agent"]
    assert description["agent_type"] == "dqn"
    assert description["actions"] == {"kind": "discrete", "n": 3}
    assert json.loads(json.dumps(description["config"]))["hidden_dim"] == 8
