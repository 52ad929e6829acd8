"""Measured forecasts: figures by hand, a test that claims skill as rarely as it says, and its page."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from evaluation.forecasts.comparison import misses_less
from evaluation.forecasts.evidence import ForecastEvidence, measured
from evaluation.reports.forecast_tables import forecast_parts

SPAN = ("2024-01-01T00:00:00+00:00", "2024-12-31T00:00:00+00:00")


def test_over_one_bar_it_is_the_paired_t_test_with_its_small_sample_correction() -> None:
    random = np.random.default_rng(0)
    own, other = random.normal(size=50), random.normal(size=50) * 1.2
    differences = other**2 - own**2
    statistic = differences.mean() / np.sqrt(differences.var() / 50) * np.sqrt(49 / 50)
    assert misses_less(own, other, 1) == pytest.approx(1.0 - stats.t.cdf(statistic, 49))


def test_over_several_bars_the_overlap_counts() -> None:
    """By hand: Bartlett weights 2/3 and 1/3 for a horizon of three bars."""
    random = np.random.default_rng(1)
    own, other = random.normal(size=60), random.normal(size=60)
    d = other**2 - own**2
    c = d - d.mean()
    variance = (c @ c + 2 * (2 / 3) * (c[1:] @ c[:-1]) + 2 * (1 / 3) * (c[2:] @ c[:-2])) / 60
    statistic = d.mean() / np.sqrt(variance / 60) * np.sqrt((60 + 1 - 6 + 3 * 2 / 60) / 60)
    assert misses_less(own, other, 3) == pytest.approx(1.0 - stats.t.cdf(statistic, 59))


def test_equal_forecasts_are_no_better_and_few_rows_say_nothing() -> None:
    errors = np.random.default_rng(2).normal(size=100)
    assert misses_less(errors, errors, 1) == 1.0
    assert misses_less(errors[:19], errors[:19], 1) is None
    assert misses_less(errors[:30], errors[:30], 16) is None


@pytest.mark.parametrize("horizon", [1, 5])
def test_without_skill_it_is_claimed_in_about_one_case_of_twenty(horizon: int) -> None:
    random = np.random.default_rng(3)
    claims = []
    for _ in range(600):
        noise = random.normal(size=300 + horizon)
        returns = np.convolve(noise, np.ones(horizon), "valid")[:300]
        one, other = (0.3 * random.normal(size=300) for _ in range(2))
        claims.append((misses_less(returns - one, returns - other, horizon) or 1.0) <= 0.05)
    assert np.mean(claims) < 0.085


def evidence(skill: float) -> ForecastEvidence:
    random = np.random.default_rng(4)
    signal = random.normal(0.0, 0.01, 400)
    returns = skill * signal + random.normal(0.0, 0.01, 400)
    rivals = {"random_walk": np.zeros(400), "drift": np.full(400, 0.001)}
    quantiles = {0.25: skill * signal - 0.00674, 0.75: skill * signal + 0.00674}
    return measured(returns, skill * signal, quantiles, rivals, horizon=1, span=SPAN)


def test_the_random_walk_is_beaten_by_who_knows_something() -> None:
    found = evidence(0.8)
    assert found.beaten
    assert found.sentence.startswith("The random walk was beaten: over 400 later bars the squared error was ")
    assert found.model.mse_share == pytest.approx(1.0 / (1.0 + 0.8**2), rel=0.1)
    walk = next(rival for rival in found.rivals if rival.name == "random_walk")
    assert walk.mse_share == 1.0
    assert walk.p_value is not None
    assert walk.p_value < 0.001
    assert {level.level: level.share for level in found.coverage} == pytest.approx({0.25: 0.25, 0.75: 0.75}, abs=0.05)


def test_it_is_not_beaten_by_who_knows_nothing() -> None:
    found = evidence(0.0)
    assert not found.beaten
    assert "not beaten" in found.sentence


def test_it_comes_back_from_json_and_is_shown_on_a_page() -> None:
    found = evidence(0.8)
    assert ForecastEvidence.of(json.loads(json.dumps(found.to_dict()))) == found
    page = "".join(str(part) for part in forecast_parts(found))
    for text in ("random walk: no return", "drift: the mean so far", "Returns at or below it", "2024-01-01"):
        assert text in page
