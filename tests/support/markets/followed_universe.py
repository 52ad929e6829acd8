"""A universe of three symbols, one listed late, with the signals of two recipes on each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from data_pipeline.inputs import Inputs
from tests.support.models.small_types import universe


def signals(inputs: Inputs, name: str, *, skill: float = 0.0) -> pd.DataFrame:
    """A trend follower and a random trader; with `skill` the follower sees that share of tomorrow's moves."""
    frame = inputs.bars[name].frame
    random = np.random.default_rng(len(name))
    trend = np.sign(frame["close"] - frame["close"].rolling(20, min_periods=1).mean())
    tomorrow = np.sign(frame["open"].shift(-2) / frame["open"].shift(-1) - 1.0).fillna(0.0)
    known = tomorrow.where(random.random(len(frame)) < skill, trend)
    coin = pd.Series(random.choice([-1.0, 0.0, 1.0], len(frame)), frame.index)
    tables = [
        pd.DataFrame({"model_type": kind, "position": position, "confidence": 0.5 * position.abs() + 0.25})
        for kind, position in (("trend", known), ("coin", coin))
    ]
    return pd.concat([tables[0].iloc[30:], tables[1].iloc[60:]]).sort_index(kind="stable")


def inputs(skill: float = 0.0) -> Inputs:
    """The universe with these signals."""
    bars = universe()
    return replace(bars, signals={name: signals(bars, name, skill=skill) for name in bars.bars})
