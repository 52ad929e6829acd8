"""A checkpoint of a training: network, best network, optimiser and epochs in one file, published whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from config.errors import NightdeskError
from config.publish import publish_bytes
from trainers.decision_transformer.network.files import fitting
from trainers.decision_transformer.training.epochs import History
from trainers.safe_files import Tensors, corrupt, read_tensors, tensor_bytes

FILE = "training.safetensors"
_FORMAT = 1
Weights = dict[str, Tensor]


@dataclass
class State:
    """All that changes in a training: the network and its optimiser, the best weights, and the epochs so far."""

    network: nn.Module
    optimiser: Optimizer
    best: Weights
    history: History


def save_checkpoint(folder: Path, made_by: dict[str, Any], state: State) -> None:
    """Publish the state after its last epoch."""
    tensors = {
        **_prefixed("network", state.network.state_dict()),
        **_prefixed("best", state.best),
        **_prefixed("optimiser", _moments(state.optimiser)),
    }
    publish_bytes(folder / FILE, tensor_bytes(tensors, {"made_by": _described(made_by), **state.history.to_dict()}))


def load_checkpoint(folder: Path, made_by: dict[str, Any], state: State) -> None:
    """Restore the state from the folder's checkpoint, if there is one."""
    if not (folder / FILE).exists():
        return
    tensors, document = read_tensors(folder / FILE)
    _require_same(document.get("made_by"), _described(made_by))
    history = History.from_dict(document, FILE)
    like = state.network.state_dict()
    best = fitting(FILE, _of("best", tensors), like)
    state.network.load_state_dict(fitting(FILE, _of("network", tensors), like))
    _restore(state.optimiser, _of("optimiser", tensors))
    state.best = {name: weight.to(like[name].device) for name, weight in best.items()}
    state.history = history


def _described(made_by: dict[str, Any]) -> dict[str, Any]:
    return {"format": _FORMAT, **made_by}


def _prefixed(prefix: str, tensors: Weights) -> Tensors:
    return {f"{prefix}/{name}": tensor.detach().cpu().numpy() for name, tensor in tensors.items()}


def _of(prefix: str, tensors: Tensors) -> Tensors:
    return {name.removeprefix(f"{prefix}/"): array for name, array in tensors.items() if name.startswith(f"{prefix}/")}


def _moments(optimiser: Optimizer) -> Weights:
    """The optimiser's numbers by parameter: steps and moments."""
    state = optimiser.state_dict()["state"]
    return {f"{number}/{name}": value for number, values in state.items() for name, value in values.items()}


def _restore(optimiser: Optimizer, tensors: Tensors) -> None:
    state: dict[int, Weights] = {}
    for key, array in tensors.items():
        number, _, name = key.partition("/")
        if not number.isdecimal():
            raise corrupt(FILE, f"{key!r} is no number of its optimiser")
        state.setdefault(int(number), {})[name] = torch.from_numpy(array.copy())
    document = optimiser.state_dict()
    try:
        optimiser.load_state_dict({"state": state, "param_groups": document["param_groups"]})
    except (KeyError, ValueError) as error:
        raise corrupt(FILE, f"its optimiser does not fit the network ({error})") from error


def _require_same(stored: Any, expected: dict[str, Any]) -> None:
    if not isinstance(stored, dict):
        raise corrupt(FILE, "it does not say what made it")
    for name, value in expected.items():
        if stored.get(name) != value:
            raise NightdeskError(
                "training.other_checkpoint",
                f"The checkpoint was made with {name} {stored.get(name)!r}; here it is {value!r}.",
                "Resume with the network, data and config that the training began with, or empty the folder.",
            )
