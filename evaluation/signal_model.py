"""The interface of a trained model for audits, walk-forwards and judges: features and decisions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pandas as pd

from data_pipeline.bars.bars import Bars
from data_pipeline.inputs import Inputs
from evaluation.signals import Signals


@dataclass(frozen=True, eq=False)
class Request:
    """Options of a request for decisions.

    Args:
        target_return: the return to reach, for model types that are conditioned on one; None is the model's default.
        published: by symbol or market the signals that the version has published. A model whose decisions depend on its
            own account continues from them where the bars do not reach back to the start of that account.
    """

    target_return: float | None = None
    published: Mapping[str, Signals] = field(default_factory=dict)


NO_REQUEST = Request()


class SignalModel(Protocol):
    """A trained model. Equal inputs and requests give equal signals, to the last bit."""

    def features(self, inputs: Inputs) -> Mapping[str, pd.DataFrame]:
        """Its features, by symbol or market: named columns of numbers, a row a bar, NaN in warm-ups."""

    def decide(self, inputs: Inputs, request: Request = NO_REQUEST) -> Mapping[str, Signals]:
        """Its signals by symbol or market: for each bar a position and a confidence, from data known at its close."""


class SymbolModel(ABC):
    """The adapter for models of one symbol, which compute features and decisions from bars."""

    @abstractmethod
    def bar_features(self, bars: Bars) -> pd.DataFrame:
        """Its features: named columns of numbers, a row a bar, NaN in warm-ups."""

    @abstractmethod
    def signals(self, bars: Bars) -> Signals:
        """A position and a confidence for each bar, from data known at its close."""

    def features(self, inputs: Inputs) -> Mapping[str, pd.DataFrame]:
        """Its features, by symbol."""
        return {symbol: self.bar_features(bars) for symbol, bars in inputs.bars.items()}

    def decide(self, inputs: Inputs, request: Request = NO_REQUEST) -> Mapping[str, Signals]:  # noqa: ARG002
        """The signals of its symbol."""
        return {symbol: self.signals(bars) for symbol, bars in inputs.bars.items()}
