from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from evaluation.monitoring.decision_quality import calibrate, measure_decision_quality, welch_p
from evaluation.signals import Signals, positions_since_first_action
from tests.support.markets.prices import frame, series, walk


def signals(position: np.ndarray, like: pd.DataFrame, confidence: np.ndarray | float = 0.6) -> Signals:
    return Signals(series(position, like), pd.Series(confidence, index=like.index))


def test_calibration_by_hand():
    confidence = np.array([0.61, 0.65, 0.69, 0.95, 1.0])
    measured = calibrate(confidence, np.array([1.0, 0.0, 1.0, 1.0, 1.0]))
    low, high = measured.rows
    assert (low.low, low.high, low.decisions) == (0.6, 0.7, 3)
    assert (low.confidence, low.accuracy) == pytest.approx((0.65, 2 / 3))
    assert (high.decisions, high.accuracy) == (2, 1.0)
    assert measured.error == pytest.approx((3 * abs(0.65 - 2 / 3) + 2 * abs(0.975 - 1.0)) / 5)


def test_confidence_that_is_the_frequency_of_being_right_is_calibrated():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.3, 1.0, 20_000)
    assert calibrate(confidence, (rng.random(20_000) < confidence).astype(float)).error < 0.02
    assert calibrate(confidence, (rng.random(20_000) < confidence - 0.2).astype(float)).error == pytest.approx(
        0.2, abs=0.02
    )


def test_accuracy_is_of_the_sides_held_since_the_expert_first_acted():
    bars = walk(40)
    expert = positions_since_first_action(
        series([0] * 10 + [1] + [0] * 9 + [-1] + [0] * 19, bars)
    )  # long from 10 to 19, out from 20
    model = np.array([1.0] * 15 + [0.0] * 25)  # agrees on 10 to 14 and from 20
    measured = measure_decision_quality(signals(model, bars), bars, expert).expert_agreement
    assert measured.bars == 30
    assert measured.percent == pytest.approx(100.0 * 25 / 30)
    assert measured.majority == pytest.approx(100.0 * 20 / 30)
    assert measured.low < measured.percent < measured.high


def test_actions_that_begin_before_the_bars_tell_what_is_held():
    bars = walk(60)
    expert = positions_since_first_action(series([1] + [0] * 59, bars))
    late = bars.iloc[30:]
    measured = measure_decision_quality(signals(np.ones(30), late), late, expert).expert_agreement
    assert (measured.percent, measured.bars) == (100.0, 30)


def test_the_interval_of_an_accuracy_counts_runs_not_bars():
    bars = walk(600)
    expert = positions_since_first_action(series(np.resize([1] + [0] * 29 + [-1] + [0] * 29, 600), bars))
    expert_positions = expert.to_numpy()
    rng = np.random.default_rng(1)
    scattered = np.where(rng.random(600) < 0.7, expert_positions, 1.0 - expert_positions)
    runs = np.where(np.repeat(rng.random(20) < 0.7, 30), expert_positions, 1.0 - expert_positions)
    wide, narrow = (
        measure_decision_quality(signals(positions, bars), bars, expert).expert_agreement
        for positions in (runs, scattered)
    )
    assert wide.high - wide.low > 2.0 * (narrow.high - narrow.low)


def test_confidence_that_knows_the_next_bar_earns_more_and_one_that_does_not_does_not():
    bars = walk(600, seed=2)
    moved = (bars["open"].shift(-2) / bars["open"].shift(-1) - 1.0).fillna(0.0)
    knowing = np.where(moved > 0.0, 0.9, 0.4)
    measured = measure_decision_quality(signals(np.ones(600), bars, knowing), bars).returns_by_confidence
    assert measured.high_confidence > 0.0 > measured.low_confidence or measured.p_value < 1e-6
    inverted = measure_decision_quality(signals(np.ones(600), bars, 1.3 - knowing), bars).returns_by_confidence
    assert (inverted.high_confidence, inverted.low_confidence) == pytest.approx(
        (measured.low_confidence, measured.high_confidence)
    )
    assert inverted.p_value > 0.99
    guesses = [
        measure_decision_quality(
            signals(np.ones(600), bars, np.random.default_rng(seed).random(600)), bars
        ).returns_by_confidence.p_value
        for seed in range(200)
    ]
    assert 0.01 <= np.mean(np.array(guesses) < 0.05) <= 0.1


def test_the_bar_after_a_decision_runs_from_open_to_open():
    bars = frame(np.linspace(100.0, 130.0, 31), np.linspace(100.0, 130.0, 31) + 0.5)
    confidence = np.resize([0.4, 0.9], 31)
    measured = measure_decision_quality(signals(np.ones(31), bars, confidence), bars).returns_by_confidence
    moved = 100.0 * (bars["open"].shift(-2) / bars["open"].shift(-1) - 1.0)
    assert measured.high_confidence == pytest.approx(moved[confidence > 0.5].mean())
    assert measured.decisions == 29


@pytest.mark.parametrize(
    ("bars", "position", "expert", "reasons"),
    [
        (walk(1), [1.0], None, {"expert_agreement": "no_expert", "returns_by_confidence": "too_few_decisions"}),
        (frame([100.0] * 40), [1.0] * 40, None, {"returns_by_confidence": "too_few_decisions"}),
        (walk(40), [0.0] * 40, [0] * 40, {"expert_agreement": "too_few_bars", "calibration": "too_few_bars"}),
        (walk(40), [1.0] * 40, None, {"returns_by_confidence": "too_few_decisions"}),  # all equally sure
    ],
)
def test_what_is_undefined_has_a_reason(bars, position, expert, reasons):
    teacher = None if expert is None else positions_since_first_action(series(expert, bars))
    measured = measure_decision_quality(signals(np.array(position), bars), bars, teacher)
    assert measured.reasons.items() >= reasons.items()
    assert json.loads(json.dumps(measured.to_dict(), allow_nan=False)) == measured.to_dict()


def test_it_is_json():
    bars = walk(60)
    measured = measure_decision_quality(
        signals(np.ones(60), bars, np.linspace(0.3, 1.0, 60)), bars, series([1] * 60, bars)
    )
    assert json.loads(json.dumps(measured.to_dict(), allow_nan=False)) == measured.to_dict()


def test_the_test_of_welch_is_that_of_scipy():
    random = np.random.default_rng(0)
    for gain in (-1.0, 0.0, 0.3, 2.0):
        above, below = random.normal(gain, 1.0, 30), random.normal(0.0, 3.0, 17)
        peer = stats.ttest_ind(above, below, equal_var=False, alternative="greater").pvalue
        assert welch_p(above, below) == pytest.approx(peer, rel=1e-12)
    assert welch_p(np.ones(3), np.zeros(3)) == 0.0
    assert welch_p(np.zeros(3), np.ones(3)) == 1.0
