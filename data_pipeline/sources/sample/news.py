"""Headlines of the sample market: reports on what a day's prices did, written after its close.

They know nothing of the next day, so that sentiment is no second edge. Each was seen some minutes after it was
published, and so counts from the next bar on.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd

from data_pipeline.news.headlines import Headline
from data_pipeline.sources.sample.seeds import seed_of

YEARS = 5
_SHARE = 0.35  # of days, a report is written
_LARGE = 0.7  # standard deviations of a move that sets the tone
_MISREAD = 0.15  # of reports, the tone is another one
_PUBLISHER = "Sample market (made up)"
_GOOD = (
    "{} gains as buyers are happy with a strong day",
    "A great day for {}: optimism wins",
    "{} rallies on good news",
)
_BAD = ("{} falls as sellers fear the worst", "A terrible day for {}: losses and worries", "{} slumps on bad news")
_PLAIN = ("{} ends the day where it began", "{} waits for the next report", "What moved {} today")
_TONES = (_BAD, _PLAIN, _GOOD)


def sample_headlines(symbol: str, days: pd.DataFrame, now: datetime) -> list[Headline]:
    """The reports on these daily bars that were seen by `now`, newest first."""
    moves = np.log(days["close"]).diff().to_numpy()
    usual = pd.Series(moves).rolling(60, min_periods=20).std().to_numpy()
    # Two numbers for each day since the first: a later day changes no earlier one.
    draws = np.random.default_rng(seed_of("news", symbol)).random((len(days), 4))
    since = pd.Timestamp(now) - pd.DateOffset(years=YEARS)
    reported = (draws[:, 0] < _SHARE) & np.isfinite(usual) & np.asarray(days.index >= since)
    reports = [
        _report(symbol, days.index[row], moves[row] / usual[row], draws[row]) for row in np.flatnonzero(reported)[::-1]
    ]
    return [report for report in reports if report.seen_at is not None and report.seen_at <= now]


def _report(symbol: str, close: pd.Timestamp, move: float, draw: np.ndarray) -> Headline:
    tone = int(np.sign(move)) if abs(move) > _LARGE else 0
    if draw[1] < _MISREAD:
        tone = int(3.0 * draw[1] / _MISREAD) - 1
    titles = _TONES[tone + 1]
    published = close + pd.Timedelta(minutes=5 + int(draw[2] * 90))
    return Headline(
        id=f"sample-{symbol}-{close:%Y%m%d}",
        published_at=published.to_pydatetime(),
        title=titles[int(draw[3] * len(titles))].format(symbol),
        publisher=_PUBLISHER,
        url="",
        seen_at=(published + pd.Timedelta(minutes=10)).to_pydatetime(),
    )
