"""The base class of hand-written strategies, backtested by the same ledger as every model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol

import numpy as np
import pandas as pd

from config.errors import NightdeskError
from evaluation.accounting.backtest import DEFAULT_COSTS, Backtest, Costs, backtest
from evaluation.signals import Sell, positions_from_actions


class Loader(Protocol):
    """The source of a strategy's market data, such as `data_pipeline.DataLoader`."""

    def load(self, symbol: str) -> pd.DataFrame:
        """The bars of `symbol`, oldest first."""


class TargetLimits(Protocol):
    """Limits the targets of a strategy, as `RiskManager` does."""

    def limit(self, target: pd.Series, data: pd.DataFrame) -> pd.Series:
        """The targets within the limits; each may depend on `data` up to its own row only."""


class StrategyBase(ABC):
    """Subclass it and implement `generate_signals`; override `size_position` for sizes other than all or nothing.

    Args:
        data_loader: used by `run`; may be None for a strategy that is only run on frames.
        risk_manager: limits the targets; None leaves them as they are.
        config: for the subclass's own use.
    """

    sell: Sell = "exit"  # the effect of a signal of -1 on a long position: "exit" it, or go "short"

    def __init__(self, data_loader: Loader | None, risk_manager: TargetLimits | None, config: Any) -> None:
        self.data_loader = data_loader
        self.risk_manager = risk_manager
        self.config = config

    @abstractmethod
    def generate_signals(self, data: pd.DataFrame) -> pd.DataFrame:
        """A copy of `data` with a column `signal`: 1 buys, -1 sells, 0 holds."""

    def size_position(self, data: pd.DataFrame) -> pd.DataFrame:
        """A copy of `data` (with its signals) with a column `position_size`: the weight of each signal, 0 to 1."""
        return data.assign(position_size=np.where(data["signal"] != 0, 1.0, 0.0))

    def targets(self, data: pd.DataFrame) -> pd.Series:
        """The target weight after each row: that of the newest signal, with the sign and size it had."""
        decided = self.size_position(self.generate_signals(data))
        for column in ("signal", "position_size"):
            if column not in decided.columns:
                raise NightdeskError(
                    "strategy.invalid",
                    f"{type(self).__name__} gave no column {column!r}.",
                    "Let generate_signals add `signal` and size_position add `position_size`.",
                )
        direction = positions_from_actions(decided["signal"].to_numpy(), self.sell)
        size = decided["position_size"].where(decided["signal"] != 0).ffill().fillna(0.0)
        target = pd.Series(direction * size.to_numpy(), index=decided.index, name="position")
        return target if self.risk_manager is None else self.risk_manager.limit(target, data)

    def backtest(self, data: pd.DataFrame, costs: Costs = DEFAULT_COSTS, initial_cash: float = 100_000.0) -> Backtest:
        """Backtest the targets on `data`, which needs open, high, low and close."""
        return backtest(data, self.targets(data), costs, initial_cash)

    def run(self, symbol: str, costs: Costs = DEFAULT_COSTS, initial_cash: float = 100_000.0) -> Backtest:
        """Load the bars of `symbol` and backtest the strategy on them."""
        if self.data_loader is None:
            raise NightdeskError(
                "strategy.no_loader",
                f"{type(self).__name__} has no data loader, so it cannot load {symbol}.",
                "Give it one, or call `backtest` with a frame.",
            )
        return self.backtest(self.data_loader.load(symbol), costs, initial_cash)
