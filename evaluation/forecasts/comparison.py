"""Whether one forecast misses less than another on the same rows (F. Diebold and R. Mariano 1995).

    d_t = (y_t - a_t)^2 - (y_t - b_t)^2,   DM = mean(d) / sqrt(V / n),   V = g_0 + 2 sum_k=1..h-1 (1 - k / h) g_k

with the autocovariances g_k of d, since forecasts over h bars overlap (W. Newey and K. West 1987). In small samples the
statistic is corrected and compared with Student's t (D. Harvey, S. Leybourne and P. Newbold 1997).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import stdtr

from evaluation.metrics.formulas import Array

LEAST = 20  # rows


def misses_less(errors: Array, other: Array, horizon: int) -> float | None:
    """The one-sided p-value of forecasts with these errors being no better than the `other`; None where too few rows.

    Equal errors are no better: 1.
    """
    differences = np.asarray(other, np.float64) ** 2 - np.asarray(errors, np.float64) ** 2
    rows = len(differences)
    if rows < max(LEAST, 2 * horizon):
        return None
    centred = differences - differences.mean()
    variance = float(centred @ centred) / rows
    for lag in range(1, horizon):
        variance += 2.0 * (1.0 - lag / horizon) * float(centred[lag:] @ centred[:-lag]) / rows
    if variance <= 1e-30:
        return 1.0
    correction = (rows + 1 - 2 * horizon + horizon * (horizon - 1) / rows) / rows
    statistic = float(differences.mean()) / math.sqrt(variance / rows) * math.sqrt(max(correction, 0.0))
    return float(1.0 - stdtr(rows - 1, statistic))
