"""A full report of one model, with its page and every picture: in a process that is warm, and in a fresh one.

python -m benchmarks.report
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks._figures import show
from config.settings import Promotion
from data_pipeline.bars.bars import Bars
from data_pipeline.features.registry import DEFAULT_FEATURES, feature_matrix
from data_pipeline.features.volatility_regime import volatility_regime
from data_pipeline.sources.sample import SampleSource
from evaluation import backtest, run_baselines, write_report
from evaluation.accounting.costs import Costs
from evaluation.labels import decision_sentence
from evaluation.monitoring.decision_quality import measure_decision_quality
from evaluation.monitoring.drift import measure_drift, reference
from evaluation.records.figures import sentence
from evaluation.records.record import assess, stitched_record
from evaluation.reports.evidence import Evidence, FeatureImportance, Leaks, expert_confusion
from evaluation.reports.schema import Decision, StandingPart
from evaluation.signals import Signals
from evaluation.statistics.bootstrap import intervals
from evaluation.statistics.cost_sensitivity import cost_sensitivity
from evaluation.statistics.significance import Trials, significance
from evaluation.statistics.slices import sliced

NOW = datetime(2025, 6, 13, 23, tzinfo=UTC)
GOAL = 3.0
WARM, FRESH = 7, 5
PICTURES = 9


def market() -> Bars:
    """Five years of daily bars, of which the last is judged."""
    return SampleSource().fetch("AAPL", "1d", NOW - timedelta(days=5 * 365), NOW)


def follower(bars: Bars) -> Signals:
    """Long above its average, short below, surer the farther away."""
    close = bars.frame["close"]
    away = close / close.rolling(20, min_periods=1).mean() - 1.0
    position = pd.Series(np.where(away > 0.01, 0.9, np.where(away < -0.02, -0.4, 0.0)), close.index)
    return Signals(position, (0.4 + 4.0 * away.abs()).clip(upper=1.0))


def full_report(folder: Path, bars: Bars) -> None:
    """The whole report of a model, as a nightly evaluation writes it from the model's signals."""
    unseen = bars.tail(252)
    signals, features = follower(bars), feature_matrix(bars, DEFAULT_FEATURES)
    unseen_signals = signals.since(unseen.frame.index[0])
    training_signals = Signals(signals.position.iloc[:-252], signals.confidence.iloc[:-252])
    record = stitched_record(unseen, [unseen_signals], None, Costs(), 100_000.0)
    assert record is not None
    test, baselines = record.result, run_baselines(unseen, unseen_signals)
    figures = assess(record, Promotion(), tried=30).figures
    text = sentence("unproven", figures, tried=30, confidence=Promotion().confidence)
    champion = backtest(unseen, unseen_signals.position.shift(5, fill_value=0.0))
    expert = np.sign(unseen_signals.position.diff().fillna(0.0))
    returns, per_year, trials = test.returns.to_numpy(), test.periods_per_year, Trials(30, (0.2, 0.5, 1.1))
    write_report(
        folder,
        subject={"symbol": "AAPL", "model_type": "behavioral_cloner", "version": "v1", "provenance": "sample"},
        model=test,
        baselines={"champion": champion, **baselines.backtests},
        decision=Decision(
            case="challenge",
            outcome="refused",
            reasons=["not_surely_better"],
            sentence=decision_sentence("refused", ["not_surely_better"]),
            figures={},
        ),
        standing=StandingPart(standing="unproven", sentence=text, tried=30, record=figures),
        created_at=NOW,
        evidence=Evidence(
            significance=significance(returns, periods_per_year=per_year, trials=trials),
            intervals=intervals(returns, periods_per_year=per_year),
            random_baseline=baselines.random_baseline,
            costs=cost_sensitivity(unseen, unseen_signals),
            slices=sliced(test, unseen, volatility_regime(bars)),
            leaks=Leaks(True, [], {"bars": 1500, "cuts": 45}),
            feature_importance=FeatureImportance(
                "share", {str(name): 1.0 / place for place, name in enumerate(features, start=1)}
            ),
            drift=measure_drift(
                reference(training_signals, features.iloc[:-252]), unseen_signals, features.iloc[-252:]
            ),
            decision_quality=measure_decision_quality(unseen_signals, unseen, expert),
            expert_confusion=expert_confusion(unseen_signals, expert),
        ),
    )


def fresh() -> float:
    """Seconds of a whole process: interpreter, imports, report."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "from benchmarks.report import once; once()"], check=True)
    return time.perf_counter() - began


def once() -> None:
    """One report in this process."""
    with tempfile.TemporaryDirectory() as folder:
        full_report(Path(folder), market())


def warm() -> float:
    """Seconds of a report where everything is imported."""
    bars = market()
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        full_report(Path(folder), bars)
        seconds = time.perf_counter() - began
        drawn = len(list(Path(folder).glob("*.png")))
        if drawn != PICTURES:
            raise AssertionError(f"{drawn} pictures were drawn, not {PICTURES}")
    return seconds


def main() -> bool:
    """Print both figures; whether each meets the goal."""
    print(f"A report of 252 daily bars with {PICTURES} pictures and its page; {os.cpu_count()} cores")
    once()  # compiles the kernels, once for a machine
    met = [
        show("in a warm process", [warm() for _ in range(WARM)], GOAL),
        show("in a fresh process", [fresh() for _ in range(FRESH)], GOAL),
    ]
    return all(met)


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
