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
SEEN = st.lists(st.tuples(st.integers(0, 20 * 86_400), TITLES), max_size=30)
TIMES = START + pd.TimedeltaIndex(DAY * np.arange(20))


def headlines(*seen: tuple[pd.Timedelta, str]) -> pd.DataFrame:
    frame = pd.DataFrame(seen, columns=["after", "title"])
    return pd.DataFrame({"seen_at": START + pd.to_timedelta(frame["after"]), "title": frame["title"].astype("str")})


def in_seconds(seen: list[tuple[int, str]]) -> pd.DataFrame:
    return headlines(*((pd.Timedelta(seconds=after), title) for after, title in seen))


def test_good_news_is_above_zero_bad_news_below_and_a_plain_fact_is_neither() -> None:
    assert polarity(GOOD) > 0.3
    assert polarity(BAD) < -0.3
    assert polarity(FLAT) == 0.0


def test_a_word_is_scored_by_the_lexicon_as_its_authors_say() -> None:
    """`win` is worth 2.8 in the lexicon; a sum s becomes s / sqrt(s^2 + 15)."""
    assert polarity("win") == pytest.approx(2.8 / (2.8**2 + 15.0) ** 0.5, abs=1e-4)


def test_each_bar_hears_the_mean_of_three_days_and_forgets_them_after() -> None:
    told = sentiment(headlines((DAY / 2, GOOD), (DAY * 0.75, BAD)), TIMES[:5])
    assert told.headlines.tolist() == [0, 2, 2, 2, 0]
    mean = (polarity(GOOD) + polarity(BAD)) / 2
    np.testing.assert_allclose(told.score, [0.0, mean, mean, mean, 0.0], rtol=1e-12)


def test_what_is_seen_at_the_very_close_is_heard_by_the_next_bar_only() -> None:
    moment = pd.Timedelta(1, "ns")
    assert sentiment(headlines((DAY, GOOD)), TIMES[:3]).headlines.tolist() == [0, 0, 1]
    assert sentiment(headlines((DAY - moment, GOOD)), TIMES[:3]).headlines.tolist() == [0, 1, 1]
    assert sentiment(headlines((DAY - WINDOW, GOOD)), TIMES[:3]).headlines.tolist() == [1, 1, 0]


def test_where_nothing_was_ever_seen_all_is_silent() -> None:
    told = sentiment(headlines(), TIMES)
    assert not told.score.any()
    assert not told.headlines.any()


def test_neutral_news_and_no_news_are_both_zero_and_told_apart() -> None:
    told = sentiment(headlines((DAY / 2, FLAT)), TIMES[:2])
    assert told.score.tolist() == [0.0, 0.0]
    assert told.headlines.tolist() == [0, 1]


@given(SEEN)
def test_it_is_the_mean_of_the_window_read_aloud(seen: list[tuple[int, str]]) -> None:
    told = sentiment(in_seconds(seen), TIMES)
    for nth, time in enumerate(TIMES):
        scores = [polarity(t) for after, t in seen if time - WINDOW <= START + pd.Timedelta(seconds=after) < time]
        assert told.headlines[nth] == len(scores)
        assert told.score[nth] == pytest.approx(sum(scores) / len(scores) if scores else 0.0, abs=1e-12)


@given(SEEN, SEEN, st.integers(1, 20))
def test_headlines_before_the_window_and_from_the_close_on_change_no_bit(
    seen: list[tuple[int, str]], others: list[tuple[int, str]], bar: int
) -> None:
    time = TIMES[bar - 1]
    alone = sentiment(in_seconds(seen), TIMES[bar - 1 : bar])
    outside = in_seconds(others)
    outside = outside[(outside["seen_at"] >= time) | (outside["seen_at"] < time - WINDOW)]
    beside = sentiment(pd.concat([outside, in_seconds(seen)]), TIMES[bar - 1 : bar])
    assert beside.score.tobytes() == alone.score.tobytes()
    assert beside.headlines.tolist() == alone.headlines.tolist()


@given(st.text(max_size=60))
def test_any_text_has_a_score_of_four_digits(text: str) -> None:
    score = polarity(text)
    assert -1.0 <= score <= 1.0
    assert score == round(score, 4)
