"""The 34 states of a policy, over a million bars at once and for one bar live.

python -m benchmarks.states
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks._figures import market, seconds, show
from data_pipeline.bars.bars import Bars
from data_pipeline.news.sentiment import polarity
from data_pipeline.policy_states.portfolio import Holding
from data_pipeline.policy_states.states import MarketStates

HEADLINES = 50_000


def headlines(bars: Bars) -> pd.DataFrame:
    """Seen at random moments of the bars, each with a title of its own."""
    random = np.random.default_rng(0)
    moments = np.sort(random.integers(0, len(bars), HEADLINES))
    words = ["surge on great results", "plunge after awful losses", "hold their annual meeting"]
    titles = [f"Shares number {nth} {words[nth % 3]}" for nth in range(HEADLINES)]
    return pd.DataFrame({"seen_at": bars.frame.index[moments], "title": titles})


def main() -> bool:
    """Print every figure; none has a goal of its own."""
    bars = market()
    news = headlines(bars)
    last, newest = bars.tail(2_500), news.tail(500)
    decided = pd.Series(np.random.default_rng(1).choice([-1.0, 0.0, 1.0], len(bars)), bars.frame.index)

    def scored() -> None:
        polarity.cache_clear()
        for title in news["title"]:
            polarity(title)

    def whole() -> None:
        MarketStates.of(bars, news, news).rows(Holding.replayed(decided))

    def live() -> None:
        MarketStates.of(last, newest, newest).row(Holding())

    show(f"scores of {HEADLINES:,} headlines", *seconds(scored, repeats=3))
    show(f"34 states of {len(bars):,} bars, scored before", *seconds(whole, repeats=5))
    show(f"34 states of one bar after {len(last):,}", *seconds(live))
    return True


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
