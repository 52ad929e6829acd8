"""The law: what is said of a bar depends on bars up to it, to the last bit."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.bars import COLUMNS, Bars
from data_pipeline.features import FEATURES, FeatureEngineer, feature_matrix, warm_up

PRICES = st.floats(0.01, 1e6)


@st.composite
def bars(draw: st.DrawFn) -> Bars:
    """Any market at all: wild, flat, without volume, longer or shorter than every warm-up."""
    n = draw(st.integers(1, 260))
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    wildness = draw(st.sampled_from([0.0, 0.001, 0.02, 0.5]))
    close = draw(PRICES) * np.exp(np.clip(np.cumsum(random.normal(0.0, wildness, n)), -20, 20))
    open_ = close * np.exp(random.normal(0.0, wildness, n))
    high = np.maximum(open_, close) * (1.0 + wildness * random.random(n))
    low = np.minimum(open_, close) / (1.0 + wildness * random.random(n))
    volume = np.floor(random.random(n) * draw(st.sampled_from([0.0, 2.0, 1e9])))
    index = pd.date_range("2020-01-01", periods=n, freq="D", tz="UTC", name="time")
    return Bars(pd.DataFrame(np.column_stack([open_, high, low, close, volume]), index, list(COLUMNS)), "BTC-USD")


@cache
def _names() -> list[str]:
    return list(FEATURES)


@given(bars(), st.data())
def test_features_of_the_past_do_not_change_when_the_future_arrives(market: Bars, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(market)), label="cut")
    whole = feature_matrix(market, _names())
    part = feature_matrix(market.head(cut), _names())
    for name in _names():
        np.testing.assert_array_equal(
            part[name].to_numpy().view("u8"), whole[name].to_numpy()[:cut].view("u8"), err_msg=name
        )


@given(bars())
def test_a_feature_is_undefined_inside_its_warm_up_and_nowhere_else(market: Bars) -> None:
    matrix = feature_matrix(market, _names())
    assert not np.isinf(matrix.to_numpy()).any()
    for name, feature in FEATURES.items():
        expected = np.arange(len(market)) < feature.warm_up
        np.testing.assert_array_equal(matrix[name].isna().to_numpy(), expected, err_msg=name)


@given(bars())
def test_the_engineer_adds_the_same_features_and_drops_the_warm_up_once(market: Bars) -> None:
    names = ("rsi", "ema", "volume_change")
    if len(market) <= warm_up(names):
        return
    frame = market.frame.reset_index(drop=True)
    added = FeatureEngineer(names).transform(frame)
    expected = feature_matrix(market, names).iloc[warm_up(names) :]
    np.testing.assert_array_equal(added[list(names)].to_numpy(), expected.to_numpy())
