"""Folds of whole markets in time order: trained on what was over before the first market of the test began.

The first block of markets is learned from; each block after it is a quarter as long as all markets before it, so that
there are few trainings however long the history grows. What comes later adds markets to the newest block, and then
blocks; it changes none. A record is of the newest few.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from data_pipeline.inputs import Inputs
from evaluation.audit.leak_audit import Span
from evaluation.walk_forward import Fold

# The markets that the first fold learns from, and the least of a block.
LEAST_TRAIN, LEAST_TEST = 8, 4
# A block is this share of the markets before it.
SHARE = 4
FOLDS = 4


@dataclass(frozen=True)
class MarketPlan:
    """How the markets of a trader are cut into folds.

    Args:
        lookback: how far back a fold learns.
        min_bars: the least number of closes that it learns from.
    """

    lookback: timedelta
    min_bars: int

    def folds(self, inputs: Inputs) -> list[Fold]:
        """The newest folds of these markets, in time order; none where there are too few markets."""
        return self.every_fold(inputs)[-FOLDS:]

    def every_fold(self, inputs: Inputs) -> list[Fold]:
        """The same with those that are too old to be computed."""
        markets = sorted((bars.frame.index[0], name) for name, bars in inputs.bars.items() if len(bars))
        names = [name for _, name in markets]
        cut = [self._fold(inputs, number, names[first:end]) for number, (first, end) in enumerate(blocks(len(names)))]
        return [fold for fold in cut if fold is not None]

    def grows(self, inputs: Inputs, fold: Fold) -> bool:  # noqa: ARG002 -- as of every plan
        """Whether its block has room for more markets."""
        first, end = next(block for number, block in enumerate(blocks(None)) if number == fold.number)
        return len(fold.markets) < end - first

    def _fold(self, inputs: Inputs, number: int, names: list[str]) -> Fold | None:
        """None where the closes before its first market are too few to learn from."""
        spans = {name: inputs.bars[name].frame.index[[0, -1]] for name in names}
        first, last = spans[names[0]][0], max(span[1] for span in spans.values())
        before = inputs.times[: inputs.times.searchsorted(first)]
        before = before[before >= before[-1] - self.lookback] if len(before) else before
        known = first - pd.Timedelta(microseconds=1)  # a market that closes as this one opens is settled in between
        if len(before) < max(self.min_bars, 1):
            return None
        ends = tuple((name, span[1].to_pydatetime()) for name, span in spans.items())
        return Fold(number, _span(before[0], known), _span(first, last), ends)


def blocks(markets: int | None) -> Iterator[tuple[int, int]]:
    """The blocks that are tested, as places of the first market and the one after the last; all of them for None."""
    first = LEAST_TRAIN
    while markets is None or first < markets:
        end = first + max(LEAST_TEST, first // SHARE)
        yield first, end
        first = end


def _span(first: pd.Timestamp, last: pd.Timestamp) -> Span:
    return Span(first.to_pydatetime(), last.to_pydatetime())
