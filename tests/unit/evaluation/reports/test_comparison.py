"""Every model of a symbol beside every other, and which one to rely on."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from config.errors import NightdeskError
from config.settings import Promotion
from data_pipeline.provenance import Provenance
from evaluation import Backtest, backtest
from evaluation.reports.comparison import ComparedVersion, compare, read_comparison, write_comparison
from tests.support.markets.prices import frame, series

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BARS = frame(100.0 + 10.0 * np.sin(np.arange(400) / 9.0) + 0.5 * np.random.default_rng(0).normal(size=400))
COMING = series(np.sign(np.diff(BARS["close"], append=BARS["close"].iloc[-1])) > 0.0, BARS)


def knowing(share: float, seed: int = 1) -> Backtest:
    """A trader who knows what comes on this share of the bars, and otherwise tosses a coin."""
    random = np.random.default_rng(seed)
    coin = random.integers(0, 2, len(BARS)).astype(float)
    return backtest(
        BARS, series(np.where(random.random(len(BARS)) < share, COMING.shift(-1, fill_value=0.0), coin), BARS)
    )


BASELINES = {
    "buy_and_hold": backtest(BARS, series([1.0] * 400, BARS)),
    "flat": backtest(BARS, series([0.0] * 400, BARS)),
}
GOOD, BAD = knowing(1.0), knowing(0.0)


def compared(**models: Backtest):
    named = {ComparedVersion(*name.split("__")): test for name, test in models.items()}
    return compare("AAPL", Provenance.of("sample"), named, BASELINES, Promotion())


def test_the_best_is_recommended_where_the_gate_would_let_it_serve():
    comparison = compared(cloner__v1__champion=BAD, cloner__v2__challenger=GOOD)
    assert comparison.recommended == "cloner v2"
    assert comparison.recommendation.startswith("Rely on cloner v2: it is better than cloner v1, which serves.")
    assert [row.name for row in comparison.rows] == ["cloner v2", "cloner v1", "buy_and_hold", "flat"]


def test_the_champion_is_kept_where_none_is_better():
    comparison = compared(cloner__v1__champion=GOOD, other__v2__challenger=BAD)
    assert (comparison.recommended, comparison.recommendation) == (
        "cloner v1",
        "Keep cloner v1: none is shown to be better.",
    )
    assert comparison.overfitting is not None
    assert comparison.overfitting.probability == 0.0
    assert compared(cloner__v1__champion=GOOD).overfitting_reason == "only_one"
    assert compared(cloner__v1__champion=GOOD, cloner__v2__rejected=GOOD).overfitting_reason == "alike"


def test_the_best_of_many_random_versions_is_not_recommended():
    models = {ComparedVersion("cloner", f"v{seed}", "rejected"): knowing(0.08 * seed, seed) for seed in range(1, 7)}
    alone = max(models, key=lambda version: models[version].metrics()["sharpe_ratio"])
    assert (
        compare("AAPL", Provenance.of("sample"), {alone: models[alone]}, BASELINES, Promotion()).recommended
        == alone.name
    )
    comparison = compare("AAPL", Provenance.of("sample"), models, BASELINES, Promotion(), versions_tried=100)
    assert (comparison.recommended, comparison.recommendation[:12]) == (None, "Stay in cash")


def test_cash_is_recommended_where_all_lose():
    for state in ("champion", "challenger"):
        comparison = compared(**{f"cloner__v1__{state}": BAD})
        assert comparison.recommended is None
        assert comparison.recommendation.startswith("Stay in cash")


def test_what_is_undefined_is_null_with_its_reason():
    comparison = compared(cloner__v1__challenger=BASELINES["flat"])
    assert comparison.rows[0].figures["sharpe_ratio"] is None
    assert comparison.rows[0].reasons["sharpe_ratio"] == "zero_variance"


def test_without_a_model_there_is_nothing_to_compare():
    with pytest.raises(NightdeskError, match="no model that can be run"):
        compared()


def test_a_comparison_is_read_back_as_it_was_written_and_has_a_page(tmp_path):
    both = [compared(cloner__v1__champion=GOOD), compared(**{"a<b>__v1__challenger": BAD})]
    path = write_comparison(tmp_path, both, NOW)
    assert read_comparison(path).symbols == both
    assert {file.name for file in tmp_path.iterdir()} == {
        "model_comparison.json",
        "model_comparison.html",
        "risk_return.png",
    }
    page = (tmp_path / "model_comparison.html").read_text()
    assert "Keep cloner v1" in page
    assert "a&lt;b&gt; v1" in page
    assert "<b>" not in page
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 9}))
    with pytest.raises(NightdeskError, match="no comparison of version 1"):
        read_comparison(path)
