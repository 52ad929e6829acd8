"""The news analyst: the sentiment of the headlines of the last three days."""

from __future__ import annotations

import numpy as np
import pandas as pd

from data_pipeline.news.sentiment import sentiment
from trainers.analysts.votes import Votes


def news_votes(headlines: pd.DataFrame | None, times: pd.DatetimeIndex) -> Votes:
    """The mean sentiment, surer the stronger it is and the more headlines there are; none where there is no headline.

    confidence = |sentiment| n / (n + 1) for n headlines
    """
    if headlines is None or headlines.empty:
        return Votes.none(times)
    news = sentiment(headlines, times)
    count = news.headlines.astype(np.float64)
    confidence = np.abs(news.score) * count / (count + 1.0)
    return Votes.of(times, (1.0 + news.score) / 2.0, np.where(news.headlines > 0, confidence, np.nan))
