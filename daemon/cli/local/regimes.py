"""The regimes of stored bars, as a hidden Markov model of all of them tells them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data_pipeline.regimes.model import RegimeModel, most_likely
from data_pipeline.stored_inputs import stored_bars
from evaluation.accounting.inputs import bars_a_year

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from config.paths import Home
    from config.settings import Settings
    from data_pipeline.bars.bars import Bars


@dataclass(frozen=True)
class CurrentRegime:
    """The likeliest regime at the newest bar, the bar since when it has been that, and what each one's chance is."""

    now: str
    since: datetime
    probabilities: dict[str, float]

    @classmethod
    def of(cls, view: pd.DataFrame) -> CurrentRegime:
        """By the filtered probabilities of each regime, a row a bar."""
        names = most_likely(view).astype(str)
        since = names.index[names != names.shift()][-1].to_pydatetime()
        return cls(names.iloc[-1], since, {str(name): float(value) for name, value in view.iloc[-1].items()})


@dataclass(frozen=True)
class State:
    """A state: return and volatility in percent a year, the bars of an expected stay, and its share of the bars."""

    direction: str
    annual_return: float | None
    volatility: float | None
    stay: float
    share: float


@dataclass(frozen=True, eq=False)
class SymbolRegimes:
    """The bars of a symbol, and the model that was fitted to them."""

    bars: Bars
    model: RegimeModel

    @cached_property
    def volatility(self) -> pd.DataFrame:
        """The filtered probabilities of low, normal and high volatility."""
        return self.model.volatility(self.bars)

    @cached_property
    def direction(self) -> pd.DataFrame:
        """The filtered probabilities of bear, sideways and bull."""
        return self.model.direction(self.bars)

    @property
    def states(self) -> list[State]:
        """The states, the calmest first."""
        hmm, year = self.model.hmm, bars_a_year(self.bars) or np.nan
        likeliest = self.model.probabilities(self.bars).to_numpy().argmax(axis=1)
        stays = 1.0 / np.maximum(1.0 - np.diag(hmm.transitions), 1.0 / len(self.bars))
        return [
            State(
                direction=self.model.directions[state],
                annual_return=_finite(100.0 * hmm.means[state, 0] * year),
                volatility=_finite(100.0 * np.sqrt(hmm.variances[state, 0] * year)),
                stay=float(stays[state]),
                share=float((likeliest == state).mean()),
            )
            for state in range(hmm.states)
        ]

    def document(self) -> dict[str, object]:
        """As `--json` shows it."""
        return {
            "symbol": self.bars.symbol,
            "interval": self.bars.interval,
            "source": self.bars.source,
            "as_of": self.model.last,
            "fitted_from": self.model.first,
            "bars": self.model.bars,
            "version": self.model.fingerprint(),
            "volatility": asdict(CurrentRegime.of(self.volatility)),
            "direction": asdict(CurrentRegime.of(self.direction)),
            "states": [asdict(state) for state in self.states],
        }


def regimes_of(home: Home, settings: Settings, symbols: Sequence[str], states: int) -> list[SymbolRegimes]:
    """The regimes of these symbols, each of its own bars."""
    every = [stored_bars(home, settings, symbol) for symbol in symbols]
    return [SymbolRegimes(bars, RegimeModel.fit(bars, states)) for bars in every]


def draw(path: Path, regimes: SymbolRegimes) -> None:
    """Draw the regimes of one symbol as a PNG."""
    from evaluation.plots.regimes import draw_regimes

    draw_regimes(path, regimes.bars, regimes.volatility, regimes.direction)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
