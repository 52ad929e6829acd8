from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.cli.arguments import normalise


@pytest.mark.parametrize(
    ("typed", "normalised"),
    [
        ("status --json", "--json status"),
        ("status --home /srv/desk -v", "--home /srv/desk -v status"),
        ("--config=a.json run --port 1", "--config=a.json run --port 1"),
        ("run --config=a.json", "--config=a.json run"),
        ("data --symbols AAPL GOOGL --update-data", "data --symbols AAPL --symbols GOOGL --update-data"),
        ("train --symbol AAPL --model-type a b", "train --symbol AAPL --model-type a --model-type b"),
        ("data --symbols", "data --symbols"),
        ("signals -- --json", "signals -- --json"),
        ("status --home", "--home status"),
    ],
)
def test_global_options_come_first_and_lists_are_spread(typed, normalised):
    assert normalise(typed.split()) == normalised.split()


@given(
    st.lists(
        st.sampled_from(["status", "--json", "-v", "--home", "x", "--symbols", "A", "--steps", "--", "--config=c"])
    )
)
def test_nothing_typed_is_lost_or_made_up(words):
    assert sorted(set(words)) == sorted(set(normalise(words)))
    without_lists = [word for word in normalise(words) if word != "--symbols"]
    assert sorted(without_lists) == sorted(word for word in words if word != "--symbols")
