"""Walk-forward: trained on the past, tested on what came next, again and again; the tests together are one history.

Between training and test `purge` bars are left out because labels look ahead that far, and `embargo` bars more because
neighbours in time are alike. Each finished fold can be stored as a file, so that a killed walk-forward resumes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, overload

import numpy as np
import pandas as pd

from config.errors import NightdeskError
from config.publish import publish_bytes
from data_pipeline.bars.bars import Bars
from data_pipeline.inputs import Inputs
from data_pipeline.labels.splits import walk_forward
from evaluation.accounting.backtest import DEFAULT_COSTS, Backtest, Costs, backtest
from evaluation.audit.leak_audit import Span
from evaluation.audit.look_ahead import changes
from evaluation.signal_model import SignalModel
from evaluation.signals import Signals

FORMAT = 2


@dataclass(frozen=True)
class Fold:
    """One step of a walk: the bars to learn from, and the later bars to be tested on.

    `markets` are the markets that are tested, each with its last bar, where a test is of whole markets; the bars of
    others in the span of the test are not looked at. Empty is every symbol that the inputs hold.
    """

    number: int
    train: Span
    test: Span
    markets: tuple[tuple[str, datetime], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"number": self.number, "train": str(self.train), "test": str(self.test)}


# Given the inputs of a fold's training span and the fold, a model that has seen nothing else.
Fit = Callable[[Inputs, Fold], SignalModel]


@dataclass(frozen=True, eq=False)
class WalkForward:
    """Signals of one symbol on bars that their models never saw, one test after another, and what they earned.

    `total` trades all of them as one account, flat where a `step` longer than a test leaves bars untested; each of
    `backtests` trades one fold alone.
    """

    signals: Signals
    folds: tuple[Fold, ...]
    backtests: tuple[Backtest, ...]
    total: Backtest

    def to_dict(self) -> dict[str, Any]:
        """As JSON: the metrics of the whole and of every fold."""
        folds = zip(self.folds, self.backtests, strict=True)
        return {
            "metrics": self.total.metrics(),
            "folds": [{**fold.to_dict(), "metrics": tested.metrics()} for fold, tested in folds],
        }


@dataclass(frozen=True)
class WalkForwardValidator:
    """How a history is walked, in bars.

    Args:
        train: how many to learn from; with `anchored` the least, since each fold then learns from the first bar on.
        test: how many to test on.
        step: from the start of one test to the next; `test` if None, and never less, so that tests do not overlap.
        purge: how many to leave out before a test because labels look ahead that far.
        embargo: how many more to leave out.
        anchored: whether the training span grows instead of rolling along.
    """

    train: int
    test: int
    step: int | None = None
    purge: int = 0
    embargo: int = 0
    anchored: bool = False

    def folds(self, inputs: Inputs | Bars) -> list[Fold]:
        """The folds of these inputs, in time order; what comes later changes no fold but a last one cut short."""
        times = _as_inputs(inputs).times
        splits = walk_forward(
            len(times),
            train=self.train,
            test=self.test,
            step=self.step,
            purge=self.purge + self.embargo,
            anchored=self.anchored,
        )
        return [Fold(number, _span(times, train), _span(times, test)) for number, (train, test) in enumerate(splits)]

    @overload
    def validate(
        self,
        inputs: Bars,
        fit: Fit,
        *,
        executor: Executor | None = ...,
        folder: Path | None = ...,
        key: str = ...,
        progress: Callable[[float, str], None] | None = ...,
        costs: Costs = ...,
        initial_cash: float = ...,
    ) -> WalkForward: ...

    @overload
    def validate(
        self,
        inputs: Inputs,
        fit: Fit,
        *,
        executor: Executor | None = ...,
        folder: Path | None = ...,
        key: str = ...,
        progress: Callable[[float, str], None] | None = ...,
        costs: Costs = ...,
        initial_cash: float = ...,
    ) -> dict[str, WalkForward]: ...

    def validate(
        self,
        inputs: Inputs | Bars,
        fit: Fit,
        *,
        executor: Executor | None = None,
        folder: Path | None = None,
        key: str = "",
        progress: Callable[[float, str], None] | None = None,
        costs: Costs = DEFAULT_COSTS,
        initial_cash: float = 100_000.0,
    ) -> WalkForward | dict[str, WalkForward]:
        """Walk over `inputs`, in the processes or threads of `executor` if there is one.

        Bars of one symbol give one walk-forward; inputs give one for each symbol or market. A finished fold is stored
        in `folder`, and not computed again while its inputs, its spans and `key`, which names what `fit` does, are the
        same.
        """
        whole = _as_inputs(inputs)
        folds = self.folds(whole)
        run = partial(run_fold, whole, fit=fit, folder=folder, key=key)
        decided: list[Mapping[str, Signals]] = []
        for fold, signals in zip(folds, (executor.map if executor is not None else map)(run, folds), strict=True):
            decided.append(signals)
            if progress is not None:
                progress(len(decided) / len(folds), f"fold {fold.number + 1} of {len(folds)}")
        walks = stitched(whole, folds, decided, costs=costs, initial_cash=initial_cash)
        return walks if isinstance(inputs, Inputs) else walks[inputs.symbol]


def _as_inputs(inputs: Inputs | Bars) -> Inputs:
    return inputs if isinstance(inputs, Inputs) else Inputs.of(inputs)


def run_fold(
    inputs: Inputs, fold: Fold, *, fit: Fit, folder: Path | None = None, key: str = ""
) -> Mapping[str, Signals]:
    """The signals of one fold on its test span, by symbol or market, stored in `folder` if one is given."""
    until_test = inputs.until(fold.test.last)
    if folder is None:
        return _tested(until_test, fold, fit)
    path = folder / f"fold-{fold.number:04d}.json"
    fingerprint = _fingerprint(until_test, fold, key)
    stored = _stored(path, fingerprint, until_test.since(fold.test.first))
    if stored is not None:
        return stored
    decided = _tested(until_test, fold, fit)
    rows = {
        name: {"position": signals.position.tolist(), "confidence": signals.confidence.tolist()}
        for name, signals in decided.items()
    }
    publish_bytes(path, json.dumps({"format": FORMAT, "fingerprint": fingerprint, "signals": rows}).encode())
    return decided


def stitched(
    inputs: Inputs,
    folds: list[Fold],
    decided: list[Mapping[str, Signals]],
    *,
    costs: Costs,
    initial_cash: float,
) -> dict[str, WalkForward]:
    """For each symbol or market the signals of all folds as one history, and what they would have earned."""
    account = partial(backtest, costs=costs, initial_cash=initial_cash)
    walks = {}
    for name, bars in inputs.bars.items():
        tested = [(fold, signals[name]) for fold, signals in zip(folds, decided, strict=True) if name in signals]
        if tested:
            walks[name] = _one_history(bars, tested, account)
    return walks


def _one_history(bars: Bars, tested: list[tuple[Fold, Signals]], account: Callable[..., Backtest]) -> WalkForward:
    folds, signals = zip(*tested, strict=True)
    position, confidence = (
        pd.concat([getattr(each, name) for each in signals]).rename(name) for name in ("position", "confidence")
    )
    walked = bars.since(folds[0].test.first).until(folds[-1].test.last)
    return WalkForward(
        signals=Signals(position, confidence),
        folds=folds,
        backtests=tuple(
            account(bars.since(fold.test.first).until(fold.test.last), each.position) for fold, each in tested
        ),
        total=account(walked, position.reindex(walked.frame.index, fill_value=0.0)),
    )


def _span(times: pd.Index, rows: np.ndarray[Any, np.dtype[np.int64]]) -> Span:
    return Span(times[int(rows[0])].to_pydatetime(), times[int(rows[-1])].to_pydatetime())


def _tested(inputs: Inputs, fold: Fold, fit: Fit) -> Mapping[str, Signals]:
    """What a model of this fold decides in the test, after a check that it decides so without what came later."""
    return decided_in_test(fit(inputs.since(fold.train.first).until(fold.train.last), fold), inputs, fold)


def decided_in_test(model: SignalModel, inputs: Inputs, fold: Fold) -> Mapping[str, Signals]:
    """What a fold's model decides in its test, of inputs that end with it; refused if it used what came later."""
    known = _tested_inputs(inputs.for_decisions(), fold)
    decided = model.decide(known)
    _refuse_look_ahead(model, decided, known, fold)
    unseen = {name: signals.since(fold.test.first) for name, signals in decided.items()}
    return {name: signals for name, signals in unseen.items() if len(signals)}


def _tested_inputs(inputs: Inputs, fold: Fold) -> Inputs:
    """Only the tested markets, where a test is of whole markets: each is decided by itself."""
    if not fold.markets:
        return inputs
    names = dict(fold.markets)
    log = {name: rows for name, rows in inputs.trader_log.items() if name in names}
    return replace(inputs, bars={name: bars for name, bars in inputs.bars.items() if name in names}, trader_log=log)


def _refuse_look_ahead(model: SignalModel, decided: Mapping[str, Signals], inputs: Inputs, fold: Fold) -> None:
    def compute(part: Inputs) -> dict[str, pd.DataFrame]:
        return _tables(model.decide(part))

    tested = len(inputs.since(fold.test.first))
    cuts = sorted({len(inputs) - tested + 1, len(inputs) - tested // 2, len(inputs) - 1})
    leaks = changes(compute, _tables(decided), inputs, cuts, np.random.default_rng(fold.number))
    if leaks:
        raise NightdeskError(
            "walk_forward.leak",
            f"Fold {fold.number} of {inputs.subject} used later bars at {leaks[0].at}: {leaks[0]}.",
            "Decide each bar from bars that had closed by then.",
            fold=fold.number,
        )


def _tables(decided: Mapping[str, Signals]) -> dict[str, pd.DataFrame]:
    return {
        name: pd.DataFrame({"position": signals.position, "confidence": signals.confidence})
        for name, signals in decided.items()
    }


def _fingerprint(inputs: Inputs, fold: Fold, key: str) -> str:
    content = [FORMAT, inputs.fingerprint(), fold.to_dict(), key]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _stored(path: Path, fingerprint: str, tested: Inputs) -> Mapping[str, Signals] | None:
    """The signals that an earlier walk stored for the same inputs, spans and key; a damaged file counts as none."""
    try:
        document = json.loads(path.read_bytes())
        if document["fingerprint"] != fingerprint:
            return None
        return {
            name: Signals(
                pd.Series(rows["position"], index=tested.bars[name].frame.index),
                pd.Series(rows["confidence"], index=tested.bars[name].frame.index),
            )
            for name, rows in document["signals"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, NightdeskError):
        return None
