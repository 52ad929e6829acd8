"""Allocation methods: the covariance of several symbols becomes weights that sum to 1, none below 0 or above a cap."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from numba import njit
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from config.errors import NightdeskError
from evaluation.metrics.formulas import Array

Method = Literal["equal", "inverse_volatility", "minimum_variance", "hrp"]
# Of the mean variance: how far from the optimum minimum_variance may stop.
TOLERANCE = 1e-13
MOST_STEPS = 1_000_000


def allocate(method: Method, covariance: Array, cap: float = 1.0) -> Array:
    """The weights of `method`; symbols whose price does not move are not held unless none moves, then all equally.

    What a method gives one symbol beyond `cap` is shared by the others in proportion to their weights;
    `minimum_variance` takes the cap into its optimum.
    """
    symbols = len(covariance)
    if cap * symbols < 1.0 - 1e-12:
        raise NightdeskError(
            "portfolio.caps",
            f"A cap of {cap:g} for each of {symbols} symbols leaves {1.0 - cap * symbols:.3g} of the money nowhere.",
            f"Raise the cap to {1.0 / symbols:.4g} or more, or add symbols.",
        )
    moving = np.flatnonzero(np.diag(covariance) > 0.0)
    if method == "equal" or cap * len(moving) < 1.0 - 1e-12:
        return np.full(symbols, 1.0 / symbols)
    weights = np.zeros(symbols)
    part = covariance[np.ix_(moving, moving)]
    weights[moving] = (
        _minimum_variance(part, cap) if method == "minimum_variance" else capped(METHODS[method](part), cap)
    )
    return weights


def inverse_volatility(covariance: Array) -> Array:
    """w_i = (1 / sigma_i) / sum_j (1 / sigma_j)."""
    inverse = 1.0 / np.sqrt(np.diag(covariance))
    weights: Array = inverse / inverse.sum()
    return weights


def minimum_variance(covariance: Array) -> Array:
    """min w' S w with sum(w) = 1 and w >= 0."""
    return _minimum_variance(covariance, 1.0)


def hrp(covariance: Array) -> Array:
    """Hierarchical risk parity (Lopez de Prado 2016).

    Symbols are ordered by single linkage of the distances sqrt((1 - correlation) / 2), with the leaves ordered so that
    neighbours are near. The ordered list is halved again and again; each half gets weight in inverse proportion to its
    variance, that of its inverse-variance portfolio.
    """
    if len(covariance) == 1:
        return np.ones(1)
    deviation = np.sqrt(np.diag(covariance))
    correlation = np.clip(covariance / np.outer(deviation, deviation), -1.0, 1.0)
    distance = np.sqrt(np.maximum(0.5 * (1.0 - correlation), 0.0))
    np.fill_diagonal(distance, 0.0)
    order = leaves_list(linkage(squareform(distance, checks=False), "single", optimal_ordering=True))
    weights = np.ones(len(covariance))
    parts = [order]
    while parts:
        part = parts.pop()
        if len(part) > 1:
            left, right = part[: len(part) // 2], part[len(part) // 2 :]
            one, other = (_variance(covariance, half) for half in (left, right))
            weights[left] *= other / (one + other)
            weights[right] *= one / (one + other)
            parts += [left, right]
    return weights


METHODS: Mapping[str, Callable[[Array], Array]] = {
    "inverse_volatility": inverse_volatility,
    "minimum_variance": minimum_variance,
    "hrp": hrp,
}


def capped(weights: Array, cap: float) -> Array:
    """Weights that sum to 1, none above `cap`: what is over is shared by the others in proportion to their weights."""
    capped_weights, full = weights.copy(), np.zeros(len(weights), dtype=bool)
    while (over := capped_weights > cap * (1.0 + 1e-12)).any():
        full |= over
        capped_weights[full] = cap
        rest = weights[~full]
        share = rest / rest.sum() if rest.sum() > 0.0 else np.full(len(rest), 1.0 / max(len(rest), 1))
        capped_weights[~full] = share * (1.0 - cap * full.sum())
    return capped_weights


def _variance(covariance: Array, part: Array) -> float:
    """The variance of the inverse-variance portfolio of a part."""
    inner = covariance[np.ix_(part, part)]
    weights = 1.0 / np.diag(inner)
    weights /= weights.sum()
    return float(weights @ inner @ weights)


@njit(cache=True)
def _exchanged(covariance: Array, weights: Array, cap: float, tolerance: float, most: int) -> bool:
    """Move weight between the two symbols for which that lowers the variance most, until none does; in place."""
    slope = covariance @ weights
    for _ in range(most):
        to, of = -1, -1
        for i in range(weights.size):
            if weights[i] < cap and (to < 0 or slope[i] < slope[to]):
                to = i
            if weights[i] > 0.0 and (of < 0 or slope[i] > slope[of]):
                of = i
        if to < 0 or of < 0 or slope[of] - slope[to] <= tolerance:
            return True
        curve = covariance[to, to] + covariance[of, of] - 2.0 * covariance[to, of]
        moved = min(weights[of], cap - weights[to])
        if curve > 0.0:
            moved = min(moved, (slope[of] - slope[to]) / curve)
        weights[to] = cap if moved == cap - weights[to] else weights[to] + moved
        weights[of] = 0.0 if moved == weights[of] else weights[of] - moved
        for i in range(weights.size):
            slope[i] += moved * (covariance[i, to] - covariance[i, of])
    return False


def _minimum_variance(covariance: Array, cap: float) -> Array:
    scaled = np.ascontiguousarray(covariance / np.diag(covariance).mean())
    weights = np.full(len(scaled), 1.0 / len(scaled))
    if not _exchanged(scaled, weights, cap, TOLERANCE, MOST_STEPS):
        raise NightdeskError(
            "portfolio.no_optimum",
            f"The least variance of {len(scaled)} symbols was not reached in {MOST_STEPS} steps.",
            "Their returns are nearly the same numbers: leave out one of each pair, or use inverse_volatility.",
        )
    return weights
