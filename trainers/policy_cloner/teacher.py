"""The teacher of a policy: the decisions recorded for its symbol, or those of a strategy's analysts."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd

from data_pipeline.actions import CHOICES
from data_pipeline.bars.bars import Bars
from data_pipeline.inputs import ALL_MARKETS, Inputs
from data_pipeline.offline.dataset import OfflineDataset
from data_pipeline.offline.experiences import market_states, offline_dataset
from data_pipeline.policy_states.states import MarketStates
from evaluation.accounting.backtest import backtest
from evaluation.signals import Sell, sized_positions
from trainers.analysts.ensemble import Ensemble
from trainers.analysts.strategies import load_strategy


def states_of(inputs: Inputs) -> MarketStates:
    """The states of the one symbol, with its headlines and those of the market."""
    bars = inputs.only
    return market_states(bars, inputs.headlines.get(bars.symbol), inputs.headlines.get(ALL_MARKETS))


def decisions_of(inputs: Inputs, strategy: str) -> pd.DataFrame:
    """`action` and `strength` by close: as recorded, else those of the strategy's analysts without a policy."""
    recorded = inputs.decisions.get(inputs.only.symbol)
    if recorded is not None and len(recorded):
        closes = recorded[recorded.index.isin(inputs.only.frame.index)]
        return closes[~closes.index.duplicated(keep="last")]
    return Ensemble.of(load_strategy(strategy)).decide(inputs)


def is_recorded(inputs: Inputs) -> bool:
    """Whether there are recorded decisions on the one symbol."""
    recorded = inputs.decisions.get(inputs.only.symbol)
    return recorded is not None and len(recorded) > 0


def positions_of(decisions: pd.DataFrame, sell: Sell) -> pd.Series:
    """What the decisions come to hold, by close."""
    actions = CHOICES.strength(decisions["action"].to_numpy()).astype(np.int64)
    positions = sized_positions(actions, decisions["strength"].to_numpy(np.float64), sell)
    return pd.Series(positions, decisions.index)


def training_dataset(
    inputs: Inputs, strategy: str, sell: Sell, since: datetime, *, with_rewards: bool
) -> OfflineDataset:
    """The teacher's decisions from `since` on, each with the state in which it was made.

    Rewards look one bar ahead, so that the newest decision has none and is left out with them.
    """
    decisions = decisions_of(inputs, strategy)
    positions = positions_of(decisions, sell)
    rewards = _rewards(inputs.only, positions) if with_rewards else None
    return offline_dataset(
        states_of(inputs), decisions, positions, symbol=inputs.only.symbol, since=since, rewards=rewards
    )


def _rewards(bars: Bars, positions: pd.Series) -> pd.Series:
    """What the account of these positions earns over the bar after each close, net of the usual costs."""
    target = positions.reindex(bars.frame.index).ffill().fillna(0.0)
    return backtest(bars, target).returns.shift(-1).dropna()
