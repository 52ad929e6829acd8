"""Regimes of volatility: told by each market's own past, and by nothing later."""

from __future__ import annotations

import math
import statistics
from itertools import pairwise

import numpy as np
import pandas as pd

from data_pipeline.bars.bars import Bars
from data_pipeline.features.volatility_regime import MEMORY, REGIMES, WARM_UP, settled_regime, volatility_regime
from tests.support.markets.prices import frame, walk


def _plainly(closes: list[float]) -> list[str | float]:
    """The rule, bar by bar, with the standard library alone."""
    returns = [math.log(b / a) for a, b in pairwise(closes)]
    volatility = [statistics.stdev(returns[t - 20 : t]) for t in range(20, len(closes))]
    regimes: list[str | float] = [math.nan] * 20
    for t, now in enumerate(volatility):
        memory = volatility[max(0, t - MEMORY + 1) : t + 1]
        below, ties = sum(then < now for then in memory), sum(then == now for then in memory)
        rank = (below + (ties + 1) / 2) / len(memory)
        name = "low_vol" if rank <= 1 / 3 else "normal" if rank <= 2 / 3 else "high_vol"
        regimes.append(name if len(memory) >= 60 else math.nan)
    return regimes


def test_a_regime_is_the_third_of_its_own_past_that_volatility_lies_in() -> None:
    closes = walk(600, seed=5)["close"].tolist()
    regimes = volatility_regime(Bars(frame(closes), "BTC-USD"))
    expected = pd.Series(_plainly(closes), regimes.index, "object")
    assert (
        regimes.astype("object").where(regimes.notna(), None).tolist()
        == expected.where(expected.notna(), None).tolist()
    )
    assert set(regimes.dropna()) == set(REGIMES)


def test_calm_after_storm_is_low_and_storm_after_calm_is_high() -> None:
    rng = np.random.default_rng(1)
    spread = np.repeat([0.01, 0.03, 0.002], 150)
    regimes = volatility_regime(Bars(frame(100.0 * np.exp(np.cumsum(rng.normal(0.0, spread)))), "BTC-USD"))
    assert (regimes.iloc[172:200] == "high_vol").all()
    assert (regimes.iloc[330:400] == "low_vol").all()


def test_the_regime_is_undefined_in_the_warm_up_and_defined_ever_after() -> None:
    regimes = volatility_regime(Bars(walk(200), "BTC-USD"))
    assert regimes.isna().tolist() == [True] * WARM_UP + [False] * (200 - WARM_UP)


def test_a_market_that_never_moves_is_normal() -> None:
    regimes = volatility_regime(Bars(frame([50.0] * 120), "BTC-USD"))
    assert set(regimes.iloc[WARM_UP:]) == {"normal"}


def test_regimes_are_ordered_so_that_groups_come_from_calm_to_wild() -> None:
    assert tuple(volatility_regime(Bars(walk(5), "BTC-USD")).cat.categories) == REGIMES
    assert volatility_regime(Bars(walk(5), "BTC-USD")).cat.ordered


def test_a_market_settles_in_a_regime_only_when_that_has_lasted() -> None:
    market = Bars(walk(600, seed=5), "BTC-USD")
    codes = volatility_regime(market).cat.codes.tolist()
    expected, settled = [], math.nan
    for t in range(len(codes)):
        last = codes[max(0, t - 3) : t + 1]
        if len(last) == 4 and len(set(last)) == 1 and last[0] >= 0:
            settled = float(last[0])
        expected.append(settled)
    np.testing.assert_array_equal(settled_regime(market, 4), expected)
    assert len(set(expected[100:])) == 3
    assert np.count_nonzero(np.diff(expected[100:])) < np.count_nonzero(np.diff(codes[100:]))
