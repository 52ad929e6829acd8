"""A checkpoint of a training: network, best weights, optimiser and epochs in one file, published whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from config.errors import NightdeskError
from config.publish import publish_bytes
from trainers.safe_files import Tensors, corrupt, read_tensors, tensor_bytes

Weights = dict[str, Tensor]


class Epochs(Protocol):
    """The epochs of a training so far."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""


NetworkT = TypeVar("NetworkT", bound=nn.Module)
HistoryT = TypeVar("HistoryT", bound=Epochs)
# Reads the epochs from the document of a file of this name.
ReadHistory = Callable[[Mapping[str, Any], str], HistoryT]


@dataclass
class State(Generic[NetworkT, HistoryT]):
    """All that changes in a training: the network and its optimiser, the best weights, and the epochs so far."""

    network: NetworkT
    optimiser: Optimizer
    best: Weights
    history: HistoryT


def save_checkpoint(path: Path, key: str, state: State[NetworkT, HistoryT]) -> None:
    """Publish the state after its last epoch; `key` names everything that the training depends on."""
    moments = {
        f"{number}/{name}": value
        for number, values in state.optimiser.state_dict()["state"].items()
        for name, value in values.items()
    }
    parts = {"network": state.network.state_dict(), "best": state.best, "optimiser": moments}
    tensors = {
        f"{part}/{name}": tensor.detach().cpu().numpy()
        for part, weights in parts.items()
        for name, tensor in weights.items()
    }
    publish_bytes(path, tensor_bytes(tensors, {"key": key, **state.history.to_dict()}))


def load_checkpoint(
    path: Path, key: str, state: State[NetworkT, HistoryT], read_history: ReadHistory[HistoryT]
) -> None:
    """Restore the state, if the file is of the same training; else the training starts over."""
    try:
        tensors, document = read_tensors(path)
        if document.get("key") == key:
            _restore(path.name, tensors, read_history(document, path.name), state)
    except NightdeskError:  # none yet, or torn: there is nothing to resume from
        return


def _restore(name: str, tensors: Tensors, history: HistoryT, state: State[NetworkT, HistoryT]) -> None:
    like = state.network.state_dict()
    network, best = (_fitting(name, _part(part, tensors), like) for part in ("network", "best"))
    moments: dict[int, Weights] = {}
    for key, value in _part("optimiser", tensors).items():
        number, _, moment = key.partition("/")
        moments.setdefault(int(number), {})[moment] = value
    groups = state.optimiser.state_dict()["param_groups"]
    state.network.load_state_dict(network)
    state.optimiser.load_state_dict({"state": moments, "param_groups": groups})
    state.best, state.history = best, history


def _part(part: str, tensors: Tensors) -> Weights:
    prefix = f"{part}/"
    return {
        name.removeprefix(prefix): torch.from_numpy(array.copy())
        for name, array in tensors.items()
        if name.startswith(prefix)
    }


def _fitting(name: str, weights: Weights, like: Weights) -> Weights:
    """The weights on the network's device; raises unless they are its own by name and shape."""
    shapes = {key: tuple(weight.shape) for key, weight in weights.items()}
    if shapes != {key: tuple(weight.shape) for key, weight in like.items()}:
        raise corrupt(name, "its tensors are not those of the network")
    return {key: weight.to(like[key].device) for key, weight in weights.items()}
