"""What the news says at each bar: the mean of what was seen in the days before its close, and of nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.news.sentiment import WINDOW, polarity, sentiment

DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2024-03-01 21:00", tz="UTC")
GOOD, BAD, FLAT = (
    "Great results, shares surge",
    "Awful losses, investors fear the worst",
    "Company holds annual meeting",
)
TITLES = st.sampled_from([GOOD, BAD, FLAT, "Win", "No good", ""])
ENTRIES = st.lists(st.tuples(st.integers(0, 20 * 86_400), TITLES), max_size=30)
TIMES = START + pd.TimedeltaIndex(DAY * np.arange(20))


def headlines(*entries: tuple[pd.Timedelta, str]) -> pd.DataFrame:
    frame = pd.DataFrame(entries, columns=["after", "title"])
    return pd.DataFrame({"seen_at": START + pd.to_timedelta(frame["after"]), "title": frame["title"].astype("str")})


def in_seconds(entries: list[tuple[int, str]]) -> pd.DataFrame:
    return headlines(*((pd.Timedelta(seconds=after), title) for after, title in entries))


def test_good_news_is_above_zero_bad_news_below_and_a_plain_fact_is_neither() -> None:
    assert polarity(GOOD) > 0.3
    assert polarity(BAD) < -0.3
    assert polarity(FLAT) == 0.0


def test_a_word_has_its_score_in_the_lexicon() -> None:
    """`win` is worth 2.8 in the lexicon; a sum s becomes s / sqrt(s^2 + 15)."""
    assert polarity("win") == pytest.approx(2.8 / (2.8**2 + 15.0) ** 0.5, abs=1e-4)


def test_sentiment_of_a_bar_is_the_mean_of_the_three_days_before_it() -> None:
    news = sentiment(headlines((DAY / 2, GOOD), (DAY * 0.75, BAD)), TIMES[:5])
    assert news.headlines.tolist() == [0, 2, 2, 2, 0]
    mean = (polarity(GOOD) + polarity(BAD)) / 2
    np.testing.assert_allclose(news.score, [0.0, mean, mean, mean, 0.0], rtol=1e-12)


def test_a_headline_at_the_very_close_counts_for_the_next_bar_only() -> None:
    moment = pd.Timedelta(1, "ns")
    assert sentiment(headlines((DAY, GOOD)), TIMES[:3]).headlines.tolist() == [0, 0, 1]
    assert sentiment(headlines((DAY - moment, GOOD)), TIMES[:3]).headlines.tolist() == [0, 1, 1]
    assert sentiment(headlines((DAY - WINDOW, GOOD)), TIMES[:3]).headlines.tolist() == [1, 1, 0]


def test_without_headlines_score_and_count_are_zero() -> None:
    news = sentiment(headlines(), TIMES)
    assert not news.score.any()
    assert not news.headlines.any()


def test_neutral_news_and_no_news_both_score_zero_but_differ_in_their_count() -> None:
    news = sentiment(headlines((DAY / 2, FLAT)), TIMES[:2])
    assert news.score.tolist() == [0.0, 0.0]
    assert news.headlines.tolist() == [0, 1]


@given(ENTRIES)
def test_it_equals_a_plain_mean_over_the_window(entries: list[tuple[int, str]]) -> None:
    news = sentiment(in_seconds(entries), TIMES)
    for nth, time in enumerate(TIMES):
        scores = [polarity(t) for after, t in entries if time - WINDOW <= START + pd.Timedelta(seconds=after) < time]
        assert news.headlines[nth] == len(scores)
        assert news.score[nth] == pytest.approx(sum(scores) / len(scores) if scores else 0.0, abs=1e-12)


@given(ENTRIES, ENTRIES, st.integers(1, 20))
def test_headlines_before_the_window_and_from_the_close_on_change_no_bit(
    entries: list[tuple[int, str]], other_entries: list[tuple[int, str]], bar: int
) -> None:
    time = TIMES[bar - 1]
    alone = sentiment(in_seconds(entries), TIMES[bar - 1 : bar])
    outside = in_seconds(other_entries)
    outside = outside[(outside["seen_at"] >= time) | (outside["seen_at"] < time - WINDOW)]
    together = sentiment(pd.concat([outside, in_seconds(entries)]), TIMES[bar - 1 : bar])
    assert together.score.tobytes() == alone.score.tobytes()
    assert together.headlines.tolist() == alone.headlines.tolist()


@given(st.text(max_size=60))
def test_any_text_has_a_score_of_four_digits(text: str) -> None:
    score = polarity(text)
    assert -1.0 <= score <= 1.0
    assert score == round(score, 4)
