"""Rollout: the decisions of a policy on every bar of a history, played through the ledger in one compiled loop.

A policy observes its own account, so its decision on a bar depends on its earlier decisions. One account begins flat at
`start`, or at the first later bar whose observation is complete, and runs to the last bar, as in one long episode. No
decision depends on later bars.

- Before the account begins the signal is flat with confidence 0.
- Bars that have a `published` signal are not decided again: the account follows what was published, and the policy
  decides from that account on the bars after it. The account then begins at the first published bar at the latest.
- Where a later observation is incomplete (an indicator is undefined), the last target is kept with confidence 0.
- At the close at which the account is ruined, or its drawdown exceeds the limit of an episode, it is stopped: the
  signal of that bar is flat with confidence 0. A new account begins there, with its own peak, and the policy decides
  again at the next close. The same happens when it serves.
- The last bar is decided on too; its fill is at the next open, which is still to come.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_pipeline.bars.bars import Bars
from evaluation.accounting.account import compiled
from evaluation.signals import Signals
from trainers.rl.environments.config import TradingEnvConfig
from trainers.rl.environments.kernels import EPISODE, TERMINATED, Floats, Singles, advance, begin_at, observe, target_of
from trainers.rl.environments.market import Market
from trainers.rl.serving.policy import CompiledPolicy, Network, decide, outputs


@compiled
def _roll(  # noqa: PLR0917 -- a kernel takes its arguments by position
    episodes: Any,
    network: Network,
    prices: Floats,
    windowed: Singles,
    features: Singles,
    rules: Any,
    defined: NDArray[np.bool_],
    begin: int,
    published: NDArray[np.bool_],
    targets: Floats,
    confidences: Floats,
    spreads: Floats,
) -> None:
    """Decide on every bar from row `begin` on that is not published, and write into the last three arrays."""
    episode, rule = episodes[0], rules[0]
    observation = np.empty(network.sizes[0], np.float32)
    work = np.empty((2, network.sizes.max()), np.float32)
    begin_at(episode, 0, begin, rule)
    for bar in range(begin, prices.shape[0]):
        if episode.ended == TERMINATED:
            begin_at(episode, 0, bar, rule)  # the target stays flat, or as published
        elif published[bar]:
            pass
        elif defined[bar] and bar >= rule.first:
            observe(observation, episode, prices, windowed, features, rule)
            last_layer = outputs(observation, network, work)
            spreads[bar] = np.std(last_layer)
            action, confidences[bar] = decide(last_layer, network)
            targets[bar] = target_of(action, episode.target, rule)
        else:
            targets[bar] = episode.target
        if bar + 1 < prices.shape[0]:
            advance(episode, targets[bar], prices, rule)


@dataclass(frozen=True, eq=False)
class Rollout:
    """A policy's decision on each bar: the weight to hold, its confidence, and the spread of the policy's outputs."""

    targets: Floats
    confidences: Floats
    spreads: Floats

    @classmethod
    def of(
        cls,
        policy: CompiledPolicy,
        bars: Bars,
        config: TradingEnvConfig,
        *,
        start: datetime | None = None,
        published: Signals | None = None,
    ) -> Rollout:
        """Let `policy` decide on `bars` as in the environment of `config`.

        Args:
            policy: the policy that decides.
            bars: the history; the features begin with it.
            config: that of the environment which the policy was trained in.
            start: when the account begins at the earliest; by default with the first complete observation.
            published: signals of earlier bars, such as the desk's ledger holds; those of other bars are not used.
        """
        index = bars.frame.index
        targets, confidences, has_signal = _published(published, index)
        rollout = cls(targets, confidences, np.zeros(len(bars)))
        if len(bars):
            market = Market.of(bars, _one_episode(config), serving=True)
            begin = int(market.rules["first"][0]) if start is None else _row(index, start, market)
            begin = min(begin, int(np.argmax(has_signal)) if has_signal.any() else begin)
            arrays = (*market.arrays, market.defined, begin, has_signal)
            _roll(np.zeros(1, EPISODE), policy.network, *arrays, targets, confidences, rollout.spreads)
        return rollout

    def signals(self, bars: Bars) -> Signals:
        """The decisions as signals on these bars."""
        index = bars.frame.index
        return Signals(pd.Series(self.targets, index=index), pd.Series(self.confidences, index=index))


def _published(signals: Signals | None, index: pd.Index) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Published targets and confidences by row, 0 where there are none, and where there are some."""
    if signals is None:
        return np.zeros(len(index)), np.zeros(len(index)), np.zeros(len(index), np.bool_)
    targets, confidences = (
        series.reindex(index, fill_value=0.0).to_numpy(copy=True) for series in (signals.position, signals.confidence)
    )
    return targets, confidences, index.isin(signals.index)


def _row(index: pd.Index, start: datetime, market: Market) -> int:
    """The first row at or after `start` that can be decided on."""
    return max(int(index.searchsorted(pd.Timestamp(start))), int(market.rules["first"][0]))


def _one_episode(config: TradingEnvConfig) -> TradingEnvConfig:
    """From the first decidable bar to the end."""
    return config.model_copy(update={"episode_length": None, "random_start": False})
