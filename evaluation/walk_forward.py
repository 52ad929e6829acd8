"""Walk-forward: trained on the past, tested on what came next, again and again; the tests together are one history.

Between training and test `purge` bars are left out because labels look ahead that far, and `embargo` bars more because
neighbours in time are alike. Each fold that is done can be kept as a file, so that a walk that was killed goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from config.errors import NightdeskError
from config.publish import publish_bytes
from data_pipeline.bars import Bars
from data_pipeline.splits import walk_forward
from evaluation.backtesting import DEFAULT_COSTS, Backtest, Costs, backtest
from evaluation.leaks import Span
from evaluation.look_ahead import changes
from evaluation.signals import Signals

FORMAT = 1


class Speaks(Protocol):
    """A trained model, as far as a walk must know it."""

    def signals(self, bars: Bars) -> Signals:
        """A position and a confidence for each bar."""


@dataclass(frozen=True)
class Fold:
    """One step of a walk: the bars to learn from, and the later bars to be tested on."""

    number: int
    train: Span
    test: Span

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"number": self.number, "train": str(self.train), "test": str(self.test)}


# Given the bars of a fold's training span and the fold, a model that has seen nothing else.
Fit = Callable[[Bars, Fold], Speaks]


@dataclass(frozen=True, eq=False)
class WalkForward:
    """What a walk found: signals on bars that their models never saw, one test after another, and what they earned.

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

    def folds(self, bars: Bars) -> list[Fold]:
        """The folds of these bars, in time order; bars that come later change no fold but a last one cut short."""
        times = bars.frame.index
        splits = walk_forward(
            len(bars),
            train=self.train,
            test=self.test,
            step=self.step,
            purge=self.purge + self.embargo,
            anchored=self.anchored,
        )
        return [Fold(number, _span(times, train), _span(times, test)) for number, (train, test) in enumerate(splits)]

    def validate(
        self,
        bars: Bars,
        fit: Fit,
        *,
        executor: Executor | None = None,
        folder: Path | None = None,
        key: str = "",
        progress: Callable[[float, str], None] | None = None,
        costs: Costs = DEFAULT_COSTS,
        initial_cash: float = 100_000.0,
    ) -> WalkForward:
        """Walk over `bars`, in the processes or threads of `executor` if there is one.

        A fold that is done is kept in `folder`, and not done again while its bars, its spans and `key`, which names
        what `fit` does, are the same.
        """
        folds = self.folds(bars)
        do = partial(run_fold, bars, fit=fit, folder=folder, key=key)
        signals = []
        for fold, said in zip(folds, (executor.map if executor is not None else map)(do, folds), strict=True):
            signals.append(said)
            if progress is not None:
                progress(len(signals) / len(folds), f"fold {fold.number + 1} of {len(folds)}")
        return stitched(bars, folds, signals, costs=costs, initial_cash=initial_cash)


def run_fold(bars: Bars, fold: Fold, *, fit: Fit, folder: Path | None = None, key: str = "") -> Signals:
    """The signals of one fold on its test span, kept in `folder` if one is given."""
    seen = bars.until(fold.test.last)
    if folder is None:
        return _tested(seen, fold, fit)
    path = folder / f"fold-{fold.number:04d}.json"
    fingerprint = _fingerprint(seen, fold, key)
    index = seen.since(fold.test.first).frame.index
    kept = _kept(path, fingerprint, index)
    if kept is None:
        kept = _tested(seen, fold, fit)
        rows = {"position": kept.position.tolist(), "confidence": kept.confidence.tolist()}
        publish_bytes(path, json.dumps({"format": FORMAT, "fingerprint": fingerprint, **rows}).encode())
    return kept


def stitched(
    bars: Bars, folds: list[Fold], signals: list[Signals], *, costs: Costs, initial_cash: float
) -> WalkForward:
    """The folds' signals as one history, and what they would have earned."""
    position, confidence = (
        pd.concat([getattr(each, name) for each in signals]).rename(name) for name in ("position", "confidence")
    )
    whole = Signals(position, confidence)
    walked = bars.since(folds[0].test.first).until(folds[-1].test.last)
    target = whole.position.reindex(walked.frame.index, fill_value=0.0)

    def account(part: Bars, position: pd.Series) -> Backtest:
        return backtest(part, position, costs=costs, initial_cash=initial_cash)

    return WalkForward(
        signals=whole,
        folds=tuple(folds),
        backtests=tuple(
            account(bars.since(fold.test.first).until(fold.test.last), said.position)
            for fold, said in zip(folds, signals, strict=True)
        ),
        total=account(walked, target),
    )


def _span(times: pd.Index, rows: np.ndarray[Any, np.dtype[np.int64]]) -> Span:
    return Span(times[int(rows[0])].to_pydatetime(), times[int(rows[-1])].to_pydatetime())


def _tested(seen: Bars, fold: Fold, fit: Fit) -> Signals:
    """What a model of this fold says of the test, after it was held to saying it without what came later."""
    model = fit(seen.since(fold.train.first).until(fold.train.last), fold)
    signals = model.signals(seen)
    _refuse_look_ahead(model, signals, seen, fold)
    return signals.since(fold.test.first)


def _refuse_look_ahead(model: Speaks, signals: Signals, seen: Bars, fold: Fold) -> None:
    def said(bars: Bars) -> pd.DataFrame:
        return _frame(model.signals(bars))

    tested = len(seen.since(fold.test.first))
    cuts = sorted({len(seen) - tested + 1, len(seen) - tested // 2, len(seen) - 1})
    found = changes(said, _frame(signals), seen, cuts, np.random.default_rng(fold.number))
    if found:
        raise NightdeskError(
            "walk_forward.leak",
            f"Fold {fold.number} of {seen.symbol} knew later bars at {found[0].at}: {found[0]}.",
            "Decide each bar from bars that had closed by then.",
            fold=fold.number,
        )


def _frame(signals: Signals) -> pd.DataFrame:
    return pd.DataFrame({"position": signals.position, "confidence": signals.confidence})


def _fingerprint(seen: Bars, fold: Fold, key: str) -> str:
    about = [FORMAT, seen.symbol, seen.interval, seen.fingerprint(), fold.to_dict(), key]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


def _kept(path: Path, fingerprint: str, index: pd.Index) -> Signals | None:
    """What an earlier walk kept of the same bars, spans and key; a damaged file is as good as none."""
    try:
        kept = json.loads(path.read_bytes())
        if kept["fingerprint"] != fingerprint:
            return None
        return Signals(pd.Series(kept["position"], index=index), pd.Series(kept["confidence"], index=index))
    except (OSError, ValueError, KeyError, TypeError, NightdeskError):
        return None
