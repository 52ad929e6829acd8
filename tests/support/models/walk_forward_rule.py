"""A rule that must be fitted, for walks over folds: fitted slowly enough to be killed, and whole in a process pool."""

from __future__ import annotations

import sys
import time
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from data_pipeline.bars.bars import Bars
from data_pipeline.inputs import Inputs
from evaluation.signal_model import SymbolModel
from evaluation.signals import Signals
from evaluation.walk_forward import Fold, WalkForward, WalkForwardValidator
from tests.support.markets.easy import rough_bars

WALK = WalkForwardValidator(train=60, test=25, purge=5, embargo=2)


@dataclass(frozen=True)
class Threshold(SymbolModel):
    """Long after a rise that was unusual in its training span."""

    level: float

    def bar_features(self, bars: Bars) -> pd.DataFrame:
        return pd.DataFrame({"change": bars.frame["close"].pct_change()})

    def signals(self, bars: Bars) -> Signals:
        change = bars.frame["close"].pct_change().fillna(0.0)
        return Signals((change > self.level).astype("float64"), np.tanh(change.abs()))


def fit_threshold(train: Inputs, fold: Fold) -> Threshold:
    return Threshold(float(train.only.frame["close"].pct_change().quantile(0.6)))


def fit_slowly(train: Inputs, fold: Fold) -> Threshold:
    time.sleep(0.2)
    return fit_threshold(train, fold)


def walk(folder: Path | None, executor: Executor | None = None, bars: Bars | None = None) -> WalkForward:
    return WALK.validate(bars or rough_bars(300), fit_threshold, folder=folder, executor=executor, key="threshold")


if __name__ == "__main__":
    WALK.validate(rough_bars(300), fit_slowly, folder=Path(sys.argv[1]), key="threshold")
