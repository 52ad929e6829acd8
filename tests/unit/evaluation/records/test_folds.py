from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_series_equal

from config.errors import NightdeskError
from config.settings import WalkForwardParams
from data_pipeline.bars.bars import Bars
from data_pipeline.inputs import Inputs
from evaluation.records.folds import FoldModels, FoldPlan, FoldStore
from evaluation.signals import Signals
from evaluation.walk_forward import Fold
from tests.support.markets.easy import rough_bars
from tests.support.models.walk_forward_rule import Threshold, fit_threshold

TEST = 25
RULES = WalkForwardParams(train=60, test=TEST, purge=3, embargo=2)
PLAN = FoldPlan(RULES, None)
BARS = rough_bars(200)  # six folds, the last one of ten bars


@dataclass(frozen=True)
class Stored(Threshold):
    """The rule, which can be stored."""

    def save(self, folder: Path) -> None:
        (folder / "level.json").write_text(json.dumps(self.level))


def load(folder: Path) -> Stored:
    try:
        return Stored(json.loads((folder / "level.json").read_text()))
    except ValueError as error:
        raise NightdeskError("model.damaged", "The model is damaged.", "Train it again.") from error


@dataclass
class Nights:
    """A record that is extended night by night, and what was trained for it."""

    folder: Path
    plan: FoldPlan = PLAN
    key: str = "expert 1"
    fitted: list[int] = field(default_factory=list)

    @property
    def store(self) -> FoldStore:
        return FoldStore(self.folder, lambda _: self.key)

    def night(self, bars: Bars, bars_seen: int | None = None) -> pd.DataFrame:
        """Compute what is not, and return positions and confidences of the whole record."""
        inputs = Inputs.of(bars.head(bars_seen or len(bars)))
        self.fitted.clear()

        def fit(fold: Fold) -> Stored:
            self.fitted.append(fold.number)
            return Stored(fit_threshold(inputs.since(fold.train.first).until(fold.train.last), fold).level)

        folds = self.plan.folds(inputs)
        self.store.forget_revised(inputs, folds)
        parts: list[Signals] = []
        for fold in folds:
            more = len(inputs.since(fold.test.first).until(fold.test.last)) < TEST
            self.store.compute(inputs, fold, FoldModels(fit, load), more_to_come=more)
            decided = self.store.stored(fold)
            assert decided is not None
            parts.append(decided[bars.symbol])
        return pd.DataFrame(
            {
                "position": pd.concat([part.position for part in parts]),
                "confidence": pd.concat([part.confidence for part in parts]),
            }
        )


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Equal to the last bit."""
    for name in ("position", "confidence"):
        assert_series_equal(one[name], other[name], check_exact=True, check_freq=False)


def changed(change: Callable[[pd.DataFrame], None], bars: Bars = BARS) -> Bars:
    frame = bars.frame.copy()
    change(frame)
    return Bars(frame, bars.symbol)


def scaled(frame: pd.DataFrame, until: int, factor: float) -> None:
    frame.iloc[:until, :4] = (frame.iloc[:until, :4] * factor).round(4)


def test_every_bar_after_the_first_training_is_tested_once() -> None:
    folds = PLAN.folds(Inputs.of(BARS))
    times = BARS.frame.index
    assert [times.get_loc(fold.test.first) for fold in folds] == [65, 90, 115, 140, 165, 190]
    assert folds[-1].test.last == times[-1]
    assert all(fold.train.first == times[0] for fold in folds)
    assert all(times.get_loc(fold.test.first) - times.get_loc(fold.train.last) == 6 for fold in folds)


def test_a_fold_learns_as_far_back_as_its_window_and_never_less_than_the_least() -> None:
    times = BARS.frame.index
    for window in (timedelta(days=120), timedelta(days=10)):
        for fold in FoldPlan(RULES, window).folds(Inputs.of(BARS)):
            rows = times.get_loc(fold.train.last) - times.get_loc(fold.train.first) + 1
            if fold.train.first == times[0]:
                continue
            assert rows >= RULES.train
            assert rows == RULES.train or times[-rows] >= times[-1] - window - timedelta(days=4)


def test_only_the_newest_folds_are_made_where_a_plan_bounds_them() -> None:
    whole, newest = PLAN.folds(Inputs.of(BARS)), replace(PLAN, newest=2).folds(Inputs.of(BARS))
    assert newest == whole[-2:]
    assert PLAN.folds(Inputs.of(BARS.head(65))) == []


@given(st.integers(66, 199), st.none() | st.integers(30, 300))
@settings(max_examples=30)
def test_later_bars_change_no_fold_but_a_last_one_that_is_not_over(rows: int, days: int | None) -> None:
    plan = FoldPlan(RULES, days and timedelta(days=days))
    before, after = plan.folds(Inputs.of(BARS.head(rows))), plan.folds(Inputs.of(BARS))
    assert before[:-1] == after[: len(before) - 1]
    last, later = before[-1], after[len(before) - 1]
    assert (last.number, last.train, last.test.first) == (later.number, later.train, later.test.first)


def test_a_second_night_computes_nothing(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    first = nights.night(BARS)
    assert nights.fitted == [0, 1, 2, 3, 4, 5]
    again = nights.night(BARS)
    assert nights.fitted == []
    same(first, again)
    assert all(nights.store.complete(fold) for fold in PLAN.folds(Inputs.of(BARS)))


def test_a_fold_that_is_not_over_grows_without_training(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    nights.night(BARS, 170)
    assert list(tmp_path.glob("*/model"))
    for rows in range(171, 191):
        nights.night(BARS, rows)
        assert nights.fitted == []
    assert not list(tmp_path.glob("*/model"))  # the test is over
    nights.night(BARS, 191)
    assert nights.fitted == [5]


@given(st.sets(st.integers(66, 199), max_size=8), st.none() | st.integers(60, 250))
@settings(max_examples=8, deadline=None)  # each is up to nine nights, twice
def test_a_record_that_grew_is_the_one_computed_at_once_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, ends: set[int], days: int | None
) -> None:
    plan = FoldPlan(RULES, days and timedelta(days=days))
    grown = Nights(tmp_path_factory.mktemp("grown"), plan)
    trained: list[int] = []
    for rows in sorted(ends):
        grown.night(BARS, rows)
        trained += grown.fitted
    whole = grown.night(BARS)
    same(whole, Nights(tmp_path_factory.mktemp("at-once"), plan).night(BARS))
    assert sorted(trained + grown.fitted) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("factor", [0.5, 0.25, 0.987, 3.0])
def test_a_split_or_a_dividend_that_rescales_the_past_forgets_nothing(tmp_path: Path, factor: float) -> None:
    nights = Nights(tmp_path)
    nights.night(BARS, 180)

    def rescale(frame: pd.DataFrame) -> None:
        scaled(frame, 180, factor)
        scaled(frame, 199, factor)

    nights.night(changed(rescale))
    assert nights.fitted == [5]


def test_a_revised_return_forgets_the_folds_that_saw_it_and_no_other(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    nights.night(BARS)
    stored = {path.parent.name: path.stat().st_mtime_ns for path in tmp_path.glob("*/fold.json")}

    def revise(frame: pd.DataFrame) -> None:
        frame.iloc[120:, :4] *= 1.01  # the return of bar 120 alone

    nights.night(changed(revise))
    assert nights.fitted == [2, 3, 4, 5]  # the test of fold 2 is from bar 115 to bar 139
    after = {path.parent.name: path.stat().st_mtime_ns for path in tmp_path.glob("*/fold.json")}
    assert sorted(name for name in stored if after[name] == stored[name]) == sorted(stored)[:2]
    nights.night(changed(revise))
    assert nights.fitted == []


def test_a_bar_that_is_gone_or_new_in_the_past_forgets_the_folds_that_saw_it(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    nights.night(BARS)
    gap = Bars(BARS.frame.drop(BARS.frame.index[150]), BARS.symbol)
    inputs = Inputs.of(gap)
    assert nights.store.forget_revised(inputs, PLAN.folds(Inputs.of(BARS))) == 3
    nights.night(gap)
    # those after it learned up to another bar now, and are other folds
    assert nights.store.forget_revised(Inputs.of(BARS), PLAN.folds(Inputs.of(BARS))) == 1
    nights.night(BARS)
    assert nights.fitted == [3, 4, 5]


def test_rounding_of_a_source_is_no_revision(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    nights.night(BARS)

    def rounded(frame: pd.DataFrame) -> None:
        frame.iloc[:, :4] = (frame.iloc[:, :4]).round(2)
        frame["high"] = frame[["open", "high", "low", "close"]].max(axis=1)
        frame["low"] = frame[["open", "high", "low", "close"]].min(axis=1)

    nights.night(changed(rounded))
    assert nights.fitted == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"format": 1}',
        b'{"format": 1, "key": "expert 1", "signals": null}',
        b'{"format": 1, "key": "expert 1", "signals": {"EASY": {"times": [1, 2], "position": [1], "confidence": [1]}}}',
        b'{"format": 1, "key": "expert 1", "signals": {"EASY": {"times": ["x"], "position": [1], "confidence": [1]}}}',
        b'{"format": 1, "key": "expert 1", "signals": {"EASY": {"times": [1], "position": [7], "confidence": [1]}}}',
        b"\xff\xfe",
    ],
)
def test_a_damaged_fold_is_computed_again(tmp_path: Path, content: bytes) -> None:
    nights = Nights(tmp_path)
    whole = nights.night(BARS)
    sorted(tmp_path.glob("*/fold.json"))[2].write_bytes(content)
    same(nights.night(BARS), whole)
    assert nights.fitted == [2]


def test_a_fold_file_that_is_gone_is_computed_again(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    whole = nights.night(BARS)
    shutil.rmtree(sorted(tmp_path.glob("*/fold.json"))[1].parent)
    same(nights.night(BARS), whole)
    assert nights.fitted == [1]


@pytest.mark.parametrize("content", [None, b"{"])
def test_a_damaged_model_of_a_fold_that_is_not_over_is_trained_again(tmp_path: Path, content: bytes | None) -> None:
    nights = Nights(tmp_path)
    nights.night(BARS, 195)
    (model,) = tmp_path.glob("*/model/level.json")
    if content is None:
        model.unlink()
    else:
        model.write_bytes(content)
    grown = nights.night(BARS)
    assert nights.fitted == [5]
    same(grown, Nights(tmp_path / "at-once").night(BARS))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"EASY": 1}', b'{"EASY": {"times": [], "growth": []}}'])
def test_damaged_bars_of_the_folds_forget_nothing_and_are_written_again(tmp_path: Path, content: bytes) -> None:
    nights = Nights(tmp_path)
    nights.night(BARS)
    before = (tmp_path / "bars.json").read_bytes()
    (tmp_path / "bars.json").write_bytes(content)
    nights.night(BARS)
    assert (tmp_path / "bars.json").read_bytes() == before


def test_another_key_computes_all_folds_anew(tmp_path: Path) -> None:
    first = Nights(tmp_path)
    first.night(BARS, 195)
    other = Nights(tmp_path, key="expert 2")
    other.night(BARS, 195)
    assert other.fitted == [0, 1, 2, 3, 4, 5]
    other.night(BARS)
    assert other.fitted == []


def test_a_symbol_that_joins_counts_from_its_first_bar_and_revises_nothing(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    nights.night(BARS)
    other = Bars(BARS.frame, "OTHER")
    both = Inputs("universe", {BARS.symbol: BARS, "OTHER": other})
    assert nights.store.forget_revised(both, PLAN.folds(both)) == 0
    alone = Inputs.of(BARS)
    assert nights.store.forget_revised(alone, PLAN.folds(alone)) == 6  # what they saw of the other is gone


def test_a_model_that_looks_ahead_is_refused_and_leaves_no_fold(tmp_path: Path) -> None:
    class Ahead(Stored):
        def signals(self, bars: Bars) -> Signals:
            following = bars.frame["close"].shift(-1, fill_value=0.0) / bars.frame["close"]
            return Signals((following > 1.0).astype("f8"), np.tanh(following))

    inputs = Inputs.of(BARS)
    fold = PLAN.folds(inputs)[0]
    store = FoldStore(tmp_path, lambda _: "")
    with pytest.raises(NightdeskError, match="used later bars"):
        store.compute(inputs, fold, FoldModels(lambda fold: Ahead(0.0), load), more_to_come=False)
    assert store.stored(fold) is None
    assert not store.complete(fold)
    assert np.all([not path.is_file() for path in tmp_path.rglob("*")])
