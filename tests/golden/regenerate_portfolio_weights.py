"""Write portfolio_weights.json: returns of several symbols, and the weights that skfolio gives them.

It needs an environment of its own (`pip install skfolio==1.12.2`); from the root of the repository:
`python tests/golden/regenerate_portfolio_weights.py`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from skfolio.cluster import HierarchicalClustering, LinkageMethod
from skfolio.distance import PearsonDistance
from skfolio.moments import EmpiricalCovariance, LedoitWolf
from skfolio.optimization import EqualWeighted, HierarchicalRiskParity, InverseVolatility, MeanRisk
from skfolio.prior import EmpiricalPrior

HERE = Path(__file__).parent


def market(seed: int, symbols: int, rows: int) -> np.ndarray:
    """Returns of symbols that share some factors, each with a volatility of its own."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(0.0, 0.01, (rows, 3)) @ rng.normal(0.0, 1.0, (3, symbols))
    return (factors + rng.normal(0.0, 1.0, (rows, symbols)) * rng.uniform(0.004, 0.03, symbols)).round(8)


def minimum_variance(cap: float, shrunk: bool) -> MeanRisk:
    covariance = LedoitWolf() if shrunk else EmpiricalCovariance()
    precise = {"tol_gap_abs": 1e-12, "tol_gap_rel": 1e-12, "tol_feas": 1e-12}
    return MeanRisk(
        max_weights=cap,
        prior_estimator=EmpiricalPrior(covariance_estimator=covariance),
        solver="CLARABEL",
        solver_params=precise,
        scale_objective=1e4,
    )


def hrp() -> HierarchicalRiskParity:
    clusters = HierarchicalClustering(linkage_method=LinkageMethod.SINGLE)
    return HierarchicalRiskParity(distance_estimator=PearsonDistance(), hierarchical_clustering_estimator=clusters)


def main() -> None:
    cases = []
    for seed, symbols, rows in ((1, 2, 60), (2, 5, 252), (3, 12, 120), (4, 30, 252)):
        returns, cap = market(seed, symbols, rows), max(1.5 / symbols, 0.1)
        weights = {
            "equal": EqualWeighted(),
            "inverse_volatility": InverseVolatility(),
            "minimum_variance": minimum_variance(1.0, shrunk=False),
            "minimum_variance_shrunk": minimum_variance(1.0, shrunk=True),
            "minimum_variance_capped": minimum_variance(cap, shrunk=False),
            "hrp": hrp(),
        }
        fitted = {name: method.fit(returns).weights_.tolist() for name, method in weights.items()}
        cases.append({"cap": cap, "returns": returns.tolist(), "weights": fitted})
    (HERE / "portfolio_weights.json").write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    sys.exit(main())
