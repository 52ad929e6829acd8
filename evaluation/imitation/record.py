"""A record of imitation: what a recipe's models decided, on markets that came after those they learned from."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from data_pipeline.inputs import Inputs
from evaluation.imitation.baselines import SimpleRules
from evaluation.imitation.decisions import MarketDecisions, codes_of, joined, joined_codes
from evaluation.imitation.figures import LEAST_MARKETS, ImitationFigures
from evaluation.imitation.measures import accuracy
from evaluation.imitation.measures.intervals import MarketInterval, market_interval
from evaluation.imitation.measures.replication import replication
from evaluation.imitation.measures.skill import MarketTests, market_tests
from evaluation.metrics.formulas import Array
from evaluation.monitoring.decision_quality import calibrate
from evaluation.records.folds import DecidedFold
from evaluation.records.standing import RUN, Evidence
from evaluation.signals import Signals

# A copy of decisions has no account, and so none of its figures.
NO_ACCOUNT = ("sharpe_ratio", "total_return", "max_drawdown", "trades")


@dataclass(frozen=True, eq=False)
class ImitationRecord:
    """The decisions in each market, in time order, and the signals that they are read from."""

    markets: tuple[MarketDecisions, ...]
    decided: Mapping[str, Signals]

    @property
    def first(self) -> datetime:
        """The first bar."""
        first: datetime = min(market.time[0] for market in self.markets).to_pydatetime()
        return first

    @property
    def last(self) -> datetime:
        """The last bar on which the trader's decision is known."""
        last: datetime = max(market.time[-1] for market in self.markets).to_pydatetime()
        return last

    @property
    def live_from(self) -> datetime | None:
        """The first bar whose signal was published; None where there is none."""
        times = [market.time[market.live][0] for market in self.markets if market.live.any()]
        return min(times).to_pydatetime() if times else None

    def within(self, names: Collection[str]) -> ImitationRecord | None:
        """The part on these markets; None where it has no decision."""
        return _record([market for market in self.markets if market.name in names], self.decided)

    def since(self, time: datetime) -> ImitationRecord | None:
        """The part from `time` on; None where it has no decision."""
        return _record(
            [market.rows(np.asarray(market.time >= pd.Timestamp(time))) for market in self.markets], self.decided
        )

    def before(self, time: datetime) -> ImitationRecord | None:
        """The part before `time`; None where it has no decision."""
        return _record(
            [market.rows(np.asarray(market.time < pd.Timestamp(time))) for market in self.markets], self.decided
        )

    def metrics(self) -> dict[str, Any]:
        """Its figures by name; an account it has none, so none of an account's.

        `copied` is its accuracy: as `accuracy` monitoring names how often the side of an expert is held.
        """
        figures = imitation_figures(self)
        names = ("balanced_accuracy", "direction", "replication", "gain", "calibration_error")
        values = {"copied": figures.accuracy, **{name: getattr(figures, name) for name in names}}
        counts = {"markets": figures.markets, "decisions": figures.decisions}
        reasons = {name: "no_trades" for name, value in values.items() if value is None}
        return {
            **counts,
            **values,
            **dict.fromkeys(NO_ACCOUNT),
            "reasons": {**reasons, **dict.fromkeys(NO_ACCOUNT, "no_account")},
        }


@dataclass(frozen=True, eq=False)
class ImitationAssessment:
    """What a record of imitation is evidence of, and its figures."""

    evidence: Evidence
    figures: ImitationFigures


def imitation_record(
    inputs: Inputs, folds: Sequence[DecidedFold], published: Mapping[str, Signals]
) -> ImitationRecord | None:
    """The record of these folds; for a bar that was published, the published signal counts. None without decisions."""
    decided: dict[str, Signals] = {}
    markets: list[MarketDecisions] = []
    for fold in folds:
        teacher = {name: position.dropna() for name, position in fold.teacher().items()}
        rules = SimpleRules.fit(_training(teacher, fold))
        for name, _ in fold.fold.markets:
            if name not in fold.signals or name not in teacher:
                continue
            decided[name] = _continued(fold.signals[name], published.get(name))
            markets.append(_decisions(inputs, fold, name, decided[name], teacher[name], rules, published.get(name)))
    return _record(markets, decided)


def _record(markets: Sequence[MarketDecisions], decided: Mapping[str, Signals]) -> ImitationRecord | None:
    parts = tuple(market for market in markets if len(market))
    return ImitationRecord(parts, {market.name: decided[market.name] for market in parts}) if parts else None


def _training(teacher: Mapping[str, pd.Series], fold: DecidedFold) -> Iterator[Any]:
    """The trader's decisions in the markets that were over when the training of the fold ended."""
    span = fold.fold.train
    for position in teacher.values():
        if len(position) and position.index[0] >= span.first and position.index[-1] <= span.last:
            yield codes_of(position)


def _continued(signals: Signals, published: Signals | None) -> Signals:
    """The same, with the published ones in their places."""
    if published is None:
        return signals
    rows = published.index.intersection(signals.index)
    position, confidence = signals.position.copy(), signals.confidence.copy()
    position.loc[rows], confidence.loc[rows] = published.position.loc[rows], published.confidence.loc[rows]
    return Signals(position, confidence)


def _decisions(  # noqa: PLR0917 -- all of one market
    inputs: Inputs,
    fold: DecidedFold,
    name: str,
    signals: Signals,
    teacher: pd.Series,
    rules: SimpleRules,
    published: Signals | None,
) -> MarketDecisions:
    """The rows on which the trader's decision is known and the model has decided."""
    bars = inputs.bars[name]
    actual = codes_of(teacher)
    index = pd.DatetimeIndex(teacher.index.intersection(signals.index))
    known, rows = teacher.index.get_indexer(index), bars.frame.index.get_indexer(index)
    live = index.isin(published.index) if published is not None else np.zeros(len(index), dtype=bool)
    return MarketDecisions(
        name=name,
        trained_until=fold.fold.train.last,
        time=index,
        actual=actual[known],
        copied=codes_of(signals.position.loc[index]),
        confidence=signals.confidence.loc[index].to_numpy(),
        price=bars.frame["close"].to_numpy()[rows],
        elapsed=rows / len(bars),
        baselines={rule: codes[known] for rule, codes in rules.decide(actual).items()},
        live=np.asarray(live),
    )


def assess_imitation(record: ImitationRecord) -> ImitationAssessment:
    """What a record is evidence of, and its figures."""
    return ImitationAssessment(evidence_of(record), imitation_figures(record))


def evidence_of(record: ImitationRecord) -> Evidence:
    """Test the last prefixes of a record, a market more each: to be better it must be so against every simple rule."""
    tests = _tests(record)
    better = np.maximum.reduce([test.better for test in tests.values()])
    worse = np.maximum.reduce([test.worse for test in tests.values()])
    return Evidence(tuple(map(float, better)), tuple(map(float, worse)))


def _tests(record: ImitationRecord) -> dict[str, MarketTests]:
    right = [market.copied == market.actual for market in record.markets]
    bars = np.array([len(market) for market in record.markets], dtype=np.float64)
    return {
        rule: market_tests(
            np.array(
                [
                    float(np.sum(ours) - np.sum(market.baselines[rule] == market.actual))
                    for ours, market in zip(right, record.markets, strict=True)
                ]
            ),
            bars,
        )
        for rule in record.markets[0].baselines
    }


def superiority(challenger: ImitationRecord, champion: ImitationRecord) -> float:
    """The p-value of the challenger's being no more accurate than the champion in the markets of both, on equal bars.

    It is asked night after night, so it must be so at each of the last prefixes; the largest p-value counts.
    """
    others = {market.name: market for market in champion.markets}
    rows = []
    for ours in challenger.markets:
        if ours.name not in others:
            continue
        theirs = others[ours.name]
        common = ours.time.intersection(theirs.time)
        one, other = (side.rows(np.asarray(side.time.isin(common))) for side in (ours, theirs))
        rows.append(
            (float(np.sum(one.copied == one.actual) - np.sum(other.copied == other.actual)), float(len(common)))
        )
    table = np.array(rows).reshape(-1, 2)
    table = table[table[:, 1] > 0]
    return float(market_tests(table[:, 0], table[:, 1], prefixes=RUN).better.max())


def tables(record: ImitationRecord) -> Array:
    """A table of counts for each market: the trader's classes in rows, the copy's in columns."""
    return np.array([accuracy.confusion(market.actual, market.copied) for market in record.markets], dtype=np.float64)


def imitation_figures(record: ImitationRecord) -> ImitationFigures:
    """The figures of a record."""
    counts = tables(record)
    pooled = counts.sum(axis=0)
    actual, copied = (joined_codes(record.markets, column) for column in ("actual", "copied"))
    interval = accuracy_interval(record)
    baselines = baseline_accuracies(record)
    best = max(baselines, key=lambda rule: baselines[rule])
    tests = _tests(record)
    score = replication(actual, copied, joined(record.markets, "elapsed"), joined(record.markets, "price")).score
    right = (actual == copied).astype(np.float64)
    return ImitationFigures(
        markets=len(record.markets),
        needed=LEAST_MARKETS,
        decisions=len(actual),
        accuracy=interval.estimate,
        accuracy_low=interval.low,
        accuracy_high=interval.high,
        balanced_accuracy=percent(accuracy.balanced_accuracy(pooled)),
        baselines=baselines,
        best_baseline=best,
        gain=interval.estimate - baselines[best] if interval.estimate is not None else None,
        direction=percent(accuracy.direction(pooled)),
        replication=score,
        calibration_error=calibrate(joined(record.markets, "confidence"), right).error,
        p_baselines={rule: float(test.better[-1]) for rule, test in tests.items()},
        p_worse=float(max(test.worse[-1] for test in tests.values())),
    )


def accuracy_interval(record: ImitationRecord) -> MarketInterval:
    """The accuracy in percent, with its interval over markets."""
    return market_interval(tables(record), lambda sums: 100.0 * accuracy.accuracy(sums))


def baseline_accuracies(record: ImitationRecord) -> dict[str, float]:
    """The accuracy of each rule without learning, in percent."""
    rules = record.markets[0].baselines
    bars = sum(map(len, record.markets))
    return {
        rule: 100.0 * sum(float(np.sum(market.baselines[rule] == market.actual)) for market in record.markets) / bars
        for rule in rules
    }


def percent(share: Array) -> float | None:
    """A share in percent; None where it is undefined."""
    value = float(share)
    return 100.0 * value if np.isfinite(value) else None
