"""The 34 states: each against a formula of its own, all at once and one by one, from bars in hand and from a home."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st

from config.errors import NightdeskError, UsageError
from config.paths import Home
from config.settings import Settings, Sources
from data_pipeline import DataLoader, RlStateBuilder
from data_pipeline.bars import calendar
from data_pipeline.bars.bars import Bars
from data_pipeline.bars.store import BarStore
from data_pipeline.features.volatility_regime import REGIMES, volatility_regime
from data_pipeline.news.headlines import COLUMNS, Headline, HeadlineStore
from data_pipeline.news.sentiment import polarity
from data_pipeline.policy_states.portfolio import Holding
from data_pipeline.policy_states.states import NAMES, WARM_UP, MarketStates, RlState
from data_pipeline.quality import health
from data_pipeline.sources.sample import SampleSource
from tests.support.markets.prices import frame, walk

END = datetime(2024, 6, 28, 21, tzinfo=UTC)
BARS = SampleSource().fetch("AAPL", "1d", END - timedelta(days=500), END)
NOTHING = pd.DataFrame({"seen_at": pd.DatetimeIndex([], tz="UTC"), "title": []})


def state_frame(market: MarketStates, holding: Holding | None = None) -> pd.DataFrame:
    return pd.DataFrame(market.rows(holding or Holding()), market.times, list(NAMES))


def states_of(bars: Bars) -> MarketStates:
    return MarketStates.of(bars, NOTHING, NOTHING)


def test_there_are_34_in_the_order_that_policies_are_taught() -> None:
    returns = [f"log_return_{back}" for back in range(19, -1, -1)]
    indicators = ["rsi", "macd_signal", "bollinger_width", "volume_ratio"]
    portfolio = ["position", "leverage", "cash", "days_since_trade"]
    rest = ["low_vol", "normal", "high_vol", "data_health", "news_sentiment", "macro_sentiment"]
    assert list(NAMES) == [*returns, *indicators, *portfolio, *rest]
    assert len(NAMES) == 34


def test_every_state_is_defined_after_the_warm_up_and_not_all_before() -> None:
    is_defined = state_frame(states_of(BARS)).notna().all(axis=1)
    assert is_defined.tolist() == [False] * WARM_UP + [True] * (len(BARS) - WARM_UP)


def test_returns_are_scored_within_their_window_oldest_first() -> None:
    states, logs = state_frame(states_of(BARS)), np.log(BARS.frame["close"])
    for t in (20, 21, 100, len(BARS) - 1):
        window = logs.diff().iloc[t - 19 : t + 1].to_numpy()
        scores = (window - window.mean()) / window.std(ddof=1)
        np.testing.assert_allclose(states.iloc[t, :20], scores, rtol=1e-9, atol=1e-12)


def test_a_window_that_is_not_full_is_padded_on_the_left_by_hand() -> None:
    """Log returns 1 and -1 in units of ln 2: mean 0, deviation sqrt 2."""
    states = state_frame(states_of(Bars(frame([100.0, 200.0, 100.0]), "BTC-USD")))
    assert not states.iloc[:2, :20].to_numpy().any()  # no return, and one that has nothing to be compared with
    expected = [0.0] * 18 + [1.0 / math.sqrt(2.0), -1.0 / math.sqrt(2.0)]
    np.testing.assert_allclose(states.iloc[2, :20], expected, rtol=1e-12)


@pytest.mark.parametrize("closes", [[50.0] * 100, 100.0 * 1.01 ** np.arange(100)])
def test_returns_that_never_differ_have_no_shape(closes: list[float]) -> None:
    states = state_frame(states_of(Bars(frame(closes), "BTC-USD")))
    assert not states.iloc[20:, :20].to_numpy().any()
    assert states.iloc[WARM_UP:].notna().all(axis=None)


def test_indicators_are_those_of_ta_lib() -> None:
    states = state_frame(states_of(BARS)).iloc[WARM_UP:]
    close, volume = (BARS.frame[name].to_numpy() for name in ("close", "volume"))
    upper, middle, lower = talib.BBANDS(close, 20, 2.0, 2.0)
    expected = {
        "rsi": talib.RSI(close, 14) / 100.0,
        "macd_signal": talib.MACD(close, 12, 26, 9)[1] / close,
        "bollinger_width": (upper - lower) / middle,
        "volume_ratio": volume / talib.SMA(volume, 20),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(states[name], values[WARM_UP:], rtol=1e-9, err_msg=name)


def test_exactly_one_regime_is_on_and_it_is_the_markets() -> None:
    states = state_frame(states_of(BARS)).iloc[WARM_UP:]
    assert (states[list(REGIMES)].sum(axis=1) == 1.0).all()
    assert states[list(REGIMES)].idxmax(axis=1).tolist() == volatility_regime(BARS).iloc[WARM_UP:].tolist()


def test_data_health_is_the_index_of_each_session() -> None:
    holes = Bars(BARS.frame.drop(BARS.frame.index[[150, 151, 200]]), "AAPL")
    daily = health.daily(holes, holes.frame.index[-1])["index"]
    np.testing.assert_array_equal(state_frame(states_of(holes))["data_health"], daily.loc[holes.dates])
    assert daily.min() < 1.0


def test_data_health_of_a_short_bar_does_not_depend_on_the_rest_of_its_session() -> None:
    hours = SampleSource().fetch("AAPL", "1h", END - timedelta(days=60), END)
    holes = Bars(hours.frame.drop(hours.frame.index[[203, 204]]), "AAPL", "1h")
    index = health.at_bars(holes)
    for time in holes.frame.index[[199, 203, 207]]:
        assert index[time] == health.measure(holes.until(time), time).index
    assert index.iloc[202] == 1.0 > index.iloc[203]


def test_bars_that_the_calendar_does_not_expect_are_not_trusted() -> None:
    night = pd.date_range("2024-01-06 03:00", periods=100, freq="min", tz="UTC", name="time")  # a Saturday
    bars = Bars(walk(100).set_axis(night), "AAPL", "1m")
    assert not health.at_bars(bars).any()
    assert health.at_bars(bars.head(0)).empty


def test_news_and_macro_sentiment_are_the_last_two_states_and_bars_with_headlines_are_counted() -> None:
    times = BARS.frame.index
    news = pd.DataFrame(
        {"seen_at": times[[-3, -2]] - pd.Timedelta(hours=1), "title": ["Great results", "Awful losses"]}
    )
    macro = pd.DataFrame({"seen_at": times[[-1]] - pd.Timedelta(hours=1), "title": ["Markets crash in panic"]})
    market = MarketStates.of(BARS, news, macro)
    states = state_frame(market)
    good, bad, panic = (polarity(title) for title in (*news["title"], *macro["title"]))
    np.testing.assert_allclose(states["news_sentiment"].iloc[-4:], [0.0, good, (good + bad) / 2, (good + bad) / 2])
    assert states["macro_sentiment"].iloc[-2:].tolist() == [0.0, panic]
    facts = json.loads(json.dumps(market.facts()))
    assert facts["bars_with_headlines"] == {"news_sentiment": 3, "macro_sentiment": 1}
    assert (facts["bars"], facts["states"]) == (len(BARS), list(NAMES))


def test_the_holding_is_copied_into_the_states() -> None:
    decided = pd.Series(np.random.default_rng(0).choice([-1.0, 0.0, 0.4], len(BARS)), BARS.frame.index)
    holding = Holding.replayed(decided)
    states = state_frame(states_of(BARS), holding)
    np.testing.assert_array_equal(states["position"], holding.position)
    np.testing.assert_array_equal(states["leverage"], holding.leverage)
    np.testing.assert_array_equal(states["cash"], holding.cash)
    np.testing.assert_allclose(states["days_since_trade"], np.tanh(np.asarray(holding.days_since_trade) / 30.0))


@given(st.integers(1, 120), st.integers(0, 99), st.data())
def test_a_row_alone_is_the_row_among_all_to_the_last_bit(bars: int, seed: int, data: st.DataObject) -> None:
    market = states_of(Bars(walk(bars, seed), "BTC-USD"))
    decided = pd.Series(np.random.default_rng(seed).uniform(-1.0, 1.0, bars).round(1), market.times)
    holding = Holding.replayed(decided)
    at = data.draw(st.integers(0, bars - 1))
    alone = Holding(*(np.asarray(values)[at] for values in vars(holding).values()))
    assert market.row(alone, at).tobytes() == market.rows(holding)[at].tobytes()


def test_states_mean_the_same_at_any_price() -> None:
    dear = BARS.frame.assign(**{name: BARS.frame[name] * 64.0 for name in ("open", "high", "low", "close")})
    np.testing.assert_allclose(
        state_frame(states_of(Bars(dear, "AAPL"))), state_frame(states_of(BARS)), rtol=1e-7, atol=1e-9
    )


def test_a_market_without_bars_has_no_states() -> None:
    assert states_of(BARS.head(0)).rows(Holding()).shape == (0, 34)


@pytest.fixture
def builder(home: Home) -> RlStateBuilder:
    """Over a home with bars of Yahoo, news of them and of the index; and news that the sample market tells."""
    BarStore(home).save(Bars(BARS.frame, "AAPL", "1d", "yahoo"), END)
    for source, symbol, title in (
        ("yahoo", "AAPL", "Great results, shares surge"),
        ("yahoo", "^GSPC", "Markets crash in panic"),
        ("sample", "AAPL", "Awful losses"),
    ):
        headline = Headline("one", END, title, "A Paper", "")
        HeadlineStore(home).add(source, symbol, [headline], BARS.frame.index[-2] - timedelta(hours=1))
    return RlStateBuilder(DataLoader(home, Settings(sources=Sources(bars="yahoo"))))


def test_a_state_built_live_is_the_last_row_of_all_to_the_last_bit(builder: RlStateBuilder) -> None:
    last = BARS.frame.index[-1]
    state = builder.build_state(
        symbol="AAPL", current_date=last.date(), current_position=0.0, portfolio_equity=10_000.0
    )
    assert state.tobytes() == builder.market("AAPL").rows(Holding())[-1].tobytes()
    assert isinstance(state, RlState)
    assert state.features.tobytes() == state.tobytes()
    assert state.shape == (34,)
    assert state[-2:].tolist() == [polarity("Great results, shares surge"), polarity("Markets crash in panic")]


def test_a_date_is_a_session_and_an_instant_is_an_instant(builder: RlStateBuilder) -> None:
    rows = builder.market("AAPL").rows(Holding())
    friday, saturday = date(2024, 6, 14), date(2024, 6, 15)
    at = list(BARS.dates).index(pd.Timestamp(friday))
    close = BARS.frame.index[at].to_pydatetime()
    for moment in (friday, saturday, close, close.replace(tzinfo=None), close + timedelta(hours=30)):
        assert builder.build_state("AAPL", moment).tobytes() == rows[at].tobytes()
    early = close - timedelta(seconds=1)
    assert builder.build_state("AAPL", early).tobytes() == rows[at - 1].tobytes()
    assert len(builder.market("AAPL", friday)) == at + 1
    assert calendar.session_dates("AAPL", builder.market("AAPL", saturday).times)[-1].date() == friday


def test_the_states_of_a_portfolio_are_shares_of_its_equity(builder: RlStateBuilder) -> None:
    close = BARS.frame.index[-1]
    portfolio = slice(NAMES.index("position"), NAMES.index("days_since_trade") + 1)
    state = builder.build_state(
        "AAPL", close.date(), -0.5, 10_000.0, portfolio_cash=12_500.0, last_trade=close - timedelta(days=15)
    )
    np.testing.assert_allclose(state[portfolio], [-0.5, 0.5, 1.25, math.tanh(0.5)])
    simple = builder.build_state("AAPL", close.date(), 0.25, 10_000.0, last_trade=close + timedelta(hours=3))
    np.testing.assert_allclose(simple[portfolio], [0.25, 0.25, 0.75, 0.0])


def test_a_history_too_short_and_a_position_that_is_no_share_are_refused(builder: RlStateBuilder) -> None:
    with pytest.raises(NightdeskError, match=f"known from bar {WARM_UP + 1}") as caught:
        builder.build_state("AAPL", BARS.dates[WARM_UP - 1].date())
    assert caught.value.code == "states.too_short"
    assert np.isfinite(builder.build_state("AAPL", BARS.dates[WARM_UP].date())).all()
    for wrong in ({"current_position": 100.0}, {"portfolio_equity": 0.0}):
        with pytest.raises(UsageError, match="The portfolio is impossible"):
            builder.build_state("AAPL", BARS.dates[-1].date(), **wrong)


def test_a_state_is_made_of_34_numbers_and_of_no_others() -> None:
    numbers = np.arange(34.0)
    state = RlState(numbers)
    numbers[0] = 99.0
    assert type(state.features) is np.ndarray
    assert state.features.tolist() == list(range(34))
    for shape in ((33,), (1, 34), ()):
        with pytest.raises(UsageError, match="is no state") as caught:
            RlState(np.zeros(shape))
        assert "macd_signal" in caught.value.cure


def test_a_session_is_whatever_has_bars_and_headlines() -> None:
    class Session:
        def bars(self, symbol: str) -> Bars:
            return Bars(walk(100), symbol)

        def headlines(self, source: str, symbol: str) -> pd.DataFrame:
            assert (source, symbol) in {("memory", "BTC-USD"), ("memory", "^VIX")}
            return NOTHING.reindex(columns=list(COLUMNS))

    assert RlStateBuilder(Session(), macro_symbol="^VIX").market("BTC-USD").rows(Holding()).shape == (100, 34)
