"""Labels worked by hand, against a plain reading of the rules bar by bar, and the laws they keep."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import NightdeskError, UsageError
from data_pipeline.bars.bars import Bars
from data_pipeline.labels.triple_barrier import Barriers, barrier_labels, fitted_barriers, meta_labels, volatility
from tests.support.markets.prices import frame, walk

# The promise of a 2 % gain against a 2 % loss.
TWO_PERCENT = Barriers(profit=1.0, stop=1.0, horizon=3)


def _bars(*rows: tuple[float, float, float, float]) -> Bars:
    """From (open, high, low, close)."""
    prices = pd.DataFrame(rows, columns=["open", "high", "low", "close"], dtype="float64")
    prices.index = pd.date_range("2024-01-01", periods=len(rows), tz="UTC", name="time")
    return Bars(prices.assign(volume=1.0), "BTC-USD")


def _closes(*closes: float) -> Bars:
    return _bars(*((close, close, close, close) for close in closes))


def _first(bars: Bars, barriers: Barriers = TWO_PERCENT, side: int = 1) -> tuple[int, float, int]:
    """Label, P&L and bars held of an entry at the first bar."""
    row = barrier_labels(bars, barriers, sigma=0.02, side=pd.Series([side], bars.frame.index[:1])).iloc[0]
    assert row["touched_at"] == bars.frame.index[row["bars_held"]]
    return int(row["label"]), round(float(row["pnl"]), 12), int(row["bars_held"])


@pytest.mark.parametrize(
    ("closes", "side", "expected"),
    [
        ((100, 101, 103, 90), 1, (1, 0.03, 2)),  # the profit is what the close gave, not where the barrier stood
        ((100, 101, 97, 103), 1, (-1, -0.03, 2)),
        ((100, 101, 99, 101.5), 1, (0, 0.015, 3)),  # patience ends
        ((100, 102, 98, 102), 1, (0, 0.02, 3)),  # at a barrier is not beyond it
        ((100, 103, 97, 90), -1, (-1, -0.03, 1)),  # a short loses when prices rise
        ((100, 101, 97, 90), -1, (1, 0.03, 2)),
        ((100, 101, 101, 104), 1, (1, 0.04, 3)),  # touched on the last bar of patience
    ],
)
def test_labels_on_closes_worked_by_hand(closes: tuple[float, ...], side: int, expected: tuple) -> None:
    assert _first(_closes(*closes), side=side) == expected


@pytest.mark.parametrize(
    ("second", "side", "expected"),
    [
        ((100, 103, 99, 100), 1, (1, 0.02, 1)),  # left at the barrier
        ((100, 101, 97, 100), 1, (-1, -0.02, 1)),
        ((100, 103, 97, 100), 1, (-1, -0.02, 1)),  # both: nobody knows which came first, so the stop
        ((100, 103, 97, 100), -1, (-1, -0.02, 1)),
        ((104, 105, 97, 100), 1, (1, 0.04, 1)),  # opened beyond the profit, before it fell through the stop
        ((95, 103, 94, 100), 1, (-1, -0.05, 1)),
        ((95, 103, 94, 100), -1, (1, 0.05, 1)),
        ((100, 101, 99, 100), 1, (0, 0.0, 3)),
    ],
)
def test_labels_on_highs_and_lows_worked_by_hand(second: tuple, side: int, expected: tuple) -> None:
    quiet = (100.0, 101.0, 99.0, 100.0)
    bars = _bars(quiet, second, quiet, quiet)
    assert _first(bars, Barriers(1.0, 1.0, 3, touch="range"), side) == expected


def test_without_a_stop_only_profit_and_patience_end_a_trade() -> None:
    assert _first(_closes(100, 1, 103, 100), Barriers(1.0, math.inf, 3)) == (1, 0.03, 2)


def _plainly(bars: Bars, barriers: Barriers, sigma: pd.Series, side: pd.Series) -> list[tuple]:
    """The rules, read aloud."""
    rows = [tuple(row) for row in bars.frame[["open", "high", "low", "close"]].to_numpy()]
    labelled = []
    for i in range(len(rows) - barriers.horizon):
        way, width = int(side.iloc[i]), float(sigma.iloc[i])
        if way == 0 or not width > 0.0:
            continue
        entry = rows[i][3]
        upper = entry * (1.0 + (barriers.profit if way > 0 else barriers.stop) * width)
        lower = entry * (1.0 - (barriers.stop if way > 0 else barriers.profit) * width)
        label, bars_held, exit_price = 0, barriers.horizon, rows[i + barriers.horizon][3]
        for bar in range(1, barriers.horizon + 1):
            open_, high, low, close = rows[i + bar]
            path = [open_, *([low, high] if way > 0 else [high, low])] if barriers.touch == "range" else [close]
            met = [price for price in path if price > upper or price < lower]
            if met:
                up = met[0] > upper
                label, bars_held = (way if up else -way), bar
                gapped = barriers.touch == "close" or open_ > upper or open_ < lower
                exit_price = path[0] if gapped else (upper if up else lower)
                break
        labelled.append((bars.frame.index[i], way, label, way * (exit_price / entry - 1.0), bars_held))
    return labelled


def _market(n: int, seed: int, spread: float) -> Bars:
    rows = walk(n, seed)
    return Bars(rows.assign(high=rows["high"] * (1.0 + spread), low=rows["low"] / (1.0 + spread)), "BTC-USD")


MARKETS = st.builds(_market, st.integers(2, 160), st.integers(0, 10**6), st.floats(0.0, 0.02))
BARRIERS = st.builds(
    Barriers,
    profit=st.sampled_from([0.5, 1.0, 2.0, math.inf]),
    stop=st.sampled_from([0.5, 1.0, 3.0, math.inf]),
    horizon=st.integers(1, 30),
    touch=st.sampled_from(["close", "range"]),
)


@given(MARKETS, BARRIERS, st.integers(0, 99))
def test_the_kernel_reads_the_rules_as_a_plain_loop_does(bars: Bars, barriers: Barriers, seed: int) -> None:
    random = np.random.default_rng(seed)
    side = pd.Series(random.integers(-1, 2, len(bars)), bars.frame.index)
    sigma = pd.Series(random.choice([0.0, np.nan, 0.005, 0.02], len(bars)), bars.frame.index)
    labelled = barrier_labels(bars, barriers, sigma=sigma, side=side)
    columns = labelled[["side", "label", "pnl", "bars_held"]]
    assert list(columns.itertuples(name=None)) == _plainly(bars, barriers, sigma, side)


@given(MARKETS, BARRIERS, st.data())
def test_later_bars_add_labels_and_change_none(bars: Bars, barriers: Barriers, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(bars)), label="cut")
    whole, part = (barrier_labels(market, barriers, sigma=0.01) for market in (bars, bars.head(cut)))
    pd.testing.assert_frame_equal(part, whole.head(len(part)), check_exact=True, check_freq=False)
    assert len(part) == max(cut - barriers.horizon, 0)


@given(MARKETS, BARRIERS)
def test_prices_in_another_currency_have_the_same_labels(bars: Bars, barriers: Barriers) -> None:
    dear = Bars(bars.frame.assign(**{name: bars.frame[name] * 64.0 for name in ("open", "high", "low", "close")}), "X")
    kwargs = {"sigma": 0.01}
    pd.testing.assert_frame_equal(
        barrier_labels(dear, barriers, **kwargs), barrier_labels(bars, barriers, **kwargs), check_exact=True
    )


def test_sigma_is_the_weighted_deviation_of_the_returns_and_unknown_at_first() -> None:
    """The unbiased weighted variance, written out: weights 1, w, w^2, ... with w = 1 - 2 / 101."""
    close = walk(160, seed=3)["close"].to_numpy()
    returns = close[1:] / close[:-1] - 1.0
    sigma = volatility(Bars(walk(160, seed=3), "BTC-USD"))
    assert sigma.isna().to_numpy().tolist() == [True] * 100 + [False] * 60
    weights = (1.0 - 2.0 / 101.0) ** np.arange(len(returns))[::-1]
    mean = np.average(returns, weights=weights)
    biased = np.average((returns - mean) ** 2, weights=weights)
    total = weights.sum()
    assert sigma.iloc[-1] == pytest.approx(math.sqrt(biased * total**2 / (total**2 - (weights**2).sum())), rel=1e-9)


def test_entries_before_sigma_is_known_or_too_near_to_the_end_have_no_label() -> None:
    bars = Bars(walk(160, seed=3), "BTC-USD")
    labelled = barrier_labels(bars)
    assert labelled.index.equals(bars.frame.index[100:140])
    assert barrier_labels(bars.head(50)).empty


@pytest.mark.parametrize(
    ("times", "sides"),
    [
        ([0, 0], [1, 1]),
        ([2, 1], [1, 1]),
        ([1, 99], [1, -1]),
        ([0, 1], [1, 2]),
        ([0, 1], [1, math.nan]),
        ([0, 1], [1, math.inf]),
        ([0, 1], ["buy", "sell"]),
    ],
    ids=str,
)
def test_entries_that_are_no_bars_out_of_order_or_on_no_side_are_refused(times: list[int], sides: list) -> None:
    bars = _closes(100, 101, 102, 103, 104)
    index = pd.DatetimeIndex([pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(days=day) for day in times])
    with pytest.raises(NightdeskError) as caught:
        barrier_labels(bars, TWO_PERCENT, sigma=0.02, side=pd.Series(sides, index))
    assert caught.value.code == "labels.entries"


def test_sigma_is_one_number_or_a_series_on_the_index_of_the_bars() -> None:
    """Sigma of another index would leave every entry out in silence."""
    bars = _closes(100, 103, 100, 97)
    sigma = pd.Series(0.02, bars.frame.index)
    assert barrier_labels(bars, Barriers(1.0, 1.0, 1), sigma=np.float32(0.02))["label"].tolist() == [1, -1, -1]
    assert barrier_labels(bars, Barriers(1.0, 1.0, 1), sigma=sigma)["label"].tolist() == [1, -1, -1]
    for other in (sigma.tz_localize(None), pd.concat([sigma, sigma]), sigma.iloc[1:]):
        with pytest.raises(NightdeskError, match="on the index of the bars") as caught:
            barrier_labels(bars, sigma=other)
        assert caught.value.code == "labels.sigma"


@pytest.mark.parametrize(
    "change",
    [{"profit": 0.0}, {"stop": -1.0}, {"stop": math.nan}, {"horizon": 0}, {"horizon": 2.5}, {"touch": "wick"}],
    ids=str,
)
def test_impossible_barriers_are_refused(change: dict) -> None:
    with pytest.raises(UsageError, match="above 0"):
        Barriers(**change)


def test_a_meta_label_says_whether_following_the_side_paid() -> None:
    bars = _closes(100, 101, 103, 100, 97, 99, 100)
    side = pd.Series([1, -1, -1, 1], bars.frame.index[[0, 1, 2, 3]])
    labelled = barrier_labels(bars, TWO_PERCENT, sigma=0.02, side=side)
    assert labelled["label"].tolist() == [1, 1, 1, -1]
    assert labelled["pnl"].round(4).tolist() == [0.03, 0.0396, 0.0291, -0.03]
    assert meta_labels(labelled).tolist() == [1, 1, 1, 0]


def test_barriers_are_fitted_from_a_traders_exits() -> None:
    """At sigma 1 %: winners of 2 and 4 sigma, losers of 1 and 3; held 1, 2, 1 and 1 bars."""
    bars = _closes(100, 102, 100, 104, 100, 99, 100, 97)
    day = [stamp.to_pydatetime() for stamp in bars.frame.index]
    trades = pd.DataFrame(
        {
            "entered_at": [day[0], day[1], day[4], day[6]],
            "exited_at": [day[1], day[3], day[5], day[7]],
            "side": [1, 1, 1, 1],
        }
    )
    trades.loc[1, ["entered_at", "exited_at"]] = [day[2], day[3]]
    fitted = fitted_barriers(bars, trades, sigma=0.01)
    assert (fitted.profit, fitted.stop, fitted.horizon) == (pytest.approx(3.0), pytest.approx(2.0), 1)


def test_a_trade_between_two_bars_is_met_by_the_last_bar_closed_by_then() -> None:
    bars = _closes(100, 102, 97, 96, 95)
    half = pd.Timedelta(hours=12)
    trades = pd.DataFrame(
        {
            "entered_at": [bars.frame.index[0] + half, bars.frame.index[0] + half],
            "exited_at": [bars.frame.index[1] + half, bars.frame.index[4] + half],
            "side": [1, 1],
        }
    )
    fitted = fitted_barriers(bars, trades, sigma=0.01)
    assert (fitted.profit, fitted.stop, fitted.horizon) == (pytest.approx(2.0), pytest.approx(5.0), 4)


def test_a_trader_who_never_lost_gives_no_stop() -> None:
    bars = Bars(frame([100.0, 101.0, 102.0]), "BTC-USD")
    trades = pd.DataFrame({"entered_at": bars.frame.index[:1], "exited_at": bars.frame.index[2:], "side": [1]})
    with pytest.raises(NightdeskError, match="1 won and 0 lost") as caught:
        fitted_barriers(bars, trades, sigma=0.01)
    assert caught.value.code == "labels.too_few_exits"


def test_exits_without_a_time_zone_are_refused() -> None:
    bars = Bars(frame([100.0, 101.0, 102.0]), "BTC-USD")
    naive = bars.frame.index.tz_localize(None)
    trades = pd.DataFrame({"entered_at": naive[:1], "exited_at": naive[2:], "side": [1]})
    with pytest.raises(NightdeskError, match="with their time zone") as caught:
        fitted_barriers(bars, trades, sigma=0.01)
    assert caught.value.code == "labels.times"
