from __future__ import annotations

import numpy as np
import pytest

from data_pipeline.bars.bars import Bars
from evaluation.null_markets.sizes import BLOCK, Sizes
from evaluation.null_markets.worlds import BULL_AND_BEAR, NULL_WORLDS, World, market, null_market, unpredictable
from tests.support.markets.easy import rough_bars

SIZES = Sizes.of(rough_bars(900))
ROWS = 12 * 252


def returns(bars: Bars) -> np.ndarray:
    return bars.frame["close"].pct_change().to_numpy()[1:]


def sharpe(of: np.ndarray) -> float:
    return float(of.mean() / of.std() * np.sqrt(252))


def test_sizes_are_those_of_the_bars_without_a_direction() -> None:
    bars = rough_bars(50)
    frame, sizes = bars.frame, Sizes.of(bars)
    assert len(sizes) == 49
    assert sizes.session == pytest.approx(np.abs(frame["close"] / frame["open"] - 1.0)[1:])
    assert sizes.gap == pytest.approx(np.abs(frame["open"].to_numpy()[1:] / frame["close"].to_numpy()[:-1] - 1.0))
    assert (sizes.above >= 0.0).all()
    assert (sizes.below >= 0.0).all()


def test_drawn_sizes_come_in_blocks_that_were_neighbours() -> None:
    drawn = SIZES.drawn(10 * BLOCK + 5, np.random.default_rng(0))
    assert len(drawn) == 10 * BLOCK + 5
    twice = np.concatenate([SIZES.session, SIZES.session])
    for block in range(10):
        part = drawn.session[block * BLOCK : (block + 1) * BLOCK]
        assert any(np.array_equal(twice[n : n + BLOCK], part) for n in np.flatnonzero(twice == part[0])[:2])


def test_a_market_has_the_sizes_that_were_drawn_and_whole_bars() -> None:
    moves = unpredictable([SIZES], ROWS, np.random.default_rng(1))
    bars = market("NULL0", moves, np.zeros(ROWS))
    frame = bars.frame
    assert len(frame) == ROWS
    assert np.abs(frame["close"] / frame["open"] - 1.0).to_numpy() == pytest.approx(moves.sizes.session, abs=1e-12)
    assert (frame["high"] >= frame[["open", "close"]].max(axis=1)).all()
    assert (frame["low"] <= frame[["open", "close"]].min(axis=1)).all()


def test_nothing_says_where_the_next_bar_goes() -> None:
    """Correlations of returns with anything earlier: a z-value each, over forty markets together."""
    together = []
    for seed in range(40):
        change = returns(null_market("NULL0", NULL_WORLDS[0], [SIZES], ROWS, np.random.default_rng(seed)))
        signs = np.sign(change)
        together += [np.sqrt(signs.size - lag) * np.mean(signs[lag:] * signs[:-lag]) for lag in (1, 2, 5)]
    assert abs(np.mean(together)) * np.sqrt(len(together)) < 5.0
    assert 0.7 < np.std(together) < 1.3


@pytest.mark.parametrize("world", NULL_WORLDS, ids=lambda world: world.name)
def test_holding_the_market_earns_the_drift(world: World) -> None:
    ratios = [
        sharpe(returns(null_market("NULL0", world, [SIZES], ROWS, np.random.default_rng(seed)))) for seed in range(60)
    ]
    error = 1.0 / np.sqrt(12 * 60)
    assert abs(np.mean(ratios) - world.sharpe) < 5.0 * error + 0.05 * world.sharpe


def test_a_proportional_drift_is_known_before_the_bar_and_grows_with_volatility() -> None:
    variance = np.concatenate([np.full(500, 1e-4), np.full(500, 9e-4)])
    drift = NULL_WORLDS[3].drift(variance, np.random.default_rng(0))
    assert drift[900] / drift[400] == pytest.approx(3.0, rel=0.01)
    assert drift[500] == pytest.approx(drift[499])  # the first wild bar is not known before it


def test_bull_and_bear_spells_have_the_same_drift_with_either_sign() -> None:
    drift = BULL_AND_BEAR.drift(np.full(100_000, 1e-4), np.random.default_rng(3))
    assert set(np.round(drift * np.sqrt(252) / 0.01, 9)) == {-1.5, 1.5}
    spells = np.count_nonzero(np.diff(drift))
    assert 100_000 / 252 * 0.7 < spells < 100_000 / 252 * 1.3


def test_the_same_random_numbers_give_the_same_market() -> None:
    one, same, other = (
        null_market("NULL0", NULL_WORLDS[1], [SIZES], 300, np.random.default_rng(seed)).fingerprint()
        for seed in (5, 5, 6)
    )
    assert one == same
    assert one != other
