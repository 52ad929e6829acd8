"""The market of an environment: what is taken as prices, and what is refused."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from config.errors import NightdeskError
from data_pipeline.bars import calendar
from data_pipeline.features.registry import FEATURES, Feature, feature_matrix
from tests.support.markets.easy import rough_bars
from tests.support.markets.episodes import LENGTHS, markets, quick
from tests.support.markets.prices import walk
from trainers.rl.environments.config import TradingEnvConfig
from trainers.rl.environments.market import LIMIT, Market


def refused(price_data, **changes) -> NightdeskError:
    with pytest.raises(NightdeskError) as raised:
        Market.of(price_data, quick(**changes))
    assert raised.value.cure
    return raised.value


def test_symbols_stand_one_after_the_other():
    market = Market.of(markets(), quick())
    assert market.symbols == tuple(LENGTHS)
    assert market.begins == (0, 200, 320)
    for symbol, begin in zip(market.symbols, market.begins, strict=True):
        closes = market.prices[begin : begin + LENGTHS[symbol], 1]
        np.testing.assert_array_equal(closes, markets()[symbol]["close"])
    assert market.longest_episode == 60


def test_bars_bring_the_features_and_the_year_of_their_calendar():
    bars = rough_bars(100)
    market = Market.of(bars, quick(features=("time_of_year_sine", "return_5")))
    assert market.symbols == (bars.symbol,)
    assert market.periods_per_year == (calendar.periods_per_year(bars.symbol, "1d"),)
    expected = feature_matrix(bars, ("time_of_year_sine", "return_5")).to_numpy()[5:]
    np.testing.assert_array_equal(market.features[5:], expected.astype(np.float32))


def test_a_frame_of_session_dates_is_enough():
    dated = walk(60).reset_index().rename(columns={"time": "date"})
    by_date, by_index = (Market.of(data, quick()) for data in (dated, walk(60)))
    np.testing.assert_array_equal(by_date.features, by_index.features)
    np.testing.assert_array_equal(by_date.prices, by_index.prices)


@pytest.mark.parametrize("write", [lambda times: times, lambda times: times.strftime("%Y-%m-%d")], ids=["time", "text"])
@pytest.mark.parametrize("name", ["Date", "time", "Datetime"])
def test_capitals_and_written_dates_are_read_as_other_names_and_times_are(name, write):
    plain = walk(60)
    capitals = plain.rename(columns=str.capitalize).reset_index(drop=True)
    capitals.insert(0, name, write(plain.index))
    read, expected = (Market.of(data, quick()) for data in (capitals, plain))
    np.testing.assert_array_equal(read.features, expected.features)
    np.testing.assert_array_equal(read.prices, expected.prices)
    assert read.periods_per_year == expected.periods_per_year


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ("AAPL.csv", "str"),
        (walk(60).to_numpy(), "ndarray"),
        (walk(60)["close"], "Series"),
        ([walk(60)], "list"),
        (pd.concat({"AAPL": walk(60)}, axis=1), "2 levels"),
        (walk(60).assign(Close=1.0), "close stands twice"),
        (walk(60).assign(date="yesterday"), "'yesterday' cannot be read"),
    ],
)
def test_what_is_no_frame_of_prices_is_named(data, named):
    error = refused(data)
    assert error.code == "environment.data"
    assert named in error.message


def test_the_first_decision_has_its_whole_window_and_every_feature():
    market = Market.of(walk(100), quick(window_size=10, features=("return_20",)))
    assert market.rules["first"][0] == 20
    assert Market.of(walk(100), quick(window_size=30)).rules["first"][0] == 30
    assert Market.of(walk(100), quick(windowed=(), window_size=30)).rules["first"][0] == 5


@pytest.mark.parametrize("bars", [0, 1, 6])
def test_too_few_bars_are_refused_with_the_number_needed(bars):
    error = refused(walk(7).head(bars))
    assert error.code in {"environment.too_few_bars", "environment.data"}
    assert "prices" in error.message
    if bars:
        assert f"has {bars} bars" in error.message
        assert "need 7" in error.message


def test_one_bar_more_than_the_window_is_an_episode():
    assert Market.of(walk(7), quick()).longest_episode == 1


@pytest.mark.parametrize("column", ["open", "high", "low", "close", "volume"])
def test_a_missing_column_is_named(column):
    error = refused(walk(60).drop(columns=column))
    assert error.code == "environment.data"
    assert column in error.message


@pytest.mark.parametrize("column", ["open", "close"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -3.0])
def test_an_invalid_price_is_refused_with_its_column_and_value(column, value):
    bad = walk(60)
    bad.loc[bad.index[30], column] = value
    error = refused({"GOOD": walk(60), "BAD": bad})
    assert error.code == "environment.data"
    assert "BAD" in error.message
    assert column in error.message
    assert str(value) in error.message


@pytest.mark.parametrize(
    "spoil",
    [
        lambda df: df.iloc[::-1],
        lambda df: df.iloc[[*range(30), *range(29, 60)]],
        lambda df: df.reset_index().rename(columns={"time": "date"}).iloc[::-1].reset_index(drop=True),
        lambda df: df.assign(close="dear"),
    ],
    ids=["backwards", "repeated", "dates backwards", "text"],
)
def test_bars_out_of_order_and_text_are_refused(spoil):
    assert refused(spoil(walk(60))).code == "environment.data"


def test_a_date_that_stands_twice_is_refused():
    twice = walk(60).reset_index().rename(columns={"time": "date"})
    twice.loc[30, "date"] = twice.loc[29, "date"]
    assert refused(twice).code == "environment.data"


def test_an_unknown_feature_is_named():
    assert "moon_phase" in refused(walk(60), features=("moon_phase",)).message


def test_an_undefined_feature_is_named_with_its_row(monkeypatch):
    gone = Feature("gone", 2, lambda c: np.where(np.arange(len(c.close)) == 40, np.nan, c.close))
    monkeypatch.setitem(FEATURES, "gone", gone)
    error = refused(walk(60), features=("return_5", "gone"))
    assert error.code == "environment.feature"
    assert "gone is nan in row 41" in error.message


def test_no_symbols_are_no_market():
    assert refused({}).code == "environment.data"


def test_yearly_rates_need_times():
    timeless = walk(60).reset_index(drop=True)
    assert "yearly" in refused(timeless).message
    assert Market.of(timeless, quick(borrow=0.0, cash_interest=0.0)).periods_per_year == (None,)


def test_huge_numbers_are_kept_within_the_observation_space():
    market = Market.of(walk(60).assign(volume=1e12), quick(features=("obv",)))
    assert np.abs(market.features).max() == LIMIT


def test_bars_that_were_given_are_left_as_they_were():
    bars = walk(60)
    before = bars.copy()
    Market.of(bars, quick())
    assert bars.equals(before)


@pytest.mark.parametrize(
    "changes",
    [
        {"window_size": 0},
        {"reward": "fame"},
        {"actions": "spoken"},
        {"commission": -0.1},
        {"initial_balance": 0.0},
        {"max_drawdown": 1.5},
        {"episode_length": 0},
        {"windowed": (), "features": ()},
        {"features": ("rsi", "return_5", "rsi")},
        {"unheard_of": 1},
    ],
)
def test_a_config_that_cannot_be_played_is_refused(changes):
    with pytest.raises(ValidationError, match=next(iter(changes)).split("_")[0].removesuffix("s")):
        TradingEnvConfig(**changes)


def test_the_config_and_the_market_are_light():
    heavy = "{'torch', 'gymnasium', 'stable_baselines3'}"
    for module, unwanted in (("market", heavy), ("config", heavy[:-1] + ", 'numpy', 'pandas', 'numba'}")):
        code = f"import sys, trainers.rl.environments.{module}; raise SystemExit(bool({unwanted} & set(sys.modules)))"
        subprocess.run([sys.executable, "-c", code], check=True)
