from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evaluation.records import skill
from evaluation.records.skill import RecordReturns, random_traders, skill_tests

N = 400


def record(seed: int, n: int = N, edge: float = 0.0) -> RecordReturns:
    """A trader of random timing on a market that drifts upwards."""
    random = np.random.default_rng(seed)
    gap, session = 0.004 * random.standard_normal(n), 0.01 * random.standard_normal(n) + 4e-4
    target = np.repeat(random.choice([-1.0, 0.0, 1.0], n // 8 + 1), 8)[:n]
    held = np.concatenate([[0.0], target[:-1]])
    session = session + edge * held
    before = np.concatenate([[0.0], held[:-1]])
    excess = before * gap + held * session - 0.001 * np.abs(held - before)
    return RecordReturns(excess, gap + session, held, target, gap, session, 0.001)


def p_values(returns: RecordReturns, prefixes: int = 21, **changes: float):
    options = {"least": 252, "level": 0.0, "draws": 10, "seed": 0} | changes
    return skill_tests(returns, prefixes=prefixes, **options)


@pytest.mark.parametrize("seed", range(5))
def test_the_tests_of_each_prefix_are_those_of_scipy(seed: int) -> None:
    returns = record(seed, edge=0.0005 * seed)
    tests = p_values(returns)
    for place, n in enumerate(range(N - 20, N + 1)):
        x, m = returns.excess[:n], returns.market[:n]
        active = x - returns.position[:n].mean() * m
        line = stats.linregress(m, x)
        assert tests.cash[place] == pytest.approx(stats.ttest_1samp(x, 0.0, alternative="greater").pvalue, rel=1e-6)
        above = stats.ttest_1samp(active, 0.0, alternative="greater").pvalue
        assert tests.exposure[place] == pytest.approx(above, rel=1e-6)
        assert tests.alpha[place] == pytest.approx(stats.t.sf(line.intercept / line.intercept_stderr, n - 2), rel=1e-6)
        worse = max(
            stats.ttest_1samp(x, 0.0, alternative="less").pvalue,
            stats.ttest_1samp(active, 0.0, alternative="less").pvalue,
        )
        assert tests.worse[place] == pytest.approx(worse, rel=1e-6)


def test_a_prefix_does_not_depend_on_what_follows_it() -> None:
    whole = record(3, edge=0.002)
    n = N - 10
    cut = RecordReturns(
        *(getattr(whole, name)[:n] for name in ("excess", "market", "position", "target", "gap", "session")), whole.cost
    )
    one, other = p_values(whole, 31, level=0.5), p_values(cut, 21, level=0.5)
    for name in ("cash", "exposure", "alpha", "random", "worse", "skill"):
        assert np.array_equal(getattr(one, name)[:21], getattr(other, name)), name


def test_prefixes_of_too_few_bars_pass_nothing() -> None:
    tests = p_values(record(1, n=255, edge=0.01), level=0.5)
    for each in (tests.cash, tests.exposure, tests.alpha, tests.random, tests.worse):
        assert (each[:-4] == 1.0).all()
    assert (tests.skill[-4:] < 0.2).all()


def test_a_flat_account_passes_nothing_and_is_not_worse_either() -> None:
    nothing = np.zeros(N)
    market = record(1).market
    tests = p_values(RecordReturns(nothing, market, nothing, nothing, market, nothing, 0.001), level=1.0)
    for each in (tests.cash, tests.exposure, tests.alpha, tests.worse):
        assert (each == 1.0).all()


def test_holding_the_market_is_no_skill_however_much_it_rises() -> None:
    market = record(1).market + 0.002
    ones = np.ones(N)
    tests = p_values(RecordReturns(market, market, ones, ones, np.zeros(N), market, 0.0), level=1.0)
    assert (tests.cash < 0.01).all()
    assert (tests.exposure == 1.0).all()
    assert (tests.alpha == 1.0).all()


def test_a_market_that_never_moves_explains_nothing() -> None:
    returns = record(2, edge=0.002)
    still = RecordReturns(
        returns.excess, np.zeros(N), returns.position, returns.target, returns.gap, returns.session, returns.cost
    )
    assert (p_values(still).alpha == 1.0).all()


def test_the_p_value_of_skill_is_the_largest_of_the_four() -> None:
    tests = p_values(record(4, edge=0.001), level=1.0, draws=50)
    largest = np.max([tests.cash, tests.exposure, tests.alpha, tests.random], axis=0)
    assert np.array_equal(tests.skill, largest)


def test_random_traders_are_drawn_only_where_the_other_tests_pass() -> None:
    returns = record(4, edge=0.001)
    before = np.max([p_values(returns).cash, p_values(returns).exposure, p_values(returns).alpha], axis=0)
    level = float(np.median(before))
    drawn = p_values(returns, level=level, draws=50).random
    assert (drawn[before > level] == 1.0).all()
    assert (drawn[before <= level] < 1.0).all()


def test_random_traders_of_a_small_record_are_as_frequent_as_by_enumeration() -> None:
    """Three long runs of different lengths between flat ones: every order of both, from every bar on."""
    target = np.repeat([1.0, 0.0, 1.0, 0.0, 1.0, 0.0], [1, 2, 3, 1, 2, 3])
    n = target.size
    random = np.random.default_rng(0)
    gap, session, cost = random.normal(0.0, 0.01, n), random.normal(0.0, 0.01, n), 0.001
    returns = RecordReturns(np.zeros(n), gap, target, target, gap, session, cost)
    record_earned = earned(target, gap, session, cost)
    everyone = [
        earned(np.roll(run_by_run(longs, flats), -first), gap, session, cost)
        for longs in permutations([1, 3, 2])
        for flats in permutations([2, 1, 3])
        for first in range(n)
    ]
    exact = np.mean(np.array(everyone) >= record_earned - 1e-15)
    draws = 20_000
    error = np.sqrt(exact * (1.0 - exact) / draws)
    assert 0.02 < exact < 0.98
    assert abs(random_traders(returns, n, draws=draws, seed=1) - exact) < 5.0 * error


def run_by_run(longs: tuple[int, ...], flats: tuple[int, ...]) -> np.ndarray:
    lengths = [length for pair in zip(longs, flats, strict=True) for length in pair]
    return np.repeat([1.0, 0.0] * len(longs), lengths)


def earned(target: np.ndarray, gap: np.ndarray, session: np.ndarray, cost: float) -> float:
    held = np.concatenate([[0.0], target[:-1]])
    before = np.concatenate([[0.0], held[:-1]])
    return float(np.sum(before * gap + held * session - cost * np.abs(held - before)))


def test_random_traders_are_the_same_for_the_same_seed_alone() -> None:
    returns = record(5)
    one, again, other = (random_traders(returns, N, draws=500, seed=seed) for seed in (7, 7, 8))
    assert one == again
    assert one != other


@pytest.mark.parametrize("weight", [-1.0, 0.0, 0.5, 1.0])
def test_who_never_changes_position_is_as_good_as_every_random_trader(weight: float) -> None:
    returns = record(6)
    constant = RecordReturns(
        returns.excess, returns.market, np.full(N, weight), np.full(N, weight), returns.gap, returns.session, 0.001
    )
    assert random_traders(constant, N, draws=200, seed=0) == 1.0


def test_who_times_every_move_is_better_than_every_random_trader() -> None:
    n = 300
    random = np.random.default_rng(0)
    target = np.repeat(np.tile([1.0, 0.0], 30), random.integers(1, 12, 60))[:n]
    n = target.size
    held = np.concatenate([[0.0], target[:-1]])
    session = np.where(held > 0.0, 0.01, -0.01)
    returns = RecordReturns(held * session, session, held, target, np.zeros(n), session, 0.0)
    assert random_traders(returns, n, draws=199, seed=0) == 1 / 200


@given(st.lists(st.tuples(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), st.integers(1, 9)), min_size=2, max_size=30))
def test_random_traders_are_on_each_side_as_long_and_change_it_as_often(runs: list[tuple[float, int]]) -> None:
    target = np.concatenate([np.full(length, weight) for weight, length in runs])
    drawn: list[np.ndarray] = []

    def collect(path: np.ndarray, first: int, *_: object) -> float:
        drawn.append(np.roll(path, -first))
        return 0.0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(skill, "_earned", collect)
        patch.setattr(skill, "_as_good", skill._as_good.py_func)
        nothing = np.zeros(target.size)
        random_traders(
            RecordReturns(nothing, nothing, target, target, nothing, nothing, 0.0), target.size, draws=20, seed=1
        )
    record_path, *others = drawn
    assert np.array_equal(record_path, target)
    for path in others:
        assert np.array_equal(np.sort(np.sign(path)), np.sort(np.sign(target)))
        assert turnover(path) == pytest.approx(turnover(target))


def turnover(path: np.ndarray) -> float:
    """Around the circle, so that it does not matter where the path begins."""
    return float(np.abs(np.diff(path, append=path[0])).sum())
