"""SIGKILL at any moment of a night: nothing lost, doubled, torn or left behind."""

from __future__ import annotations

import statistics

import pytest

from config.paths import Home
from tests.support.faults.night_of_kills import Figures, night_of_kills


def _assert_nothing_happened(figures: Figures) -> None:
    assert figures.faults == []
    assert figures.counts["runs crashed"] > 0, "the kills have hit runs"
    assert figures.counts["retries"] > 0
    assert figures.counts["alerts resolved"] > 0


@pytest.mark.timeout(1200)
def test_a_night_of_eight_kills_leaves_no_trace(rested: Home) -> None:
    _assert_nothing_happened(night_of_kills(rested, kills=8, seed=8))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_night_of_two_hundred_kills_leaves_no_trace(home: Home) -> None:
    figures = night_of_kills(home, kills=200, seed=200)
    _assert_nothing_happened(figures)
    assert statistics.median(figures.recovered_in) < 2.0
