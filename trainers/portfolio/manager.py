"""The portfolio manager: weights of one account from the bars, and the signals, of several symbols."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from config.errors import NightdeskError
from data_pipeline.bars.bars import Bars
from evaluation.accounting.inputs import bars_a_year
from evaluation.metrics.formulas import Array
from evaluation.signals import Signals
from trainers.portfolio.covariance import common_closes, ledoit_wolf
from trainers.portfolio.methods import allocate
from trainers.portfolio.params import PortfolioParams


class PortfolioManager:
    """Turns signals of several symbols into target weights; see `PortfolioParams` for the rule.

        manager = PortfolioManager(PortfolioParams(method="hrp", max_weight=0.3))
        weights = manager.weights(bars, signals)
        result = portfolio_backtest(bars, weights)

    The weights at a row depend on bars and signals up to that row only.
    """

    def __init__(self, params: PortfolioParams | None = None) -> None:
        self.params = params or PortfolioParams()

    def weights(self, bars: Mapping[str, Bars], signals: Mapping[str, Signals] | None = None) -> dict[str, pd.Series]:
        """By symbol the target weight after each of its own closes; 0 until there are `lookback` common returns."""
        rows = self._checked_rows(bars, signals)
        closes = rows.to_numpy()
        positions = self._positions(bars, signals, rows.index)
        per_year = self._rows_a_year(bars)
        weights = np.zeros_like(closes)
        last, since = np.zeros(closes.shape[1]), 0
        shares, risk = np.zeros_like(last), np.zeros((len(last), len(last)))
        for row in range(self.params.lookback, len(closes)):
            due = row == self.params.lookback or since + 1 >= self.params.rebalance
            since = 0 if due else since + 1
            if due:
                window = closes[row - self.params.lookback : row + 1]
                risk = ledoit_wolf(window[1:] / window[:-1] - 1.0)
                risk[np.ptp(window, axis=0) == 0.0] = 0.0
                risk[:, np.ptp(window, axis=0) == 0.0] = 0.0
                shares = allocate(self.params.method, risk, self.params.max_weight)
            last = self._next(last, shares * positions[row], risk * per_year, due=due)
            weights[row] = last
        return self._on_own_closes(bars, pd.DataFrame(weights, index=rows.index, columns=rows.columns))

    def _checked_rows(self, bars: Mapping[str, Bars], signals: Mapping[str, Signals] | None) -> pd.DataFrame:
        if len(bars) < 2:
            raise NightdeskError(
                "portfolio.one_symbol",
                f"A portfolio of {len(bars)} symbols ({', '.join(bars) or 'none'}) has nothing to divide.",
                "Name two symbols or more.",
            )
        if signals is not None and (missing := sorted(set(bars) - set(signals))):
            raise NightdeskError(
                "portfolio.no_signals",
                f"There are no signals of {', '.join(missing)}.",
                "Give the signals of every symbol, or leave these symbols out.",
            )
        if self.params.max_weight * len(bars) < 1.0 - 1e-12:
            allocate("equal", np.eye(len(bars)), self.params.max_weight)  # raises with the cap and its cure
        rows = common_closes(bars)
        if len(rows) <= self.params.lookback:
            spans = "; ".join(
                f"{name} {each.frame.index[0]:%Y-%m-%d} to {each.frame.index[-1]:%Y-%m-%d}"
                if len(each)
                else f"{name} none"
                for name, each in bars.items()
            )
            raise NightdeskError(
                "portfolio.no_common_bars",
                f"The symbols have {len(rows)} rows of bars in common, and a lookback of {self.params.lookback} "
                f"returns needs {self.params.lookback + 1} ({spans}).",
                "Leave out the symbol whose history does not meet the others', pull more, or lower lookback.",
            )
        return rows

    def _positions(self, bars: Mapping[str, Bars], signals: Mapping[str, Signals] | None, index: pd.Index) -> Array:
        """The newest position of each symbol at each common row; 1 without signals."""
        if signals is None:
            return np.ones((len(index), len(bars)))
        low = -1.0 if self.params.signs == "long_short" else 0.0
        newest = [signals[name].position.reindex(index, method="ffill").fillna(0.0).to_numpy() for name in bars]
        positions: Array = np.clip(np.column_stack(newest), low, 1.0)
        return positions

    def _rows_a_year(self, bars: Mapping[str, Bars]) -> float:
        """Common rows a year: those of the calendar that has the fewest; counted ones would change with each bar."""
        years = [bars_a_year(each) for each in bars.values()]
        known = [year for year in years if year is not None]
        if self.params.volatility_target is not None and len(known) < len(years):
            raise NightdeskError(
                "portfolio.unknown_year",
                f"volatility_target is {self.params.volatility_target:g} a year, and how many bars make a year "
                "is unknown.",
                "Leave volatility_target out, or give bars of an interval that has a calendar.",
            )
        return min(known, default=1.0)

    def _next(self, last: Array, requested: Array, risk: Array, *, due: bool) -> Array:
        """The weights after `last`: all of them when rebalancing is due, else those whose signal turned."""
        params = self.params
        weights = requested * self._scale(requested, risk)
        weights = np.clip(weights, -params.max_weight, params.max_weight)
        turned = np.sign(weights) != np.sign(last)
        moved = turned | (np.abs(weights - last) > params.band) if due else turned
        return self._part_way(last, np.where(moved, weights, last))

    def _scale(self, requested: Array, risk: Array) -> float:
        """One factor for all weights: up or down to the volatility aimed at, then down to the gross cap."""
        gross, factor = float(np.abs(requested).sum()), 1.0
        deviation = math.sqrt(max(float(requested @ risk @ requested), 0.0))
        if self.params.volatility_target is not None and deviation > 0.0:
            factor = self.params.volatility_target / deviation
        return min(factor, self.params.max_gross / gross) if gross > 0.0 else factor

    def _part_way(self, last: Array, weights: Array) -> Array:
        """As far towards `weights` as the turnover limit and the gross cap let them."""
        change = weights - last
        turnover = float(np.abs(change).sum())
        if self.params.max_turnover is not None and turnover > self.params.max_turnover:
            weights = last + change * (self.params.max_turnover / turnover)
        gross = float(np.abs(weights).sum())
        return weights * (self.params.max_gross / gross) if gross > self.params.max_gross else weights

    @staticmethod
    def _on_own_closes(bars: Mapping[str, Bars], weights: pd.DataFrame) -> dict[str, pd.Series]:
        return {
            name: weights[name].reindex(each.frame.index, method="ffill").fillna(0.0).rename("position")
            for name, each in bars.items()
        }
