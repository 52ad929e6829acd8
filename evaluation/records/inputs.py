"""Inputs of a retrained model: whether they are those its predecessor saw, and whether they have moved on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from evaluation.metrics.formulas import Array

# So many newest bars must show a feature that moves; and so many of the bars both know are compared.
FROZEN_BARS = 21
COMPARED_BARS = 252
# How far a feature may differ on a bar that both know, as a share of its own standard deviation: sources round their
# adjusted prices.
TOLERANCE = 0.02


def changed_features(now: Mapping[str, pd.DataFrame], then: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
    """The features that differ between the bars as they are stored now and as a predecessor saw them then.

    Both are computed by one model, by symbol or market, from inputs of one span; the newest bars are compared, each
    feature by its own standard deviation.
    """
    changed: dict[str, None] = {}
    for name in now.keys() & then.keys():
        common = now[name].index.intersection(then[name].index)[-COMPARED_BARS:]
        for column in then[name].columns:
            gone = column not in now[name].columns
            if gone or _differs(_values(now[name], column, common), _values(then[name], column, common)):
                changed[str(column)] = None
    return tuple(changed)


def _values(features: pd.DataFrame, name: str, index: pd.Index) -> Array:
    return features[name].reindex(index).to_numpy(dtype=np.float64)


def _differs(now: Array, before: Array) -> bool:
    """Whether a value has moved, or is gone where there was one."""
    if (np.isfinite(before) & ~np.isfinite(now)).any():
        return True
    both = np.isfinite(now) & np.isfinite(before)
    if not both.any():
        return False
    scale = float(np.std(before[both]))
    return bool(
        np.max(np.abs(now[both] - before[both])) > TOLERANCE * scale + 1e-9 * (1.0 + abs(float(before[both][0])))
    )


def frozen_features(features: pd.DataFrame) -> tuple[str, ...]:
    """The features that have stood still on the newest bars though no such stretch occurs before."""
    return tuple(str(name) for name in features.columns if _frozen(features[name].to_numpy(dtype=np.float64)))


def _frozen(values: Array) -> bool:
    """Whether the newest bars have one value, or none, for longer than any bars before them."""
    if values.size <= 2 * FROZEN_BARS:
        return False
    undefined = np.isnan(values)
    still = (np.diff(values) == 0.0) | (undefined[1:] & undefined[:-1])
    moves = np.flatnonzero(~still)
    if not moves.size:  # a constant says the same for ever
        return False
    newest = int(values.size - 1 - moves[-1])
    before = int(np.max(np.diff(np.concatenate([[-1], moves]))))
    return newest >= FROZEN_BARS > before
