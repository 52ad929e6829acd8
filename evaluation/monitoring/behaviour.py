"""Behaviour: calibration of a model's confidence, and agreement with its expert."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from data_pipeline.bars.bars import Bars
from evaluation.accounting.backtest import Frame
from evaluation.metrics.formulas import Array
from evaluation.monitoring.drift import independence
from evaluation.signals import Signals

BINS = 10
ENOUGH = 20  # bars; fewer mean nothing
SURE = 1.96  # standard errors of a 95 % interval


@dataclass(frozen=True)
class ReliabilityRow:
    """The decisions with a confidence in [low, high): how sure they were, and how often they were right."""

    low: float
    high: float
    decisions: int
    confidence: float
    right: float


@dataclass(frozen=True)
class Calibration:
    """How far confidence is from the frequency of being right: the mean gap of the rows, weighted (Naeini 2015)."""

    error: float
    rows: tuple[ReliabilityRow, ...]


@dataclass(frozen=True)
class Accuracy:
    """How often the model held what its expert held, in percent, with its 95 % interval.

    `majority` is what always holding the expert's most frequent side would score. The interval counts bars that repeat
    each other once (Wilson 1927).
    """

    percent: float
    low: float
    high: float
    majority: float
    bars: int


@dataclass(frozen=True)
class Confidence:
    """What positions earned over the bar after their decision, in percent: the surer half of them, and the others.

    `p_value` is of the hypothesis that the surer half earns no more (Welch's test, one-sided).
    """

    sure: float
    unsure: float
    p_value: float
    decisions: int


@dataclass(frozen=True)
class Behaviour:
    """Accuracy, calibration and confidence of a model on some bars; None with a reason where undefined."""

    accuracy: Accuracy | None
    calibration: Calibration | None
    confidence: Confidence | None
    reasons: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        document = asdict(self)
        if self.calibration is not None:
            document["calibration"]["rows"] = list(document["calibration"]["rows"])
        return document


def measure_behaviour(
    signals: Signals, bars: Frame, teacher: pd.Series | None = None, *, enough: int = ENOUGH
) -> Behaviour:
    """What can be measured of signals after the fact; `teacher` is what their teacher held, bar by bar, where known.

    A side held is right if it is the teacher's.
    """
    reasons: dict[str, str] = {}
    right = None if teacher is None else _agreement(signals, teacher)
    accuracy = calibration = None
    if right is None or len(right) < enough:
        reasons |= dict.fromkeys(("accuracy", "calibration"), "no_expert" if right is None else "too_few_bars")
    else:
        agreed = right["right"].to_numpy()
        accuracy = _accuracy(agreed, right["held"].to_numpy())
        calibration = calibrate(signals.confidence.loc[right.index].to_numpy(), agreed)
    confidence = _confidence(signals, bars, enough)
    if confidence is None:
        reasons["confidence"] = "too_few_decisions"
    return Behaviour(accuracy, calibration, confidence, reasons)


def calibrate(confidence: Array, right: Array) -> Calibration:
    """Expected calibration error and reliability table over ten equal spans of confidence."""
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    rows = tuple(
        ReliabilityRow(
            low=each / BINS,
            high=(each + 1) / BINS,
            decisions=int(np.sum(bins == each)),
            confidence=float(np.mean(confidence[bins == each])),
            right=float(np.mean(right[bins == each])),
        )
        for each in np.unique(bins).tolist()
    )
    gaps = sum(row.decisions * abs(row.confidence - row.right) for row in rows)
    return Calibration(gaps / len(confidence), rows)


def _agreement(signals: Signals, teacher: pd.Series) -> pd.DataFrame:
    held = np.sign(teacher.reindex(signals.index).dropna())
    sides = np.sign(signals.position.loc[held.index])
    return pd.DataFrame({"held": held, "right": (sides == held).astype(np.float64)})


def _accuracy(right: Array, held: Array) -> Accuracy:
    memory, _ = independence(right.astype(np.intp), 2)
    looks, share = len(right) / memory, float(np.mean(right))
    # Wilson's interval of a share that was seen `looks` times.
    centre = (share + SURE**2 / (2 * looks)) / (1 + SURE**2 / looks)
    half = SURE / (1 + SURE**2 / looks) * math.sqrt(share * (1 - share) / looks + SURE**2 / (4 * looks**2))
    _, counts = np.unique(held, return_counts=True)
    return Accuracy(
        percent=100.0 * share,
        low=100.0 * (centre - half),
        high=100.0 * (centre + half),
        majority=100.0 * float(counts.max() / counts.sum()),
        bars=len(right),
    )


def _confidence(signals: Signals, bars: Frame, enough: int) -> Confidence | None:
    """Decided at the close of t, filled at the open of t+1, and the newest decision until the open of t+2."""
    frame = bars.frame if isinstance(bars, Bars) else bars
    moved = (frame["open"].shift(-2) / frame["open"].shift(-1) - 1.0).reindex(signals.index)
    earned = (signals.position * moved)[(signals.position != 0.0) & moved.notna()]
    sure = signals.confidence.loc[earned.index]
    # Where the median is also the maximum, only the maximum is sure.
    cut = min(sure.median(), sure[sure < sure.max()].max())
    above, below = (earned[half].to_numpy() for half in (sure > cut, sure <= cut))
    if len(earned) < enough or min(len(above), len(below)) < 2 or np.ptp(earned) == 0.0:
        return None
    return Confidence(100.0 * float(np.mean(above)), 100.0 * float(np.mean(below)), welch_p(above, below), len(earned))


def welch_p(above: Array, below: Array) -> float:
    """The p-value of the hypothesis that the mean of `above` is no higher (Welch 1947, one-sided)."""
    gain = float(np.mean(above) - np.mean(below))
    first, second = (float(np.var(each, ddof=1)) / len(each) for each in (above, below))
    if first + second == 0.0:
        return float(gain <= 0.0)
    freedom = (first + second) ** 2 / (first**2 / (len(above) - 1) + second**2 / (len(below) - 1))
    return float(special.stdtr(freedom, -gain / math.sqrt(first + second)))
