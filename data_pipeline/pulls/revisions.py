"""Why a source now gives other prices than before: a split or a dividend re-bases all prices that came before it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_pipeline.bars.bars import EXTRAS, PRICES

if TYPE_CHECKING:
    from data_pipeline.bars.bars import Bars

Floats = npt.NDArray[np.float64]

_SAME = 1e-5  # as a part of the price: sources answer in single precision


@dataclass(frozen=True)
class Rebasing:
    """What explains new prices, and what it made of prices and shares before everything that was compared."""

    why: Literal["split", "dividend"]
    price: float
    shares: float

    def apply(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Old rows in the new units: prices and dividends times the factor, volume by the splits alone."""
        rows = frame.copy()
        rows[list(PRICES)] *= self.price
        rows["volume"] *= self.shares
        if "dividends" in rows:
            rows["dividends"] /= self.shares
        return rows


@dataclass(frozen=True)
class Restatement:
    """How a history that a source gives now differs from what was stored."""

    rows: int  # stored bars whose prices are other ones now
    gone: int  # stored bars that the source no longer has
    first: str | None  # the time of the first of either
    last: str | None
    largest: float  # the largest change of a price, as a part of what was stored

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def __str__(self) -> str:
        if self.first is None:
            return "it has no bar in common with what was stored"
        span = f"from {self.first} to {self.last}"
        gone = f", and {self.gone} are gone" if self.gone else ""
        return f"{self.rows} bars have other prices, by up to {self.largest:.3%}{gone}, {span}"


def restatement(old: pd.DataFrame, now: pd.DataFrame) -> Restatement:
    """How the rows `now` of a source differ from the stored rows `old`."""
    times = old.index.intersection(now.index)
    before, after = old.loc[times, list(PRICES)], now.loc[times, list(PRICES)]
    different = times[unlike(before, after)]
    gone = old.index.difference(now.index)
    touched = different.union(gone)
    return Restatement(
        rows=len(different),
        gone=len(gone),
        first=touched[0].isoformat() if len(touched) else None,
        last=touched[-1].isoformat() if len(touched) else None,
        largest=float((after / before - 1.0).abs().to_numpy().max(initial=0.0)),
    )


def unlike(old: pd.DataFrame, pulled: pd.DataFrame, factor: Floats | float = 1.0) -> npt.NDArray[np.bool_]:
    """For rows of the same times: whether the prices pulled differ from the old ones times `factor`.

    Both are rows of bars, whose columns begin with the prices.
    """
    before, after = (frame.to_numpy()[:, : len(PRICES)] for frame in (old, pulled))
    return ~np.asarray(np.isclose(after, before * np.reshape(factor, (-1, 1)), rtol=_SAME, atol=0.0).all(axis=1))


def explained(old: Bars, pulled: Bars) -> Rebasing | None:
    """The splits or dividends, new in what was pulled, that account for every price that both have.

    A split of r for 1 divides the prices before it by r; a dividend d after a close of C multiplies the prices before
    it by (C - d) / C, where a source adjusts for dividends.
    """
    times = old.frame.index.intersection(pulled.frame.index)
    splits, dividends = _new_events(old.frame, pulled.frame)
    shares = _before_each(np.where(splits > 0.0, splits, 1.0))
    price = 1.0 / shares
    paid = _before_each(_dividend_factors(pulled.frame["close"].to_numpy(), dividends))
    row = pulled.frame.index.get_indexer(times)
    before, after = old.frame.loc[times], pulled.frame.loc[times]
    candidates: tuple[tuple[Literal["split", "dividend"], Floats], ...] = (("split", price), ("dividend", price * paid))
    for why, factor in candidates:
        if not unlike(before, after, factor[row]).any():
            return Rebasing(why, float(factor[row[0]]), float(shares[row[0]]))
    return None


def events_of(frame: pd.DataFrame) -> Floats:
    """Dividends and splits of each row; none where the source has none."""
    named = list(frame)
    return np.column_stack([frame[name].to_numpy() if name in named else np.zeros(len(frame)) for name in EXTRAS])


def _new_events(old: pd.DataFrame, pulled: pd.DataFrame) -> tuple[Floats, Floats]:
    """Splits and dividends by row of what was pulled, where the stored row of that time does not have them."""
    events, stored = events_of(pulled), np.zeros((len(pulled), len(EXTRAS)))
    row = old.index.get_indexer(pulled.index)
    stored[row >= 0] = events_of(old)[row[row >= 0]]
    dividends, splits = np.where(np.isclose(events, stored), 0.0, events).T
    return splits, dividends


def _before_each(factors: Floats) -> Floats:
    """The product of the factors of all later rows."""
    after: Floats = np.append(np.cumprod(factors[::-1])[::-1][1:], 1.0)
    return after


def _dividend_factors(closes: Floats, dividends: Floats) -> Floats:
    """The factor of each dividend on the prices before it, from the close before it, which it has lowered already.

    With that close c = (C - d) g, where g is the work of later dividends: (C - d) / C = x / (x + d), x = c / g.
    """
    factors, later = np.ones_like(closes), 1.0
    for row in reversed(np.flatnonzero(dividends[1:]) + 1):
        before = closes[row - 1] / later
        factors[row] = before / (before + dividends[row])
        later *= factors[row]
    return factors
