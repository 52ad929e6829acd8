"""Evidence on a portfolio: what it held over time, and what each symbol added."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.portfolio.backtest import PortfolioBacktest

POINTS = 250  # of the weights over time, so that a report of many years and symbols stays small


@dataclass(frozen=True)
class SymbolPart:
    """One symbol of a portfolio.

    Args:
        symbol: the symbol.
        mean_weight: its mean share of the account, in percent; short is negative.
        newest_weight: its share at the last close, in percent.
        contribution: the money it made after its costs, in percent of the initial cash.
        turnover: how often the account was traded in it, by the year; None where the length of a year is unknown.
    """

    symbol: str
    mean_weight: float
    newest_weight: float
    contribution: float
    turnover: float | None


@dataclass(frozen=True)
class PortfolioEvidence:
    """The symbols of a portfolio, the one that made most first, and the weights over time.

    Args:
        symbols: one part for each.
        interest: what cash earned, in percent of the initial cash.
        times: some closes, evenly taken.
        weights: by symbol the share of the account at each of `times`.
    """

    symbols: tuple[SymbolPart, ...]
    interest: float
    times: tuple[str, ...]
    weights: dict[str, tuple[float, ...]]


def portfolio_evidence(portfolio: PortfolioBacktest) -> PortfolioEvidence:
    """The evidence on one account."""
    weights, cash, per_year = portfolio.weights, portfolio.initial_cash, portfolio.periods_per_year
    parts = [
        SymbolPart(
            symbol=name,
            mean_weight=100.0 * float(weights[name].mean()),
            newest_weight=100.0 * float(weights[name].iloc[-1]),
            contribution=100.0 * float(portfolio.contributions[name].sum()) / cash,
            turnover=float(portfolio.traded[name].mean()) * per_year if per_year else None,
        )
        for name in weights.columns
    ]
    rows = np.unique(np.linspace(0, len(weights) - 1, min(POINTS, len(weights))).astype(np.int64))
    some = weights.iloc[rows]
    return PortfolioEvidence(
        symbols=tuple(sorted(parts, key=lambda part: -part.contribution)),
        interest=100.0 * float(portfolio.interest.sum()) / cash,
        times=tuple(time.isoformat() for time in some.index),
        weights={name: tuple(map(float, some[name])) for name in some.columns},
    )
