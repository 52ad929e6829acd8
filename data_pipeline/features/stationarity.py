"""Is a series stationary? The augmented Dickey-Fuller test, with a constant and a fixed number of lags."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from config.errors import NightdeskError
from data_pipeline.features.rolling import Floats

_LEAST = 20


def dickey_fuller(values: Floats, lags: int = 1) -> float:
    """The t statistic of b in dy_t = a + b y_(t-1) + sum_i c_i dy_(t-i) + e_t; far below 0 where y is stationary."""
    if len(values) < _LEAST + lags or not np.isfinite(values).all():
        _refuse(values, lags)
    change = np.diff(values)
    response = change[lags:]
    earlier = [change[lags - i : len(change) - i] for i in range(1, lags + 1)]
    design = np.column_stack([values[lags:-1], *earlier, np.ones(len(response))])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        _refuse(values, lags)
    q, r = np.linalg.qr(design)
    estimates = np.linalg.solve(r, q.T @ response)
    unexplained = response - design @ estimates
    noise = unexplained @ unexplained / (len(response) - design.shape[1])
    spread = np.linalg.inv(r)[0]
    return float(estimates[0] / np.sqrt(noise * (spread @ spread)))


def _refuse(values: Floats, lags: int) -> NoReturn:
    raise NightdeskError(
        "stationarity.undefined",
        f"These {len(values)} values cannot be tested: they are too few, not finite, flat, or a straight line.",
        f"Give at least {_LEAST + lags} finite numbers that vary.",
    )


def critical_value(observations: int) -> float:
    """What only 5 % of random walks stay below: MacKinnon, Queen's Economics Working Paper 1227 (2010), table 2."""
    t = observations
    return -2.86154 - 2.8903 / t - 4.234 / t**2 - 40.040 / t**3


def is_stationary(values: Floats, lags: int = 1) -> bool:
    """Whether a unit root is refused at 5 %."""
    return dickey_fuller(values, lags) < critical_value(len(values) - 1 - lags)
