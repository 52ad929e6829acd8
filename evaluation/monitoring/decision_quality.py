"""Quality of decisions: agreement with the expert, calibration of the confidence, and returns by confidence."""

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
from evaluation.monitoring.psi import dependence_correction
from evaluation.signals import Signals

BINS = 10
ENOUGH = 20  # bars; fewer mean nothing
SURE = 1.96  # standard errors of a 95 % interval


@dataclass(frozen=True)
class ReliabilityRow:
    """The decisions with a confidence in [low, high): their mean confidence, and the share that was right."""

    low: float
    high: float
    decisions: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """Expected calibration error: the mean gap of confidence and accuracy over the rows, weighted (Naeini 2015)."""

    error: float
    rows: tuple[ReliabilityRow, ...]


@dataclass(frozen=True)
class ExpertAgreement:
    """Percentage of bars on which the signs of the model's and the expert's position agree, with its 95 % interval.

    `majority` is what always holding the expert's most frequent sign would score. The interval is Wilson's (1927) for
    the effective number of bars, since bars that follow each other are not independent.
    """

    percent: float
    low: float
    high: float
    majority: float
    bars: int


@dataclass(frozen=True)
class ReturnsByConfidence:
    """Mean return (percent) of positions over the bar after their decision, for the more and the less confident half.

    `p_value` is of the hypothesis that the more confident half earns no more (Welch's test, one-sided).
    """

    high_confidence: float
    low_confidence: float
    p_value: float
    decisions: int


@dataclass(frozen=True)
class DecisionQuality:
    """Three measures of a model's decisions on some bars; None with a reason where undefined."""

    expert_agreement: ExpertAgreement | None
    calibration: Calibration | None
    returns_by_confidence: ReturnsByConfidence | None
    reasons: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        document = asdict(self)
        if self.calibration is not None:
            document["calibration"]["rows"] = list(document["calibration"]["rows"])
        return document


def measure_decision_quality(
    signals: Signals, bars: Frame, teacher: pd.Series | None = None, *, enough: int = ENOUGH
) -> DecisionQuality:
    """Measure decisions on bars whose outcome is known; `teacher` has the positions of the expert, where known.

    A decision is right if the sign of its position is that of the expert's.
    """
    reasons: dict[str, str] = {}
    signs = None if teacher is None else _signs(signals, teacher)
    agreement = calibration = None
    if signs is None or len(signs) < enough:
        reason = "no_expert" if signs is None else "too_few_bars"
        reasons |= dict.fromkeys(("expert_agreement", "calibration"), reason)
    else:
        agrees: Array = np.where(signs["model"] == signs["expert"], 1.0, 0.0)
        agreement = _expert_agreement(agrees, signs["expert"].to_numpy())
        calibration = calibrate(signals.confidence.loc[signs.index].to_numpy(), agrees)
    by_confidence = _returns_by_confidence(signals, bars, enough)
    if by_confidence is None:
        reasons["returns_by_confidence"] = "too_few_decisions"
    return DecisionQuality(agreement, calibration, by_confidence, reasons)


def calibrate(confidence: Array, right: Array) -> Calibration:
    """Expected calibration error and reliability table over ten equal spans of confidence; `right` is 0 or 1."""
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    rows = tuple(
        ReliabilityRow(
            low=number / BINS,
            high=(number + 1) / BINS,
            decisions=int(np.sum(bins == number)),
            confidence=float(np.mean(confidence[bins == number])),
            accuracy=float(np.mean(right[bins == number])),
        )
        for number in np.unique(bins).tolist()
    )
    gaps = sum(row.decisions * abs(row.confidence - row.accuracy) for row in rows)
    return Calibration(gaps / len(confidence), rows)


def _signs(signals: Signals, teacher: pd.Series) -> pd.DataFrame:
    """The signs of the expert's and the model's position on the bars where the expert's is known."""
    expert = np.sign(teacher.reindex(signals.index).dropna())
    return pd.DataFrame({"expert": expert, "model": np.sign(signals.position.loc[expert.index])})


def _expert_agreement(agrees: Array, expert: Array) -> ExpertAgreement:
    design_effect, _ = dependence_correction(agrees.astype(np.intp), 2)
    n, share = len(agrees) / design_effect, float(np.mean(agrees))
    # Wilson's interval of a share of n independent bars.
    centre = (share + SURE**2 / (2 * n)) / (1 + SURE**2 / n)
    half = SURE / (1 + SURE**2 / n) * math.sqrt(share * (1 - share) / n + SURE**2 / (4 * n**2))
    _, counts = np.unique(expert, return_counts=True)
    return ExpertAgreement(
        percent=100.0 * share,
        low=100.0 * (centre - half),
        high=100.0 * (centre + half),
        majority=100.0 * float(counts.max() / counts.sum()),
        bars=len(agrees),
    )


def _returns_by_confidence(signals: Signals, bars: Frame, enough: int) -> ReturnsByConfidence | None:
    """Decided at the close of t, filled at the open of t+1, and the newest decision until the open of t+2."""
    frame = bars.frame if isinstance(bars, Bars) else bars
    moved = (frame["open"].shift(-2) / frame["open"].shift(-1) - 1.0).reindex(signals.index)
    earned = (signals.position * moved)[(signals.position != 0.0) & moved.notna()]
    confidence = signals.confidence.loc[earned.index]
    # Where the median is also the maximum, only the maximum counts as confident.
    cut = min(confidence.median(), confidence[confidence < confidence.max()].max())
    above, below = (earned[half].to_numpy() for half in (confidence > cut, confidence <= cut))
    if len(earned) < enough or min(len(above), len(below)) < 2 or np.ptp(earned) == 0.0:
        return None
    return ReturnsByConfidence(
        high_confidence=100.0 * float(np.mean(above)),
        low_confidence=100.0 * float(np.mean(below)),
        p_value=welch_p(above, below),
        decisions=len(earned),
    )


def welch_p(above: Array, below: Array) -> float:
    """The p-value of the hypothesis that the mean of `above` is no higher (Welch 1947, one-sided)."""
    gain = float(np.mean(above) - np.mean(below))
    first, second = (float(np.var(returns, ddof=1)) / len(returns) for returns in (above, below))
    if first + second == 0.0:
        return float(gain <= 0.0)
    degrees_of_freedom = (first + second) ** 2 / (first**2 / (len(above) - 1) + second**2 / (len(below) - 1))
    return float(special.stdtr(degrees_of_freedom, -gain / math.sqrt(first + second)))
