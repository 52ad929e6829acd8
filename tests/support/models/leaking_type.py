"""A model type that leaks as its params say: each `plant` is a common mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from config.section import Section
from data_pipeline.bars.bars import Bars
from data_pipeline.features.scaling import Scaler
from data_pipeline.inputs import Inputs
from data_pipeline.labels.splits import purged_folds
from data_pipeline.labels.triple_barrier import Barriers, barrier_labels
from evaluation.audit.leak_audit import FitRecord, Span
from evaluation.reports.evidence import ModelEvidence
from evaluation.signal_model import SymbolModel
from evaluation.signals import Signals
from trainers import TrainingContext, TrainingTask
from trainers.interface import ModelFacts
from trainers.manifest import Manifest
from trainers.needs import Needs
from trainers.safe_files import json_bytes, tensor_bytes
from trainers.search_space import SearchSpace


class PlantedParams(Section):
    """Which mistake to make."""

    plant: str = "none"


def _frame(bars: Bars) -> pd.DataFrame:
    frame = bars.frame
    change = frame["close"].pct_change()
    return pd.DataFrame(
        {"change": change, "trend": frame["close"].pct_change(20), "spread": frame["high"] / frame["low"]}
    )


def _weekly(bars: Bars) -> pd.Series:
    days = pd.DatetimeIndex(bars.frame.index).tz_localize(None)
    return bars.frame["close"].groupby(days.to_period("W")).transform("last") / bars.frame["close"]


def _smooth(bars: Bars) -> pd.Series:
    spectrum = np.fft.rfft(np.log(bars.frame["close"].to_numpy()))
    spectrum[len(spectrum) // 4 :] = 0.0
    return pd.Series(np.fft.irfft(spectrum, len(bars)), bars.frame.index)


def _before_a_fall(bars: Bars) -> pd.Series:
    """1 on the rare days that are followed by a fall, else 0."""
    tomorrow = bars.frame["close"].pct_change().shift(-1)
    return (tomorrow < -0.03).astype("float64")


def _before_a_busy_day(bars: Bars) -> pd.Series:
    """Knows only of tomorrow's volume, where it will be the greatest so far."""
    tomorrow = bars.frame["volume"].shift(-1)
    return (tomorrow > bars.frame["volume"].cummax()).astype("float64")


# What a feature may be computed from that it must not be.
FEATURES: dict[str, Callable[[Bars], pd.Series]] = {
    "next_bar": lambda bars: bars.frame["close"].pct_change().shift(-1),
    "next_open": lambda bars: bars.frame["open"].shift(-1).fillna(bars.frame["close"]) / bars.frame["close"],
    "filled_from_behind": lambda bars: bars.frame["close"].pct_change(20).bfill(),
    "centred_window": lambda bars: bars.frame["close"].rolling(11, center=True).mean(),
    "global_z_score": lambda bars: (bars.frame["close"] - bars.frame["close"].mean()) / bars.frame["close"].std(),
    "week_that_closes_late": _weekly,
    "share_of_the_highest": lambda bars: bars.frame["close"] / bars.frame["close"].max(),
    "rank_among_all": lambda bars: bars.frame["volume"].rank(pct=True),
    "place_in_the_history": lambda bars: pd.Series(np.linspace(0.0, 1.0, len(bars)), bars.frame.index),
    "smoothed_both_ways": _smooth,
    "before_a_fall": _before_a_fall,
    "before_a_busy_day": _before_a_busy_day,
    "a_trace": lambda bars: (
        bars.frame["close"].pct_change() + 1e-9 * bars.frame["close"].pct_change().shift(-1).fillna(0)
    ),
}
# What training may take from where it must not; the bars that nobody should have given it are found in `STOLEN`.
TRAININGS = {
    "scaler_on_all_data": "fit_span",
    "scaler_on_all_data_undeclared": "refit",
    "scaler_on_the_test_span": "fit_span",
    "scaler_on_the_test_span_undeclared": "refit",
    "label_into_the_holdout": "label_overlap",
    "label_into_the_test_span": "label_overlap",
    "shuffled_split": "fit_span",
    "chosen_on_the_holdout": "measured_span",
    "nothing_declared": "undeclared",
}
STOLEN: list[Bars] = []


@dataclass(frozen=True)
class PlantedModel(SymbolModel):
    """Follows the trend, in units of a scaler."""

    scaler: Scaler
    plant: str

    @property
    def facts(self) -> ModelFacts:
        return ModelFacts(metrics={}, features=("change", "trend", "spread"))

    def bar_features(self, bars: Bars) -> pd.DataFrame:
        frame = _frame(bars)
        return frame.assign(spread=FEATURES[self.plant](bars)) if self.plant in FEATURES else frame

    def signals(self, bars: Bars) -> Signals:
        frame = self.bar_features(bars)
        if self.plant == "signals_from_the_next_bar":
            frame = frame.shift(-1)
        scaler = Scaler.standard(frame) if self.plant == "signals_on_the_scale_of_all" else self.scaler
        scaled = scaler.transform(frame).fillna(0.0).sum(axis=1)
        return Signals(np.sign(scaled.round(3)), np.tanh(scaled.abs()))

    def save(self, folder: Path) -> None:
        (folder / "weights.safetensors").write_bytes(tensor_bytes(self.scaler.tensors(), {}))
        (folder / "model.json").write_bytes(json_bytes({"plant": self.plant}))


class PlantedType:
    """Scales its features on the rows of a training span, and declares that span, truly or not."""

    name = "planted"
    description = "Leaks on demand."
    params = PlantedParams
    needs = Needs()
    judge = "backtest"

    def train(self, task: TrainingTask, context: TrainingContext) -> PlantedModel:
        plant = PlantedParams.model_validate(task.params.model_dump()).plant
        if plant != "nothing_declared":
            for fit in (*_measured(plant, task), *_served(plant, task)):
                context.record_fit(fit)
        return PlantedModel(Scaler.standard(_frame(task.bars.since(task.train_start))), plant)

    def load(self, folder: Path) -> PlantedModel:
        raise LookupError(folder)

    def evidence(self, manifest: Manifest) -> ModelEvidence:
        return ModelEvidence()

    def teacher_positions(self, inputs: Inputs, manifest: Manifest) -> dict[str, pd.Series]:
        return {}

    def search_space(self, params: Section) -> SearchSpace:
        return {}


def _measured(plant: str, task: TrainingTask) -> Iterator[FitRecord]:
    """A classifier and its scaler, learned before the last quarter of the training span and measured on it."""
    starts, ends = _labels(task, task.bars)
    train, test = list(purged_folds(starts.asi8, ends.asi8, 4))[-1]
    measured = Span(starts[test[0]].to_pydatetime(), ends[test].max().to_pydatetime())
    if plant == "label_into_the_test_span":  # nothing is purged
        train = np.arange(test[0])
    if plant == "shuffled_split":
        train = np.sort(np.random.default_rng(0).permutation(len(starts))[: len(train)])
    yield FitRecord("measured classifier", starts[train], ends[train], measured)

    every = _times(task, task.bars)
    before = every[every < pd.Timestamp(measured.first)]
    rows = every if plant == "scaler_on_the_test_span" else before
    used = task.bars if plant == "scaler_on_the_test_span_undeclared" else task.bars.until(rows[-1])
    yield FitRecord("measured scaler", rows, rows, measured, (_numbers(task, used), partial(_numbers, task)))


def _served(plant: str, task: TrainingTask) -> Iterator[FitRecord]:
    """A classifier and its scaler, learned on the whole training span."""
    starts, ends = _labels(task, STOLEN[0] if plant == "label_into_the_holdout" else task.bars)
    within = starts <= pd.Timestamp(task.train_end)
    chosen_span = None
    if plant == "chosen_on_the_holdout":
        chosen_span = Span(task.train_end, STOLEN[0].frame.index[-1].to_pydatetime())
        within &= ends < pd.Timestamp(chosen_span.first)
    yield FitRecord("classifier", starts[within], ends[within], chosen_span)

    rows = _times(task, STOLEN[0] if plant == "scaler_on_all_data" else task.bars)
    used = STOLEN[0] if plant.startswith("scaler_on_all_data") else task.bars
    yield FitRecord("scaler", rows, rows, None, (_numbers(task, used), partial(_numbers, task)))


def _labels(task: TrainingTask, bars: Bars) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
    labels = barrier_labels(bars.since(task.train_start), Barriers(2.0, 2.0, horizon=10), sigma=0.02)
    return pd.DatetimeIndex(labels.index), pd.DatetimeIndex(labels["touched_at"])


def _times(task: TrainingTask, bars: Bars) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(bars.since(task.train_start).frame.index)


def _numbers(task: TrainingTask, data: Inputs | Bars) -> np.ndarray[Any, Any]:
    bars = data.only if isinstance(data, Inputs) else data
    scaler = Scaler.standard(_frame(bars.since(task.train_start)))
    return np.concatenate([scaler.centre, scaler.scale])
