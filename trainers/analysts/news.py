"""The news analyst: the sentiment of the headlines of the last three days, of which the newest count most."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit

from data_pipeline.news.sentiment import WINDOW, polarity
from trainers.analysts.votes import Floats, Votes

HALF_LIFE = pd.Timedelta(days=1)  # after which a headline counts half
Instants = npt.NDArray[np.int64]  # nanoseconds


def news_votes(headlines: pd.DataFrame | None, times: pd.DatetimeIndex) -> Votes:
    """The mean sentiment s, surer the stronger it is and the more fresh headlines there are; none without a headline.

        w_i = 2^(-age_i / 1 day)     s = sum(w_i s_i) / sum(w_i)     over the headlines of the 3 days before a close
        probability = (1 + s) / 2    confidence = |s| w / (w + 1),   w = sum(w_i)

    `headlines` has a `title` a row and is indexed by the instants at which they were seen, in order.
    """
    if headlines is None or headlines.empty:
        return Votes.none(times)
    seen_at = pd.DatetimeIndex(headlines.index).as_unit("ns").asi8
    scores = np.array([polarity(title) for title in headlines["title"]], np.float64)
    closes = pd.DatetimeIndex(times).as_unit("ns").asi8
    score, weight = _decayed(seen_at, scores, closes, WINDOW.value, HALF_LIFE.value)
    return Votes.of(times, (1.0 + score) / 2.0, np.abs(score) * weight / (weight + 1.0))


@njit(cache=True)
def _decayed(seen_at: Instants, scores: Floats, closes: Instants, window: int, half_life: int) -> tuple[Floats, Floats]:
    """At each close the weighed mean score and the sum of the weights, NaN without headlines.

    Each close has its own sums, so that nothing seen before its window leaves rounding in it.
    """
    means, weights = np.full(len(closes), np.nan), np.full(len(closes), np.nan)
    begins = np.searchsorted(seen_at, closes - window, "left")
    ends = np.searchsorted(seen_at, closes, "left")  # one seen at the very close came too late
    for row, close in enumerate(closes):
        if begins[row] == ends[row]:
            continue
        total, weight = 0.0, 0.0
        for nth in range(begins[row], ends[row]):
            share = 2.0 ** (-(close - seen_at[nth]) / half_life)
            total += share * scores[nth]
            weight += share
        means[row], weights[row] = total / weight, weight
    return means, weights
