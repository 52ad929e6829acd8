from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import evaluation.statistics.baselines as module
from config.errors import NightdeskError
from evaluation import backtest
from evaluation.statistics.baselines import _rank, run_baselines, shuffled
from tests.support.markets.prices import frame, series, walk

BLOCKS = np.repeat([0.0, 1.0, 0.0, 1.0, -1.0, 0.0, 0.5, 1.0], [7, 12, 3, 20, 5, 9, 4, 30])
WEIGHTS = st.lists(
    st.tuples(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), st.integers(1, 9)), min_size=1, max_size=12
).map(lambda runs: np.concatenate([np.full(length, weight) for weight, length in runs]))


def changes(target: np.ndarray) -> list[tuple[float, float]]:
    """The changes of weight, read as a circle."""
    after = np.roll(target, -1)
    return sorted((a, b) for a, b in zip(target, after, strict=True) if a != b)


def test_the_simple_ones_are_what_they_say():
    bars = walk(60)
    target = series([0.0] * 10 + [1.0] * 50, bars)
    measured = run_baselines(bars, target, draws=3).backtests
    assert list(measured) == ["buy_and_hold", "flat", "last_action", "random"]
    np.testing.assert_array_equal(measured["buy_and_hold"].returns, measured["flat"].benchmark)
    assert (measured["flat"].equity == 100_000.0).all()
    a_bar_late = backtest(bars, series([0.0] * 11 + [1.0] * 49, bars))
    np.testing.assert_array_equal(measured["last_action"].equity, a_bar_late.equity)


@given(target=WEIGHTS, seed=st.integers(0, 2**32))
def test_a_trader_by_lot_spends_as_many_bars_on_each_side_and_changes_as_often(target: np.ndarray, seed: int):
    drawn = shuffled(target, np.random.default_rng(seed))
    for side in (-1.0, 0.0, 1.0):
        assert np.sum(np.sign(drawn) == side) == np.sum(np.sign(target) == side)
    assert changes(drawn) == changes(target)


def test_holding_periods_stay_whole():
    drawn = shuffled(BLOCKS[:42], np.random.default_rng(1))
    cut = np.flatnonzero(np.diff(drawn)) + 1
    lengths = {len(part) for part in np.split(drawn, cut)[1:-1]}  # the first and the last are cut by the turn
    assert lengths <= {7, 12, 3, 20}


def test_holding_periods_come_in_another_order():
    block = np.repeat([0.0, 1.0, 0.0, 1.0, 0.0, 1.0], [2, 3, 4, 5, 6, 7])
    orders = set()
    for seed in range(40):
        drawn = shuffled(block, np.random.default_rng(seed))
        turned = np.roll(drawn, -int(np.flatnonzero(np.diff(drawn) != 0.0)[0]) - 1)
        lengths = np.diff(np.flatnonzero(np.diff(turned, prepend=np.nan) != 0.0), append=turned.size).tolist()
        first = lengths.index(2)
        orders.add(tuple(lengths[first:] + lengths[:first]))
    assert len(orders) > 6  # turned around alone, there would be one


def test_ties_count_half_in_a_percentile_and_whole_against_it():
    measured = _rank("figure", {"figure": 1.0, "reasons": {}}, np.array([0.0, 1.0, 1.0, 2.0, np.nan]))
    assert (measured.percentile, measured.p_value) == (50.0, 4 / 5)


def test_draws_differ_and_the_same_seed_draws_the_same():
    bars = walk(90, seed=2)
    target = series(BLOCKS, bars)
    first, second, other = (run_baselines(bars, target, draws=20, seed=seed) for seed in (5, 5, 6))
    assert first.random_baseline == second.random_baseline != other.random_baseline
    np.testing.assert_array_equal(first.backtests["random"].equity, second.backtests["random"].equity)


def test_the_draw_that_is_shown_is_the_middle_one(monkeypatch: pytest.MonkeyPatch):
    bars = walk(90, seed=3)
    target = series(BLOCKS, bars)
    returns = [
        backtest(bars, series(shuffled(BLOCKS, np.random.default_rng([0, draw])), bars)).metrics()["total_return"]
        for draw in range(7)
    ]
    measured = run_baselines(bars, target, draws=7)
    assert measured.backtests["random"].metrics()["total_return"] == sorted(returns)[3]
    assert measured.random_baseline.total_return.median == pytest.approx(sorted(returns)[3])
    mine = backtest(bars, target).metrics()["total_return"]
    assert measured.random_baseline.total_return.percentile == pytest.approx(100.0 * np.mean(np.array(returns) < mine))
    assert measured.random_baseline.total_return.p_value == (1 + sum(value >= mine for value in returns)) / 8
    monkeypatch.setattr(module, "AT_ONCE", 200)  # two draws at a time
    assert run_baselines(bars, target, draws=7).random_baseline == measured.random_baseline


def test_the_turnover_of_the_draws_is_the_models():
    bars = walk(500, seed=4)
    target = series(np.tile(np.repeat([0.0, 1.0], [12, 13]), 20), bars)
    measured = run_baselines(bars, target, draws=30).backtests["random"].metrics()
    model = backtest(bars, target).metrics()
    assert measured["turnover"] == pytest.approx(model["turnover"], rel=0.06)
    assert measured["exposure"] == pytest.approx(model["exposure"], abs=1.0)


def test_foresight_stands_above_every_draw_and_blindness_in_the_middle():
    bars = walk(400, seed=5, drift=0.0)
    tomorrow = (bars["close"].shift(-2) > bars["open"].shift(-1)).astype(float)
    seer = run_baselines(bars, tomorrow, draws=100).random_baseline
    assert seer.sharpe_ratio.percentile == 100.0
    assert seer.sharpe_ratio.p_value == 1 / 101
    ranks = [
        run_baselines(
            walk(120, seed=seed), series(np.roll(np.resize(BLOCKS, 120), 7 * seed), walk(120)), draws=40
        ).random_baseline.total_return.percentile
        for seed in range(40)
    ]
    assert np.mean(ranks) == pytest.approx(50.0, abs=15.0)  # uniform ranks: four standard errors


@pytest.mark.parametrize(
    ("weight", "reasons"),
    [(1.0, ("no_variation", "no_variation")), (0.0, ("no_variation", "zero_variance"))],
)
def test_where_nothing_can_be_shuffled_there_is_no_standing_and_a_reason(weight, reasons):
    bars = walk(50)
    random_baseline = run_baselines(bars, series([weight] * 50, bars), draws=5).random_baseline
    assert (random_baseline.total_return.reason, random_baseline.sharpe_ratio.reason) == reasons
    assert random_baseline.total_return.percentile is random_baseline.sharpe_ratio.percentile is None
    assert json.loads(json.dumps(random_baseline.to_dict(), allow_nan=False)) == random_baseline.to_dict()


@pytest.mark.parametrize("bars", [walk(1), frame([100.0] * 30)])
def test_one_bar_and_constant_prices_end_in_reasons(bars):
    target = series(np.resize([0.0, 1.0], len(bars)), bars)
    random_baseline = run_baselines(bars, target, draws=5).random_baseline
    assert random_baseline.sharpe_ratio.reason is not None or random_baseline.sharpe_ratio.percentile is not None
    json.dumps(random_baseline.to_dict(), allow_nan=False)


def test_bad_targets_are_refused_by_name():
    bars = walk(3)
    with pytest.raises(NightdeskError, match="nan"):
        run_baselines(bars, series([0.0, np.nan, 1.0], bars))
