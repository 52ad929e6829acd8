from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from config.errors import NightdeskError
from evaluation import StrategyBase, backtest
from tests.support.markets.prices import walk


class Cloner:
    """Answers as a trained cloner would, from the columns it was trained on."""

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return np.sign(np.where(X["close"].diff().abs() > 1.0, X["close"].diff(), 0.0)).astype(int)

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        return np.tile([0.1, 0.2, 0.7], (len(X), 1))


class AIStrategy(StrategyBase):
    """The custom strategy of seed 0's guide."""

    def __init__(self, data_loader, risk_manager, cloner, features):
        super().__init__(data_loader, risk_manager, None)
        self.cloner = cloner
        self.features = features

    def generate_signals(self, data: pd.DataFrame) -> pd.DataFrame:
        return data.assign(signal=self.cloner.predict(data[self.features]))

    def size_position(self, data: pd.DataFrame) -> pd.DataFrame:
        sure = self.cloner.predict_proba(data[self.features]).max(axis=1)
        return data.assign(position_size=np.where(data["signal"] != 0, sure * 0.1, 0.0))


class Loader:
    def load(self, symbol: str) -> pd.DataFrame:
        return walk(120, seed=len(symbol)).reset_index(names="date")


class Halved:
    def limit(self, target: pd.Series, data: pd.DataFrame) -> pd.Series:
        assert data.index.equals(target.index)
        return target / 2


class Fixed(StrategyBase):
    def generate_signals(self, data: pd.DataFrame) -> pd.DataFrame:
        return data.assign(signal=[1, 0, -1, 0, 1][: len(data)])


def test_the_guides_strategy_runs_from_symbol_to_account():
    result = AIStrategy(Loader(), None, Cloner(), ["close"]).run("AAPL")
    assert len(result.trades) > 3
    assert result.positions.max() == pytest.approx(0.07, rel=0.2)


def test_a_signal_takes_its_size_and_is_held_until_the_next():
    data = walk(5)
    assert Fixed(None, None, None).targets(data).tolist() == [1, 1, 0, 0, 1]

    class Short(Fixed):
        sell = "short"

        def size_position(self, data: pd.DataFrame) -> pd.DataFrame:
            return data.assign(position_size=[0.5, 0.9, 0.2, 0.0, 0.1])

    assert Short(None, None, None).targets(data).tolist() == [0.5, 0.5, -0.2, -0.2, 0.1]


def test_the_risk_manager_has_the_last_word():
    assert Fixed(None, Halved(), None).targets(walk(5)).tolist() == [0.5, 0.5, 0, 0, 0.5]


def test_it_is_judged_by_the_same_ledger():
    data, strategy = walk(5), Fixed(None, None, {"any": "config"})
    pd.testing.assert_series_equal(strategy.backtest(data).equity, backtest(data, strategy.targets(data)).equity)


def test_a_missing_column_or_loader_is_named_in_the_error():
    class Silent(StrategyBase):
        def generate_signals(self, data: pd.DataFrame) -> pd.DataFrame:
            return data.assign(position_size=1.0)

        def size_position(self, data: pd.DataFrame) -> pd.DataFrame:
            return data

    with pytest.raises(NightdeskError, match="Silent gave no column 'signal'"):
        Silent(None, None, None).targets(walk(5))
    with pytest.raises(NightdeskError, match="Fixed has no data loader, so it cannot load AAPL"):
        Fixed(None, None, None).run("AAPL")
