"""The regimes of a market: their views, what they are fitted to, and their JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

from data_pipeline.bars.bars import Bars
from data_pipeline.regimes.market import equal_weight, market_directions
from data_pipeline.regimes.model import DIRECTIONS, VOLATILITIES, RegimeDocument, RegimeModel, most_likely
from tests.support.markets.easy import rough_bars
from tests.support.markets.two_states import MEANS, bars_of, planted

STATES, RETURNS = planted(2500)
BARS = bars_of(RETURNS[:, 0])


@pytest.mark.parametrize("states", [2, 3, 4])
def test_every_view_adds_up_to_one_at_each_bar(states: int) -> None:
    model = RegimeModel.fit(BARS.head(1500), states)
    for view, names in ((model.volatility, VOLATILITIES), (model.direction, DIRECTIONS)):
        probabilities = view(BARS)
        assert tuple(probabilities.columns) == names
        assert probabilities.index.equals(BARS.frame.index)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-12)


def test_the_planted_states_have_their_names() -> None:
    model = RegimeModel.fit(BARS.head(1500), 2)
    assert model.directions == ["bull", "bear"]
    later = slice(1501, None)
    volatility = most_likely(model.volatility(BARS)).iloc[later]
    direction = most_likely(model.direction(BARS)).iloc[later]
    wild = STATES[1500:] == 1
    assert ((volatility == "high").to_numpy() == wild).mean() > 0.9
    assert ((direction == "bear").to_numpy() == wild).mean() > 0.9


def test_a_market_without_drift_has_no_direction() -> None:
    returns = RETURNS - np.take(MEANS, STATES)[:, None]
    assert set(RegimeModel.fit(bars_of(returns[:, 0]), 2).directions) == {"sideways"}


def test_no_bar_depends_on_a_later_one_to_the_last_bit() -> None:
    model = RegimeModel.fit(BARS.head(1000))
    for rows in (1, 2, 700, 1400):
        assert_frame_equal(model.probabilities(BARS.head(rows)), model.probabilities(BARS).head(rows), check_freq=False)


def test_it_comes_back_from_json_to_the_last_bit_and_another_fit_has_another_name() -> None:
    model = RegimeModel.fit(BARS.head(1000))
    written = json.dumps(model.document().model_dump(mode="json"))
    again = RegimeModel.of(RegimeDocument.model_validate_json(written))
    assert_frame_equal(again.probabilities(BARS), model.probabilities(BARS), check_exact=True)
    assert again.fingerprint() == model.fingerprint()
    assert RegimeModel.fit(BARS.head(1001)).fingerprint() != model.fingerprint()


def test_the_direction_of_a_market_is_told_by_a_model_of_earlier_bars_alone() -> None:
    first = BARS.frame.index[1200]
    whole = market_directions(BARS, first.to_pydatetime())
    assert whole.iloc[:1200].isna().all()
    assert whole.iloc[1200:].notna().all()
    part = market_directions(BARS.head(1500), first.to_pydatetime())
    assert_series_equal(part, whole.head(1500), check_freq=False)
    changed = BARS.frame.copy()
    changed.iloc[1500:, :4] *= 2.0
    other = market_directions(Bars(changed, BARS.symbol), first.to_pydatetime())
    assert_series_equal(other.head(1500), whole.head(1500))


def test_a_history_too_short_or_without_moves_has_no_direction() -> None:
    flat = bars_of(np.zeros(900))
    for bars, first in ((BARS.head(120), 60), (flat, 700)):
        assert market_directions(bars, bars.frame.index[first].to_pydatetime()).isna().all()


def test_the_market_of_several_symbols_moves_by_their_mean_return() -> None:
    one = rough_bars(60)
    late = bars_of(planted(40, seed=3)[1][:, 0]).frame.set_axis(one.frame.index[10:51])
    market = equal_weight([one, Bars(late, "TWO")]).frame["close"].pct_change()
    first, second = one.frame["close"].pct_change(), late["close"].pct_change()
    np.testing.assert_allclose(market.iloc[1:11], first.iloc[1:11], atol=1e-12)  # TWO is not listed yet
    np.testing.assert_allclose(market.iloc[11:51], (first.iloc[11:51] + second.iloc[1:]) / 2.0, atol=1e-12)
    np.testing.assert_allclose(market.iloc[51:], first.iloc[51:], atol=1e-12)
