"""A cloner with regimes among its features: they are fitted to its training span, and travel with it."""

from __future__ import annotations

from pathlib import Path

from pandas.testing import assert_frame_equal, assert_series_equal

from data_pipeline.features.registry import feature_matrix
from data_pipeline.inputs import Inputs
from data_pipeline.regimes.model import RegimeModel
from evaluation.audit.leak_audit import FitRecord, Span, audit
from tests.support.markets.easy import easy_expert, easy_task
from tests.support.markets.two_states import bars_of, planted
from trainers import TrainingContext, registry
from trainers.cloning.behavioral.model_type import BehavioralClonerType

NAME, NAMES = "behavioral_cloner", ("regime_high", "return_1", "regime_bull")
BARS = bars_of(planted(900)[1][:, 0], "TWO")
PARAMS = registry.validate_params(NAME, {"n_estimators": 10, "features": NAMES})
TASK = easy_task(NAME, BARS.head(600), params=PARAMS)


def trained():
    fits: list[FitRecord] = []
    model = BehavioralClonerType().train(TASK, TrainingContext(seed=1, record_fit=fits.append))
    return model, fits


def test_their_columns_stand_in_their_place_and_are_those_of_a_model_of_the_training_span() -> None:
    model, fits = trained()
    matrix = model.bar_features(BARS)
    regimes = RegimeModel.fit(TASK.bars)
    assert tuple(matrix.columns) == NAMES
    assert_series_equal(matrix["regime_high"], regimes.volatility(BARS)["high"], check_names=False)
    assert_series_equal(matrix["regime_bull"], regimes.direction(BARS)["bull"], check_names=False)
    assert_series_equal(matrix["return_1"], feature_matrix(BARS, ["return_1"])["return_1"])
    assert {fit.name for fit in fits} == {"forest", "measured forest", "regimes"}


def test_the_audit_finds_no_look_ahead() -> None:
    model, fits = trained()
    inputs = Inputs.of(BARS, easy_expert(BARS))
    leaks = audit(model, inputs, fits, Span(TASK.train_start, TASK.train_end), seed=1)
    assert leaks.clean, leaks.findings


def test_it_is_measured_by_regimes_that_know_nothing_of_what_it_is_measured_on(monkeypatch) -> None:
    fitted_until = []
    fit = RegimeModel.fit.__func__

    def recorded(cls, bars, states=3):
        fitted_until.append(bars.frame.index[-1])
        return fit(cls, bars, states)

    monkeypatch.setattr(RegimeModel, "fit", classmethod(recorded))
    _, fits = trained()
    (measured,) = [each.measured_span for each in fits if each.name == "measured forest"]
    assert max(fitted_until) == TASK.bars.frame.index[-1]
    assert min(fitted_until) < measured.first


def test_it_comes_back_from_its_files_with_them(tmp_path: Path) -> None:
    model, _ = trained()
    model.save(tmp_path)
    again = BehavioralClonerType().load(tmp_path)
    assert_frame_equal(again.bar_features(BARS), model.bar_features(BARS), check_exact=True)
    assert_series_equal(again.signals(BARS).position, model.signals(BARS).position, check_exact=True)
