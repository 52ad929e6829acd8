"""A policy as arrays, evaluated by compiled kernels without torch: the same bits for any batch and thread count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from config.errors import NightdeskError
from evaluation.accounting.account import compiled
from trainers.rl.serving.policy import CLIP, CompiledPolicy, Network, decide, exponential, outputs
from trainers.safe_files import Tensors, corrupt

Singles = NDArray[np.float32]
Floats = NDArray[np.float64]

_CHOICES = {"action": 3, "strength": 1, "return": 1, "risk": 3}
_REQUIRED = ("action", "strength")


class HeadArrays(NamedTuple):
    """One head for the kernel; `attention` is A and a one after the other, or empty."""

    attention: Singles
    mean: Singles
    std: Singles
    network: Network


@compiled
def _attended(state: Singles, head: HeadArrays, scaled: Singles) -> None:
    """Write the scaled state, each number by its share of attention."""
    n, clip = state.shape[0], np.float32(CLIP)
    for i in range(n):
        scaled[i] = min(max((state[i] - head.mean[i]) / head.std[i], -clip), clip)
    scores = head.attention[n * n :].astype(np.float64)
    for i in range(n):
        for j in range(n):
            scores[j] += float(scaled[i]) * float(head.attention[i * n + j])
    highest, total = scores.max(), 0.0
    for j in range(n):
        total += exponential(scores[j] - highest)
    for j in range(n):
        scaled[j] *= np.float32(n * exponential(scores[j] - highest) / total)


@compiled
def head_outputs(state: Singles, head: HeadArrays, work: Singles) -> Any:
    """The outputs of one head; `work` is three rows as wide as the widest layer of any head."""
    if head.attention.shape[0] == 0:
        return outputs(state, head.network, work[:2])
    scaled = work[2, : state.shape[0]]
    _attended(state, head, scaled)
    return outputs(scaled, head.network, work[:2])


@compiled
def decide_state(
    state: Singles, action: HeadArrays, strength: HeadArrays, work: Singles, probabilities: Floats
) -> float:
    """Write the probabilities of hold, buy and sell; returns the strength."""
    logits = head_outputs(state, action, work)
    highest, total = float(max(logits[0], logits[1], logits[2])), 0.0
    for k in range(3):
        probabilities[k] = exponential(float(logits[k]) - highest)
        total += probabilities[k]
    for k in range(3):
        probabilities[k] /= total
    return decide(head_outputs(state, strength, work), strength.network)[0]


@compiled
def _decide_rows(  # noqa: PLR0917 -- a kernel takes its arguments by position
    states: Singles, action: HeadArrays, strength: HeadArrays, width: int, probabilities: Floats, strengths: Floats
) -> None:
    work = np.empty((3, width), np.float32)
    for row in range(states.shape[0]):
        strengths[row] = decide_state(states[row], action, strength, work, probabilities[row])


@compiled
def _outputs_of(state: Singles, head: HeadArrays, width: int) -> Singles:
    out: Singles = head_outputs(state, head, np.empty((3, width), np.float32)).copy()
    return out


@dataclass(frozen=True, eq=False)
class Head:
    """The layers from a state to one kind of output, after attention (A [inputs, inputs], a) if there is any."""

    policy: CompiledPolicy
    attention: tuple[Singles, Singles] | None = None

    def arrays(self) -> HeadArrays:
        """As the kernel takes it."""
        network, (mean, std) = self.policy.network, (self.policy.network.mean, self.policy.network.std)
        if self.attention is None:
            return HeadArrays(np.empty(0, np.float32), mean, std, network)
        # The kernel has scaled the state before it attends.
        unscaled = network._replace(mean=np.zeros_like(mean), std=np.ones_like(std), clip=np.inf)
        flat = np.concatenate([part.ravel() for part in self.attention])
        return HeadArrays(flat, np.array(mean), np.array(std), unscaled)

    def tensors(self) -> Tensors:
        """Every array by name, to be saved."""
        tensors = self.policy.tensors()
        if self.attention is not None:
            tensors |= {"attention_weight": self.attention[0], "attention_bias": self.attention[1]}
        return tensors

    @classmethod
    def from_tensors(cls, name: str, tensors: Tensors) -> Head:
        """A head from untrusted arrays, which are checked here, since the kernel does not."""
        layers = {key: array for key, array in tensors.items() if not key.startswith("attention_")}
        policy = CompiledPolicy.from_tensors(layers)
        if policy.choices != _CHOICES[name]:
            raise corrupt("The policy", f"its head {name} has {policy.choices} outputs instead of {_CHOICES[name]}")
        if len(layers) == len(tensors):
            return cls(policy)
        weight, bias = tensors.get("attention_weight"), tensors.get("attention_bias")
        n = policy.inputs
        for array, shape in ((weight, (n, n)), (bias, (n,))):
            if array is None or array.dtype != np.float32 or array.shape != shape or not np.isfinite(array).all():
                raise corrupt("The policy", f"its attention is not float32 {shape}, or not finite")
        assert weight is not None and bias is not None  # noqa: PT018, S101 -- checked above
        return cls(policy, (weight, bias))


@dataclass(frozen=True, eq=False)
class ServedPolicy:
    """The heads of a policy; those of action and strength are always there."""

    heads: Mapping[str, Head]
    _arrays: dict[str, HeadArrays] = field(init=False, repr=False)
    _width: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        inputs = {head.policy.inputs for head in self.heads.values()}
        if not set(_REQUIRED) <= set(self.heads) <= set(_CHOICES) or len(inputs) != 1:
            raise corrupt("The policy", f"its heads are {', '.join(self.heads) or 'none'}, from {inputs} numbers")
        object.__setattr__(self, "_arrays", {name: head.arrays() for name, head in self.heads.items()})
        width = max(int(arrays.network.sizes.max()) for arrays in self._arrays.values())
        object.__setattr__(self, "_width", width)

    @property
    def inputs(self) -> int:
        """How many numbers a state has."""
        return self.heads["action"].policy.inputs

    @property
    def width(self) -> int:
        """The widest layer."""
        return self._width

    def arrays(self, head: str) -> HeadArrays:
        """A head as the kernels take it."""
        return self._arrays[head]

    def decide(self, states: NDArray[Any]) -> tuple[Floats, Floats]:
        """The probabilities of hold, buy and sell [rows, 3] and the strengths [rows] of states [rows, inputs]."""
        rows = self._checked(states)
        probabilities, strengths = np.empty((len(rows), 3)), np.empty(len(rows))
        _decide_rows(rows, self._arrays["action"], self._arrays["strength"], self._width, probabilities, strengths)
        return probabilities, strengths

    def outputs(self, head: str, state: NDArray[Any]) -> Singles:
        """The raw outputs of one head for one state."""
        out: Singles = _outputs_of(self._checked(np.reshape(state, (1, -1)))[0], self._arrays[head], self._width)
        return out

    def _checked(self, states: NDArray[Any]) -> Singles:
        rows = np.ascontiguousarray(states, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.inputs or not np.isfinite(rows).all():
            raise NightdeskError(
                "policy.state",
                f"The states have the shape {rows.shape} or a number that is not finite; this policy decides on "
                f"{self.inputs} finite numbers.",
                "Build them with RlStateBuilder or data_pipeline.offline; the first bars have no state.",
            )
        return rows

    def tensors(self) -> Tensors:
        """Every array by name, to be saved."""
        return {f"{name}/{key}": array for name, head in self.heads.items() for key, array in head.tensors().items()}

    @classmethod
    def from_tensors(cls, tensors: Tensors, inputs: int | None = None) -> ServedPolicy:
        """A policy from untrusted arrays, which must decide on so many numbers, if that is given."""
        heads: dict[str, Tensors] = {}
        for key, array in tensors.items():
            name, _, part = key.partition("/")
            if name not in _CHOICES:
                raise corrupt("The policy", f"it has a head {name!r}, which is unknown")
            heads.setdefault(name, {})[part] = array
        policy = cls({name: Head.from_tensors(name, parts) for name, parts in heads.items()})
        if inputs not in {None, policy.inputs}:
            raise corrupt("The policy", f"it decides on {policy.inputs} numbers, and a state has {inputs}")
        return policy
