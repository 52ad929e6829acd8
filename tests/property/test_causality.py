"""The law: the value at a bar depends on bars up to it, to the last bit. New functions are found and tested too."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib import import_module
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import data_pipeline
from data_pipeline.bars import calendar
from data_pipeline.bars.bars import COLUMNS, Bars
from data_pipeline.experts.sample import sample_expert_log
from data_pipeline.features import fractional, indicators, rolling
from data_pipeline.features.indicators import Columns
from data_pipeline.features.registry import FEATURES, FeatureEngineer, feature_matrix, warm_up
from data_pipeline.features.scaling import Scaler
from data_pipeline.features.volatility_regime import settled_regime, volatility_regime
from data_pipeline.labels import triple_barrier
from data_pipeline.news.sentiment import sentiment
from data_pipeline.offline.experiences import market_states
from data_pipeline.policy_states.portfolio import Holding
from data_pipeline.policy_states.states import WARM_UP, MarketStates
from data_pipeline.quality import health
from data_pipeline.regimes.market import market_directions, settled_direction
from data_pipeline.regimes.model import log_returns

PRICES = st.floats(0.01, 1e6)


def _ended_sessions(bars: Bars, daily: pd.DataFrame) -> pd.DataFrame:
    """The sessions that have ended: before its end, a session's value is of its bars so far."""
    return daily[calendar.session_closes(bars.symbol, daily.index) <= bars.frame.index[-1]]


def _told_from(bars: Bars) -> pd.Timestamp:
    """An instant 200 days after the first bar, from which regimes are told by a model of the bars before."""
    return bars.frame.index[0] + pd.Timedelta(days=200)


# Every function that computes a value for each bar, as a frame.
FUNCTIONS: dict[str, Callable[[Bars], pd.DataFrame]] = {
    "features.registry.feature_matrix": lambda bars: feature_matrix(bars, FEATURES),
    "quality.health.at_bars": lambda bars: health.at_bars(bars).to_frame(),
    "quality.health.daily": lambda bars: _ended_sessions(bars, health.daily(bars, bars.frame.index[-1])),
    "quality.health.marks": health.marks,
    "features.volatility_regime.volatility_regime": lambda bars: volatility_regime(bars).cat.codes.to_frame(),
    "features.volatility_regime.settled_regime": lambda bars: settled_regime(bars, 3).to_frame(),
    "regimes.model.log_returns": lambda bars: pd.DataFrame(log_returns(bars), bars.frame.index),
    "regimes.market.market_directions": lambda bars: market_directions(bars, _told_from(bars)).cat.codes.to_frame(),
    "regimes.market.settled_direction": lambda bars: (
        settled_direction(bars, _told_from(bars), 3).loc[_told_from(bars) :].to_frame()
    ),
    "experts.sample.sample_expert_log": lambda bars: sample_expert_log(bars).frame,
    "offline.experiences.market_states": lambda bars: pd.DataFrame(market_states(bars).values, bars.frame.index),
    "labels.triple_barrier.volatility": lambda bars: triple_barrier.volatility(bars).to_frame(),
}
# Every other function of bars, with the reason why the law does not apply to it.
EXEMPT = {
    "quality.health.measure": "one answer of a moment, the last of quality.health.daily",
    "labels.weights.concurrency": "of labels",
    "labels.weights.sample_weights": "of labels",
    "pulls.revisions.explained": "compares two pulls of one history",
    "experts.expert_log.label": "of labels",
    "experts.expert_log.since_first_bar": "cuts a log where the bars begin",
    "experts.expert_log.until_last_bar": "cuts a log where the bars end",
    "labels.triple_barrier.barrier_labels": "labels are the future; a unit test holds them to what is known",
    "labels.triple_barrier.fitted_barriers": "one answer of a training span",
}


@st.composite
def bars(draw: st.DrawFn) -> Bars:
    """Any market at all: wild, flat, without volume, with holes, longer or shorter than every warm-up."""
    n = draw(st.integers(1, 300))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    wildness = draw(st.sampled_from([0.0, 0.001, 0.02, 0.5]))
    close = draw(PRICES) * np.exp(np.clip(np.cumsum(random.normal(0.0, wildness, n)), -20, 20))
    open_ = close * np.exp(random.normal(0.0, wildness, n))
    high = np.maximum(open_, close) * (1.0 + wildness * random.random(n))
    low = np.minimum(open_, close) / (1.0 + wildness * random.random(n))
    volume = np.floor(random.random(n) * draw(st.sampled_from([0.0, 2.0, 1e9])))
    interval = draw(st.sampled_from(["1d", "1d", "1h", "5m"]))
    pace = pd.Timedelta({"1d": "1D", "1h": "1h", "5m": "5min"}[interval])
    steps = np.cumsum(1 + (random.random(n) < draw(st.sampled_from([0.0, 0.1]))) * random.integers(1, 9, n))
    index = pd.DatetimeIndex(pd.Timestamp("2020-01-01", tz="UTC") + pd.TimedeltaIndex(pace * steps), name="time")
    values = np.column_stack([open_, high, low, close, volume])
    return Bars(pd.DataFrame(values, index, list(COLUMNS)), "BTC-USD", interval)


@st.composite
def headlines(draw: st.DrawFn, market: Bars) -> pd.DataFrame:
    """Headlines at any moment of a market, and before and after it."""
    times = market.frame.index
    span = int((times[-1] - times[0]).total_seconds()) + 10 * 86_400
    seconds = draw(st.lists(st.integers(-10 * 86_400, span), max_size=12))
    titles = draw(
        st.lists(st.sampled_from(["Win", "Great loss", "Meeting", ""]), min_size=len(seconds), max_size=len(seconds))
    )
    return pd.DataFrame({"seen_at": times[0] + pd.to_timedelta(seconds, unit="s"), "title": titles})


def _same_bits(part: np.ndarray, whole: np.ndarray, name: str) -> None:
    part, whole = np.ascontiguousarray(part), np.ascontiguousarray(whole[: len(part)])
    assert part.dtype == whole.dtype, name
    if part.tobytes() != whole.tobytes():
        np.testing.assert_array_equal(part, whole, err_msg=name)
        pytest.fail(f"{name} differs in bits that compare equal")


def _plain(column: pd.Series) -> np.ndarray:
    return column.to_numpy("int64" if pd.api.types.is_datetime64_any_dtype(column) else None)


def _functions(module: ModuleType) -> Iterator[tuple[str, Callable]]:
    """The public functions that a module defines."""
    for name, value in vars(module).items():
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_"):
            yield name, value


@cache
def _of_bars() -> set[str]:
    """Every public function of the package that takes bars first."""
    names = set()
    for module in pkgutil.walk_packages(data_pipeline.__path__, "data_pipeline."):
        for name, function in _functions(import_module(module.name)):
            first = next(iter(inspect.signature(function).parameters.values()), None)
            if first is not None and "Bars" in str(first.annotation).split(" | "):
                names.add(f"{module.name.removeprefix('data_pipeline.')}.{name}")
    return names


def test_every_function_of_bars_is_tested_for_causality_or_exempt_with_a_reason() -> None:
    assert _of_bars() == set(FUNCTIONS) | set(EXEMPT)


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=40)
@given(market=bars(), data=st.data())
def test_values_at_past_bars_do_not_change_when_later_bars_arrive(name: str, market: Bars, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(market)), label="cut")
    whole, part = (FUNCTIONS[name](bars_so_far).reset_index() for bars_so_far in (market, market.head(cut)))
    for column in whole:
        _same_bits(_plain(part[column]), _plain(whole[column]), f"{name} {column}")


def _columns(market: Bars) -> Columns:
    prices = {name: np.ascontiguousarray(market.frame[name].to_numpy()) for name in COLUMNS}
    return Columns(**prices, wall=lambda: calendar.wall_times(market.symbol, market.frame.index).as_unit("ns").asi8)


def _formulas() -> dict[str, Callable]:
    """Every public formula over columns or values, found by looking."""
    formulas = {f"{module.__name__}.{name}": f for module in (indicators, rolling) for name, f in _functions(module)}
    return formulas | {"fractional.difference": fractional.difference}


def _ready(formula: Callable, data: st.DataObject) -> Callable[[Columns], tuple[np.ndarray, ...]]:
    """The formula with drawn parameters; a parameter that has no strategy here raises a KeyError."""
    choices = {"n": st.integers(4, 30), "d": st.floats(0.0, 1.0), "q": st.floats(0.0, 1.0)}
    kinds = {"Columns": lambda c: c, "Floats": lambda c: c.close}
    parameters = list(inspect.signature(formula).parameters.values())
    takes = [kinds[parameter.annotation] for parameter in parameters if parameter.annotation in kinds]
    arguments = {
        parameter.name: data.draw(choices[parameter.name], label=parameter.name)
        for parameter in parameters
        if parameter.name in choices
    }

    def call(c: Columns) -> tuple[np.ndarray, ...]:
        result = partial(formula, *(take(c) for take in takes))(**arguments)
        return result if isinstance(result, tuple) else (result,)

    return call


@pytest.mark.parametrize("name", _formulas())
@settings(max_examples=40)
@given(market=bars(), data=st.data())
def test_no_formula_looks_ahead(name: str, market: Bars, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(market)), label="cut")
    formula = _ready(_formulas()[name], data)
    for part, whole in zip(formula(_columns(market.head(cut))), formula(_columns(market)), strict=True):
        assert len(whole) == len(market)
        _same_bits(part, whole, name)


@given(market=bars(), data=st.data())
def test_states_of_a_policy_do_not_depend_on_later_bars_headlines_or_decisions(
    market: Bars, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(1, len(market)), label="cut")
    news, macro = (data.draw(headlines(market)) for _ in range(2))
    decided = pd.Series(np.random.default_rng(cut).choice([-1.0, 0.0, 0.5], len(market)), market.frame.index)
    close = market.frame.index[cut - 1]
    early_news, early_macro = (items[items["seen_at"] < close] for items in (news, macro))
    whole = MarketStates.of(market, news, macro).rows(Holding.replayed(decided))
    early = MarketStates.of(market.head(cut), early_news, early_macro)
    _same_bits(early.rows(Holding.replayed(decided.head(cut))), whole, "states34")
    assert np.isfinite(whole[WARM_UP:]).all()


@settings(max_examples=40)
@given(market=bars(), data=st.data())
def test_headlines_that_come_later_change_nothing(market: Bars, data: st.DataObject) -> None:
    news, times = data.draw(headlines(market)), pd.DatetimeIndex(market.frame.index)
    whole = sentiment(news, times)
    for nth, close in enumerate(times[:40]):
        early = sentiment(news[news["seen_at"] < close], times[: nth + 1])
        _same_bits(early.score, whole.score, "score")
        _same_bits(early.headlines, whole.headlines, "headlines")


@pytest.mark.parametrize("fit", [Scaler.standard, Scaler.robust])
@given(market=bars().filter(lambda market: len(market) >= 30), data=st.data())
def test_a_scaler_scales_each_row_by_the_statistics_of_the_training_span(
    fit: Callable[[pd.DataFrame], Scaler], market: Bars, data: st.DataObject
) -> None:
    names = ("return_1", "rsi", "high_low_spread")
    matrix = feature_matrix(market, names)
    training = data.draw(st.integers(20, len(market)), label="training")
    cut = data.draw(st.integers(1, len(market)), label="cut")
    whole = fit(matrix.head(training)).transform(matrix)
    part = fit(feature_matrix(market.head(training), names)).transform(feature_matrix(market.head(cut), names))
    _same_bits(part.to_numpy(), whole.to_numpy(), "scaler")


@given(bars())
def test_a_feature_is_undefined_inside_its_warm_up_and_nowhere_else(market: Bars) -> None:
    matrix = feature_matrix(market, FEATURES)
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
