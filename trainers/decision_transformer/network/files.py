"""A Decision Transformer as one safetensors file: its tensors, and its config as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from config.errors import NightdeskError
from config.publish import publish_bytes
from config.section import Section
from trainers.decision_transformer.params import NetworkConfig
from trainers.safe_files import Tensors, corrupt, described, read_tensors, tensor_bytes


class NetworkDescription(Section):
    """The description of the network in a file."""

    format: Literal[1] = 1
    network: NetworkConfig


def write_network(path: Path, config: NetworkConfig, weights: dict[str, Tensor]) -> None:
    """Publish the file."""
    tensors = {name: tensor.detach().cpu().numpy() for name, tensor in weights.items()}
    description = NetworkDescription(network=config).model_dump(mode="json")
    publish_bytes(path, tensor_bytes(tensors, description))


def read_network(path: Path) -> tuple[NetworkConfig, Tensors]:
    """The config and tensors in a file."""
    try:
        tensors, metadata = read_tensors(path)
    except NightdeskError as error:
        if error.code != "model.unsafe":
            raise
        raise NightdeskError(
            "model.unsafe",
            f"{path.name} is a pickle; reading one runs whatever code is in it, so it is never read.",
            "Train the network here (nightdesk train --model-type decision_transformer), or give the weights of one "
            "that you trust and have loaded yourself to load_state_dict, then save the network again.",
        ) from error
    return described(path.name, NetworkDescription, metadata).network, tensors


def fitting(name: str, tensors: Tensors, like: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors as weights; raises unless they are complete, of the right shapes, and finite."""
    if tensors.keys() != like.keys():
        odd = sorted(tensors.keys() ^ like.keys())
        raise corrupt(name, f"it has not the tensors of its config; {odd[0]} is missing or too much")
    weights = {key: torch.from_numpy(array.copy()) for key, array in tensors.items()}
    for key, weight in weights.items():
        if weight.shape != like[key].shape or not weight.is_floating_point():
            raise corrupt(name, f"{key} is {weight.dtype} {tuple(weight.shape)}, not what its config makes")
        if not bool(torch.isfinite(weight).all()):
            raise corrupt(name, f"{key} has a number that is not finite")
    return weights
