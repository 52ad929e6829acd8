"""Folds of a record: which there are, and the store in which each, once computed, stays.

The folds of a history are cut from its first bar on, so that what comes later adds folds and changes none. A stored
fold is used as long as the bars it was computed on still have the returns they had: a dividend or a split that rescales
past prices changes nothing, a revision of past prices makes the folds that saw them new.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import pandas as pd

from config.errors import NightdeskError, UsageError
from config.publish import publish_bytes, publishing_folder
from config.settings import WalkForwardParams
from data_pipeline.inputs import Inputs
from data_pipeline.labels.splits import walk_forward
from evaluation.audit.leak_audit import Span
from evaluation.signal_model import SignalModel
from evaluation.signals import Signals
from evaluation.walk_forward import Fold, decided_in_test

FORMAT = 1
# How far a past return may move before the prices count as revised: sources round their adjusted prices.
ROUNDING = 5e-4


class StoredModel(SignalModel, Protocol):
    """A model of a fold, which can be stored until its test is over."""

    def save(self, folder: Path) -> None:
        """Write its files into an existing folder."""


@dataclass(frozen=True)
class FoldModels:
    """How the model of a fold is made.

    Args:
        fit: trains it on the training span of the fold and nothing later.
        load: reads what its `save` wrote.
        metrics: the metrics of its training that a judge needs later, such as what its teacher's actions are graded by;
            None stores none.
    """

    fit: Callable[[Fold], StoredModel]
    load: Callable[[Path], SignalModel]
    metrics: Callable[[StoredModel], Mapping[str, Any]] | None = None


@dataclass(frozen=True)
class DecidedFold:
    """A fold of a record with its signals, and what its model was trained with.

    Args:
        fold: its spans.
        signals: by symbol or market, on the bars of its test.
        teacher: the positions of the teacher by symbol or market, over all inputs, as the fold's model was taught them.
    """

    fold: Fold
    signals: Mapping[str, Signals]
    teacher: Callable[[], Mapping[str, pd.Series]]


@dataclass(frozen=True)
class FoldPlan:
    """How a history is cut into folds.

    Args:
        rules: lengths in bars. `train` is the least that a fold learns from.
        window: how far back a fold learns, as the recipe does when it serves; None is from the first bar on.
        newest: only so many folds, the newest; None is all.
    """

    rules: WalkForwardParams
    window: timedelta | None
    newest: int | None = None

    def folds(self, inputs: Inputs) -> list[Fold]:
        """The newest folds of these inputs, in time order; none where they are too short for one."""
        folds = self.every_fold(inputs)
        return folds if self.newest is None else folds[-self.newest :]

    def every_fold(self, inputs: Inputs) -> list[Fold]:
        """The same with those that are too old to be computed."""
        times, rules = inputs.times, self.rules
        try:
            splits = list(
                walk_forward(
                    len(times),
                    train=rules.train,
                    test=rules.test,
                    step=rules.step,
                    purge=rules.purge + rules.embargo,
                    anchored=True,
                )
            )
        except UsageError:
            return []
        return [
            Fold(number, self._train(times, train), Span(_instant(times, test[0]), _instant(times, test[-1])))
            for number, (train, test) in enumerate(splits)
        ]

    def grows(self, inputs: Inputs, fold: Fold) -> bool:
        """Whether the test of the newest fold is shorter than it will be."""
        return len(inputs.since(fold.test.first).until(fold.test.last)) < self.rules.test

    def _train(self, times: pd.DatetimeIndex, rows: Any) -> Span:
        last = times[rows[-1]]
        first = times[rows[0]]
        if self.window is not None:
            first = times[min(times.searchsorted(last - self.window), max(rows[-1] + 1 - self.rules.train, 0))]
        return Span(first.to_pydatetime(), last.to_pydatetime())


def short_history(rules: WalkForwardParams, bars: int, holdout: float, least: int) -> WalkForwardParams:
    """The rules with a first training span that leaves the newest `holdout` of so many bars to be tested on.

    It is halved until it does, but not below `least`: so the folds of a young history stay those they are for long.
    """
    gap, train = rules.purge + rules.embargo, rules.train
    while train + gap > bars * (1.0 - holdout) and train // 2 >= max(least, 2):
        train //= 2
    return rules.model_copy(update={"train": train})


def _instant(times: pd.DatetimeIndex, row: int) -> datetime:
    instant: datetime = times[int(row)].to_pydatetime()
    return instant


class FoldStore:
    """The computed folds of one record, a folder each, and the returns of the bars that they were computed on."""

    def __init__(self, folder: Path, key: Callable[[Fold], str]) -> None:
        """`key` names what the model of a fold is made of besides bars: an expert's log, the revision of its code."""
        self.folder = folder
        self.key = key

    def forget_revised(self, inputs: Inputs, folds: list[Fold]) -> int:
        """Delete the stored folds whose past has changed since; returns how many there were.

        It has changed where bars have other returns, or what their models learned from besides has other content.
        """
        now = {name: _growth(bars.frame["close"]) for name, bars in inputs.bars.items()}
        revised = _revised(self._seen(), now)
        stale = [
            folder
            for fold in folds
            if (folder := self._folder(fold)).exists()
            and (
                ((revised >= pd.Timestamp(fold.train.first)) & (revised <= pd.Timestamp(fold.test.last))).any()
                or self.stored(fold) is None
            )
        ]
        for folder in stale:
            shutil.rmtree(folder)
        self._publish("bars.json", {name: _rows(growth=growth) for name, growth in now.items()})
        return len(stale)

    def least_train(self, configured: int, computed: int) -> int:
        """The least that a fold learns from: what it was when this record began, under the same configuration.

        A young history begins with less than is configured; its folds stay those they are when it has grown.
        """
        path = self.folder / "plan.json"
        try:
            document = json.loads(path.read_bytes())
            if document["configured"] == configured:
                return int(document["train"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        publish_bytes(path, json.dumps({"configured": configured, "train": computed}).encode())
        return computed

    def stored(self, fold: Fold) -> Mapping[str, Signals] | None:
        """The signals of a fold as far as they are computed; a damaged file counts as none."""
        try:
            document = json.loads((self._folder(fold) / "fold.json").read_bytes())
            if (document["format"], document["key"]) != (FORMAT, self.key(fold)):
                return None
            return {
                name: Signals(_series(rows, "position"), _series(rows, "confidence"))
                for name, rows in document["signals"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError, NightdeskError):
            return None

    def metrics(self, fold: Fold) -> Mapping[str, Any]:
        """The stored metrics of the training of a fold's model; none where there are none or the file is damaged."""
        try:
            return dict(json.loads((self._folder(fold) / "metrics.json").read_bytes()))
        except (OSError, ValueError, TypeError):
            return {}

    def complete(self, fold: Fold) -> bool:
        """Whether the fold is computed up to the last bar of its test."""
        return _reaches(self.stored(fold), fold)

    def compute(self, inputs: Inputs, fold: Fold, models: FoldModels, *, more_to_come: bool) -> bool:
        """Compute the signals of a fold as far as they are not; returns whether that took a training.

        A fold whose test is not over (`more_to_come`) stores its model, so that the bars of the next night need no
        training; what it decided before stays.
        """
        before = self.stored(fold)
        if before is not None and _reaches(before, fold):
            return False
        known = inputs.until(fold.test.last)
        folder = self._folder(fold)
        model = self._model(folder, models) if before is not None else None
        fitted = model is None
        if model is None:
            model = trained = models.fit(fold)
            if models.metrics is not None:
                self._publish(f"{folder.name}/metrics.json", dict(models.metrics(trained)))
        decided = dict(decided_in_test(model, known, fold))
        if before is not None:
            decided = {name: _continued(before.get(name), signals) for name, signals in decided.items()}
        if fitted and more_to_come:
            self._store_model(folder, model)
        seen = self._seen()
        if seen and len(_revised({name: _growth(bars.frame["close"]) for name, bars in known.bars.items()}, seen)):
            return fitted  # the past was revised while this was computed: it is computed anew from what is stored now
        rows = {name: _rows(position=one.position, confidence=one.confidence) for name, one in decided.items()}
        document = {"format": FORMAT, "key": self.key(fold), "train": str(fold.train), "signals": rows}
        self._publish(f"{folder.name}/fold.json", document)
        if not more_to_come:
            shutil.rmtree(folder / "model", ignore_errors=True)
        return fitted

    def _folder(self, fold: Fold) -> Path:
        return self.folder / f"{fold.train.first:%Y%m%d%H%M%S}-{fold.train.last:%Y%m%d%H%M%S}"

    def _model(self, folder: Path, models: FoldModels) -> SignalModel | None:
        """The stored model of an unfinished fold; a damaged one is trained again."""
        if not (folder / "model").is_dir():
            return None
        try:
            return models.load(folder / "model")
        except (OSError, NightdeskError):
            return None

    def _store_model(self, folder: Path, model: SignalModel) -> None:
        shutil.rmtree(folder / "model", ignore_errors=True)
        with publishing_folder(folder / "model") as temp:
            cast("StoredModel", model).save(temp)

    def _seen(self) -> dict[str, pd.Series]:
        """By symbol the growth of each bar that the stored folds were computed on."""
        try:
            document = json.loads((self.folder / "bars.json").read_bytes())
            return {name: _series(rows, "growth") for name, rows in document.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def _publish(self, name: str, document: dict[str, Any]) -> None:
        publish_bytes(self.folder / name, json.dumps(document).encode())


def decided_history(folder: Path) -> dict[str, Signals]:
    """By symbol or market everything that the stored folds of one record decided, in time order.

    Each bar was decided by a model that had been trained before it; of two such folds, the one trained longest counts.
    Damaged folds are left out.
    """
    parts: dict[str, list[Signals]] = {}
    for path in sorted(folder.glob("*/fold.json"), key=lambda each: each.parent.name.rpartition("-")[2]):
        for name, signals in _stored_signals(path).items():
            parts.setdefault(name, []).append(signals)
    history = {}
    for name, those in parts.items():
        table = pd.DataFrame(
            {
                "position": pd.concat([part.position for part in those]),
                "confidence": pd.concat([part.confidence for part in those]),
            }
        )
        last = table[~table.index.duplicated(keep="last")].sort_index()
        history[name] = Signals(last["position"], last["confidence"])
    return history


def _stored_signals(path: Path) -> dict[str, Signals]:
    try:
        document = json.loads(path.read_bytes())
        if document["format"] != FORMAT:
            return {}
        return {
            name: Signals(_series(rows, "position"), _series(rows, "confidence"))
            for name, rows in document["signals"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, NightdeskError):
        return {}


def _growth(close: pd.Series) -> pd.Series:
    """What each close is of the one before: the same whatever factor rescales the past."""
    return close.div(close.shift(1)).fillna(1.0)


def _revised(seen: Mapping[str, pd.Series], now: Mapping[str, pd.Series]) -> pd.DatetimeIndex:
    """The closes whose growth has changed, or that are there on one side only, up to the last one seen."""
    instants = pd.DatetimeIndex([], tz="UTC")
    for name, before in seen.items():
        if before.empty:
            continue
        after = now[name].loc[: before.index[-1]] if name in now else before.iloc[:0]
        both = before.index.union(after.index)
        changed = ~((before.reindex(both) - after.reindex(both)).abs() <= ROUNDING)
        # the first bar of a history has no bar before it, and says nothing of itself
        changed.iloc[0] = False
        instants = instants.union(pd.DatetimeIndex(both[changed.to_numpy()]))
    return instants


def _reaches(signals: Mapping[str, Signals] | None, fold: Fold) -> bool:
    if signals is None:
        return False
    if fold.markets:
        return all(name in signals and signals[name].index[-1] >= end for name, end in fold.markets)
    ends = [part.index[-1] for part in signals.values() if len(part)]
    return bool(ends) and max(ends) >= pd.Timestamp(fold.test.last)


def _continued(before: Signals | None, after: Signals) -> Signals:
    """What was decided before, and then what was decided later."""
    if before is None or not len(before):
        return after
    later = after.index > before.index[-1]
    return Signals(
        pd.concat([before.position, after.position[later]]), pd.concat([before.confidence, after.confidence[later]])
    )


def _rows(**columns: pd.Series) -> dict[str, list[Any]]:
    index = pd.DatetimeIndex(next(iter(columns.values())).index).as_unit("ns")
    return {"times": index.asi8.tolist(), **{name: column.tolist() for name, column in columns.items()}}


def _series(rows: Mapping[str, list[Any]], name: str) -> pd.Series:
    index = pd.DatetimeIndex(np.asarray(rows["times"], dtype="i8"), tz="UTC", name="time").as_unit("ns")
    return pd.Series(np.asarray(rows[name], dtype="f8"), index=index, name=name)
