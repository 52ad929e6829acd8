"""A trader who follows a rule that a model can find: it buys the outcome that is cheaper, more of it the cheaper."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from data_pipeline.bars.bars import Bars
from data_pipeline.inputs import Inputs
from data_pipeline.trader_logs.events import QUOTE, SETTLED, TRADE

TRADER = "trader:0x6031"
SECONDS = 5  # of a bar
# Small, so that a contract test trains it in about a second.
SMALL_PARAMS: dict[str, Any] = {
    "d_model": 16,
    "layers": 1,
    "heads": 2,
    "context": 32,
    "dropout": 0.0,
    "tokens": "concatenated",
    "fit": {"epochs": 12, "batch_size": 2, "learning_rate": 0.02, "warmup": 4, "patience": 12},
}


def inputs(markets: int = 6, bars: int = 48) -> Inputs:
    """Markets one after the other, the price of each a wave around one half."""
    made = {f"planted-{number}": _market(number, bars) for number in range(markets)}
    return Inputs(
        TRADER,
        bars={name: Bars(frame, name, f"{SECONDS}s", "bucket") for name, (frame, _) in made.items()},
        trader_log={name: log for name, (_, log) in made.items()},
    )


def _market(number: int, bars: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    random = np.random.default_rng(number)
    opens = pd.Timestamp("2026-01-08 15:00", tz="UTC") + pd.Timedelta(minutes=10 * number)
    index = pd.date_range(opens, periods=bars, freq=f"{SECONDS}s", name="time")
    wave = 0.3 * np.sin(np.arange(bars) / 4.0 + random.uniform(0.0, 6.0))
    price = np.clip(0.5 + wave + random.normal(0.0, 0.01, bars), 0.05, 0.95)
    frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), price), index=index).assign(volume=1.0)
    return frame, _log(index, price)


def _log(index: pd.DatetimeIndex, price: np.ndarray) -> pd.DataFrame:
    """A quote in every bar, and after its close what the trader does about it; then the settlement."""
    edge = price - 0.5
    size = np.where(np.abs(edge) > 0.25, 30.0, 5.0)
    outcome = -np.sign(edge)
    quotes = _events(index - pd.Timedelta(seconds=2), kind=QUOTE, price=price)
    fills = _events(
        index + pd.Timedelta(seconds=1), kind=TRADE, price=price, size=size, outcome=outcome, side=1.0,
        money=size * np.where(outcome > 0.0, price, 1.0 - price),
    )[np.abs(edge) > 0.1]  # fmt: skip
    end = _events(index[-1:] + pd.Timedelta(seconds=SECONDS), kind=SETTLED)
    return pd.concat([quotes, fills, end]).sort_index().rename_axis("time")


def _events(times: pd.DatetimeIndex, **values: Any) -> pd.DataFrame:
    empty = {"kind": 0.0, "price": np.nan, "size": 0.0, "money": 0.0, "outcome": 0.0, "side": 0.0, "spread": np.nan}
    return pd.DataFrame(empty | values, index=times).astype("f8")
