"""A hidden Markov model whose states emit Gaussians with a diagonal covariance, fitted by expectation maximisation.

L. Rabiner, A Tutorial on Hidden Markov Models (1989), with the scaled recursions of `kernels`.

    filtered_t(j)   is proportional to  N(x_t; m_j, v_j) sum_i filtered_t-1(i) A(i, j)
    A(i, j) = moves(i, j) / sum_j moves(i, j),   m_j, v_j = mean and variance of x weighted by P(state j | all x)

Only `filtered` and `log_likelihood` are for use; smoothing, which looks ahead, stays inside the fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from config.errors import NightdeskError, UsageError
from data_pipeline.features.rolling import Floats
from data_pipeline.regimes.kernels import forward, smooth

MOST_STATES = 4
BARS_A_STATE = 50  # finite observations that a state needs
ITERATIONS, TOLERANCE = 500, 1e-8  # at most so many steps, until one gains less than this a row
_LEAST_VARIANCE = 1e-3  # of a state, as a share of that of all observations: none collapses onto a few equal ones
_STAY = 0.95  # the probability of staying in a state from which a fit begins
_SMOOTHING = (1, 5, 20)  # bars over which sizes are averaged where a fit begins; the best of these fits is taken


@dataclass(frozen=True, eq=False)
class GaussianHmm:
    """Probabilities of the first state [states] and of moves [from, to]; means and variances [states, columns]."""

    start: Floats
    transitions: Floats
    means: Floats
    variances: Floats

    @property
    def states(self) -> int:
        """How many states it has."""
        return len(self.start)

    def filtered(self, observations: Floats) -> Floats:
        """The probability of each state at each row, given the rows up to it."""
        return self._forward(observations)[0]

    def log_likelihood(self, observations: Floats) -> float:
        """The logarithm of the density of the observations."""
        return _log_likelihood(*self._forward(observations)[1:])

    def improved(self, observations: Floats) -> tuple[GaussianHmm, float]:
        """The model after one step of expectation maximisation, and the log-likelihood before it."""
        filtered, *densities = self._forward(observations)
        smoothed, moves = smooth(filtered, self.transitions)
        finite = np.isfinite(observations).all(axis=1)
        weights, values = smoothed[finite], observations[finite]
        total = np.maximum(weights.sum(axis=0), 1e-12)[:, None]
        means = weights.T @ values / total
        variances = np.stack([w @ (values - m) ** 2 for w, m in zip(weights.T, means, strict=True)]) / total
        floor = _LEAST_VARIANCE * values.var(axis=0)
        transitions = moves + 1e-12
        transitions /= transitions.sum(axis=1, keepdims=True)
        improved = GaussianHmm(smoothed[0], transitions, means, np.maximum(variances, floor))
        return improved, _log_likelihood(*densities)

    def ordered(self) -> GaussianHmm:
        """The same model with its states in the order of their variance, the calmest first."""
        order = np.argsort(self.variances.sum(axis=1), kind="stable")
        return GaussianHmm(
            self.start[order], self.transitions[np.ix_(order, order)], self.means[order], self.variances[order]
        )

    def _forward(self, observations: Floats) -> tuple[Floats, Floats, Floats]:
        rows = np.ascontiguousarray(observations, dtype=np.float64)
        return forward(rows, self.start, self.transitions, self.means, self.variances)


def fit(observations: Floats, states: int) -> GaussianHmm:
    """The likeliest model of `observations` [rows, columns] of several fits, its states ordered by variance.

    Equal observations give an equal model: a fit begins with states cut by the size of moves, averaged over a few bars,
    and draws nothing by lot.
    """
    _require_fit(observations, states)
    fits = [_fitted(beginning, observations) for beginning in _beginnings(observations, states)]
    best, _ = max(fits, key=lambda one: one[1])
    return best.ordered()


def _log_likelihood(densities: Floats, offsets: Floats) -> float:
    return float((np.log(densities) + offsets).sum())


def _fitted(model: GaussianHmm, observations: Floats) -> tuple[GaussianHmm, float]:
    before = -np.inf
    for _ in range(ITERATIONS):
        improved, likelihood = model.improved(observations)
        if likelihood - before < TOLERANCE * len(observations):
            break
        model, before = improved, likelihood
    return model, before


def _beginnings(observations: Floats, states: int) -> Iterator[GaussianHmm]:
    """A model for each smoothing: states are equal shares of the rows by the size of their moves."""
    finite = np.isfinite(observations).all(axis=1)
    values = observations[finite]
    sizes = (np.abs(values - np.median(values, axis=0)) / values.std(axis=0)).sum(axis=1)
    transitions = np.full((states, states), (1.0 - _STAY) / (states - 1))
    np.fill_diagonal(transitions, _STAY)
    for window in _SMOOTHING:
        averaged = np.convolve(sizes, np.full(window, 1.0 / window), mode="same")
        groups = np.array_split(np.argsort(averaged, kind="stable"), states)
        yield GaussianHmm(
            np.full(states, 1.0 / states),
            transitions,
            np.stack([values[group].mean(axis=0) for group in groups]),
            np.stack([values[group].var(axis=0) + _LEAST_VARIANCE * values.var(axis=0) for group in groups]),
        )


def _require_fit(observations: Floats, states: int) -> None:
    if not 2 <= states <= MOST_STATES:
        raise UsageError(
            "regimes.states", f"A model of {states} states is not made.", f"Choose from 2 to {MOST_STATES}."
        )
    finite = np.isfinite(observations).all(axis=1) if observations.ndim == 2 else np.zeros(0, dtype=bool)
    if finite.sum() < BARS_A_STATE * states:
        raise NightdeskError(
            "regimes.too_short",
            f"There are {finite.sum()} returns to fit {states} regimes to; they need {BARS_A_STATE * states}.",
            "Give a longer history, or fewer states.",
            found=int(finite.sum()),
            needed=BARS_A_STATE * states,
        )
    values = observations[finite]
    if (values.std(axis=0) <= 1e-12 * np.maximum(np.abs(values).max(axis=0), 1e-300)).any():
        raise NightdeskError(
            "regimes.constant",
            "The returns never change, so that there are no regimes to tell apart.",
            "See whether the prices are those of a market that trades.",
        )
