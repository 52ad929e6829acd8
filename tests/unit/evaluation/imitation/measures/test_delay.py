"""The cost of being one bar late, worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from data_pipeline.bars.bars import Bars
from data_pipeline.trader_logs.events import QUOTE, REDEEM, TRADE
from evaluation.imitation.measures.delay import delay, market_return

CLOSES = pd.date_range("2026-01-08 15:00:30", periods=4, freq="30s", tz="UTC", name="time")
UP = np.array([0.5, 0.6, 0.7, 0.8])
BARS = Bars(
    pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), UP), CLOSES).assign(volume=1.0), "m", "30s", "x"
)


def log(*rows: tuple[str, int, float, float, float, float]) -> pd.DataFrame:
    columns = ["time", "kind", "price", "size", "outcome", "side"]
    frame = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[1:], "f8"))
    return frame.set_index(pd.to_datetime("2026-01-08 " + frame.pop("time"), utc=True).astype("datetime64[ns, UTC]"))


def test_a_trade_is_moved_to_the_close_of_the_bar_after_its_own() -> None:
    # ten of Up at 0.40 in the bar that closes at 15:00:30; the next one closes at 0.6; the last price is 0.9
    result = market_return(BARS, log(("15:00:10", TRADE, 0.4, 10, 1, 1), ("15:01:50", QUOTE, 0.9, 0, 0, 0)))
    assert result is not None
    assert (result.earned, result.paid) == (pytest.approx(10 * (0.9 - 0.4)), pytest.approx(4.0))
    assert (result.earned_late, result.paid_late) == (pytest.approx(10 * (0.9 - 0.6)), pytest.approx(6.0))


def test_a_trade_at_a_close_is_of_the_next_bar() -> None:
    result = market_return(BARS, log(("15:00:30", TRADE, 0.5, 1, 1, 1), ("15:01:50", QUOTE, 0.9, 0, 0, 0)))
    assert result is not None
    assert result.paid_late == pytest.approx(0.7)


def test_a_trade_after_the_last_close_is_late_at_the_last_price() -> None:
    result = market_return(BARS, log(("15:02:20", TRADE, 0.85, 1, 1, 1), ("15:02:25", QUOTE, 0.95, 0, 0, 0)))
    assert result is not None
    assert result.paid_late == pytest.approx(0.95)


def test_down_is_worth_what_up_is_not_and_what_is_redeemed_is_worth_one_or_nothing() -> None:
    events = log(
        ("15:00:10", TRADE, 0.4, 10, -1, 1), ("15:01:50", QUOTE, 0.1, 0, 0, 0), ("15:03:00", REDEEM, np.nan, 0, 0, 0)
    )
    result = market_return(BARS, events)
    assert result is not None
    assert (result.paid, result.earned) == (pytest.approx(6.0), pytest.approx(10 * (1.0 - 0.6)))
    assert (result.paid_late, result.earned_late) == (pytest.approx(4.0), pytest.approx(10 * (1.0 - 0.4)))


def test_a_sale_pays_nothing_and_earns_what_the_price_falls_by() -> None:
    result = market_return(BARS, log(("15:00:10", TRADE, 0.4, 10, 1, -1), ("15:01:50", QUOTE, 0.1, 0, 0, 0)))
    assert result is not None
    assert (result.paid, result.earned) == (0.0, pytest.approx(3.0))


def test_over_markets_the_cost_is_the_difference_of_two_returns_of_the_money_paid() -> None:
    events = log(("15:00:10", TRADE, 0.4, 10, 1, 1), ("15:01:50", QUOTE, 0.9, 0, 0, 0))
    bars = {f"m{number}": BARS for number in range(6)}
    result = delay(bars, dict.fromkeys(bars, events), list(bars))
    assert result.returned.estimate == pytest.approx(125.0)
    assert result.late.estimate == pytest.approx(50.0)
    assert result.cost.estimate == pytest.approx(75.0)
    assert (result.cost.low, result.cost.high) == (pytest.approx(75.0), pytest.approx(75.0))


def test_a_log_without_trades_has_no_return_and_a_reason() -> None:
    result = delay({"m": BARS}, {"m": log(("15:01:50", QUOTE, 0.9, 0, 0, 0))}, ["m"])
    assert (result.cost.estimate, result.reason) == (None, "no_trades")
    assert market_return(BARS, pd.DataFrame({"side": [1.0], "size": [2.0]}, CLOSES[:1])) is None
