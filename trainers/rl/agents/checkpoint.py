"""The complete state of an agent's training between two rollouts, as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from stable_baselines3.common.vec_env import VecEnv

from config.errors import NightdeskError
from config.publish import publish_bytes
from config.section import Section
from trainers.rl.agents.algorithms.base import Algorithm
from trainers.rl.agents.configs import AgentConfig
from trainers.rl.agents.file import AgentDescription, fitting, require_like
from trainers.rl.agents.randomness import Randomness
from trainers.rl.agents.specs import AGENTS
from trainers.safe_files import Tensors, corrupt, described, read_tensors, tensor_bytes

CHECKPOINT = "agent.safetensors"


class CheckpointDescription(Section):
    """The metadata stored with the tensors."""

    agent: AgentDescription
    counters: dict[str, float]
    environments: int = Field(ge=1)


class Checkpoint:
    """A checkpoint that was read and checked against the agent that is to resume from it."""

    def __init__(self, folder: Path, expected: AgentDescription) -> None:
        self.name = CHECKPOINT
        self._tensors, metadata = read_tensors(folder / CHECKPOINT)
        self.description = described(CHECKPOINT, CheckpointDescription, metadata.get("checkpoint"))
        agent = self.description.agent
        self.config: AgentConfig = described(CHECKPOINT, AGENTS[agent.agent_type].config, agent.config)
        require_like(CHECKPOINT, agent, self.config, expected)

    def part(self, name: str) -> Tensors:
        """The tensors whose keys begin with `name/`."""
        return {
            key.removeprefix(f"{name}/"): value for key, value in self._tensors.items() if key.startswith(f"{name}/")
        }

    def restore(self, algorithm: Algorithm, randomness: Randomness, env: VecEnv) -> None:
        """Restore the state of a new algorithm, its random generators and its environments."""
        if env.num_envs != self.description.environments:
            raise NightdeskError(
                "agent.other_environments",
                f"The checkpoint is of {self.description.environments} environments, and there are {env.num_envs}.",
                f"Resume with {self.description.environments} environments.",
            )
        try:
            algorithm.load_tensors(fitting(self.name, self.part("weights"), algorithm.tensors()))
            algorithm.attach(env)
            self._restore_optimisers(algorithm)
            algorithm.load_memories(self.part("memory"))
            algorithm.load_counters(self.description.counters)
            self._restore_environments(algorithm, env)
            randomness.restore(self.part("randomness"))
        except (KeyError, ValueError, TypeError, RuntimeError, IndexError) as error:
            raise corrupt(self.name, f"a part of it is missing or of another form ({error})") from error

    def _restore_environments(self, algorithm: Algorithm, env: VecEnv) -> None:
        state = self.part("environment")
        if state:
            _stateful(env).set_state(state)
        else:
            algorithm.begin_episodes()

    def _restore_optimisers(self, algorithm: Algorithm) -> None:
        for name, optimiser in algorithm.optimisers().items():
            states: dict[int, dict[str, torch.Tensor]] = {}
            for key, value in self.part(f"optimiser/{name}").items():
                number, quantity = key.split("/")
                states.setdefault(int(number), {})[quantity] = torch.from_numpy(value.copy())
            optimiser.load_state_dict(optimiser.state_dict() | {"state": states})


def write_checkpoint(folder: Path, description: AgentDescription, algorithm: Algorithm, randomness: Randomness) -> None:
    """Publish the checkpoint in `folder`, in place of an older one."""
    env = algorithm.env
    if env is None:
        raise NightdeskError(
            "agent.not_training",
            "A checkpoint is of a training, and this agent has not begun one.",
            "Train it first, or store what it has learned with save.",
        )
    parts: dict[str, dict[str, Any]] = {
        "weights": {key: tensor.detach().cpu().numpy() for key, tensor in algorithm.tensors().items()},
        "memory": algorithm.memories(),
        "environment": env.get_state() if hasattr(env, "get_state") else {},
        "randomness": randomness.state(),
    }
    for name, optimiser in algorithm.optimisers().items():
        parts[f"optimiser/{name}"] = {
            f"{number}/{name}": value.cpu().numpy()
            for number, state in optimiser.state_dict()["state"].items()
            for name, value in state.items()
        }
    tensors = {f"{part}/{key}": np.asarray(value) for part, values in parts.items() for key, value in values.items()}
    metadata = CheckpointDescription(agent=description, counters=algorithm.read_counters(), environments=env.num_envs)
    publish_bytes(folder / CHECKPOINT, tensor_bytes(tensors, {"checkpoint": metadata.model_dump(mode="json")}))


def _stateful(env: VecEnv) -> Any:
    if hasattr(env, "set_state"):
        return env
    raise NightdeskError(
        "agent.other_environments",
        "The checkpoint holds the state of its environments, and these have no set_state.",
        "Resume with the kind of environments that the training began with.",
    )
