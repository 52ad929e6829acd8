"""The networks as arrays, evaluated by numpy in double precision for all windows of a series at once, without torch.

What bars have in common is computed once: the inputs of all windows of an LSTM, and every convolution. The outputs are
rounded, so that the order in which a library adds up does not show (docs/decisions/0061).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from trainers.forecast.params import Network
from trainers.safe_files import Tensors

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
_DECIMALS = 6
_WINDOWS_AT_ONCE = 2048
_EPSILON = 1e-5  # of a layer norm


def outputs_of(network: Network, tensors: Tensors, rows: Floats, ends: Rows, window: int) -> Floats:
    """The outputs of the head [ends, outputs] for the windows of scaled `rows` that end at `ends`."""
    weights = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
    width = weights["head.bias"].shape[0]
    if not len(ends):
        return np.empty((0, width))
    return _NETWORKS[network](weights, rows, ends, window).round(_DECIMALS) + 0.0


def _lstm(weights: dict[str, Floats], rows: Floats, ends: Rows, window: int) -> Floats:
    """Gates in the order of torch: input, forget, cell, output."""
    layers = sum(name.startswith("lstm.weight_hh_l") for name in weights)
    first = _gate_inputs(weights, rows, 0)
    parts = []
    for part in _parts(ends):
        steps: list[Floats] = [first[part + offset] for offset in range(1 - window, 1)]
        for layer in range(layers):
            if layer:
                steps = [_gate_inputs(weights, step, layer) for step in steps]
            steps = _lstm_layer(weights[f"lstm.weight_hh_l{layer}"].T, steps)
        parts.append(_linear(weights, "head", steps[-1]))
    return np.concatenate(parts)


def _gate_inputs(weights: dict[str, Floats], rows: Floats, layer: int) -> Floats:
    bias = weights[f"lstm.bias_ih_l{layer}"] + weights[f"lstm.bias_hh_l{layer}"]
    return rows @ weights[f"lstm.weight_ih_l{layer}"].T + bias


def _lstm_layer(recurrent: Floats, steps: list[Floats]) -> list[Floats]:
    size = recurrent.shape[0]
    state, cell = np.zeros((len(steps[0]), size)), np.zeros((len(steps[0]), size))
    states = []
    for step in steps:
        gates = step + state @ recurrent
        let_in, keep, new, let_out = (gates[:, part * size : (part + 1) * size] for part in range(4))
        cell = _sigmoid(keep) * cell + _sigmoid(let_in) * np.tanh(new)
        state = _sigmoid(let_out) * np.tanh(cell)
        states.append(state)
    return states


def _transformer(weights: dict[str, Floats], rows: Floats, ends: Rows, window: int) -> Floats:
    embedded = _linear(weights, "embed", rows)
    layers = sum(name.endswith("qkv.weight") for name in weights)
    offsets = np.arange(1 - window, 1)
    parts = []
    for part in _parts(ends):
        bars = embedded[part[:, None] + offsets] + weights["places"]
        for layer in range(layers):
            # Of the last block only the newest bar is asked for.
            bars = _attention_block(weights, f"blocks.{layer}", bars, asked=1 if layer == layers - 1 else window)
        parts.append(_linear(weights, "head", _norm(weights, "norm", bars[:, -1])))
    return np.concatenate(parts)


def _attention_block(weights: dict[str, Floats], name: str, bars: Floats, asked: int) -> Floats:
    """The last `asked` bars of each window one block later; they attend to all of them."""
    hidden = bars.shape[-1]
    heads = hidden // 8 if hidden >= 8 and hidden % (hidden // 8) == 0 else 1
    split = _linear(weights, f"{name}.qkv", _norm(weights, f"{name}.attention_norm", bars))
    queries, keys, values = np.moveaxis(split.reshape(*bars.shape[:2], 3, heads, hidden // heads), (2, 3), (0, 2))
    bars, queries = bars[:, -asked:], queries[:, :, -asked:]
    scores = queries @ keys.swapaxes(-1, -2) / np.sqrt(hidden // heads)
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    mixed = (shares / shares.sum(axis=-1, keepdims=True)) @ values
    bars = bars + _linear(weights, f"{name}.attended", mixed.swapaxes(1, 2).reshape(bars.shape))
    up = np.maximum(_linear(weights, f"{name}.up", _norm(weights, f"{name}.feed_norm", bars)), 0.0)
    return bars + _linear(weights, f"{name}.down", up)


def _cnn(weights: dict[str, Floats], rows: Floats, ends: Rows, window: int) -> Floats:  # noqa: ARG001 -- it sees less
    """Over the series as a whole: no convolution sees beyond the window of a bar."""
    bars = _linear(weights, "embed", rows)
    layers = sum(name.startswith("convolutions.") and name.endswith("weight") for name in weights)
    for layer in range(layers):
        apart, kernel = 2**layer, weights[f"convolutions.{layer}.weight"]  # [out, in, 3]
        padded = np.concatenate([np.zeros((2 * apart, bars.shape[1])), bars])
        seen = (padded[tap * apart : tap * apart + len(bars)] @ kernel[:, :, tap].T for tap in range(3))
        bars = bars + np.maximum(sum(seen, weights[f"convolutions.{layer}.bias"]), 0.0)
    return _linear(weights, "head", bars[ends])


_NETWORKS: dict[Network, Callable[[dict[str, Floats], Floats, Rows, int], Floats]] = {
    "lstm": _lstm,
    "transformer": _transformer,
    "cnn": _cnn,
}


def _parts(ends: Rows) -> Iterator[Rows]:
    for first in range(0, len(ends), _WINDOWS_AT_ONCE):
        yield ends[first : first + _WINDOWS_AT_ONCE]


def _linear(weights: dict[str, Floats], name: str, rows: Floats) -> Floats:
    out: Floats = rows @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
    return out


def _norm(weights: dict[str, Floats], name: str, rows: Floats) -> Floats:
    centred = rows - rows.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + _EPSILON)
    out: Floats = centred / deviation * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return out


def _sigmoid(values: Floats) -> Floats:
    out: Floats = 0.5 * np.tanh(0.5 * values) + 0.5
    return out
