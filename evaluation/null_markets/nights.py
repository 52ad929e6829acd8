"""Nights: the standings of the pairs of a home, night after night, as its evaluation job settles them.

The job tests the last prefixes of a record each night. Nearly all of them were tested the night before, with the same
result, since a prefix does not depend on what follows it; so here each prefix is tested once. Random traders are drawn
for those prefixes alone that pass Holm's test by the other three p-values: the rest fails whatever is drawn.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.settings import Promotion
from evaluation.metrics.formulas import Array
from evaluation.records.record import Record
from evaluation.records.skill import LEAST_BARS, RecordReturns, SkillTests, random_traders, skill_tests
from evaluation.records.standing import RUN, Evidence, Standing, draws_for, holm, settle

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, eq=False)
class PrefixTests:
    """The p-values of a record at each of its last bars, the nights and the `RUN` - 1 bars before them.

    Args:
        returns: those of the whole record.
        tests: of the prefixes, the longest last, without random traders.
        trades: the round trips completed by each night.
    """

    returns: RecordReturns
    tests: SkillTests
    trades: NDArray[np.int64]

    @classmethod
    def of(cls, record: Record, nights: int) -> PrefixTests:
        """Test the prefixes that so many nights look at, or all there are."""
        returns = record.returns
        prefixes = min(nights + RUN - 1, len(returns))
        tests = skill_tests(returns, prefixes=prefixes, least=LEAST_BARS, level=0.0, draws=0, seed=0)
        exits = np.sort(record.bars.frame.index.get_indexer(pd.Index(record.result.trades["exit"])))
        last = np.arange(len(returns) - nights, len(returns))
        return cls(returns, tests, np.searchsorted(exits, last, side="right"))

    @property
    def without_random(self) -> Array:
        """The largest of the three p-values, for each prefix."""
        largest: Array = np.maximum.reduce([self.tests.cash, self.tests.exposure, self.tests.alpha])
        return largest


def standings_by_night(
    records: Mapping[Key, PrefixTests], rules: Promotion, *, nights: int, tried: int
) -> list[dict[Key, Standing]]:
    """The standings after each night; before the first all are unproven."""
    skill = _with_random(records, rules, nights, tried)
    worse = {key: _filled(record.tests.worse, nights) for key, record in records.items()}
    settled: list[dict[Key, Standing]] = []
    for night in range(nights):
        evidence = {
            key: Evidence(
                tuple(skill[key][night : night + RUN].tolist())
                if record.trades[night] >= rules.min_trades
                else (1.0,) * RUN,
                tuple(worse[key][night : night + RUN].tolist()),
            )
            for key, record in records.items()
        }
        before = settled[-1] if settled else {}
        settled.append(settle(evidence, before, tried=tried, confidence=rules.confidence))
    return settled


def _with_random(records: Mapping[Key, PrefixTests], rules: Promotion, nights: int, tried: int) -> dict[Key, Array]:
    """The p-values of skill at each bar: 1 where Holm's test fails without random traders already."""
    three = {key: _filled(record.without_random, nights) for key, record in records.items()}
    skill = {key: np.ones(nights + RUN - 1) for key in records}
    draws = draws_for(tried, rules.confidence)
    for bar in range(nights + RUN - 1):
        for key in holm({key: float(p[bar]) for key, p in three.items()}, tried, 1.0 - rules.confidence):
            returns = records[key].returns
            length = len(returns) - (nights + RUN - 1) + 1 + bar
            skill[key][bar] = max(three[key][bar], random_traders(returns, length, draws=draws, seed=0))
    return skill


def _filled(p_values: Array, nights: int) -> Array:
    """As long as the nights need; 1 for prefixes that the record is too short for."""
    return np.concatenate([np.ones(nights + RUN - 1 - p_values.size), p_values])
