"""A policy as arrays of its layers: checked on load, and evaluated by a compiled kernel without torch.

The forward pass is float32 arithmetic in one fixed order: no linear algebra library, no fused or reordered sums, and
exp is computed by a polynomial. So equal observations give the same bits for any number of threads, batch size or CPU.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from config.errors import NightdeskError
from trainers.safe_files import Tensors, corrupt

Floats = NDArray[np.float32]
Activation = Literal["relu", "tanh"]
Head = Literal["tanh", "clip", "argmax"]
ACTIVATIONS: tuple[Activation, ...] = ("relu", "tanh")
HEADS: tuple[Head, ...] = ("tanh", "clip", "argmax")
CLIP = 10.0  # how many standard deviations an observation may lie from its mean
# Dividing as numpy does needs no branch, so that the loops become vector instructions; the bits are the same.
_kernel = njit(cache=True, error_model="numpy")
_SERIES = tuple(1.0 / math.factorial(k) for k in range(12, -1, -1))
_RELU, _TANH_HEAD, _ARGMAX = ACTIVATIONS.index("relu"), HEADS.index("tanh"), HEADS.index("argmax")


@dataclass(frozen=True, eq=False)
class PolicyLayers:
    """The deterministic actor of an agent, as numpy arrays.

    An observation becomes clip((observation - mean) / std, -clip, clip), then goes through `layers`, each a pair of
    W [inputs, outputs] and b [outputs] with the activation between them (none after the last). The head turns the
    outputs into an action: `tanh` squashes one output into [low, high], `clip` clips it to that range, `argmax` takes
    the index of the largest of several. An agent that does not normalise has mean 0, std 1 and an infinite clip.

    `temperature` is that of the softmax over `argmax` outputs that gives the confidence: 1 for logits.
    """

    mean: Floats
    std: Floats
    layers: Sequence[tuple[Floats, Floats]]
    activation: Activation
    head: Head
    clip: float = CLIP
    low: float = -1.0
    high: float = 1.0
    temperature: float = 1.0


class Network(NamedTuple):
    """The layers for the kernel: `sizes` are the widths, `numbers` every W and b one after the other."""

    mean: Floats
    std: Floats
    sizes: NDArray[np.int64]
    numbers: Floats
    activation: int
    head: int
    clip: float
    low: float
    high: float
    temperature: float


@_kernel
def exponential(x: float) -> float:
    """e to the x for |x| <= 40: (the Taylor series at x / 64) to the 64, to 1e-11 of it; the same bits everywhere."""
    y = min(max(x, -40.0), 40.0) / 64.0
    total = 0.0
    for share in _SERIES:
        total = total * y + share
    for _ in range(6):
        total *= total
    return total


@_kernel
def _tanh(x: float) -> float:
    return 1.0 - 2.0 / (1.0 + exponential(2.0 * x))


@_kernel
def _normalise(observation: Floats, network: Network, out: Floats) -> None:
    clip = np.float32(network.clip)
    for i in range(observation.shape[0]):
        out[i] = min(max((observation[i] - network.mean[i]) / network.std[i], -clip), clip)


@_kernel
def outputs(observation: Floats, network: Network, work: Floats) -> Any:
    """The outputs of the last layer; `work` is two rows as wide as the widest layer."""
    _normalise(observation, network, work[0])
    at, last = 0, network.sizes.shape[0] - 2
    for layer in range(last + 1):
        n, m = network.sizes[layer], network.sizes[layer + 1]
        before, after = work[layer % 2], work[(layer + 1) % 2, :m]
        after[:] = network.numbers[at + n * m : at + n * m + m]
        for i in range(n):
            x, row = before[i], network.numbers[at + i * m : at + (i + 1) * m]
            for j in range(m):
                after[j] += x * row[j]
        at += n * m + m
        if layer == last:
            return after
        if network.activation == _RELU:
            for j in range(m):
                after[j] = max(after[j], np.float32(0.0))
        else:
            for j in range(m):
                after[j] = _tanh(after[j])
    return work[0]


@_kernel
def decide(last_layer: Floats, network: Network) -> tuple[float, float]:
    """The action of these outputs, a weight or the index of a choice, and its confidence."""
    if network.head == _ARGMAX:
        best = 0
        for k in range(1, last_layer.shape[0]):
            if last_layer[k] > last_layer[best]:
                best = k
        total = 0.0
        for k in range(last_layer.shape[0]):
            total += exponential((float(last_layer[k]) - float(last_layer[best])) / network.temperature)
        return float(best), 1.0 / total
    x, low, high = float(last_layer[0]), network.low, network.high
    if network.head == _TANH_HEAD:
        x = low + 0.5 * (_tanh(x) + 1.0) * (high - low)
    action = min(max(x, low), high)
    return action, min(abs(action), 1.0)


@njit(cache=True, nogil=True)
def _decide_alone(observation: Floats, network: Network) -> tuple[float, float]:
    return decide(outputs(observation, network, np.empty((2, network.sizes.max()), np.float32)), network)


@dataclass(frozen=True, eq=False)
class CompiledPolicy:
    """A policy that acts without torch.

    The confidence of a weight is its absolute value.
    The confidence of a choice is its softmax probability at the temperature: for logits the policy's own probability;
    for action values, whose scale is that of the reward, the temperature is their typical spread in training.
    """

    layers: PolicyLayers
    network: Network = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check(self.layers)
        object.__setattr__(self, "network", _network(self.layers))

    @property
    def inputs(self) -> int:
        """How many numbers an observation has."""
        return len(self.layers.mean)

    @property
    def choices(self) -> int:
        """The number of choices of `argmax`; 1 for a weight."""
        return len(self.layers.layers[-1][1])

    def act(self, observation: Floats) -> tuple[float | int, float]:
        """The action on one observation, a weight or the index of a choice, and its confidence."""
        row = np.ascontiguousarray(observation, dtype=np.float32)
        if row.shape != (self.inputs,) or not np.isfinite(row).all():
            raise NightdeskError(
                "agent.observation",
                f"The observation has the shape {row.shape} or a number that is not finite; "
                f"this policy decides on {self.inputs} finite numbers.",
                "Give it the observation of an environment with the config it was trained in.",
            )
        action, confidence = _decide_alone(row, self.network)
        return (int(action) if self.layers.head == "argmax" else action), confidence

    def tensors(self) -> Tensors:
        """Every array by name, to be saved."""
        layers = self.layers
        choices = [ACTIVATIONS.index(layers.activation), HEADS.index(layers.head)]
        tensors: Tensors = {
            "mean": layers.mean,
            "std": layers.std,
            "choices": np.array(choices, dtype=np.int64),
            "bounds": np.array([layers.clip, layers.low, layers.high, layers.temperature], dtype=np.float64),
        }
        for k, (weight, bias) in enumerate(layers.layers):
            tensors[f"weight_{k}"], tensors[f"bias_{k}"] = weight, bias
        return tensors

    @classmethod
    def from_tensors(cls, tensors: Tensors) -> CompiledPolicy:
        """A policy from untrusted arrays, which are checked here, since the kernel does not."""
        count = sum(name.startswith("weight_") for name in tensors)
        expected = {"mean", "std", "choices", "bounds"} | {
            f"{part}_{k}" for k in range(count) for part in ("weight", "bias")
        }
        if set(tensors) != expected or count == 0:
            raise corrupt("The policy", f"its arrays are {sorted(tensors)} instead of {sorted(expected)}")
        choices, bounds = tensors["choices"], tensors["bounds"]
        if choices.dtype != np.int64 or choices.shape != (2,) or bounds.dtype != np.float64 or bounds.shape != (4,):
            raise corrupt("The policy", "its choices or bounds have another form")
        activation, head = map(int, choices)
        if activation not in range(len(ACTIVATIONS)) or head not in range(len(HEADS)):
            raise corrupt("The policy", f"it names activation {activation} and head {head}, which are unknown")
        clip, low, high, temperature = map(float, bounds)
        layers = [(tensors[f"weight_{k}"], tensors[f"bias_{k}"]) for k in range(count)]
        return cls(
            PolicyLayers(
                tensors["mean"],
                tensors["std"],
                layers,
                ACTIVATIONS[activation],
                HEADS[head],
                clip=clip,
                low=low,
                high=high,
                temperature=temperature,
            )
        )


def _network(layers: PolicyLayers) -> Network:
    parts = [part.ravel() for pair in layers.layers for part in pair]
    return Network(
        _own(layers.mean),
        _own(layers.std),
        _own(np.array([len(layers.mean), *(len(bias) for _, bias in layers.layers)], dtype=np.int64)),
        _own(np.concatenate(parts)),
        ACTIVATIONS.index(layers.activation),
        HEADS.index(layers.head),
        float(layers.clip),
        float(layers.low),
        float(layers.high),
        float(layers.temperature),
    )


def _own(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only copy with the memory layout that the kernel is compiled for."""
    copy = np.array(array, order="C")
    copy.setflags(write=False)
    return copy


def _check(policy: PolicyLayers) -> None:
    """Raise unless the layers chain, every number is finite and the bounds make sense."""
    width = len(policy.mean) if policy.mean.ndim == 1 else 0
    if width == 0 or not policy.layers:
        raise corrupt("The policy", "it has no inputs or no layers")
    expected: list[tuple[str, Floats, tuple[int, ...]]] = [
        ("mean", policy.mean, (width,)),
        ("std", policy.std, (width,)),
    ]
    for k, (weight, bias) in enumerate(policy.layers):
        after = len(bias) if bias.ndim == 1 else 0
        expected += [(f"weight_{k}", weight, (width, after)), (f"bias_{k}", bias, (after,))]
        width = after
    for name, array, shape in expected:
        if array.dtype != np.float32 or array.shape != shape or 0 in shape:
            raise corrupt("The policy", f"{name} is {array.dtype} {array.shape}, where float32 {shape} belongs")
        if not np.isfinite(array).all():
            raise corrupt("The policy", f"{name} has a number that is not finite")
    if not (policy.std > 0.0).all():
        raise corrupt("The policy", "a standard deviation is not above zero")
    if not (policy.clip > 0.0 and 0.0 < policy.temperature < np.inf and -np.inf < policy.low < policy.high < np.inf):
        raise corrupt("The policy", "its clip, its temperature or its bounds are out of their range")
    if (policy.head == "argmax") != (width > 1):
        raise corrupt("The policy", f"{width} outputs are not what the head {policy.head} decides from")
