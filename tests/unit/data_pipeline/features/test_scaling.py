from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save
from sklearn.preprocessing import RobustScaler, StandardScaler

from config.errors import NightdeskError
from data_pipeline.features.scaling import Scaler

FITS = pytest.mark.parametrize("fit", [Scaler.standard, Scaler.robust])


def _frame(rows: int = 200, seed: int = 0) -> pd.DataFrame:
    values = np.random.default_rng(seed).standard_t(3, (rows, 3)) * [1.0, 1e6, 1e-6] + [0.0, 5e6, 1.0]
    return pd.DataFrame(values, columns=["rsi", "volume", "return_1"])


@pytest.mark.parametrize(("fit", "peer"), [(Scaler.standard, StandardScaler), (Scaler.robust, RobustScaler)])
def test_scikit_learn_scales_the_same(fit, peer) -> None:
    training, later = _frame(), _frame(50, seed=1)
    fitted = peer().fit(training.to_numpy())
    np.testing.assert_allclose(fit(training).transform(later), fitted.transform(later.to_numpy()), rtol=1e-9)


@FITS
@given(rows=st.integers(3, 60), warm_up=st.integers(0, 20), later=st.integers(0, 30))
def test_a_scaler_depends_on_its_training_span_after_the_warm_up_and_on_nothing_later(
    fit, rows, warm_up, later
) -> None:
    training = _frame(rows, seed=rows)
    undefined = pd.DataFrame(np.nan, index=range(warm_up), columns=training.columns)
    scaler = fit(pd.concat([undefined, training]))
    np.testing.assert_allclose(scaler.transform(training), fit(training).transform(training), rtol=1e-9, atol=1e-9)
    longer = pd.concat([training, _frame(later, seed=9) * 100.0])
    np.testing.assert_array_equal(scaler.transform(longer)[:rows], scaler.transform(training))
    assert scaler.transform(undefined).isna().all(axis=None)


@FITS
def test_a_scaler_comes_back_to_the_last_bit_from_json_and_from_tensors(fit) -> None:
    scaler, later = fit(_frame()), _frame(20, seed=2)
    expected = scaler.transform(later)
    from_json = Scaler.from_dict(json.loads(json.dumps(scaler.to_dict())))
    pd.testing.assert_frame_equal(from_json.transform(later), expected, check_exact=True)
    tensors = load(save(scaler.tensors()))
    from_tensors = Scaler(scaler.names, tensors["centre"], tensors["scale"])
    pd.testing.assert_frame_equal(from_tensors.transform(later), expected, check_exact=True)
    np.testing.assert_allclose(scaler.inverse(expected), later, rtol=1e-12)


@FITS
@given(level=st.floats(-1e9, 1e9))
def test_a_column_that_never_moved_is_centred_and_not_stretched(fit, level: float) -> None:
    scaler = fit(pd.DataFrame({"flat": [level] * 30}))
    moved = scaler.transform(pd.DataFrame({"flat": [level, level + 1.0]}))["flat"]
    np.testing.assert_allclose(moved, [0.0, 1.0], atol=1e-5)


@FITS
@pytest.mark.parametrize("values", [[], [1.0], [np.nan, np.nan, 3.0], [1.0, np.inf, 2.0]], ids=str)
def test_a_column_without_a_scale_is_named(fit, values: list[float]) -> None:
    training = pd.DataFrame({"fine": np.arange(len(values) + 2.0), "poor": [*values, np.nan, np.nan]})
    with pytest.raises(NightdeskError, match="'poor'") as caught:
        fit(training)
    assert caught.value.code == "scaling.undefined"


def test_other_columns_and_another_order_are_refused() -> None:
    scaler = Scaler.standard(_frame())
    for frame in (_frame()[["volume", "rsi", "return_1"]], _frame().drop(columns="rsi")):
        with pytest.raises(NightdeskError, match="rsi, volume, return_1") as caught:
            scaler.transform(frame)
        assert caught.value.code == "scaling.columns"


@pytest.mark.parametrize(
    "change", [{"scale": [1.0, 0.0]}, {"scale": [1.0]}, {"centre": [0.0, float("nan")]}, {"names": ["a"]}], ids=str
)
def test_a_saved_scaler_that_does_not_fit_together_is_refused(change: dict) -> None:
    facts = {"names": ["a", "b"], "centre": [0.0, 0.0], "scale": [1.0, 1.0]} | change
    with pytest.raises(NightdeskError) as caught:
        Scaler.from_dict(facts)
    assert caught.value.code == "scaling.malformed"
