"""The newest decisions of an ensemble of analysts for 500 symbols with headlines: goal 5 seconds of one core.

Processor time is measured, which is what one core of an idle machine takes.

python -m benchmarks.ensemble
"""

from __future__ import annotations

import time

import pandas as pd

from benchmarks._figures import market, seconds, show
from data_pipeline.bars import calendar
from data_pipeline.bars.bars import Bars
from data_pipeline.inputs import Inputs
from data_pipeline.news.sentiment import polarity
from trainers.analysts.ensemble import Ensemble

SYMBOLS = 500
BARS = 500  # two years of sessions: more than any analyst looks back
HEADLINES = 20  # of each symbol, each with a title of its own
GOAL = 5.0  # seconds for all symbols


def inputs_of(number: int, bars: Bars) -> Inputs:
    """One symbol's bars, and headlines seen between its last closes."""
    symbol = f"S{number:03}"
    words = ["surge on great results", "plunge after awful losses", "hold their annual meeting"]
    titles = [f"{symbol}: shares number {nth} {words[(number + nth) % 3]}" for nth in range(HEADLINES)]
    seen_at = pd.DatetimeIndex(bars.frame.index[-HEADLINES:]) - pd.Timedelta(hours=1)
    rows = pd.DataFrame({"seen_at": seen_at, "title": titles}, index=seen_at.rename("time"))
    return Inputs(symbol, {symbol: Bars(bars.frame, symbol, bars.interval)}, headlines={symbol: rows})


def daily_bars() -> list[Bars]:
    """A random walk of daily bars for each symbol."""
    walk = market(SYMBOLS * BARS).frame
    closes = calendar.closes("AAPL", "1d", pd.Timestamp("2022-01-01", tz="UTC"), pd.Timestamp("2024-12-31", tz="UTC"))
    index = closes[:BARS].rename("time")
    return [
        Bars(walk.iloc[nth * BARS : (nth + 1) * BARS].set_axis(index, axis=0), f"S{nth:03}") for nth in range(SYMBOLS)
    ]


def main() -> bool:
    """Print the figures; whether the goal was met with every headline still to be scored."""
    subjects = [inputs_of(nth, bars) for nth, bars in enumerate(daily_bars())]
    ensemble = Ensemble()

    def decided() -> None:
        polarity.cache_clear()
        for inputs in subjects:
            ensemble.decide(inputs)

    def scored_before() -> None:
        for inputs in subjects:
            ensemble.decide(inputs)

    met = show(
        f"{SYMBOLS} symbols of {BARS} bars, headlines new",
        *seconds(decided, repeats=3, clock=time.process_time),
        goal=GOAL,
    )
    show("the same, headlines scored before", *seconds(scored_before, repeats=3, clock=time.process_time))
    return met


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
