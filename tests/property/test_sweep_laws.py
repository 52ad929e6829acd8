"""A sweep gives the figures of as many backtests: whatever the lines, the weights and the costs."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evaluation import Costs, backtest
from evaluation.accounting.crossings import BLOCK
from evaluation.accounting.sweep import crossing, sweep
from tests.support.markets.prices import series, walk

COSTS = st.builds(
    Costs,
    st.sampled_from([0.0, 0.001, 0.01]),
    st.sampled_from([0.0, 0.0005]),
    st.sampled_from([0.0, 0.2]),
    st.sampled_from([0.0, 30.0]),
    st.sampled_from([0.0, 0.05]),
)
LEVELS = st.one_of(st.just(np.nan), st.integers(0, 3).map(float))


@st.composite
def markets(draw):
    """Bars volatile enough to ruin a short position, now and then a dividend, and three lines that often meet."""
    bars = draw(st.integers(2, 40))
    frame = walk(bars, seed=draw(st.integers(0, 999)), volatility=draw(st.sampled_from([0.01, 0.5])))
    frame["dividends"] = draw(arrays(float, bars, elements=st.sampled_from([0.0, 0.0, 0.0, 2.0])))
    return frame, {name: series(draw(arrays(float, bars, elements=LEVELS)), frame) for name in "abc"}


def assert_equal_to_backtests(
    frame: pd.DataFrame, lines: dict, figures: pd.DataFrame, above: float, below: float, **terms
) -> None:
    for first, second in figures.index:
        result = backtest(frame, crossing(lines[first], lines[second], above, below), **terms)
        expected = result.metrics()
        for figure, value in figures.loc[(first, second)].items():
            expected_value = np.nan if expected[figure] is None else expected[figure]
            np.testing.assert_allclose(
                value, expected_value, rtol=1e-9, atol=1e-9, err_msg=f"{figure} of {first}, {second}"
            )


@given(markets(), COSTS, st.sampled_from([1.0, 0.9, 0.4]), st.sampled_from([0.0, -0.9, -1.0, 0.2]))
@settings(max_examples=150, deadline=None)
def test_every_figure_is_that_of_a_backtest(market, costs, above, below):
    frame, lines = market
    pairs = [("a", "b"), ("b", "c"), ("c", "a"), ("a", "a")]
    terms = {"costs": costs, "initial_cash": 1000.0, "periods_per_year": 252.0}
    assert_equal_to_backtests(
        frame, lines, sweep(frame, lines, pairs, above=above, below=below, **terms), above, below, **terms
    )


@given(st.integers(-2, 2), st.integers(1, 2), st.sampled_from([0.0, -0.9]), st.booleans())
@settings(max_examples=12, deadline=None)
def test_figures_do_not_depend_on_where_blocks_end(away, blocks, below, interest):
    frame = walk(blocks * BLOCK + away, seed=blocks)
    frame["dividends"] = np.where(np.arange(len(frame)) % (BLOCK // 4) == 0, 0.5, 0.0)
    lines = {n: frame["close"].rolling(n).mean() for n in (3, 20, BLOCK - 1, BLOCK)}
    terms = {"costs": Costs(0.0001, 0.0, 0.01, 0.0, 0.05 if interest else 0.0), "periods_per_year": 252.0}
    figures = sweep(frame, lines, [(3, 20), (20, 3), (20, BLOCK - 1), (20, BLOCK)], above=0.9, below=below, **terms)
    assert_equal_to_backtests(frame, lines, figures, 0.9, below, **terms)
    assert figures.loc[(3, 20), "trades"] > 50
