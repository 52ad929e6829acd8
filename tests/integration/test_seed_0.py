"""The three flows of the behavioural cloner's guide, on a home with stored bars and a trade log in the folder."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from config.paths import Home
from data_pipeline.bars.store import BarStore
from data_pipeline.sources.sample import SampleSource
from trainers import BehavioralCloner, BehavioralClonerConfig, DataLoader, FeatureEngineer, StrategyBase

EXAMPLE = Path(__file__).parents[2] / "examples" / "behavioral_cloning_example.py"
NOW = datetime(2024, 1, 2, tzinfo=UTC)
COLUMNS = ["close", "volume", "rsi", "ema"]


@pytest.fixture
def desk(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    bars = SampleSource().fetch("AAPL", "1d", datetime(2021, 1, 4, tzinfo=UTC), NOW)
    BarStore(home).save(bars, NOW)
    data = FeatureEngineer().transform(DataLoader().load("AAPL"))
    trend = np.sign(data["close"] - data["ema"])
    turned = data[trend != trend.shift()]
    words = np.where(turned["close"] > turned["ema"], "enter_long", "exit")
    pd.DataFrame({"date": turned["date"], "action": words}).to_csv(tmp_path / "trade_logs.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def quick_start() -> tuple[BehavioralCloner, pd.DataFrame]:
    data = FeatureEngineer().transform(DataLoader().load("AAPL"))
    cloner = BehavioralCloner(BehavioralClonerConfig(n_estimators=20))
    labelled = cloner.prepare_labels(data, "trade_logs.csv")
    cloner.train_model(labelled[COLUMNS], labelled["target"])
    cloner.save_brain("models/my_model.pkl")
    return cloner, labelled


def test_the_quick_start_labels_trains_saves_and_predicts(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cloner, labelled = quick_start()
    predictions = cloner.predict(labelled[COLUMNS])
    trades = pd.read_csv("trade_logs.csv")
    assert int((labelled["target"] != 0).sum()) == len(trades) > 20
    assert labelled.attrs["provenance"] == "sample"
    assert predictions.shape == (len(labelled),)
    assert set(predictions) == {-1, 0, 1}
    assert (desk / "models" / "my_model.pkl").is_file()
    printed = capsys.readouterr().out
    assert "=== Label Distribution ===" in printed
    assert "TOP 10 FEATURE IMPORTANCES" in printed


def test_live_use_answers_for_the_newest_bar(desk: Path) -> None:
    trained, labelled = quick_start()
    cloner = BehavioralCloner()
    cloner.load_brain("models/my_model.pkl")
    newest = FeatureEngineer().transform(DataLoader().load("AAPL")).tail(1)[COLUMNS]
    prediction, probabilities = cloner.predict(newest)[0], cloner.predict_proba(newest)[0]
    assert {-1: "SELL", 0: "HOLD", 1: "BUY"}[prediction]
    assert probabilities.tobytes() == trained.predict_proba(labelled[COLUMNS])[-1].tobytes()
    assert probabilities.argmax() == prediction + 1


class AIStrategy(StrategyBase):
    def __init__(self, data_loader, risk_manager, cloner, features):
        super().__init__(data_loader, risk_manager, None)
        self.cloner, self.features = cloner, features

    def generate_signals(self, data):
        return data.assign(signal=self.cloner.predict(data[self.features]))

    def size_position(self, data):
        surest = self.cloner.predict_proba(data[self.features]).max(axis=1)
        return data.assign(position_size=np.where(data["signal"] != 0, surest * 0.1, 0.0))


def test_a_custom_strategy_is_traded_by_the_ledger(desk: Path) -> None:
    cloner, labelled = quick_start()
    result = AIStrategy(DataLoader(), None, cloner, COLUMNS).backtest(labelled)
    sizes = cloner.position_sizes(labelled[COLUMNS], max_size=0.1)
    bought = np.flatnonzero(sizes > 0.0)[0]
    assert result.positions.max() == pytest.approx(0.1, abs=0.07)
    assert not result.positions.iloc[: bought + 1].any()
    assert result.metrics()["trades"] >= 1


def test_the_example_runs_from_end_to_end(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = _loaded(EXAMPLE)
    example.main(["trade_logs.csv"])
    printed = capsys.readouterr().out
    assert "source: sample" in printed
    assert "Signal: " in printed
    assert "Over the last 250 days" in printed


def test_the_example_uses_a_sample_expert_where_there_is_no_log(desk: Path) -> None:
    Path("trade_logs.csv").unlink()
    _loaded(EXAMPLE).main([])
    assert pd.read_csv("trade_logs.csv")["action"].isin(["buy", "sell"]).all()


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
