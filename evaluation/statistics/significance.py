"""Significance: how likely a Sharpe ratio is by chance, every attempt counted.

Sharpe ratios are per period here (`TrackRecord.sharpe`), as in the papers; `significance` annualises them. The
formulas take returns of different periods for independent; `evaluation.statistics.bootstrap` does not.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from evaluation.metrics.formulas import Array, Reason, UndefinedError, computed_or_reason, sharpe_ratio

_NORMAL = NormalDist()


@dataclass(frozen=True)
class TrackRecord:
    """What the formulas need of returns: the Sharpe ratio of a period, the shape of the returns, and how many."""

    sharpe: float
    skewness: float
    kurtosis: float  # 3 for a normal distribution
    length: int

    @classmethod
    def of(cls, returns: Array) -> TrackRecord:
        """The record that these returns are."""
        sharpe = sharpe_ratio(returns, 1.0)
        scores = (returns - np.mean(returns)) / np.std(returns)
        return cls(sharpe, float(np.mean(scores**3)), float(np.mean(scores**4)), returns.size)

    @property
    def variance(self) -> float:
        """length - 1 times the variance of the estimate: 1 - skewness S + (kurtosis - 1) / 4 S^2 (Mertens 2002)."""
        variance = 1.0 - self.skewness * self.sharpe + (self.kurtosis - 1.0) / 4.0 * self.sharpe**2
        if variance <= 1e-12:
            raise UndefinedError("zero_variance")
        return variance


@dataclass(frozen=True)
class Trials:
    """The attempts among which a model was found, itself counted, and the Sharpe ratios by the year of the others.

    Of some others there may be none: they failed, or never traded.
    """

    count: int = 1
    sharpe_ratios: tuple[float, ...] = ()


def probabilistic_sharpe_ratio(record: TrackRecord, benchmark: float = 0.0) -> float:
    """The confidence that the true Sharpe ratio is above `benchmark` (Bailey and Lopez de Prado 2012).

    Phi((S - benchmark) sqrt(n - 1) / sqrt(1 - skewness S + (kurtosis - 1) / 4 S^2)).
    """
    return _NORMAL.cdf((record.sharpe - benchmark) * math.sqrt((record.length - 1) / record.variance))


def expected_maximum(trials: int, variance: float) -> float:
    """The best Sharpe ratio to be expected of `trials` without skill, whose Sharpe ratios have this `variance`.

    sqrt(V) ((1 - g) Phi^-1(1 - 1/N) + g Phi^-1(1 - 1/(N e))), g Euler's constant (Bailey and Lopez de Prado 2014).
    """
    if trials < 1 or variance < 0.0:
        raise ValueError(f"{trials} trials of variance {variance}")
    if trials == 1:
        return 0.0
    ordinary, rarer = (_NORMAL.inv_cdf(1.0 - 1.0 / (trials * by)) for by in (1.0, math.e))
    return math.sqrt(variance) * ((1.0 - np.euler_gamma) * ordinary + np.euler_gamma * rarer)


def deflated_sharpe_ratio(record: TrackRecord, trials: int, variance: float) -> float:
    """The confidence that the true Sharpe ratio is above what chance alone makes of the best of `trials` (2014)."""
    return probabilistic_sharpe_ratio(record, expected_maximum(trials, variance))


def minimum_track_record(record: TrackRecord, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """How many periods of such returns prove a Sharpe ratio above `benchmark` (Bailey and Lopez de Prado 2012).

    1 + (1 - skewness S + (kurtosis - 1) / 4 S^2) (Phi^-1(confidence) / (S - benchmark))^2.
    """
    if record.sharpe <= benchmark:
        raise UndefinedError("no_edge")
    return 1.0 + record.variance * (_NORMAL.inv_cdf(confidence) / (record.sharpe - benchmark)) ** 2


@dataclass(frozen=True)
class Significance:
    """How significant a Sharpe ratio is. The two confidences are in [0, 1], the track records in bars."""

    probabilistic_sharpe_ratio: float | None  # the confidence that the Sharpe ratio is above zero
    deflated_sharpe_ratio: float | None  # the same, above what the best of so many trials reaches by chance
    expected_maximum_sharpe: float | None  # which is this, by the year
    trials: int
    track_record: int
    minimum_track_record: float | None  # the bars after which the first of the two is `confidence`
    confidence: float
    reasons: dict[str, Reason]  # why one of them is None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def significance(
    returns: Array, *, periods_per_year: float | None, trials: Trials, confidence: float = 0.95
) -> Significance:
    """What the Sharpe ratio of `returns` (beyond what cash earned) is worth, as one of `trials`.

    The variance is that of the Sharpe ratios of all trials that were measured: trials that resemble each other, such as
    every night's retraining, differ by little, and little is all that choosing among them can win.
    """
    values, reasons = computed_or_reason(
        {
            "probabilistic_sharpe_ratio": lambda: probabilistic_sharpe_ratio(TrackRecord.of(returns)),
            "deflated_sharpe_ratio": lambda: probabilistic_sharpe_ratio(
                TrackRecord.of(returns), _luck(returns, trials, periods_per_year)
            ),
            "expected_maximum_sharpe": lambda: (
                _luck(returns, trials, periods_per_year) * math.sqrt(periods_per_year or 0.0)
            ),
            "minimum_track_record": lambda: minimum_track_record(TrackRecord.of(returns), confidence=confidence),
        }
    )
    return Significance(
        **values, trials=trials.count, track_record=returns.size, confidence=confidence, reasons=reasons
    )


def _luck(returns: Array, trials: Trials, periods_per_year: float | None) -> float:
    """The Sharpe ratio the best of the trials reaches by chance, per period; with no others measured, all are noise."""
    if periods_per_year is None:
        raise UndefinedError("unknown_period")
    ours = sharpe_ratio(returns, periods_per_year)
    if not trials.sharpe_ratios:
        return expected_maximum(trials.count, 1.0 / (returns.size - 1))
    variance = float(np.var([ours, *trials.sharpe_ratios], ddof=1))
    return expected_maximum(trials.count, variance / periods_per_year)
