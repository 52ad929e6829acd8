"""All evidence on how well a trader is copied, as a report shows it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from data_pipeline.inputs import Inputs
from data_pipeline.trader_logs.inputs import market_rows
from evaluation.imitation.decisions import HOLD, Codes, MarketDecisions, joined, joined_codes
from evaluation.imitation.measures import accuracy
from evaluation.imitation.measures.accuracy import ClassAccuracy
from evaluation.imitation.measures.delay import Delay, delay
from evaluation.imitation.measures.intervals import MarketInterval, market_interval
from evaluation.imitation.measures.replication import Replication, replication
from evaluation.imitation.measures.returns_to_go import ReturnAssociation, return_association
from evaluation.imitation.record import ImitationRecord, percent, tables
from evaluation.imitation.targets import TargetResponse
from evaluation.metrics.formulas import Array
from evaluation.monitoring.decision_quality import Calibration, calibrate

WEEK, DAY = pd.Timedelta(days=7), pd.Timedelta(days=1)
# A record whose oldest decisions were made less long after the training than this is shown by days.
BY_WEEKS = 3 * WEEK


@dataclass(frozen=True)
class CopyRow:
    """How well one rule copies the trader, in percent, and by how much the model is more accurate."""

    name: str
    accuracy: MarketInterval
    balanced_accuracy: MarketInterval
    gain: MarketInterval | None


@dataclass(frozen=True)
class Part:
    """A part of the record: its markets and decisions, the accuracy in percent, and that of the best simple rule.

    `actual` and `copied` are the shares of bars on which the trader and the model trade.
    """

    name: str
    markets: int
    decisions: int
    accuracy: float
    best_baseline: float
    actual: float
    copied: float


@dataclass(frozen=True)
class ImitationEvidence:
    """The evidence on one record of imitation.

    Args:
        rows: the model, and each rule without learning.
        direction: of the bars on which both trade, how many on the same outcome.
        classes: recall and precision of each class.
        confusion: the trader's classes in rows, the model's in columns.
        calibration: whether its confidence is its accuracy.
        replication: whether its trades are distributed as the trader's.
        ages: by weeks since the training, or days where those are few: whether the copy lasts.
        hours: by hour of the day, UTC.
        late: the accuracy of the same decisions one bar later, which is what following it a bar late copies.
        delay: what being a bar late costs the trader's own trades.
        association: what returns were still to come where the trader and the model decided what.
        targets: how it decides when it is asked for several returns; None where it decides the same whatever is asked.
    """

    rows: tuple[CopyRow, ...]
    direction: MarketInterval
    classes: tuple[ClassAccuracy, ...]
    confusion: list[list[int]]
    calibration: Calibration
    replication: Replication
    ages: tuple[Part, ...]
    hours: tuple[Part, ...]
    late: MarketInterval
    delay: Delay
    association: ReturnAssociation
    targets: tuple[TargetResponse, ...] | None


def imitation_evidence(
    record: ImitationRecord, inputs: Inputs, targets: tuple[TargetResponse, ...] | None
) -> ImitationEvidence:
    """Gather it; `inputs` are those of the trader."""
    markets = record.markets
    counts = tables(record)
    actual, copied = joined_codes(markets, "actual"), joined_codes(markets, "copied")
    right = (actual == copied).astype(np.float64)
    by_rule = {
        rule: np.array([accuracy.confusion(market.actual, market.baselines[rule]) for market in markets], dtype="f8")
        for rule in markets[0].baselines
    }
    return ImitationEvidence(
        rows=(_row("model", counts, None), *(_row(rule, each, counts) for rule, each in by_rule.items())),
        direction=market_interval(counts, lambda sums: 100.0 * accuracy.direction(sums)),
        classes=accuracy.by_class(counts.sum(axis=0).astype(np.int64)),
        confusion=counts.sum(axis=0).astype(np.int64).tolist(),
        calibration=calibrate(joined(markets, "confidence"), right),
        replication=replication(actual, copied, joined(markets, "elapsed"), joined(markets, "price")),
        ages=_ages(record),
        hours=_hours(record),
        late=market_interval(_late(record), lambda sums: 100.0 * accuracy.accuracy(sums)),
        delay=delay(inputs.bars, inputs.trader_log, [market.name for market in markets]),
        association=return_association(_to_go(record, inputs)),
        targets=targets,
    )


def _row(name: str, counts: Array, model: Array | None) -> CopyRow:
    gain = None
    if model is not None:
        both = np.stack([model, counts], axis=1)
        gain = market_interval(
            both, lambda sums: 100.0 * (accuracy.accuracy(sums[:, 0]) - accuracy.accuracy(sums[:, 1]))
        )
    return CopyRow(
        name,
        market_interval(counts, lambda sums: 100.0 * accuracy.accuracy(sums)),
        market_interval(counts, lambda sums: 100.0 * accuracy.balanced_accuracy(sums)),
        gain,
    )


def _to_go(record: ImitationRecord, inputs: Inputs) -> list[tuple[Codes, Codes, Array]]:
    """The decisions in each settled market, with what the trader earned from each bar to the end."""
    names = {market.name for market in record.markets}
    log = {name: rows for name, rows in inputs.trader_log.items() if name in names}
    rows = market_rows(replace(inputs, bars={name: inputs.bars[name] for name in names}, trader_log=log))
    settled = []
    for market in record.markets:
        reward = rows[market.name].reward
        if np.isfinite(reward).all():
            to_go = np.cumsum(reward[::-1])[::-1][rows[market.name].index.get_indexer(market.time)]
            settled.append((market.actual, market.copied, to_go))
    return settled


def _late(record: ImitationRecord) -> Array:
    """Tables of counts of the same decisions a bar later: those on a bar against what the trader does on the next."""
    return np.array(
        [accuracy.confusion(market.actual[1:], market.copied[:-1]) for market in record.markets], dtype=np.float64
    )


def _ages(record: ImitationRecord) -> tuple[Part, ...]:
    """Markets by the time between the end of the training and their first bar."""
    ages = [market.time[0] - pd.Timestamp(market.trained_until) for market in record.markets]
    unit, name = (WEEK, "week") if max(ages) >= BY_WEEKS else (DAY, "day")
    by_age: dict[int, list[MarketDecisions]] = {}
    for market, age in zip(record.markets, ages, strict=True):
        by_age.setdefault(int(age // unit), []).append(market)
    return tuple(_part(f"{name} {number + 1}", by_age[number]) for number in sorted(by_age))


def _hours(record: ImitationRecord) -> tuple[Part, ...]:
    """Rows by the hour of their bar."""
    parts = []
    for hour in range(24):
        cut = [market.rows(np.asarray(market.time.hour == hour)) for market in record.markets]
        chosen = [market for market in cut if len(market)]
        if chosen:
            parts.append(_part(f"{hour:02d}", chosen))
    return tuple(parts)


def _part(name: str, markets: list[MarketDecisions]) -> Part:
    actual, copied = joined_codes(markets, "actual"), joined_codes(markets, "copied")
    rules = markets[0].baselines
    best = max(
        float(np.mean(np.concatenate([market.baselines[rule] for market in markets]) == actual)) for rule in rules
    )
    return Part(
        name=name,
        markets=len(markets),
        decisions=len(actual),
        accuracy=percent(np.mean(actual == copied)) or 0.0,
        best_baseline=100.0 * best,
        actual=100.0 * float(np.mean(actual != HOLD)),
        copied=100.0 * float(np.mean(copied != HOLD)),
    )
