"""Votes: what each analyst thinks of a symbol at each bar, and how several are weighed into one probability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_pipeline.actions import CHOICES

Floats = npt.NDArray[np.float64]

UNDECIDED = 0.5
BUY_ABOVE, SELL_BELOW = 0.55, 0.45
HOLD, BUY, SELL = (int(CHOICES.code([strength])[0]) for strength in (0.0, 1.0, -1.0))


@dataclass(frozen=True, eq=False)
class Votes:
    """One analyst's view at each bar's close.

    Args:
        probability_up: between 0 and 1; one half is no opinion.
        confidence: between 0 and 1; NaN where the analyst abstains.
    """

    probability_up: pd.Series
    confidence: pd.Series

    @classmethod
    def of(cls, index: pd.Index, probability_up: Floats, confidence: Floats) -> Votes:
        """Votes on the bars of `index`; where either number is undefined, the analyst abstains."""
        known = ~(np.isnan(probability_up) | np.isnan(confidence))
        return cls(
            pd.Series(np.where(known, np.clip(probability_up, 0.0, 1.0), UNDECIDED), index),
            pd.Series(np.where(known, np.clip(confidence, 0.0, 1.0), np.nan), index),
        )

    @classmethod
    def none(cls, index: pd.Index) -> Votes:
        """The analyst abstains at every bar."""
        return cls.of(index, np.full(len(index), np.nan), np.full(len(index), np.nan))


def weighed(votes: Mapping[str, Votes], weights: Mapping[str, float], index: pd.Index) -> pd.Series:
    """The probability that the price rises: the mean of the votes, each by its analyst's weight times its confidence.

        p = sum(w_i c_i p_i) / sum(w_i c_i)   over the analysts that do not abstain

    One half where nobody speaks. A vote below `p` lowers it and a vote above raises it, the more the surer it is.
    """
    total, weight = np.zeros(len(index)), np.zeros(len(index))
    for name, vote in votes.items():
        share = weights.get(name, 0.0) * np.nan_to_num(vote.confidence.to_numpy())
        total += share * vote.probability_up.to_numpy()
        weight += share
    probability = np.divide(total, weight, out=np.full(len(index), UNDECIDED), where=weight > 0.0)
    return pd.Series(probability, index, name="probability_up")


def action_codes(probability_up: npt.ArrayLike) -> npt.NDArray[np.int8]:
    """0 hold, 1 buy where the probability is above 0.55, 2 sell where it is below 0.45."""
    probability = np.asarray(probability_up, np.float64)
    codes: npt.NDArray[np.int8] = np.select(
        [probability > BUY_ABOVE, probability < SELL_BELOW], [BUY, SELL], default=HOLD
    ).astype(np.int8)
    return codes


def strengths(probability_up: npt.ArrayLike, size: npt.ArrayLike = 1.0) -> Floats:
    """The share of capital that an action moves: the probability of its direction times the risk size, at most 1.

    A hold moves nothing.
    """
    probability = np.asarray(probability_up, np.float64)
    surer = np.maximum(probability, 1.0 - probability)
    return np.where(action_codes(probability) == HOLD, 0.0, np.minimum(surer * np.asarray(size), 1.0))
