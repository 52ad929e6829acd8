"""Distributions: their losses and numbers by hand, quantiles that never cross, and their calibration."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.stats import norm

from config.errors import UsageError
from trainers.forecast.calibration import Calibration, reliance_on
from trainers.forecast.heads import LEVELS, Distribution
from trainers.forecast.losses import gaussian_loss, pinball_loss

OUTPUTS = arrays.arrays(np.float64, (4, 5), elements=st.floats(-30, 30))


def test_the_gaussian_loss_is_the_negative_log_density_but_for_its_constant() -> None:
    outputs, targets = torch.tensor([[0.5, math.log(4.0)], [0.0, 0.0]]), torch.tensor([2.5, 1.0])
    expected = -norm.logpdf([2.5, 1.0], [0.5, 0.0], [2.0, 1.0]) - 0.5 * math.log(2.0 * math.pi)
    assert gaussian_loss(outputs, targets).tolist() == pytest.approx(expected.tolist(), rel=1e-6)


def test_the_pinball_loss_by_hand() -> None:
    """Quantiles of 0, ln 2, 2 ln 2, 3 ln 2 and 4 ln 2, and a target of 1."""
    outputs = torch.zeros(1, 5, dtype=torch.float64)
    quantiles = [step * math.log(2.0) for step in range(5)]
    losses = [max(level * (1.0 - q), (level - 1.0) * (1.0 - q)) for level, q in zip(LEVELS, quantiles, strict=True)]
    assert float(pinball_loss(outputs, torch.ones(1, dtype=torch.float64))) == pytest.approx(np.mean(losses))
    assert Distribution.of("quantile", np.zeros((1, 5))).quantiles[0].tolist() == pytest.approx(quantiles)


def test_the_quantiles_of_a_gaussian_are_those_of_scipy() -> None:
    found = Distribution.of("gaussian", np.array([[0.3, math.log(0.25)]]))
    assert (found.mean[0], found.deviation[0]) == pytest.approx((0.3, 0.5))
    assert found.quantiles[0] == pytest.approx(norm.ppf(LEVELS, 0.3, 0.5))


@given(OUTPUTS)
def test_quantiles_never_cross_and_the_mean_lies_between_them(outputs: np.ndarray) -> None:
    found = Distribution.of("quantile", outputs)
    assert (np.diff(found.quantiles, axis=1) >= 0.0).all()
    assert ((found.quantiles[:, 0] <= found.mean + 1e-9) & (found.mean <= found.quantiles[:, -1] + 1e-9)).all()


def test_an_unknown_head_is_refused() -> None:
    with pytest.raises(UsageError, match="no head 'laplace'"):
        Distribution.of("laplace", np.zeros((1, 2)))


def test_a_mixture_has_the_moments_of_its_parts() -> None:
    parts = [Distribution.of("gaussian", np.array([[mean, math.log(0.5)]])) for mean in (0.0, 2.0)]
    mixed = Distribution.mixture(parts, np.array([0.25, 0.75]))
    assert mixed.mean[0] == pytest.approx(1.5)
    assert mixed.deviation[0] ** 2 == pytest.approx(0.5 + 0.25 * 1.5**2 + 0.75 * 0.5**2)


def test_a_mean_that_later_rows_do_not_bear_out_is_not_relied_on() -> None:
    random = np.random.default_rng(0)
    mean = random.normal(size=2000)
    assert reliance_on(mean, mean + random.normal(size=2000)) == pytest.approx(0.97, abs=0.05)
    assert reliance_on(2.0 * mean, mean + random.normal(size=2000)) == pytest.approx(0.49, abs=0.05)
    assert reliance_on(mean, -mean) == 0.0
    assert reliance_on(np.zeros(50), random.normal(size=50)) == 0.0
    noise = [reliance_on(random.normal(size=200), random.normal(size=200)) for _ in range(200)]
    assert np.mean(np.array(noise) > 0.1) < 0.05


def test_calibrated_quantiles_cover_what_they_say_on_the_rows_that_calibrate() -> None:
    random = np.random.default_rng(1)
    targets = random.standard_t(3, 4000)
    forecast = Distribution.of("gaussian", np.tile([0.5, 1.0], (4000, 1)))
    calibrated = Calibration.of(forecast, targets).apply(forecast)
    for place, level in enumerate(LEVELS):
        assert np.mean(targets <= calibrated.quantiles[:, place]) == pytest.approx(level, abs=0.002)
    assert (np.diff(calibrated.quantiles, axis=1) >= 0.0).all()
