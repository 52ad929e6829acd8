"""Every model of a symbol beside every other, and which one to rely on."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from config.errors import NightdeskError
from data_pipeline.provenance import Provenance
from evaluation import Backtest, backtest
from evaluation.records.standing import Standing
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


def compared(standing: Standing = "unproven", **models: Backtest):
    named = {
        ComparedVersion(*name.split("__"), standing=standing, sentence="Its record is short."): test
        for name, test in models.items()
    }
    return compare("AAPL", Provenance.of("sample"), named, BASELINES)


def test_of_those_that_serve_the_one_with_the_best_record_is_named_and_called_unproven():
    comparison = compared(cloner__v1__champion=BAD, agent__v2__champion=GOOD, other__v3__challenger=GOOD)
    assert comparison.recommended == "agent v2"
    assert comparison.recommendation.startswith("Nothing that serves is proven; of it, agent v2 has the best record.")
    assert "Its record is short." in comparison.recommendation
    assert [row.name for row in comparison.rows][-2:] == ["buy_and_hold", "flat"]
    assert {row.standing for row in comparison.rows} == {"unproven", None}


def test_a_proven_model_is_recommended_before_an_unproven_one_with_a_higher_sharpe_ratio():
    proven = ComparedVersion("cloner", "v1", "champion", "proven", "Earned more than cash.")
    models = {proven: knowing(0.6), ComparedVersion("agent", "v2", "champion"): GOOD}
    comparison = compare("AAPL", Provenance.of("sample"), models, BASELINES)
    assert comparison.recommended == "cloner v1"
    assert comparison.recommendation.startswith("Rely on cloner v1, which is proven. Earned more than cash.")


def test_a_warning_is_given_where_buying_and_holding_earned_more_for_its_risk():
    assert "Buying and holding earned more for its risk" in compared(cloner__v1__champion=BAD).recommendation
    assert "Buying and holding" not in compared(cloner__v1__champion=GOOD).recommendation


def test_without_a_champion_cash_is_recommended_however_good_a_challenger_looks():
    comparison = compared(cloner__v1__challenger=GOOD, cloner__v2__rejected=GOOD)
    assert (comparison.recommended, comparison.recommendation) == (None, "Nothing serves, so stay in cash.")


def test_overfitting_is_measured_over_versions_that_differ():
    overfitting = compared(cloner__v1__champion=GOOD, other__v2__challenger=BAD).overfitting
    assert overfitting is not None
    assert overfitting.probability == 0.0
    assert compared(cloner__v1__champion=GOOD).overfitting_reason == "only_one"
    assert compared(cloner__v1__champion=GOOD, cloner__v2__rejected=GOOD).overfitting_reason == "alike"


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
    assert "cloner v1 has the best record" in page
    assert "a&lt;b&gt; v1" in page
    assert "<b>" not in page
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 9}))
    with pytest.raises(NightdeskError, match="no comparison of version 2"):
        read_comparison(path)
