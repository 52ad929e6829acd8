"""Sample weights of labels: those made of the same returns hold the same information, and count less.

M. Lopez de Prado, Advances in Financial Machine Learning (2018), chapter 4. A label lives through the returns of the
bars after its entry, up to and with the bar of its touch: those are all that it was made of.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from config.errors import NightdeskError, UsageError
from data_pipeline.bars.bars import Bars
from data_pipeline.features.rolling import Floats

Integers = npt.NDArray[np.int64]


def concurrency(bars: Bars, labelled: pd.DataFrame) -> pd.Series:
    """c_t: how many labels live through the return of each bar."""
    return pd.Series(_concurrent(*_spans(bars, labelled), len(bars)), bars.frame.index, name="concurrency")


def sample_weights(bars: Bars, labelled: pd.DataFrame, *, oldest: float = 1.0) -> pd.DataFrame:
    """For each row of `barrier_labels`: `uniqueness`, `attribution`, `decay`, and `weight`, the last two multiplied.

    uniqueness: the mean of 1 / c_t over the label's life.
    attribution: |sum of r_t / c_t| over its life, r_t the log return; scaled so that all sum to the number of labels.
    decay: linear in the cumulative uniqueness, from `oldest` to 1 for the newest; an `oldest` below 0 leaves that
    share of its total without any weight.
    """
    if not -1.0 < oldest <= 1.0:
        raise UsageError("labels.decay", f"The oldest label cannot weigh {oldest}.", "Choose from above -1 to 1.")
    first, last = _spans(bars, labelled)
    share = 1.0 / np.maximum(_concurrent(first, last, len(bars)), 1)
    uniqueness = _sums(share, first, last) / (last - first + 1)
    returns = np.diff(np.log(bars.frame["close"].to_numpy()), prepend=np.nan)
    returns[:1] = 0.0
    attribution = np.abs(_sums(returns * share, first, last))
    if attribution.any():
        attribution *= len(labelled) / attribution.sum()
    decay = _decay(uniqueness, oldest)
    columns = {"uniqueness": uniqueness, "attribution": attribution, "decay": decay, "weight": attribution * decay}
    return pd.DataFrame(columns, index=labelled.index)


def _spans(bars: Bars, labelled: pd.DataFrame) -> tuple[Integers, Integers]:
    """The first and the last bar whose return each label is made of."""
    entries = bars.frame.index.get_indexer(labelled.index)
    last = entries + labelled["bars_held"].to_numpy()
    if (entries < 0).any() or (last >= len(bars)).any():
        raise NightdeskError(
            "labels.entries",
            "These labels were not made of these bars.",
            "Give the bars that were labelled, all of them.",
        )
    return entries + 1, last


def _concurrent(first: Integers, last: Integers, bars: int) -> Integers:
    """How many labels live in each bar: one more from a first bar on, one less after a last."""
    steps = np.bincount(first, minlength=bars + 1) - np.bincount(last + 1, minlength=bars + 1)
    return np.cumsum(steps)[:bars]


def _sums(values: Floats, first: Integers, last: Integers) -> Floats:
    cumulative: Floats = np.concatenate([[0.0], np.cumsum(values)])
    return cumulative[last + 1] - cumulative[first]


def _decay(uniqueness: Floats, oldest: float) -> Floats:
    cumulative = np.cumsum(uniqueness)
    total = cumulative[-1] if len(cumulative) else 1.0
    slope = (1.0 - oldest) / total if oldest >= 0.0 else 1.0 / ((oldest + 1.0) * total)
    return np.maximum(1.0 - slope * (total - cumulative), 0.0)
