"""Divide an account between several symbols, and limit the risk of a strategy.

    python examples/portfolio_example.py [SYMBOL ...]

Market data comes from the home (`NIGHTDESK_HOME`, or the working directory); with nothing stored there it is pulled.
"""

from __future__ import annotations

import sys

import pandas as pd

from data_pipeline.bars.bars import Bars
from evaluation import portfolio_backtest
from trainers import DataLoader, PortfolioManager, PortfolioParams, RiskManager, StrategyBase

SYMBOLS = ("AAPL", "MSFT", "TSLA")


def compare_methods(bars: dict[str, Bars]) -> None:
    """Every method of dividing the account, after costs."""
    for method in ("equal", "inverse_volatility", "minimum_variance", "hrp"):
        manager = PortfolioManager(PortfolioParams(method=method, max_weight=0.6))
        account = portfolio_backtest(bars, manager.weights(bars))
        metrics = account.metrics()
        held = ", ".join(f"{name} {weight:.0%}" for name, weight in account.weights.iloc[-1].items())
        print(
            f"{method:>18}: return {metrics['total_return']:7.1f} %, drawdown {metrics['max_drawdown']:6.1f} %, {held}"
        )


class Trend(StrategyBase):
    """Long above the mean of fifty days, flat below."""

    def generate_signals(self, data: pd.DataFrame) -> pd.DataFrame:
        above = data["close"] > data["close"].rolling(50, min_periods=1).mean()
        return data.assign(signal=above.map({True: 1, False: -1}))


def limit_a_strategy(loader: DataLoader, symbol: str) -> None:
    """The same strategy without and with limits."""
    limits = RiskManager(max_position=0.9, volatility_target=0.15, max_drawdown=0.15, pause=21, band=0.05)
    for name, risk_manager in (("without limits", None), ("with limits", limits)):
        metrics = Trend(loader, risk_manager, None).run(symbol).metrics()
        print(f"{name:>18}: return {metrics['total_return']:7.1f} %, drawdown {metrics['max_drawdown']:6.1f} %")


def main(symbols: tuple[str, ...]) -> None:
    """Both parts."""
    loader = DataLoader()
    bars = {symbol: loader.bars(symbol) for symbol in symbols}
    print(f"{', '.join(symbols)}, source: {', '.join({each.source for each in bars.values()})}")
    compare_methods(bars)
    limit_a_strategy(loader, symbols[0])


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or SYMBOLS)
