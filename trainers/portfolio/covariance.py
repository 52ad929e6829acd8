"""The covariance of several symbols: their returns on common rows, shrunk."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from data_pipeline.bars.bars import Bars
from evaluation.metrics.formulas import Array


def common_closes(bars: Mapping[str, Bars]) -> pd.DataFrame:
    """The newest close of every symbol whenever all of them have had a bar since the row before.

    On one calendar that is every close. With markets that close at other times or on other days, a row ends when the
    last of them has closed, so that a return is never that of a market which stood still. Rows depend on no later bar.
    """
    closes = pd.DataFrame({name: each.frame["close"] for name, each in bars.items()}).sort_index()
    fresh = closes.notna().to_numpy()
    rows, since = [], np.zeros(fresh.shape[1], dtype=bool)
    for t in range(len(fresh)):
        since |= fresh[t]
        if since.all():
            rows.append(t)
            since[:] = False
    return closes.ffill().iloc[rows]


def ledoit_wolf(returns: Array) -> Array:
    """The covariance of `returns` (rows x symbols), shrunk towards equal variances without correlation.

    With S the covariance of n rows (divided by n) of p symbols, mu = tr(S) / p and F = mu I,

        (1 - rho) S + rho F,   rho = min(b2, d2) / d2,
        d2 = |S - F|^2 / p,    b2 = sum over rows of |x x' - S|^2 / (p n^2)

    (Ledoit and Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices").
    """
    centred = returns - returns.mean(axis=0)
    n, p = centred.shape
    sample: Array = centred.T @ centred / n
    mean = np.trace(sample) / p
    target = mean * np.eye(p)
    distance = float(np.sum((sample - target) ** 2)) / p
    noise = float(np.sum((centred**2).T @ centred**2) / n - np.sum(sample**2)) / (p * n)
    intensity = min(noise, distance) / distance if distance > 0.0 else 0.0
    shrunk: Array = (1.0 - intensity) * sample + intensity * target
    return shrunk
