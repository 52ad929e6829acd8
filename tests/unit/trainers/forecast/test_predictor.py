"""Price predictors as a script uses them: fit, predict, save, load, resume; and what they refuse."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from pydantic import ValidationError

from config.errors import NightdeskError
from data_pipeline.bars.bars import Bars
from tests.support.markets.planted_returns import autoregressive, noise
from trainers import CNNPricePredictor, EnsemblePricePredictor, LSTMPricePredictor, TransformerPricePredictor
from trainers.forecast.combining import weights_of
from trainers.forecast.params import CnnParams, ForecastConfig
from trainers.forecast.predictor import PricePredictor
from trainers.nets.history import Epoch
from trainers.safe_files import read_tensors, tensor_bytes

BARS = autoregressive(400).bars
SMALL = ForecastConfig(features=("return_1", "return_5"), window=7, hidden=4, max_epochs=3, lr=0.01, layers=2)
KINDS = (LSTMPricePredictor, TransformerPricePredictor, CNNPricePredictor)


def fitted(kind: type[PricePredictor] = LSTMPricePredictor, **changes) -> PricePredictor:
    predictor = kind(SMALL.model_copy(update=changes))
    predictor.fit(BARS)
    return predictor


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("head", ["gaussian", "quantile"])
def test_it_predicts_a_distribution_of_returns_at_every_bar_with_a_whole_window(kind, head) -> None:
    table = fitted(kind, head=head).predict(BARS)
    assert list(table.columns) == ["mean", "deviation", "q05", "q25", "q50", "q75", "q95"]
    assert table.iloc[:25].isna().all(axis=None)
    assert table.iloc[30:].notna().all(axis=None)
    assert (table["deviation"].iloc[30:] > 0.0).all()
    assert (np.diff(table[["q05", "q25", "q50", "q75", "q95"]].iloc[30:], axis=1) >= 0.0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_it_comes_back_from_its_file_to_the_last_bit(kind, tmp_path: Path) -> None:
    predictor = fitted(kind)
    predictor.save(tmp_path / "predictor.safetensors")
    again = kind.load(tmp_path / "predictor.safetensors")
    assert_frame_equal(again.predict(BARS), predictor.predict(BARS), check_exact=True)
    others = [other for other in KINDS if other is not kind]
    with pytest.raises(NightdeskError, match=f"not a {others[0].network}"):
        others[0].load(tmp_path / "predictor.safetensors")


def test_many_symbols_are_learned_from_in_one_batch() -> None:
    other = noise(300, seed=5).bars
    both = {"ONE": BARS, "TWO": Bars(other.frame, "TWO")}
    windows = [LSTMPricePredictor(SMALL).fit(data)["windows"] for data in (BARS, both["TWO"], both)]
    assert windows[2] == windows[0] + windows[1]


def test_no_prediction_depends_on_a_later_bar() -> None:
    predictor = fitted()
    for rows in (30, 200, 399):
        assert_frame_equal(predictor.predict(BARS.head(rows)), predictor.predict(BARS).head(rows), check_exact=True)


def test_an_interrupted_training_goes_on_to_the_same_network(tmp_path: Path) -> None:
    def stop(epoch: Epoch) -> None:
        if epoch.number == 2:
            raise KeyboardInterrupt

    predictor = LSTMPricePredictor(SMALL)
    with pytest.raises(KeyboardInterrupt):
        predictor.fit(BARS, tmp_path / "fit.safetensors", stop)
    predictor.fit(BARS, tmp_path / "fit.safetensors")
    assert_frame_equal(predictor.predict(BARS), fitted().predict(BARS), check_exact=True)


def test_a_frame_of_prices_is_understood() -> None:
    frame = BARS.frame.reset_index()
    predictor = LSTMPricePredictor(SMALL)
    predictor.fit(frame)
    assert predictor.predict(frame)["mean"].notna().sum() > 300


@pytest.mark.parametrize("method", ["stacking", "voting", "weighted_average"])
def test_an_ensemble_weighs_its_members(method) -> None:
    members = [LSTMPricePredictor(SMALL), CNNPricePredictor(SMALL)]
    ensemble = EnsemblePricePredictor(members, method)
    weights = ensemble.fit(BARS)["weights"]
    assert set(weights) == {"0_lstm", "1_cnn"}
    assert sum(weights.values()) <= 1.0 + 1e-9
    expected = sum(
        weight * member.predict(BARS)["mean"] for weight, member in zip(weights.values(), members, strict=True)
    )
    pd.testing.assert_series_equal(ensemble.predict(BARS)["mean"], expected, rtol=1e-9)


def test_an_ensemble_comes_back_from_its_folder_to_the_last_bit(tmp_path: Path) -> None:
    ensemble = EnsemblePricePredictor([LSTMPricePredictor(SMALL), CNNPricePredictor(SMALL)], folds=1)
    with pytest.raises(NightdeskError, match="has not been trained"):
        ensemble.save(tmp_path / "ensemble")
    ensemble.fit(BARS)
    ensemble.save(tmp_path / "ensemble")
    again = EnsemblePricePredictor.load(tmp_path / "ensemble")
    assert_frame_equal(again.predict(BARS), ensemble.predict(BARS), check_exact=True)
    (tmp_path / "ensemble" / "ensemble.json").write_text('{"method": "magic", "weights": {"0_lstm": 1.0}}')
    with pytest.raises(NightdeskError, match="names no method"):
        EnsemblePricePredictor.load(tmp_path / "ensemble")


def test_stacking_finds_the_forecast_that_is_right_and_nothing_in_noise() -> None:
    random = np.random.default_rng(0)
    signal = random.normal(0.0, 0.01, 3000)
    returns = signal + random.normal(0.0, 0.01, 3000)
    others = random.normal(0.0, 0.01, (2, 3000))
    found = weights_of("stacking", np.stack([others[0], signal, others[1]]), returns)
    assert found[1] == pytest.approx(1.0, abs=0.06)
    assert found[[0, 2]] == pytest.approx(0.0, abs=0.06)
    assert weights_of("stacking", others, returns).sum() < 0.1
    assert weights_of("stacking", 0.2 * np.stack([signal, signal]), returns).sum() == pytest.approx(1.0)
    average = weights_of("weighted_average", np.stack([signal, others[0]]), returns)
    assert average[0] / average[1] == pytest.approx(3.0, rel=0.15)


@pytest.mark.parametrize(
    ("bars", "code"),
    [
        (BARS.head(60), "forecast.too_short"),
        (BARS.head(5), "forecast.too_short"),
        (Bars(BARS.frame.assign(open=5.0, high=5.0, low=5.0, close=5.0), "FLAT"), "forecast.too_short"),
    ],
    ids=["short", "shorter than a window", "constant"],
)
def test_what_cannot_be_learned_from_is_refused(bars: Bars, code: str) -> None:
    with pytest.raises(NightdeskError) as refused:
        LSTMPricePredictor(SMALL).fit(bars)
    assert (refused.value.code, bool(refused.value.cure)) == (code, True)


def test_gaps_in_a_history_cost_the_windows_that_they_cut() -> None:
    gapped = Bars(BARS.frame.drop(BARS.frame.index[150:170]), "GAP")
    assert LSTMPricePredictor(SMALL).fit(gapped)["windows"] == LSTMPricePredictor(SMALL).fit(BARS)["windows"] - 20


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (ForecastConfig, {"head": "laplace"}, "head"),
        (ForecastConfig, {"window": 1}, "window"),
        (ForecastConfig, {"horizon": 0}, "horizon"),
        (CnnParams, {"window": 10, "layers": 4}, "looks back 31 bars"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused_by_name(kind, values, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        kind(**values)


def test_an_untrained_predictor_and_an_unknown_method_are_usage_errors() -> None:
    with pytest.raises(NightdeskError, match="has not been trained"):
        LSTMPricePredictor().predict(BARS)
    with pytest.raises(NightdeskError, match="has not been trained"):
        EnsemblePricePredictor().predict(BARS)
    with pytest.raises(NightdeskError, match="no method 'magic'"):
        EnsemblePricePredictor(method="magic")
    with pytest.raises(NightdeskError, match="No series"):
        LSTMPricePredictor(SMALL).fit({})


@pytest.mark.parametrize("damage", ["pickle", "missing", "shape", "nan", "stranger", "scale"])
def test_a_file_that_is_no_predictor_is_refused(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "predictor.safetensors"
    fitted().save(path)
    tensors, metadata = read_tensors(path)
    if damage == "missing":
        tensors.pop("head.bias")
    elif damage == "shape":
        tensors["head.bias"] = np.zeros(3, np.float32)
    elif damage == "nan":
        tensors["head.bias"] = np.full(2, np.nan, np.float32)
    elif damage == "stranger":
        metadata = {}
    elif damage == "scale":
        tensors["scale.deviation"] = np.zeros(2)
    path.write_bytes(pickle.dumps({}) if damage == "pickle" else tensor_bytes(tensors, metadata))
    with pytest.raises(NightdeskError) as refused:
        LSTMPricePredictor.load(path)
    assert refused.value.code in ("model.corrupt", "model.unsafe")
