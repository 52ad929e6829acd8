"""Offline datasets of recorded decisions, from a session that has them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from config.errors import NightdeskError
from data_pipeline.actions import CHOICES, HOLD, SIGNED, number
from data_pipeline.offline.dataset import ACTION_NAMES, OfflineDataset
from data_pipeline.offline.experiences import offline_dataset
from data_pipeline.policy_states.states import RlStateBuilder, Session

_ALWAYS = date(1970, 1, 1)


class RecordedDecision(Protocol):
    """One decision of a strategy, at the close of a bar."""

    @property
    def time(self) -> datetime:
        """The close."""

    @property
    def action(self) -> str:
        """buy, hold or sell."""

    @property
    def strength(self) -> float:
        """The share of capital that the action moves."""

    @property
    def position(self) -> float:
        """The share of capital that is held from then on."""

    @property
    def reward(self) -> float | None:
        """The net return over the next bar; None where it is not over."""


class DecisionSession(Session, Protocol):
    """A session with decisions, such as that of `daemon.store.get_session`."""

    def decisions(self, symbol: str, start: date, end: date, strategy: str | None = None) -> Sequence[RecordedDecision]:
        """The decisions about a symbol between two dates, oldest first."""


class OfflineDatasetGenerator:
    """Makes datasets of the decisions that backtests have recorded.

    with get_session() as session:
        generator = OfflineDatasetGenerator(session)
        experiences = generator.generate_dataset("BTC-USD", date(2020, 1, 1), date(2024, 1, 1))
        generator.save_dataset(experiences, "data/offline_dataset.npz")
    """

    def __init__(self, session: DecisionSession) -> None:
        self.session = session

    def generate_dataset(
        self, symbol: str | Sequence[str], start_date: date, end_date: date, *, strategy: str | None = None
    ) -> OfflineDataset:
        """The decisions of one or many symbols between two dates, both included, each with the state it was made in.

        The portfolio of a state is what the decisions before it had come to hold. A decision whose reward is not known
        yet, the newest, is left out. Of `strategy`, or for each symbol of the one whose decisions were recorded last.
        """
        symbols = [symbol] if isinstance(symbol, str) else list(symbol)
        return OfflineDataset.joined([self._of(one, start_date, end_date, strategy) for one in symbols])

    def save_dataset(self, experiences: OfflineDataset, output_path: str | Path) -> None:
        """Write the npz file, and print how many samples there are and how often each action was decided."""
        experiences.save(output_path)
        total = len(experiences)
        lines = [f"Generated {total} training samples", f"Saved to: {output_path}", "", "Action distribution:"]
        lines += [
            f"  {name}: {count} ({count / total:.1%})"
            for name, count in zip(ACTION_NAMES, experiences.counts, strict=True)
        ]
        print("\n".join(lines))  # noqa: T201 -- a person asked for it

    def _of(self, symbol: str, start: date, end: date, strategy: str | None) -> OfflineDataset:
        decided = self.session.decisions(symbol, _ALWAYS, end, strategy)  # the portfolio follows from earlier ones
        bars = self.session.bars(symbol)
        closes = pd.DatetimeIndex(bars.frame.index)[bars.dates >= pd.Timestamp(start)]
        if not decided or not len(closes) or decided[-1].time < closes[0]:
            raise NightdeskError(
                "dataset.no_decisions",
                f"No decisions about {symbol} are recorded from {start} to {end}"
                f"{f' by the strategy {strategy}' if strategy else ''}.",
                f"Record some: `nightdesk backtest --symbol {symbol} --start-date {start} --end-date {end}`.",
            )
        market = RlStateBuilder(self.session).market(symbol, decided[-1].time)
        index = pd.DatetimeIndex([row.time for row in decided]).tz_convert("UTC").as_unit("ns")
        signed = [number(row.action) or HOLD for row in decided]
        table = pd.DataFrame(
            {"action": CHOICES.code(SIGNED.strength(signed)), "strength": [row.strength for row in decided]}, index
        )
        rewards = pd.Series([np.nan if row.reward is None else row.reward for row in decided], index, np.float64)
        positions = pd.Series([row.position for row in decided], index)
        return offline_dataset(
            market, table, positions, symbol=symbol, since=closes[0].to_pydatetime(), rewards=rewards
        )
