from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import rel_entr

from config.errors import NightdeskError
from evaluation.monitoring.drift import BINS, Reference, measure_drift, read_reference, reference
from evaluation.monitoring.psi import chi_square_p, critical_psi, dependence_correction, psi
from evaluation.signals import Signals


def noise(rows: int, seed: int = 0, rho: float = 0.0) -> np.ndarray:
    """A standard normal series that keeps `rho` of its last value."""
    shocks = np.random.default_rng(seed).normal(size=rows) * math.sqrt(1.0 - rho**2)
    values = [shocks[0] / math.sqrt(1.0 - rho**2)]
    for shock in shocks[1:]:
        values.append(rho * values[-1] + shock)
    return np.array(values)


def signals(position: np.ndarray, confidence: float = 0.6) -> Signals:
    index = pd.RangeIndex(len(position))
    return Signals(pd.Series(position, index, dtype=float), pd.Series(confidence, index))


def trained(values: np.ndarray, position: np.ndarray | None = None) -> Reference:
    decided = (noise(len(values), 9) > 0).astype(float) if position is None else position
    return reference(signals(decided), pd.DataFrame({"x": values}))


def feature(before: Reference, values: np.ndarray):
    return measure_drift(before, signals(np.resize([0.0, 1.0], len(values))), pd.DataFrame({"x": values})).features["x"]


def test_psi_by_hand():
    p, q = np.array([100.5, 50.5]) / 151.0, np.array([10.5, 20.5]) / 31.0
    expected = (q[0] - p[0]) * math.log(q[0] / p[0]) + (q[1] - p[1]) * math.log(q[1] / p[1])
    assert psi(np.array([100.0, 50.0]), np.array([10.0, 20.0])) == pytest.approx(expected)


def test_psi_is_the_symmetric_relative_entropy():
    old, new = np.array([30.0, 50.0, 20.0]), np.array([25.0, 25.0, 50.0])
    p, q = (old + 0.5) / 101.5, (new + 0.5) / 101.5
    assert psi(old, new) == pytest.approx(rel_entr(p, q).sum() + rel_entr(q, p).sum())
    assert psi(old, old) == 0.0
    assert math.isfinite(psi(np.array([10.0, 0.0]), np.array([0.0, 10.0])))


def test_chi_square_is_that_of_scipy_where_bars_are_independent():
    old, new = np.array([30.0, 50.0, 20.0]), np.array([25.0, 25.0, 50.0])
    assert chi_square_p(old, new, 2.0) == pytest.approx(stats.chi2_contingency([old, new], correction=False).pvalue)


def test_the_distance_of_kolmogorov_and_smirnov_is_found_to_within_a_bin():
    old, new = noise(2000, 1), noise(500, 2) + 0.4
    exact = stats.ks_2samp(old, new).statistic
    measured = feature(trained(old), new).ks
    assert exact - 1.0 / BINS < measured <= exact


@pytest.mark.parametrize(("rho", "memory"), [(0.0, 1.0), (0.9, 4.0)])
def test_bars_that_remember_count_for_less(rho: float, memory: float):
    design_effects = [trained(noise(1000, seed, rho)).features["x"].design_effect for seed in range(40)]
    assert np.mean(design_effects) == pytest.approx(memory, rel=0.15)


def test_the_memory_of_two_bins_is_the_autocorrelation_time_of_being_in_one():
    # A chain that stays with probability 0.9 has the autocorrelation 0.8^k: 1 + 2 * 0.8 / 0.2 = 9.
    rng = np.random.default_rng(3)
    measured = [dependence_correction(np.cumsum(rng.random(4000) < 0.1) % 2, 2)[0] for _ in range(60)]
    assert np.mean(measured) == pytest.approx(9.0, rel=0.15)


@pytest.mark.parametrize(("rho", "at_most"), [(0.0, 3), (0.9, 10), (0.97, 20)])
def test_the_same_market_seldom_seems_another_by_chance(rho: float, at_most: int):
    alarms = 0
    for seed in range(200):
        values = noise(1250, seed, rho)
        shift = feature(trained(values[:1000]), values[1000:])
        alarms += shift.psi > shift.critical_psi
    assert alarms <= at_most


def test_what_chance_shows_is_what_independent_samples_show():
    rng = np.random.default_rng(4)
    shares = np.full(10, 0.1)
    drawn = [
        psi(rng.multinomial(1000, shares).astype(float), rng.multinomial(250, shares).astype(float))
        for _ in range(4000)
    ]
    assert np.quantile(drawn, 0.99) == pytest.approx(critical_psi(10, 9.0, 1000, 250), rel=0.06)


def test_a_market_that_moved_is_found():
    values = noise(1250, 5, 0.5)
    values[1000:] += 1.5
    shift = feature(trained(values[:1000]), values[1000:])
    assert shift.drifted
    assert shift.psi > 1.0
    assert shift.chi_square_p < 1e-6


def test_a_shift_that_chance_would_show_of_so_few_looks_is_no_drift():
    # Held for a hundred bars at a time: two hundred bars are two looks, and both may well be long.
    before = trained(noise(800), np.resize([0.0] * 100 + [1.0] * 100, 800))
    now = measure_drift(before, signals(np.ones(200)), pd.DataFrame({"x": noise(200, 1)}))
    assert now.position_sign.psi > 1.0
    assert now.position_sign.critical_psi > now.position_sign.psi
    assert now.drifted == ()


def test_a_model_that_never_sold_short_and_now_does_has_drifted():
    before = trained(noise(800), np.resize([0.0] * 5 + [1.0] * 5, 800))
    now = measure_drift(before, signals(np.resize([-1.0] * 5 + [1.0] * 5, 200)), pd.DataFrame({"x": noise(200, 1)}))
    assert now.drifted == ("position_sign",)
    assert now.position_sign.current == (0.5, 0.0, 0.5)
    assert now.position_sign.reference == (0.0, 0.5, 0.5)


def test_a_model_that_suddenly_trades_every_bar_has_drifted_in_its_actions_alone():
    before = trained(noise(800), np.resize([0.0] * 20 + [1.0] * 20, 800))
    now = measure_drift(before, signals(np.resize([0.0, 1.0], 200)), pd.DataFrame({"x": noise(200, 1)}))
    assert now.drifted == ("trade_action",)


def test_strength_is_held_against_its_range_in_training():
    before = trained(noise(400), np.resize([0.0, 0.5, 0.7], 400))
    now = measure_drift(before, signals(np.resize([0.0, 0.6, 0.9, 0.7], 100)), pd.DataFrame({"x": noise(100, 1)}))
    assert (now.position_size.low, now.position_size.high) == pytest.approx((0.6, 0.9))
    assert now.position_size.outside == pytest.approx(100.0 / 3.0)


def test_features_drift_when_many_of_them_do():
    rng = np.random.default_rng(6)
    old = pd.DataFrame(rng.normal(size=(800, 4)), columns=list("abcd"))
    new = pd.DataFrame(rng.normal(size=(200, 4)), columns=list("abcd"))
    before = reference(signals(np.resize([0.0, 1.0], 800)), old)
    decided = signals(np.resize([0.0, 1.0], 200))
    one = measure_drift(before, decided, new.assign(a=new["a"] + 3.0))
    assert (one.drifted_features, one.drifted) == (25.0, ())
    three = measure_drift(before, decided, new.assign(**{name: new[name] + 3.0 for name in "abc"}))
    assert (three.drifted_features, three.drifted) == (75.0, ("features",))
    assert measure_drift(before, decided, new.assign(a=new["a"] + 3.0), many=20.0).drifted == ("features",)


def test_a_constant_feature_that_moves_either_way_is_seen():
    for change in (-1.0, 1.0):
        assert feature(trained(np.full(300, 2.0)), np.full(100, 2.0 + change)).drifted
    assert feature(trained(np.full(300, 2.0)), np.full(100, 2.0)).psi == pytest.approx(0.0, abs=0.02)


def test_a_reference_goes_through_a_manifest_and_stays_what_it_is():
    before = trained(noise(300))
    assert read_reference(json.loads(json.dumps(before.model_dump(mode="json"), allow_nan=False))) == before
    assert len(before.model_dump_json()) < 1500
    assert read_reference(None) is None
    with pytest.raises(NightdeskError, match="reference"):
        read_reference({"bars": 1})


def test_a_reference_of_a_manifest_of_format_1_is_read_by_its_former_names():
    before = trained(noise(300))
    text = before.model_dump_json()
    for name, former in {
        "trade_action": "actions",
        "position_sign": "sides",
        "position_size": "strength",
        "design_effect": "memory",
        "degrees_of_freedom": "freedom",
    }.items():
        text = text.replace(f'"{name}"', f'"{former}"')
    assert read_reference(json.loads(text)) == before


@pytest.mark.parametrize(
    ("rows", "before", "reason"), [(10, trained(noise(300)), "too_few_bars"), (300, None, "no_reference")]
)
def test_what_is_undefined_has_a_reason(rows: int, before: Reference | None, reason: str):
    measured = measure_drift(before, signals(np.ones(rows)), pd.DataFrame({"x": noise(rows)}))
    assert measured.drifted == ()
    assert measured.trade_action is None
    assert measured.reasons["features"] == reason
    assert json.loads(json.dumps(measured.to_dict(), allow_nan=False))["drifted"] == []


def test_one_bar_of_training_and_features_that_are_undefined_are_no_trouble():
    short = reference(signals(np.zeros(1)), pd.DataFrame({"x": [np.nan]}))
    assert short.features == {}
    assert short.position_size is None
    measured = measure_drift(short, signals(np.zeros(30)), pd.DataFrame({"x": np.full(30, np.nan)}))
    assert (measured.drifted_features, measured.reasons) == (
        None,
        {"position_size": "no_positions", "features": "no_features"},
    )
    json.dumps(measured.to_dict(), allow_nan=False)
