"""Votes are weighed by weight times confidence, and a sure view pulls the probability to its side."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import UsageError
from trainers.analysts.decision import Action, AnalystSignal, aggregate_signals
from trainers.analysts.votes import Votes, action_codes, strengths, weighed

share = st.floats(0.0, 1.0)
signal = st.builds(AnalystSignal, share, share)
NAMES = ("tech", "news", "risk", "rl")


def test_the_probability_is_the_mean_by_weight_times_confidence() -> None:
    decided = aggregate_signals(AnalystSignal(0.9, 0.5), AnalystSignal(0.2, 0.25), None, Action.BUY, [1, 2, 1, 1])
    assert decided.probability_up == pytest.approx((0.5 * 0.9 + 2 * 0.25 * 0.2 + 1.0 * 1.0) / (0.5 + 0.5 + 1.0))
    assert (decided.action, decided.absent) == (Action.BUY, ("risk",))
    assert decided.strength == pytest.approx(decided.probability_up)


@given(signal, signal, signal, st.floats(0.01, 1.0))
def test_a_confident_sell_lowers_the_probability(tech, news, risk, confidence) -> None:
    before = aggregate_signals(tech, news, risk)
    after = aggregate_signals(tech, news, risk, AnalystSignal(0.0, confidence))
    spoke = any(one.confidence > 0.0 for one in (tech, news, risk))
    if spoke and before.probability_up > 1e-9:
        assert after.probability_up < before.probability_up
    else:
        assert after.probability_up <= before.probability_up


@given(st.lists(signal, min_size=3, max_size=3), st.permutations((0, 1, 2)), st.lists(st.floats(0.1, 9.0), min_size=3))
def test_who_speaks_first_does_not_matter_and_the_result_lies_among_the_views(signals, order, weights) -> None:
    named = dict(zip(NAMES, [*weights[:3], 0.0], strict=True))
    decided = aggregate_signals(*signals, weights=named)
    spoken = [one.probability_up for one in signals if one.confidence > 0.0] or [0.5]
    assert min(spoken) - 1e-12 <= decided.probability_up <= max(spoken) + 1e-12
    permuted = dict(zip(NAMES, [*(weights[nth] for nth in order), 0.0], strict=True))
    again = aggregate_signals(*(signals[nth] for nth in order), weights=permuted)
    assert again.probability_up == pytest.approx(decided.probability_up)


def test_nobody_who_speaks_is_a_hold_of_nothing() -> None:
    decided = aggregate_signals(None, None, None)
    assert (decided.action, decided.strength, decided.probability_up) == (Action.HOLD, 0.0, 0.5)
    assert decided.absent == NAMES


def test_the_thresholds_are_beyond_055_and_045() -> None:
    assert action_codes([0.55, 0.5500001, 0.45, 0.4499999, 0.5]).tolist() == [0, 1, 0, 2, 0]
    assert strengths([0.6, 0.5, 0.3], [2.0, 2.0, 0.5]).tolist() == [1.0, 0.0, 0.35]


def test_an_analyst_without_a_number_abstains() -> None:
    index = pd.RangeIndex(3)
    vote = Votes.of(index, np.array([0.9, np.nan, 0.9]), np.array([1.0, 1.0, np.nan]))
    assert vote.confidence.isna().tolist() == [False, True, True]
    assert weighed({"tech": vote}, {"tech": 1.0}, index).tolist() == [0.9, 0.5, 0.5]


@pytest.mark.parametrize("weights", [[1, 1, 1], [1, 1, 1, -1], {"tech": 1.0}, {**dict.fromkeys(NAMES, 1.0), "moon": 1}])
def test_wrong_weights_are_refused_with_the_names_of_the_analysts(weights) -> None:
    with pytest.raises(UsageError, match="tech, news, risk, rl"):
        aggregate_signals(None, None, None, weights=weights)


@pytest.mark.parametrize("call", [lambda: AnalystSignal(1.5), lambda: aggregate_signals(None, None, None, 7)])
def test_a_view_that_is_none_is_refused(call) -> None:
    with pytest.raises(UsageError):
        call()
