"""An agent as one safetensors file, published atomically: tensors and a JSON description."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import AfterValidator

from config.errors import NightdeskError
from config.publish import publish_bytes
from config.section import Section
from trainers.rl.agents.configs import AgentConfig
from trainers.rl.agents.specs import AGENTS
from trainers.rl.environments.spaces import Actions
from trainers.safe_files import Tensors, corrupt, described, read_tensors, tensor_bytes

Weights = dict[str, torch.Tensor]


def _agent(name: str) -> str:
    if name not in AGENTS:
        raise ValueError(f"{name!r} is none of the agents {', '.join(AGENTS)}")
    return name


class AgentDescription(Section):
    """The description of the agent in a file."""

    format: Literal[1] = 1
    agent_type: Annotated[str, AfterValidator(_agent)]
    config: dict[str, Any]
    inputs: int
    actions: Actions


def write_agent(path: Path, description: AgentDescription, weights: Weights) -> None:
    """Publish the file."""
    tensors = {name: tensor.detach().cpu().numpy() for name, tensor in weights.items()}
    publish_bytes(path, tensor_bytes(tensors, {"agent": description.model_dump(mode="json")}))


def read_agent(path: Path, expected: AgentDescription) -> tuple[AgentConfig, Tensors]:
    """The config and tensors in a file; raises unless they are those of an agent like the `expected` one."""
    tensors, metadata = read_tensors(path)
    description = described(path.name, AgentDescription, metadata.get("agent"))
    config = described(path.name, AGENTS[description.agent_type].config, description.config)
    require_like(path.name, description, config, expected)
    return config, tensors


def require_like(name: str, description: AgentDescription, config: AgentConfig, expected: AgentDescription) -> None:
    """Raise unless the stored agent fits the agent that is to load it."""
    if description.agent_type != expected.agent_type:
        raise NightdeskError(
            "agent.other_type",
            f"{name} holds a {description.agent_type} agent, and this is a {expected.agent_type} one.",
            f'Create the agent with create_rl_agent("{description.agent_type}", ...), or load another file.',
        )
    if (description.inputs, description.actions) != (expected.inputs, expected.actions):
        raise NightdeskError(
            "agent.other_spaces",
            f"{name} decides from {description.inputs} numbers on {description.actions}; "
            f"this agent from {expected.inputs} on {expected.actions}.",
            "Create the agent with the state_dim, action_dim and action_space that the file was trained with.",
        )
    for field in config.architecture:
        stored, own = getattr(config, field), expected.config[field]
        if stored != own:
            raise NightdeskError(
                "agent.other_architecture",
                f"{name} was trained with {field} {stored}, and this agent has {own}.",
                f"Create the agent with a config of {field}={stored}.",
            )


def fitting(name: str, tensors: Tensors, like: Weights) -> Weights:
    """The tensors as weights; raises unless they are complete, of the expected shapes and dtypes, and finite."""
    if set(tensors) != set(like):
        odd = sorted(set(tensors) ^ set(like))
        raise corrupt(name, f"it has not the tensors of its agent; {odd[0]} is missing or too much")
    weights = {key: torch.from_numpy(array.copy()) for key, array in tensors.items()}
    for key, weight in weights.items():
        if weight.shape != like[key].shape or weight.dtype != like[key].dtype:
            raise corrupt(name, f"{key} is {weight.dtype} {tuple(weight.shape)}, not what its config makes")
        if not torch.isfinite(weight).all():
            raise corrupt(name, f"{key} has a number that is not finite")
    return weights
