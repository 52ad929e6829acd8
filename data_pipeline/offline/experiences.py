"""Decisions made into a dataset: the states in which they were made, with the portfolio that follows from them."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd

from config.errors import NightdeskError
from data_pipeline.bars.bars import Bars
from data_pipeline.offline.dataset import OfflineDataset
from data_pipeline.policy_states.portfolio import Holding
from data_pipeline.policy_states.states import MarketStates

# Columns of a table of decisions, indexed by the closes at which they were made.
COLUMNS = ("action", "strength")
_NO_HEADLINES = pd.DataFrame({"seen_at": pd.DatetimeIndex([], tz="UTC"), "title": pd.Series([], dtype="str")})


def market_states(bars: Bars, headlines: pd.DataFrame | None = None, macro: pd.DataFrame | None = None) -> MarketStates:
    """The states of bars with the headlines (`seen_at`, `title`) of the symbol and of the market, if there are any."""
    news, world = (_NO_HEADLINES if rows is None else rows for rows in (headlines, macro))
    return MarketStates.of(bars, news, world)


def offline_dataset(
    market: MarketStates,
    decisions: pd.DataFrame,
    positions: pd.Series,
    *,
    symbol: str,
    since: datetime | None = None,
    rewards: pd.Series | None = None,
) -> OfflineDataset:
    """The dataset of decisions (`action` 0, 1, 2 and `strength`) on one symbol's bars.

    Args:
        market: the states of the bars; those without a defined state, as in the warm-up, are left out.
        decisions: by the close at which each was made; bars without one are left out.
        positions: what the decisions come to hold, by close: the portfolio of a state is what was held before it.
        symbol: whose bars they are.
        since: decisions before it are left out, though the portfolio follows from them too.
        rewards: the net return of each position over the bar after its close, if known.
    """
    _require_columns(decisions, symbol)
    held = positions.reindex(market.times).ffill().fillna(0.0)
    states = market.rows(Holding.replayed(held))
    rows = market.times.get_indexer(pd.DatetimeIndex(decisions.index))
    usable = (rows >= 0) & np.isfinite(states[rows]).all(axis=1)
    if since is not None:
        usable &= pd.DatetimeIndex(decisions.index) >= pd.Timestamp(since)
    if rewards is not None:
        known = rewards.reindex(decisions.index)
        usable &= known.notna().to_numpy()
    decided, rows = decisions[usable], rows[usable]
    return OfflineDataset(
        states=states[rows].astype(np.float32),
        actions=decided["action"].to_numpy(np.int64),
        strengths=decided["strength"].to_numpy(np.float32),
        rewards=None if rewards is None else known[usable].to_numpy(np.float32),
        times=market.times[rows].as_unit("ns").asi8,
        symbols=np.full(len(rows), symbol),
    )


def _require_columns(decisions: pd.DataFrame, symbol: str) -> None:
    missing = [name for name in COLUMNS if name not in decisions.columns]
    if missing:
        raise NightdeskError(
            "dataset.decisions",
            f"The decisions on {symbol} have no column {missing[0]}, but {', '.join(map(str, decisions.columns))}.",
            "Give a table with the columns action (0 hold, 1 buy, 2 sell) and strength (0 to 1) by close.",
        )
