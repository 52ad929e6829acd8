"""Each analyst's view is what its formula says, and it abstains where it knows nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from data_pipeline.features.volatility_regime import volatility_regime
from data_pipeline.news.sentiment import polarity
from data_pipeline.quality import health
from tests.support.markets.easy import easy_bars, rough_bars
from trainers.analysts.news import news_votes
from trainers.analysts.risk import Risk
from trainers.analysts.technical import technical_votes

GOOD, BAD = "Great profits, a wonderful success", "Terrible losses, an awful disaster"


def _headlines(*rows: tuple[pd.Timestamp, str]) -> pd.DataFrame:
    return pd.DataFrame({"title": [title for _, title in rows]}, pd.DatetimeIndex([seen for seen, _ in rows]))


def test_a_headline_counts_half_after_a_day_and_nothing_after_three() -> None:
    times = pd.DatetimeIndex(pd.date_range("2024-01-02 21:00", periods=6, freq="D", tz="UTC"))
    votes = news_votes(_headlines((times[0] - pd.Timedelta(hours=24), GOOD), (times[0], BAD)), times)
    good, bad = polarity(GOOD), polarity(BAD)
    expected = [good, (0.25 * good + 0.5 * bad) / 0.75, (0.125 * good + 0.25 * bad) / 0.375, bad]
    weights = np.array([0.5, 0.75, 0.375, 0.125])
    assert votes.probability_up.tolist()[:4] == pytest.approx([(1.0 + score) / 2.0 for score in expected])
    assert votes.confidence.tolist()[:4] == pytest.approx(np.abs(expected) * weights / (weights + 1.0))
    assert votes.confidence.isna().tolist() == [False, False, False, False, True, True]


def test_without_a_headline_the_news_analyst_abstains() -> None:
    times = pd.DatetimeIndex(easy_bars(5).frame.index)
    for headlines in (None, _headlines(), _headlines((times[-1], GOOD))):  # one seen at the last close came too late
        assert news_votes(headlines, times).confidence.isna().all()


def test_the_risk_score_is_six_tenths_calm_and_four_tenths_health_and_sizes_from_a_quarter_to_two() -> None:
    bars = rough_bars(250)
    risk, regimes = Risk.of(bars), volatility_regime(bars)
    calm = regimes.astype(object).map({"low_vol": 1.0, "normal": 0.5, "high_vol": 0.0}).astype("float64")
    pd.testing.assert_series_equal(risk.score, 0.6 * calm + 0.4 * health.at_bars(bars), check_names=False)
    assert risk.score.isna().sum() == regimes.isna().sum() > 0
    assert (risk.size[risk.score.isna()] == 1.0).all()
    known = risk.score.dropna()
    assert risk.size[known.index].tolist() == pytest.approx((0.25 + 1.75 * known).tolist())
    assert risk.size.between(0.25, 2.0).all()


def test_the_risk_analyst_votes_up_in_calm_and_down_in_wild_markets() -> None:
    bars = rough_bars(300)
    votes, regimes = Risk.of(bars).votes, volatility_regime(bars)
    assert (votes.probability_up[regimes == "low_vol"] > 0.5).all()
    assert (votes.probability_up[regimes == "high_vol"] < 0.5).all()
    assert votes.confidence[regimes.isna()].isna().all()


def test_the_technical_analyst_follows_the_wave_of_an_easy_market() -> None:
    bars = easy_bars(400)
    votes = technical_votes(bars)
    known = votes.confidence.notna()
    assert known.sum() > 300
    assert not known.iloc[:20].any()
    slope = pd.Series(np.cos(2.0 * np.pi * (np.arange(400) - 8) / 60), bars.frame.index)  # averages follow later
    sure = known & (votes.confidence > 0.3)
    assert sure.sum() > 100
    assert ((votes.probability_up[sure] > 0.5) == (slope[sure] > 0.0)).mean() > 0.8
