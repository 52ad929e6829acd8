from __future__ import annotations

import io
import json
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

from config.errors import NightdeskError, UsageError
from tests.support.markets.labelled_features import FEATURES, labelled
from trainers import BehavioralCloner, BehavioralClonerConfig

SMALL = BehavioralClonerConfig(n_estimators=20)


@pytest.fixture(scope="module")
def cloner() -> BehavioralCloner:
    trained = BehavioralCloner(SMALL)
    trained.train_model(*labelled(), verbose=False)
    return trained


def market() -> pd.DataFrame:
    dates = pd.bdate_range("2024-01-01", periods=30)
    return pd.DataFrame({"date": dates, "close": np.linspace(100.0, 130.0, 30)})


def test_its_defaults_are_those_of_the_guide() -> None:
    config = BehavioralClonerConfig()
    assert (config.n_estimators, config.max_depth, config.min_samples_split, config.min_samples_leaf) == (100, 10, 5, 2)
    assert (config.random_state, config.test_size, config.class_weight) == (42, 0.2, "balanced")


def test_it_learns_the_experts_rule() -> None:
    metrics = BehavioralCloner().train_model(*labelled(), verbose=False)
    assert metrics["test_accuracy"] > 0.95 > metrics["majority_accuracy"]
    assert next(iter(metrics["feature_importance"])) == "signal"
    assert next(iter(metrics["permutation_importance"])) == "signal"
    assert np.sum(metrics["confusion_matrix"]) == metrics["test_size"] == 80
    assert metrics["train_size"] == 400 - 80 - 5
    assert {"sell", "hold", "buy"} <= metrics["classification_report"].keys()
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics


def test_it_is_measured_on_the_last_rows_and_fitted_on_none_near_them() -> None:
    X, y = labelled()
    _, other = labelled(seed=9)
    changed = y.copy()
    changed.iloc[-85:] = other.iloc[-85:]
    first, second = BehavioralCloner(SMALL), BehavioralCloner(SMALL)
    first.train_model(X, y, verbose=False)
    second.train_model(X, changed, verbose=False)
    assert first.predict_proba(X).tobytes() == second.predict_proba(X).tobytes()


def test_the_same_random_state_gives_the_same_forest(cloner: BehavioralCloner) -> None:
    X, y = labelled()
    second, other = BehavioralCloner(SMALL), BehavioralCloner(SMALL.model_copy(update={"random_state": 7}))
    second.train_model(X, y, verbose=False)
    other.train_model(X, y, verbose=False)
    assert second.predict_proba(X).tobytes() == cloner.predict_proba(X).tobytes()
    assert other.predict_proba(X).tobytes() != cloner.predict_proba(X).tobytes()


def test_growing_a_few_trees_at_a_time_changes_nothing() -> None:
    X, y = labelled()
    whole = RandomForestClassifier(
        37, max_depth=10, min_samples_split=5, min_samples_leaf=2, class_weight="balanced", random_state=42
    ).fit(X.to_numpy(), y)
    cloner = BehavioralCloner(BehavioralClonerConfig(n_estimators=37))
    cloner.fit(X, y)
    assert cloner.predict_proba(X).tobytes() == whole.predict_proba(X.to_numpy()).tobytes()


def test_columns_of_the_probabilities_are_sell_hold_buy_also_when_nobody_sold() -> None:
    X, y = labelled()
    cloner = BehavioralCloner(SMALL)
    cloner.train_model(X, y.clip(lower=0), verbose=False)
    proba = cloner.predict_proba(X)
    assert proba.shape == (400, 3)
    assert not proba[:, 0].any()
    assert np.allclose(proba.sum(axis=1), 1.0)
    assert set(cloner.predict(X)) == {0, 1}


def test_arrays_do_as_well_as_frames(cloner: BehavioralCloner) -> None:
    X, y = labelled()
    from_arrays = BehavioralCloner(SMALL)
    from_arrays.train_model(X.to_numpy(), y.to_numpy(), verbose=False)
    assert from_arrays.predict_proba(X.to_numpy()).tobytes() == cloner.predict_proba(X).tobytes()
    assert cloner.predict_proba(X.to_numpy()).tobytes() == cloner.predict_proba(X).tobytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X.drop(columns="volume"), "lacks the column volume"),
        (lambda X: X.rename(columns={"signal": "rsi"}), "lacks the column signal .*rsi"),
        (lambda X: X.assign(macd=1.0), "has the column macd, which"),
        (lambda X: X[["close", "signal", "volume"]], "Column 2 of the frame is 'signal'; the model expects 'volume'"),
        (lambda X: pd.concat([X, X[["signal"]]], axis=1), "Column 4 of the frame is 'signal', once too often"),
        (lambda X: X.to_numpy()[:, :2], r"shape \(400, 2\)"),
        (lambda X: X.to_numpy()[0], r"shape \(3,\)"),
    ],
)
def test_other_columns_than_in_training_are_refused_by_name(cloner: BehavioralCloner, change, message: str) -> None:
    with pytest.raises(NightdeskError, match=message) as refused:
        cloner.predict(change(labelled()[0]))
    assert refused.value.code == "features.mismatch"
    assert "close, volume, signal" in refused.value.cure


def test_text_and_missing_values_are_refused_by_the_name_of_their_column(cloner: BehavioralCloner) -> None:
    X, _ = labelled()
    with pytest.raises(NightdeskError, match="'volume' holds something else than numbers"):
        cloner.predict(X.assign(volume="many"))
    with pytest.raises(NightdeskError, match="'signal' is nan in row 3"):
        cloner.predict(X.assign(signal=X["signal"].where(np.arange(400) != 3)))


def test_the_error_of_an_untrained_cloner_says_what_to_do() -> None:
    with pytest.raises(UsageError, match="train_model or load_brain"):
        BehavioralCloner().predict(labelled()[0])


def test_labels_are_joined_by_date_and_their_distribution_is_printed() -> None:
    printed = io.StringIO()
    logs = pd.DataFrame(
        {
            "date": ["2024-01-03", "2024-01-08", "2024-01-08", "2024-01-10", "2024-01-13", "2024-01-15"],
            "action": ["enter_long", "EXIT", "buy", "ponder", "buy", "1"],
        }
    )
    labelled_data = BehavioralCloner(stream=printed).prepare_labels(market(), logs)
    trades = labelled_data[labelled_data["target"] != 0]
    assert list(zip(trades["date"].dt.strftime("%m-%d"), trades["target"], strict=True)) == [
        ("01-03", 1),
        ("01-08", -1),
        ("01-15", 1),
    ]
    text = printed.getvalue()
    assert "=== Label Distribution ===" in text
    assert "Hold (0):       27 samples" in text
    assert "Buy (1):         2 samples" in text
    assert "Sell (-1):       1 samples" in text
    assert "Total trades: 3 (10.00%)" in text
    assert "'ponder': 1" in text
    assert "Repeated dates: 1" in text
    assert "2024-01-13" in text


def test_the_training_report_is_printed_unless_it_is_not_wanted() -> None:
    printed = io.StringIO()
    cloner = BehavioralCloner(SMALL, stream=printed)
    cloner.train_model(*labelled(), verbose=False)
    assert not printed.getvalue()
    metrics = cloner.train_model(*labelled())
    text = printed.getvalue()
    for part in (
        "Training set: 315",
        "test set: 80",
        "precision",
        "Confusion matrix",
        "TOP 10 FEATURE IMPORTANCES",
        "1. signal",
    ):
        assert part in text
    assert f"Test accuracy:     {metrics['test_accuracy']:.4f}" in text


def test_the_report_goes_to_standard_output_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    BehavioralCloner(SMALL).train_model(*labelled())
    assert "=== Training Report ===" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("X", "y", "code"),
    [
        (labelled()[0], labelled()[1].iloc[:-1], "training.misaligned"),
        (labelled()[0], labelled()[1].iloc[::-1], "training.misaligned"),
        (labelled()[0].iloc[::-1], labelled()[1].iloc[::-1], "training.unordered"),
        (labelled(19)[0], labelled(19)[1], "training.too_few_rows"),
        (labelled()[0], labelled()[1] * 0, "training.single_class"),
        (labelled()[0], labelled()[1] * 2, "training.labels"),
        (labelled()[0].assign(close=np.nan), labelled()[1], "features.undefined"),
        (labelled()[0].assign(close="high"), labelled()[1], "features.not_numeric"),
        (labelled()[0][["close", "close"]], labelled()[1], "training.columns"),
        (labelled()[0][[]], labelled()[1], "training.columns"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(X: pd.DataFrame, y: pd.Series, code: str) -> None:
    with pytest.raises(NightdeskError) as refused:
        BehavioralCloner(SMALL).train_model(X, y, verbose=False)
    assert refused.value.code == code


def test_trades_only_in_the_test_span_are_distinguished_from_no_trades() -> None:
    X, y = labelled()
    y.iloc[:330] = 0
    with pytest.raises(NightdeskError, match="315 rows of the training span the expert's only action is hold"):
        BehavioralCloner(SMALL).train_model(X, y, verbose=False)


def test_weights_by_hand_move_the_forest_towards_the_heavy_action() -> None:
    X, y = labelled()
    noisy = y.where(np.random.default_rng(1).random(len(y)) < 0.7, 0)
    buys = {}
    for weight in (1.0, 50.0):
        cloner = BehavioralCloner(BehavioralClonerConfig(n_estimators=20, max_depth=3, class_weight={"buy": weight}))
        cloner.fit(X, noisy)
        buys[weight] = int(np.sum(cloner.predict(X) == 1))
    assert buys[50.0] > buys[1.0]


def test_synthetic_rows_fill_the_training_span_and_are_never_measured_on(cloner: BehavioralCloner) -> None:
    X, y = labelled()
    filled = BehavioralCloner(SMALL.model_copy(update={"oversample": 1.0, "class_weight": None}))
    metrics = filled.train_model(X, y, verbose=False)
    assert (metrics["train_size"], metrics["test_size"]) == (315, 80)
    assert sum(metrics["label_distribution"].values()) == 395
    assert metrics["test_accuracy"] > 0.9
    assert filled.predict_proba(X).tobytes() != cloner.predict_proba(X).tobytes()


def test_folds_over_time_score_each_span_and_leave_the_cloner_alone(cloner: BehavioralCloner) -> None:
    X, y = labelled()
    before = cloner.predict_proba(X)
    scores = cloner.cross_validate(X, y, n_folds=4)
    assert len(scores["fold_accuracy"]) == 4
    assert scores["mean_accuracy"] > 0.9
    assert scores["mean_accuracy"] == pytest.approx(np.mean(scores["fold_accuracy"]))
    assert cloner.predict_proba(X).tobytes() == before.tobytes()


def test_sizes_are_the_confidence_in_the_action_and_nothing_for_hold(cloner: BehavioralCloner) -> None:
    X, _ = labelled()
    sizes, actions = cloner.position_sizes(X, max_size=0.1), cloner.predict(X)
    assert np.array_equal(np.sign(sizes), actions)
    assert np.allclose(np.abs(sizes)[actions != 0], 0.1 * cloner.predict_proba(X).max(axis=1)[actions != 0])


def test_a_saved_brain_predicts_the_same_to_the_last_bit(cloner: BehavioralCloner, tmp_path) -> None:
    X, _ = labelled()
    cloner.save_brain(tmp_path / "models" / "my_model.pkl")
    loaded = BehavioralCloner()
    loaded.load_brain(tmp_path / "models" / "my_model.pkl")
    assert loaded.predict_proba(X).tobytes() == cloner.predict_proba(X).tobytes()
    assert loaded.config == cloner.config == SMALL
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["my_model.pkl"]


def test_a_forest_fitted_elsewhere_becomes_a_brain(tmp_path) -> None:
    X, y = labelled()
    forest = RandomForestClassifier(10, random_state=0).fit(X.to_numpy(), y)
    BehavioralCloner.from_sklearn(forest, FEATURES).save_brain(tmp_path / "brain")
    loaded = BehavioralCloner()
    loaded.load_brain(tmp_path / "brain")
    assert loaded.predict_proba(X).tobytes() == forest.predict_proba(X.to_numpy()).tobytes()


def test_a_forest_of_other_classes_or_features_does_not() -> None:
    X, y = labelled()
    up_down = RandomForestClassifier(2).fit(X.to_numpy(), np.where(y > 0, "up", "down"))
    with pytest.raises(NightdeskError, match="'down' is no action"):
        BehavioralCloner.from_sklearn(up_down, FEATURES)
    forest = RandomForestClassifier(2, random_state=0).fit(X.to_numpy(), y)
    with pytest.raises(NightdeskError, match="3 features and is given 2 names"):
        BehavioralCloner.from_sklearn(forest, FEATURES[:2])


def test_one_row_is_predicted_in_far_less_than_ten_milliseconds() -> None:
    X, y = labelled()
    cloner = BehavioralCloner()
    cloner.fit(X, y)
    row, seconds = X.tail(1), []
    cloner.predict(row)
    for _ in range(200):
        start = time.perf_counter()
        cloner.predict(row)
        seconds.append(time.perf_counter() - start)
    assert np.median(seconds) < 0.001
