"""The markets of a trader as a network reads them: scaled states, classes of actions, windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from config.section import Section
from data_pipeline import actions
from data_pipeline.features.rolling import Floats
from data_pipeline.inputs import Inputs
from data_pipeline.trader_logs.inputs import MarketRows
from data_pipeline.trader_logs.sequences import Sequences, Windows, state_names
from data_pipeline.trader_logs.states import NAMES, SCALED, Moments
from trainers.decision_transformer.params import DecisionTransformerParams, Group

_WIDEST = 10.0  # deviations: one odd market shall not drown the others
Numbers = Annotated[tuple[float, ...], Field(min_length=SCALED, max_length=SCALED, strict=False)]
Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Market:
    """A market of the training: its rows, those from `first` on lie in the training span."""

    name: str
    rows: MarketRows
    first: int
    settled: datetime
    mirrored: MarketRows | None = None  # the same market with Up and Down exchanged

    @property
    def earned(self) -> float:
        """What the trader earned in it, in parts of the money put up."""
        return float(self.rows.reward.sum())

    @property
    def begins(self) -> pd.Timestamp:
        """The time of its first row."""
        return self.rows.index[0]


def mirrored(inputs: Inputs) -> Inputs:
    """The same markets with Up and Down exchanged: the price of Up is what that of Down leaves of 1.

    A contract is the same from both sides, so that a trader's decisions teach twice.
    """
    bars = {name: replace(market, frame=_from_down(market.frame)) for name, market in inputs.bars.items()}
    log = {
        name: rows.assign(price=1.0 - rows["price"], outcome=-rows["outcome"])
        for name, rows in inputs.trader_log.items()
    }
    return replace(inputs, bars=bars, trader_log=log)


def _from_down(frame: pd.DataFrame) -> pd.DataFrame:
    prices = {"open": "open", "high": "low", "low": "high", "close": "close"}
    return frame.assign(**{name: 1.0 - frame[other] for name, other in prices.items()})


def with_mirrors(markets: Sequence[Market]) -> list[Market]:
    """Each market, and after it the same one with Up and Down exchanged."""
    mirrors = [replace(market, rows=market.mirrored) for market in markets if market.mirrored is not None]
    return [each for pair in zip(markets, mirrors, strict=True) for each in pair] if mirrors else list(markets)


def settled_markets(
    rows: Mapping[str, MarketRows],
    start: datetime,
    end: datetime,
    mirrors: Mapping[str, MarketRows] | None = None,
) -> list[Market]:
    """The markets with rows since `start` that were settled by `end`, the oldest first."""
    markets = [
        Market(
            name,
            market,
            int(market.index.searchsorted(pd.Timestamp(start))),
            market.settled,
            mirrors[name] if mirrors else None,
        )
        for name, market in rows.items()
        if market.settled is not None and market.settled <= end and market.index[-1] >= pd.Timestamp(start)
    ]
    return sorted(markets, key=lambda market: (market.begins, market.name))


def split_by_time(markets: Sequence[Market], share: float) -> tuple[list[Market], list[Market]]:
    """The newest `share` of the markets, and of the older ones those that were settled before these begin.

    What a market earned is known when it is settled, which may be hours after it ended, or just as the next one begins:
    then the audit counts it as overlapping. Without two such parts, all markets are in the first.
    """
    late = list(markets[len(markets) - max(1, round(len(markets) * share)) :])
    early = [market for market in markets[: len(markets) - len(late)] if market.settled < late[0].begins]
    return (early, late) if early else (list(markets), [])


class Scales(Section):
    """What is fitted on the training markets besides the network.

    Args:
        groups: of the states that are read.
        centre: what is taken off the first states, which have no natural scale.
        spread: what they are divided by.
        strong_amount: shares from which on a trade is strong.
        return_scale: by what returns to go are multiplied.
        target_return: of the whole market, when none is asked for.
    """

    groups: tuple[Group, ...] = Field(strict=False)
    centre: Numbers
    spread: Numbers
    strong_amount: float
    return_scale: float
    target_return: float

    @classmethod
    def fit(cls, markets: Sequence[Market], params: DecisionTransformerParams) -> Self:
        """From the rows of the markets that lie in the training span."""
        moments = Moments()
        for market in markets:
            moments.add(market.rows.states.to_numpy()[market.first :])
        centre, spread = moments.scale()
        amounts = np.abs(np.concatenate([market.rows.net[market.first :] for market in markets]))
        traded = amounts[amounts > 0.0]
        return cls(
            groups=params.groups,
            centre=tuple(centre.tolist()),
            spread=tuple(spread.tolist()),
            strong_amount=float(np.quantile(traded, params.strong)) if len(traded) else 1.0,
            return_scale=params.return_scale or _scale([market.rows.reward for market in markets]),
            target_return=float(np.quantile([market.earned for market in markets], params.target_quantile)),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the states."""
        return state_names(self.groups)

    def states(self, rows: MarketRows) -> Floats:
        """The states of a market, scaled."""
        columns = [NAMES.index(name) for name in self.names]
        values = rows.states.to_numpy()[:, columns].copy()
        values[:, :SCALED] = (values[:, :SCALED] - np.array(self.centre)) / np.array(self.spread)
        bounded: Floats = np.clip(values, -_WIDEST, _WIDEST)
        return bounded

    def actions(self, rows: MarketRows) -> NDArray[np.int8]:
        """The class of what the trader did in the bar after each row; a hold where that is not known yet."""
        return actions.graded(np.nan_to_num(rows.net), self.strong_amount)

    def sequences(self, markets: Sequence[Market], context: int) -> tuple[Sequences, Windows]:
        """Whole markets to learn from; their rows before the training span are read, and do not count."""
        lengths = np.array([len(market.rows) for market in markets])
        starts = np.cumsum(lengths) - lengths
        sequences = Sequences.of(
            np.concatenate([self.states(market.rows) for market in markets]),
            np.concatenate([self.actions(market.rows) for market in markets]),
            np.concatenate([market.rows.reward for market in markets]),
            np.repeat(starts, lengths),
            window=context,
            return_scale=self.return_scale,
        )
        windows = sequences.contracts()
        first = np.repeat(starts + [market.first for market in markets], lengths)[windows.ends]
        counted = windows._replace(counted_from=np.maximum(windows.counted_from, first))
        return sequences, counted.take(np.flatnonzero(counted.counted_from <= counted.ends))

    def for_target(self, rows: MarketRows, target: float, context: int) -> Sequences:
        """One market to decide on: the return to go is the target less what the market has earned so far."""
        return Sequences(
            self.states(rows).astype("f4"),
            self.actions(rows),
            ((target - rows.gained) * self.return_scale).astype("f4"),
            np.zeros(len(rows), dtype="f4"),
            np.zeros(len(rows), dtype="i8"),
            context,
        )


def _scale(rewards: Sequence[Floats]) -> float:
    """One over the deviation of the returns to go."""
    to_go = np.concatenate([np.cumsum(reward[::-1]) for reward in rewards])
    deviation = float(to_go.std())
    return 1.0 / deviation if deviation > 1e-9 else 1.0
