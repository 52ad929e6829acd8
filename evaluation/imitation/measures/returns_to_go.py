"""Returns-to-go and decisions: whether a trader, and its copy, trade towards Up where more return is still to come.

The return-to-go of a bar is what the trader earns from it to the end of the market. It is known only afterwards; a
model that is conditioned on a return has learned what was decided where how much of it was to come.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.imitation.decisions import CLASSES, SIDES, Codes
from evaluation.imitation.measures.intervals import MarketInterval, market_interval
from evaluation.metrics.formulas import Array

_ROUNDING = 1e-12


@dataclass(frozen=True)
class ClassReturn:
    """The mean return-to-go, in percent, where the trader decides so, and where the model does; None without any."""

    name: str
    actual: float | None
    copied: float | None


@dataclass(frozen=True)
class ReturnAssociation:
    """By class the mean returns-to-go, and their correlation with the side (1 Up, 0 nothing, -1 Down) that is traded.

    Undefined, with a reason, where no market is settled.
    """

    markets: int
    classes: tuple[ClassReturn, ...]
    actual: MarketInterval
    copied: MarketInterval
    reason: str | None


def return_association(markets: list[tuple[Codes, Codes, Array]]) -> ReturnAssociation:
    """Of each market the decisions of the trader and of the model, and the return-to-go at each."""
    if not markets:
        nothing = MarketInterval(None, None, None)
        return ReturnAssociation(0, (), nothing, nothing, "not_settled")
    actual, copied, to_go = (np.concatenate(parts) for parts in zip(*markets, strict=True))
    return ReturnAssociation(
        markets=len(markets),
        classes=tuple(
            ClassReturn(name, _mean(to_go[actual == code]), _mean(to_go[copied == code]))
            for code, name in enumerate(CLASSES)
        ),
        actual=market_interval(np.array([_moments(SIDES[one], go) for one, _, go in markets]), correlation),
        copied=market_interval(np.array([_moments(SIDES[other], go) for _, other, go in markets]), correlation),
        reason=None,
    )


def _mean(to_go: Array) -> float | None:
    return 100.0 * float(np.mean(to_go)) if len(to_go) else None


def _moments(side: Codes, to_go: Array) -> Array:
    """The sums from which a correlation is computed."""
    x = side.astype(np.float64)
    return np.array([len(x), x.sum(), to_go.sum(), (x * x).sum(), (to_go * to_go).sum(), (x * to_go).sum()])


def correlation(sums: Array) -> Array:
    """The correlation of two quantities from sums as `_moments` gives them; NaN where one of them is constant."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = (xx / n - (x / n) ** 2) * (yy / n - (y / n) ** 2)
        together: Array = xy / n - x * y / n**2
        return np.where(spread > _ROUNDING**2, together / np.sqrt(np.maximum(spread, _ROUNDING**2)), np.nan)
