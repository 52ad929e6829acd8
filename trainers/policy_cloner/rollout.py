"""Rollout: a policy's decisions on every bar, each in a state that holds what its own earlier decisions came to.

It begins flat. Hold keeps the position; a buy goes long by its strength unless it is long already; a sell goes short
likewise, or exits. Bars with a published position are not decided again: the account follows what was published.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_pipeline.policy_states.states import NAMES, MarketStates
from evaluation.accounting.account import compiled
from evaluation.signals import Sell
from trainers.cloning.policy.network.serving import HeadArrays, ServedPolicy, decide_state
from trainers.rl.serving.policy import exponential
from trainers.safe_files import corrupt

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_POSITION = NAMES.index("position")  # then leverage, cash, days_since_trade
_MONTH = 30.0
_DAY = pd.Timedelta(days=1).value


@compiled
def _roll(  # noqa: PLR0917 -- a kernel takes its arguments by position
    values: Floats,
    days: Floats,
    known: Flags,
    published: Flags,
    action: HeadArrays,
    strength: HeadArrays,
    width: int,
    short: bool,
    positions: Floats,
    probabilities: Floats,
) -> None:
    """Write the position and the probabilities at each bar; `positions` holds the published ones."""
    work, state = np.empty((3, width), np.float32), np.empty(values.shape[1], np.float32)
    side, position, traded = 0.0, 0.0, -1
    for bar in range(values.shape[0]):
        before = position
        if published[bar]:
            position = positions[bar]
            side = np.sign(position)
        elif known[bar]:
            for i in range(values.shape[1]):
                state[i] = values[bar, i]
            state[_POSITION], state[_POSITION + 1], state[_POSITION + 2] = position, abs(position), 1.0 - position
            state[_POSITION + 3] = 1.0
            if traded >= 0:  # the hyperbolic tangent of the months since then
                state[_POSITION + 3] = 1.0 - 2.0 / (1.0 + exponential(2.0 * (days[bar] - days[traded]) / _MONTH))
            size = decide_state(state, action, strength, work, probabilities[bar])
            chosen = np.argmax(probabilities[bar])
            if chosen == 1 and side <= 0.0:
                side, position = 1.0, size
            elif chosen == 2 and (side >= 0.0 if short else side > 0.0):
                side = -1.0 if short else 0.0
                position = side * size
        positions[bar] = position
        if position != before:
            traded = bar


@dataclass(frozen=True, eq=False)
class Rollout:
    """At each bar the position, and the probabilities of hold, buy and sell [bars, 3], NaN where nothing is decided."""

    positions: Floats
    probabilities: Floats

    @classmethod
    def of(cls, policy: ServedPolicy, market: MarketStates, sell: Sell, published: pd.Series | None = None) -> Rollout:
        """The decisions of a policy on a market, after the `published` positions, if there are any."""
        if policy.inputs != len(NAMES):
            raise corrupt("The policy", f"it decides on {policy.inputs} numbers, and a state has {len(NAMES)}")
        fixed = pd.Series(np.nan, market.times) if published is None else published.reindex(market.times)
        given = fixed.notna().to_numpy()
        positions = np.array(fixed.fillna(0.0), np.float64)
        probabilities = np.full((len(market), 3), np.nan)
        _roll(
            np.ascontiguousarray(market.values),
            market.times.as_unit("ns").asi8 / _DAY,
            np.isfinite(market.values).all(axis=1),
            given,
            policy.arrays("action"),
            policy.arrays("strength"),
            policy.width,
            sell == "short",
            positions,
            probabilities,
        )
        return cls(positions, probabilities)
