"""What the news says of a symbol, from -1 (all bad) to 1 (all good), by the headlines seen before each bar closed.

VADER scores a headline by a lexicon and a few rules: C. J. Hutto and E. Gilbert, ICWSM (2014). It knows everyday words,
not those of finance, so that most headlines are nearly neutral to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_pipeline.features.rolling import Floats, ratio

if TYPE_CHECKING:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

WINDOW = pd.Timedelta(days=3)  # what was seen on Friday evening still counts on Monday evening
_DIGITS = 10_000  # VADER rounds to four


@dataclass(frozen=True, eq=False)
class Sentiment:
    """At each bar, the mean score of the headlines in its window (0 where there are none), and their number."""

    score: Floats
    headlines: npt.NDArray[np.int64]


def sentiment(headlines: pd.DataFrame, times: pd.DatetimeIndex) -> Sentiment:
    """For each bar that closes at `times`: over the headlines (`seen_at`, `title`) of the `WINDOW` before it.

    A headline seen at the very close, or later, does not count. Scores are added as whole numbers, so that no rounding
    of what was seen long ago reaches a bar.
    """
    ordered = headlines.sort_values("seen_at", kind="stable")
    seen_at = pd.DatetimeIndex(ordered["seen_at"]).as_unit("ns").asi8
    scores = np.array([round(_DIGITS * polarity(title)) for title in ordered["title"]], np.int64)
    cumulative = np.concatenate([[0], np.cumsum(scores)])
    closes = times.as_unit("ns").asi8
    begin, end = (np.searchsorted(seen_at, instants, side="left") for instants in (closes - WINDOW.value, closes))
    counts = end - begin
    total = (cumulative[end] - cumulative[begin]).astype(np.float64)
    return Sentiment(ratio(total, (_DIGITS * counts).astype(np.float64)), counts)


@lru_cache(maxsize=1 << 16)
def polarity(text: str) -> float:
    """VADER's compound score of one text, -1 to 1, to four digits."""
    return float(_analyser().polarity_scores(text)["compound"])


@cache
def _analyser() -> SentimentIntensityAnalyzer:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # noqa: PLC0415 -- reads its lexicon

    return SentimentIntensityAnalyzer()
