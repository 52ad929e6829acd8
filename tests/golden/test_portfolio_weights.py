"""Weights against skfolio 1.12.2: the same numbers, to 1e-6, wherever it has the method."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from trainers.portfolio.covariance import ledoit_wolf
from trainers.portfolio.methods import allocate

CASES = json.loads((Path(__file__).parent / "portfolio_weights.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{len(case['returns'][0])} symbols")
@pytest.mark.parametrize("method", ["equal", "inverse_volatility", "minimum_variance", "hrp"])
def test_weights_are_those_of_skfolio(case, method):
    covariance = np.cov(np.array(case["returns"]).T)
    np.testing.assert_allclose(allocate(method, covariance), case["weights"][method], atol=1e-6)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{len(case['returns'][0])} symbols")
def test_minimum_variance_is_that_of_skfolio_with_a_cap_and_with_a_shrunk_covariance(case):
    returns = np.array(case["returns"])
    capped = allocate("minimum_variance", np.cov(returns.T), case["cap"])
    np.testing.assert_allclose(capped, case["weights"]["minimum_variance_capped"], atol=1e-6)
    shrunk = allocate("minimum_variance", ledoit_wolf(returns))
    np.testing.assert_allclose(shrunk, case["weights"]["minimum_variance_shrunk"], atol=1e-6)
