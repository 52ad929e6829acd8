"""The model of `portfolio`: weights of one account from bars and the signals of other recipes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from config.section import Section
from data_pipeline.inputs import Inputs
from evaluation.signal_model import NO_REQUEST, Request
from evaluation.signals import Signals
from trainers.interface import ModelFacts
from trainers.portfolio.covariance import common_closes
from trainers.portfolio.followed import followed_signals
from trainers.portfolio.manager import PortfolioManager
from trainers.portfolio.params import PortfolioParams
from trainers.safe_files import json_bytes

DESCRIPTION = "model.json"
VOLATILITY = 63  # bars of the feature `volatility`
UNCHOSEN = "No signals were stored when it was trained, so it follows all that come."


class PortfolioDescription(Section):
    """The content of `model.json`.

    Args:
        symbols: those it was trained for; while one of them has no bar yet, nothing is held.
        followed: by symbol the model types whose signals it follows; of a symbol that is absent, all that come.
    """

    format: Literal[1] = 1
    params: PortfolioParams
    symbols: tuple[str, ...] = Field(strict=False)
    followed: dict[str, list[str]]
    metrics: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class PortfolioModel:
    """Divides one account between the symbols of a universe."""

    description: PortfolioDescription

    @cached_property
    def manager(self) -> PortfolioManager:
        """The rule."""
        return PortfolioManager(self.description.params)

    @property
    def facts(self) -> ModelFacts:
        """What it looks at of each symbol, besides the signals."""
        issues = {} if self.description.followed else {"signals": UNCHOSEN}
        return ModelFacts(metrics=self.description.metrics, features=("volatility",), issues=issues)

    def features(self, inputs: Inputs) -> Mapping[str, pd.DataFrame]:
        """By symbol the deviation of its returns over the last bars.

        What it follows is no feature here: it is decided elsewhere and judged there, and changes when a recipe does.
        """
        return {
            name: pd.DataFrame(
                {"volatility": bars.frame["close"].pct_change().rolling(VOLATILITY).apply(_deviation, raw=True)}
            )
            for name, bars in inputs.bars.items()
        }

    def decide(self, inputs: Inputs, request: Request = NO_REQUEST) -> Mapping[str, Signals]:  # noqa: ARG002
        """The weights, with the confidence of the signals behind them; nothing is held while bars are too few."""
        signals = followed_signals(inputs, self.description.followed)
        bars = {name: inputs.bars[name] for name in self.description.symbols if name in inputs.bars}
        weights: dict[str, pd.Series] = {}
        if len(bars) == len(self.description.symbols) and len(common_closes(bars)) > self.description.params.lookback:
            weights = self.manager.weights(bars, {name: signals[name] for name in bars})
        silent = [name for name in inputs.bars if name not in inputs.signals]
        remark = f"No signals of {', '.join(silent)} are stored yet; they count as held." if silent else ""
        flat = {name: pd.Series(0.0, each.frame.index, name="position") for name, each in inputs.bars.items()}
        return {name: Signals(weights.get(name, flat[name]), signals[name].confidence, remark) for name in inputs.bars}

    def save(self, folder: Path) -> None:
        """Write `model.json`."""
        (folder / DESCRIPTION).write_bytes(json_bytes(self.description.model_dump(mode="json")))


def _deviation(returns: np.ndarray[Any, Any]) -> float:
    """Of these rows alone: a running sum would carry the rounding of rows that have left the window."""
    return float(np.std(returns, ddof=1))
