from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_series_equal

from config import NightdeskError, UsageError
from data_pipeline.bars.bars import Bars
from data_pipeline.inputs import Inputs
from evaluation import Signals, WalkForwardValidator, backtest
from evaluation.walk_forward import Fold, WalkForward
from tests.support.markets.easy import rough_bars
from tests.support.models.walk_forward_rule import WALK, Threshold, fit_threshold, walk

BARS = rough_bars(300)
TIMES = pd.DatetimeIndex(BARS.frame.index)
ROOT = Path(__file__).parents[3]


def same(one: WalkForward, other: WalkForward) -> None:
    """Equal to the last bit."""
    assert_series_equal(one.signals.position, other.signals.position, check_exact=True)
    assert_series_equal(one.signals.confidence, other.signals.confidence, check_exact=True)
    assert one.to_dict() == other.to_dict()


def rows(first: object, last: object) -> range:
    return range(TIMES.get_loc(first), TIMES.get_loc(last) + 1)


@st.composite
def walks(draw: st.DrawFn) -> WalkForwardValidator:
    test = draw(st.integers(1, 80))
    return WalkForwardValidator(
        train=draw(st.integers(1, 120)),
        test=test,
        step=draw(st.none() | st.integers(test, test + 40)),
        purge=draw(st.integers(0, 20)),
        embargo=draw(st.integers(0, 20)),
        anchored=draw(st.booleans()),
    )


@given(walks())
def test_tests_never_overlap_and_the_gap_before_each_holds(validator: WalkForwardValidator) -> None:
    walked = validator.folds(BARS)
    gap = validator.purge + validator.embargo
    tested: set[int] = set()
    for number, fold in enumerate(walked):
        learned, unseen = rows(fold.train.first, fold.train.last), rows(fold.test.first, fold.test.last)
        assert fold.number == number
        assert learned[-1] + 1 + gap == unseen[0]
        assert len(learned) >= validator.train
        assert learned[0] == 0 if validator.anchored else len(learned) == validator.train
        assert len(unseen) == min(validator.test, 300 - unseen[0])
        assert tested.isdisjoint(unseen)
        tested.update(unseen)
    if validator.step in (None, validator.test):
        assert tested == set(range(validator.train + gap, 300))


def test_each_bar_is_decided_by_the_model_of_its_fold_which_saw_only_its_training_span() -> None:
    seen: dict[int, Inputs] = {}

    def fit(train: Inputs, fold: Fold) -> Threshold:
        seen[fold.number] = train
        return fit_threshold(train, fold)

    walked = WALK.validate(BARS, fit)
    for fold in walked.folds:
        train = seen[fold.number]
        assert (train.times[0], train.times[-1]) == (fold.train.first, fold.train.last)
        alone = fit_threshold(train, fold).signals(BARS)
        for name in ("position", "confidence"):
            ours = getattr(walked.signals, name).loc[fold.test.first : fold.test.last]
            assert_series_equal(ours, getattr(alone, name).loc[ours.index], check_exact=True, check_names=False)
    assert walked.signals.index.equals(TIMES[67:])
    assert len(seen) == len(walked.folds) == 10


def test_the_whole_is_one_account_and_each_fold_one_of_its_own() -> None:
    walked = walk(None)
    alone = backtest(BARS.since(TIMES[67]), walked.signals)
    assert_series_equal(walked.total.equity, alone.equity, check_exact=True)
    told = walked.to_dict()
    assert told["metrics"] == alone.metrics()
    fold = walked.folds[3]
    span = BARS.since(fold.test.first).until(fold.test.last)
    assert (
        told["folds"][3]["metrics"]
        == backtest(span, walked.signals.since(fold.test.first).until(fold.test.last)).metrics()
    )
    assert told["folds"][3]["train"] == str(fold.train)
    assert json.loads(json.dumps(told)) == told


def test_bars_between_tests_are_held_flat() -> None:
    walked = WalkForwardValidator(train=50, test=10, step=40).validate(BARS, fit_threshold)
    assert len(walked.signals) == 10 * 6 + 10
    untested = walked.total.positions.index.difference(walked.signals.index)
    after_fill = walked.total.positions.loc[untested].groupby(np.arange(len(untested)) // 30).tail(29)
    assert (after_fill == 0.0).all()


@pytest.mark.parametrize("pool", ["threads", "processes"])
def test_an_executor_changes_nothing_but_the_time(pool: str) -> None:
    spawned = multiprocessing.get_context("spawn")
    made: Executor = ThreadPoolExecutor(2) if pool == "threads" else ProcessPoolExecutor(2, mp_context=spawned)
    with made as executor:
        same(walk(None, executor), walk(None))


def test_progress_tells_of_every_fold() -> None:
    heard: list[tuple[float, str]] = []
    WALK.validate(BARS, fit_threshold, progress=lambda part, said: heard.append((part, said)))
    assert heard[0] == (0.1, "fold 1 of 10")
    assert heard[-1] == (1.0, "fold 10 of 10")


def test_a_walk_that_was_killed_goes_on_where_it_was_to_the_last_bit(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.models.walk_forward_rule", str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    ends = time.monotonic() + 60
    while len(list(tmp_path.glob("fold-*.json"))) < 3:
        assert time.monotonic() < ends
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("fold-*.json")}
    assert 3 <= len(before) < 10
    same(walk(tmp_path), walk(None))
    after = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("fold-*.json")}
    assert len(after) == 10
    assert before.items() <= after.items()


def fitted(folder: Path, bars: Bars = BARS, key: str = "threshold") -> list[int]:
    """The folds that had to be fitted to walk over `bars`; the walk must be the same as one that kept nothing."""
    done: list[int] = []

    def fit(train: Inputs, fold: Fold) -> Threshold:
        done.append(fold.number)
        return fit_threshold(train, fold)

    same(WALK.validate(bars, fit, folder=folder, key=key), WALK.validate(bars, fit_threshold))
    return done


def test_what_is_kept_is_used_only_for_the_same_bars_and_the_same_fit(tmp_path: Path) -> None:
    assert fitted(tmp_path) == list(range(10))
    assert fitted(tmp_path) == []
    assert fitted(tmp_path, key="another") == list(range(10))
    changed = BARS.frame.copy()
    changed.iloc[140, 0] *= 1.0001
    touched = fitted(tmp_path, Bars(changed, BARS.symbol), key="another")
    assert touched == list(range(2, 10))  # folds that ended before the changed bar stand


def test_newer_bars_cost_only_the_folds_they_are_in(tmp_path: Path) -> None:
    assert fitted(tmp_path, BARS.head(275)) == list(range(9))  # the last of them is cut short
    assert fitted(tmp_path) == [8, 9]


@pytest.mark.parametrize("torn", [b"", b"{", b'{"format": 2}', b"\x80\x04junk", b"[1, 2]"])
def test_a_damaged_fold_is_done_again(tmp_path: Path, torn: bytes) -> None:
    fitted(tmp_path)
    (tmp_path / "fold-0004.json").write_bytes(torn)
    assert fitted(tmp_path) == [4]


def test_a_fold_with_positions_out_of_bounds_is_done_again(tmp_path: Path) -> None:
    fitted(tmp_path)
    path = tmp_path / "fold-0004.json"
    kept = json.loads(path.read_bytes())
    rows = kept["signals"]["EASY"]
    path.write_text(json.dumps(kept | {"signals": {"EASY": rows | {"position": [7.0] * 25}}}))
    assert fitted(tmp_path) == [4]


class Psychic(Threshold):
    def signals(self, bars: Bars) -> Signals:
        known = super().signals(bars)
        return Signals(known.position.shift(-1, fill_value=0.0), known.confidence)


def test_a_model_that_knows_later_bars_ends_the_walk() -> None:
    with pytest.raises(NightdeskError, match="Fold 0 of EASY used later bars") as refused:
        WALK.validate(BARS, lambda train, fold: Psychic(fit_threshold(train, fold).level))
    assert refused.value.code == "walk_forward.leak"


def test_too_few_bars_and_overlapping_tests_are_clear_errors() -> None:
    with pytest.raises(UsageError, match="leave room"):
        WALK.folds(BARS.head(60))
    with pytest.raises(UsageError, match="tests would overlap"):
        WalkForwardValidator(train=60, test=25, step=10).folds(BARS)
