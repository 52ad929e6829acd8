"""Rules without learning that a copy of a trader must beat; what they need is fitted on the markets of the training.

`majority`     what the trader decides most often.
`last_action`  its decision on the bar before; the majority on the first bar of a market.
`last_fill`    by its last trade in this market and the bars since then, what it decides most often after such a one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from evaluation.imitation.decisions import CLASSES, HOLD, Codes

# Bars since the last trade count as 1, 2 to 3, 4 to 7, 8 to 15, and more.
_AGES = 5


@dataclass(frozen=True, eq=False)
class SimpleRules:
    """The decision most frequent in training, and for each last trade and age of it the one most frequent after it."""

    majority: int
    after_fill: Codes

    @classmethod
    def fit(cls, markets: Iterable[Codes]) -> Self:
        """From the trader's decisions in each market of the training."""
        counts = np.zeros(((len(CLASSES) + 1) * _AGES, len(CLASSES)), dtype=np.int64)
        for actual in markets:
            np.add.at(counts, (_since_fill(actual), actual), 1)
        majority = int(np.argmax(counts.sum(axis=0))) if counts.any() else HOLD
        seen = counts.any(axis=1)
        return cls(majority, np.where(seen, counts.argmax(axis=1), majority))

    def decide(self, actual: Codes) -> Mapping[str, Codes]:
        """What each rule decides on every bar of a market, of the trader's decisions before that bar."""
        return {
            "majority": np.full(len(actual), self.majority, dtype=np.int64),
            "last_action": np.concatenate([[self.majority], actual[:-1]]).astype(np.int64)[: len(actual)],
            "last_fill": self.after_fill[_since_fill(actual)],
        }


def _since_fill(actual: Codes) -> Codes:
    """For each bar a number for the last trade before it and how many bars ago that was; the last numbers for none."""
    rows = np.arange(len(actual))
    filled = np.where(actual != HOLD, rows, -1)
    last = np.concatenate([[-1], np.maximum.accumulate(filled)[:-1]])[: len(actual)] if len(actual) else filled
    age = np.minimum(np.log2(np.maximum(rows - last, 1)).astype(np.int64), _AGES - 1)
    trade = np.where(last >= 0, actual[np.maximum(last, 0)], len(CLASSES))
    state: Codes = trade * _AGES + np.where(last >= 0, age, 0)
    return state
