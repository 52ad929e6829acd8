from __future__ import annotations

import math

import numpy as np
import pytest

from evaluation.formulas import UndefinedError
from evaluation.significance import (
    TrackRecord,
    Trials,
    deflated_sharpe_ratio,
    expected_maximum,
    minimum_track_record,
    probabilistic_sharpe_ratio,
    significance,
)

# Bailey and Lopez de Prado (2012): 24 months of a hedge fund, mean 3.6 %, deviation 7.9 %.
FUND = TrackRecord(0.036 / 0.079, skewness=-2.448, kurtosis=10.164, length=24)
# The same (2014): five years of 250 days, 2.5 by the year, the best of 100 whose Sharpe ratios have variance 1/2.
DAILY = TrackRecord(2.5 / math.sqrt(250), skewness=-3.0, kurtosis=10.0, length=1250)
VARIANCE = 0.5 / 250


def normal(record: TrackRecord) -> TrackRecord:
    return TrackRecord(record.sharpe, 0.0, 3.0, record.length)


def test_the_probabilistic_sharpe_ratio_is_that_of_the_paper():
    assert probabilistic_sharpe_ratio(FUND) == pytest.approx(0.913, abs=5e-4)
    assert probabilistic_sharpe_ratio(normal(FUND)) == pytest.approx(0.982, abs=1e-3)


def test_the_deflated_sharpe_ratio_is_that_of_the_paper():
    assert expected_maximum(100, VARIANCE) == pytest.approx(0.1132, abs=5e-5)
    assert deflated_sharpe_ratio(DAILY, 100, VARIANCE) == pytest.approx(0.9004, abs=5e-5)
    assert deflated_sharpe_ratio(DAILY, 46, VARIANCE) == pytest.approx(0.9505, abs=5e-5)
    assert deflated_sharpe_ratio(normal(DAILY), 88, VARIANCE) == pytest.approx(0.9505, abs=5e-5)


def test_the_minimum_track_record_is_that_of_the_paper():
    daily = TrackRecord(2.0 / math.sqrt(252), 0.0, 3.0, 252)
    assert minimum_track_record(daily, 1.0 / math.sqrt(252)) / 252 == pytest.approx(2.73, abs=5e-3)
