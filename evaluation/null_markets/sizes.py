"""Sizes: how far the prices of a real market moved, bar by bar, without the direction in which they moved."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from data_pipeline.bars.bars import Bars
from evaluation.metrics.formulas import Array

# Bars that stay together when sizes are drawn: a quarter of a year, in which calm and wild spells survive.
BLOCK = 63
# A larger move down would leave no price.
LARGEST = 0.9


@dataclass(frozen=True, eq=False)
class Sizes:
    """The sizes of the moves of each bar, as shares of the price.

    Args:
        symbol: whose bars they are of, and from which `source`.
        gap: from the close before to the open.
        session: from the open to the close.
        above: from the higher of open and close up to the high.
        below: from the lower of the two down to the low.
    """

    symbol: str
    source: str
    gap: Array
    session: Array
    above: Array
    below: Array

    def __len__(self) -> int:
        return self.gap.size

    @classmethod
    def of(cls, bars: Bars) -> Sizes:
        """The sizes of all bars but the first, before which there is no close."""
        opens, high, low, close = (bars.frame[name].to_numpy() for name in ("open", "high", "low", "close"))
        upper, lower = np.maximum(opens, close), np.minimum(opens, close)
        return cls(
            bars.symbol,
            bars.source,
            np.minimum(np.abs(opens[1:] / close[:-1] - 1.0), LARGEST),
            np.minimum(np.abs(close / opens - 1.0)[1:], LARGEST),
            (high / upper - 1.0)[1:],
            np.clip((1.0 - low / lower)[1:], 0.0, LARGEST),
        )

    def drawn(self, rows: int, random: np.random.Generator) -> Sizes:
        """So many bars in blocks from random places; a block that meets the end goes on at the beginning."""
        starts = random.integers(0, len(self), -(-rows // BLOCK))
        picked = ((starts[:, None] + np.arange(BLOCK)) % len(self)).ravel()[:rows]
        return replace(
            self,
            gap=self.gap[picked],
            session=self.session[picked],
            above=self.above[picked],
            below=self.below[picked],
        )

    def fingerprint(self) -> str:
        """The sha256 of all of them."""
        digest = hashlib.sha256()
        for each in (self.gap, self.session, self.above, self.below):
            digest.update(np.ascontiguousarray(each, dtype="<f8").tobytes())
        return digest.hexdigest()
