"""Clone an expert: learn from a trade log, keep the brain, ask it about today, and trade it as a strategy.

    python examples/behavioral_cloning_example.py [trade_logs.csv]

Market data comes from the home (`NIGHTDESK_HOME`, or the working directory); with nothing stored there it is pulled.
Without a log of your own, one of a made-up expert is written to trade_logs.csv first.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from data_pipeline.actions import ACTIONS
from trainers import BehavioralCloner, BehavioralClonerConfig, DataLoader, FeatureEngineer, StrategyBase

SYMBOL = "AAPL"
FEATURES = ["close", "volume", "rsi", "ema", "macd_to_close", "volume_change", "high_low_spread"]
BRAIN = Path("models/my_model.pkl")  # any suffix will do: what is written is never a pickle


def market() -> pd.DataFrame:
    """Bars of the symbol with the indicators beside them."""
    data = FeatureEngineer().transform(DataLoader().load(SYMBOL))
    print(f"{len(data)} days of {SYMBOL}, source: {data.attrs['provenance']}")
    return data


def made_up_log(data: pd.DataFrame, path: Path) -> None:
    """An expert who buys when the RSI rises through 55 and sells when it falls through 45."""
    rsi, before = data["rsi"], data["rsi"].shift()
    buys, sells = (rsi > 55) & (before <= 55), (rsi < 45) & (before >= 45)
    action = np.where(buys, "buy", np.where(sells, "sell", ""))
    pd.DataFrame({"date": data["date"], "action": action})[buys | sells].to_csv(path, index=False)


def learn(trade_logs: Path) -> None:
    """The quick start: label, train, look at the report, save."""
    cloner = BehavioralCloner(BehavioralClonerConfig(n_estimators=100, class_weight="balanced"))
    labelled = cloner.prepare_labels(market(), trade_logs)
    X, y = labelled[FEATURES], labelled["target"]
    metrics = cloner.train_model(X, y)
    folds = cloner.cross_validate(X, y)
    print(f"On the last fifth: {metrics['test_accuracy']:.1%}; over five spans: {folds['mean_accuracy']:.1%}")
    cloner.save_brain(BRAIN)


def ask() -> None:
    """Live use: what does the brain say of the newest bar?"""
    cloner = BehavioralCloner()
    cloner.load_brain(BRAIN)
    newest = market().tail(1)[FEATURES]
    action, probabilities = cloner.predict(newest)[0], cloner.predict_proba(newest)[0]
    print(f"Signal: {ACTIONS[action].upper()}, confidence: {probabilities.max():.1%}")


class ClonedExpert(StrategyBase):
    """The brain as a strategy; the surer it is, the more it holds, up to a tenth of the equity."""

    def __init__(self, data_loader: DataLoader, cloner: BehavioralCloner) -> None:
        super().__init__(data_loader, None, None)
        self.cloner = cloner

    def generate_signals(self, data: pd.DataFrame) -> pd.DataFrame:
        return data.assign(signal=self.cloner.predict(data[FEATURES]))

    def size_position(self, data: pd.DataFrame) -> pd.DataFrame:
        return data.assign(position_size=np.abs(self.cloner.position_sizes(data[FEATURES], max_size=0.1)))


def trade() -> None:
    """A custom strategy, through the same accounting as every other number of the desk."""
    cloner = BehavioralCloner()
    cloner.load_brain(BRAIN)
    unseen = market().tail(250)
    metrics = ClonedExpert(DataLoader(), cloner).backtest(unseen).metrics()
    print(f"Over the last {len(unseen)} days: {metrics['total_return']:+.2f} %, {metrics['trades']} trades")


def main(arguments: list[str]) -> None:
    trade_logs = Path(arguments[0] if arguments else "trade_logs.csv")
    if not arguments:
        made_up_log(market(), trade_logs)
    learn(trade_logs)
    ask()
    trade()


if __name__ == "__main__":
    main(sys.argv[1:])
