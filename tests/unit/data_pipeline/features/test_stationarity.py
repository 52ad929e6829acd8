from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import NightdeskError
from data_pipeline.features.stationarity import critical_value, dickey_fuller, is_stationary

CASES = json.loads((Path(__file__).parents[3] / "golden" / "dickey_fuller.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['name']}, {case['lags']} lags")
def test_results_equal_those_of_statsmodels(case: dict) -> None:
    values = np.array(case["values"])
    assert dickey_fuller(values, case["lags"]) == pytest.approx(case["statistic"], rel=1e-9)
    assert len(values) - 1 - case["lags"] == case["observations"]
    assert critical_value(case["observations"]) == pytest.approx(case["critical"], rel=1e-9)


def test_a_random_walk_is_not_stationary_and_a_mean_reverting_series_is() -> None:
    verdicts = {case["name"]: is_stationary(np.array(case["values"])) for case in CASES}
    assert verdicts == {"random walk": False, "leaning back": True, "noise": True, "short walk": False}


def test_few_random_walks_are_taken_for_stationary() -> None:
    """The test is made to be wrong about 5 of 100."""
    random = np.random.default_rng(5)
    wrong = sum(is_stationary(np.cumsum(random.normal(size=200))) for _ in range(400))
    assert 8 <= wrong <= 34


@given(seed=st.integers(0, 999), scale=st.sampled_from([2.0**-20, 8.0]), level=st.integers(-100, 100))
def test_units_and_level_do_not_matter(seed: int, scale: float, level: int) -> None:
    values = np.random.default_rng(seed).normal(size=60)
    assert dickey_fuller(values * scale + level, 1) == pytest.approx(dickey_fuller(values, 1), rel=1e-4)


@pytest.mark.parametrize(
    "values",
    [np.arange(10.0) ** 2, np.ones(100), np.arange(100.0), np.append(np.random.default_rng(0).normal(size=50), np.nan)],
    ids=["short", "flat", "straight", "unknown"],
)
def test_a_series_that_cannot_be_tested_is_refused(values: np.ndarray) -> None:
    with pytest.raises(NightdeskError) as caught:
        dickey_fuller(values)
    assert caught.value.code == "stationarity.undefined"
