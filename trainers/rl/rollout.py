"""Rollout: what a policy says of every bar of a history, played through the ledger in one compiled loop.

A policy sees its own account, so what it says of a bar follows from the account that its earlier decisions have made:
one account begins at the first bar whose observation is whole, and goes on to the last bar, as in one long episode.
Nothing in it is later than the bar it is said of.

- Before the first whole observation the signal is flat with confidence 0.
- Where a later observation is not whole (an indicator that has no value there), what was ordered last is held, with
  confidence 0.
- At the close at which an account has fallen from its peak as far as an episode may, or is ruined, the stop sells:
  the signal of that bar is flat with confidence 0. From there a fresh account begins, with a peak of its own, and the
  policy decides again at the next close. The same happens live, where nobody ends the game.
- The last bar's decision is made too; its fill is the next open, which is not there yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_pipeline.bars import Bars
from evaluation.account import compiled
from evaluation.signals import Signals
from trainers.rl.environment_config import TradingEnvConfig
from trainers.rl.episodes import EPISODE, TERMINATED, Floats, Singles, advance, begin_at, observe, target_of
from trainers.rl.market import Market
from trainers.rl.policy import CompiledPolicy, Network, decide, outputs


@compiled
def _roll(  # noqa: PLR0917 -- a kernel takes its arguments by position
    episodes: Any,
    network: Network,
    prices: Floats,
    windowed: Singles,
    features: Singles,
    rules: Any,
    defined: NDArray[np.bool_],
    targets: Floats,
    confidences: Floats,
    spreads: Floats,
) -> None:
    """Every bar from the first decidable one on, written into the last three arrays."""
    episode, rule = episodes[0], rules[0]
    observation = np.empty(network.sizes[0], np.float32)
    work = np.empty((2, network.sizes.max()), np.float32)
    begin_at(episode, 0, rule.first, rule)
    for bar in range(rule.first, prices.shape[0]):
        if episode.ended == TERMINATED:
            begin_at(episode, 0, bar, rule)
        elif defined[bar]:
            observe(observation, episode, prices, windowed, features, rule)
            said = outputs(observation, network, work)
            spreads[bar] = np.std(said)
            action, confidences[bar] = decide(said, network)
            targets[bar] = target_of(action, episode.target, rule)
        else:
            targets[bar] = episode.target
        if bar + 1 < prices.shape[0]:
            advance(episode, targets[bar], prices, rule)


@dataclass(frozen=True, eq=False)
class Rollout:
    """What a policy says of each bar: the weight to hold, how sure it is, and how far apart its outputs are."""

    targets: Floats
    confidences: Floats
    spreads: Floats

    @classmethod
    def of(cls, policy: CompiledPolicy, bars: Bars, config: TradingEnvConfig) -> Rollout:
        """Let `policy` decide on `bars` as in the environment of `config`."""
        said = cls(*np.zeros((3, len(bars))))
        if len(bars):
            market = Market.of(bars, _one_episode(config), serving=True)
            arrays = (*market.arrays, market.defined)
            _roll(np.zeros(1, EPISODE), policy.network, *arrays, said.targets, said.confidences, said.spreads)
        return said

    def signals(self, bars: Bars) -> Signals:
        """As signals on these bars."""
        index = bars.frame.index
        return Signals(pd.Series(self.targets, index=index), pd.Series(self.confidences, index=index))


def _one_episode(config: TradingEnvConfig) -> TradingEnvConfig:
    """From the first decidable bar to the end."""
    return config.model_copy(update={"episode_length": None, "random_start": False})
