"""The fourth analyst: a policy that has learned from decisions, and says what it would do."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

import pandas as pd

from data_pipeline.inputs import Inputs
from trainers.analysts.votes import Votes


class Policy(Protocol):
    """A model of one symbol that gives a probability to each action."""

    def probabilities(self, inputs: Inputs) -> pd.DataFrame:
        """`hold`, `buy` and `sell` at each bar's close; NaN where it has no view."""


def policy_votes(policy: Policy, inputs: Inputs, trained_until: datetime, days: int) -> Votes:
    """Up by the buys and half of the holds, as sure as its likeliest action; a policy too old for a bar abstains."""
    probabilities = policy.probabilities(inputs)
    fresh = probabilities.index <= pd.Timestamp(trained_until) + timedelta(days=days)
    known = probabilities.where(pd.Series(fresh, probabilities.index), axis=0)
    up = known["buy"] + known["hold"] / 2.0
    return Votes.of(known.index, up.to_numpy(), known.max(axis=1, skipna=False).to_numpy())
