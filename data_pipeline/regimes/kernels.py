"""The recursions of a hidden Markov model with Gaussian observations, scaled at every row so that nothing underflows.

A row with a NaN says nothing: the probabilities of its states are those that were expected.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from data_pipeline.features.rolling import Floats


@njit(cache=True)
def forward(
    observations: Floats, start: Floats, transitions: Floats, means: Floats, variances: Floats
) -> tuple[Floats, Floats, Floats]:
    """P(state at t | observations up to t) [rows, states]; row t depends on no later one, to the last bit.

    With it the two parts of log P(observation t | those before it): the logarithm of the first, plus the second.
    """
    rows, width = observations.shape
    states = len(start)
    filtered = np.empty((rows, states))
    densities, offsets = np.ones(rows), np.zeros(rows)
    constants = np.empty(states)
    for state in range(states):
        constants[state] = -0.5 * np.sum(np.log(2.0 * np.pi * variances[state]))
    precisions = 1.0 / variances
    expected, logs = start.copy(), np.empty(states)
    for row in range(rows):
        highest = -math.inf
        for state in range(states):
            distance = 0.0
            for column in range(width):
                difference = observations[row, column] - means[state, column]
                distance += difference * difference * precisions[state, column]
            logs[state] = constants[state] - 0.5 * distance
            highest = max(highest, logs[state])
        total = 0.0
        for state in range(states):
            density = 1.0 if logs[state] == highest else math.exp(logs[state] - highest)
            filtered[row, state] = expected[state] * density
            total += filtered[row, state]
        if total > 0.0:
            for state in range(states):
                filtered[row, state] /= total
            densities[row], offsets[row] = total, highest
        else:  # NaN, or a return beyond everything: what was expected stays
            for state in range(states):
                filtered[row, state] = expected[state]
        for state in range(states):
            expected[state] = 0.0
        for before in range(states):
            for state in range(states):
                expected[state] += filtered[row, before] * transitions[before, state]
    return filtered, densities, offsets


@njit(cache=True)
def smooth(filtered: Floats, transitions: Floats) -> tuple[Floats, Floats]:
    """P(state at t | all observations) [rows, states], and the expected number of moves between states.

    From the last row backwards: P(i at t, j at t+1 | all) = filtered_t(i) A(i, j) smoothed_t+1(j) / expected_t+1(j).
    It looks ahead, so it serves to fit alone.
    """
    rows, states = filtered.shape
    smoothed = np.empty((rows, states))
    moves = np.zeros((states, states))
    smoothed[-1] = filtered[-1]
    for row in range(rows - 2, -1, -1):
        for state in range(states):
            smoothed[row, state] = 0.0
        for after in range(states):
            expected = 0.0
            for before in range(states):
                expected += filtered[row, before] * transitions[before, after]
            if expected > 0.0:
                for before in range(states):
                    share = filtered[row, before] * transitions[before, after] * smoothed[row + 1, after] / expected
                    smoothed[row, before] += share
                    moves[before, after] += share
    return smoothed, moves
