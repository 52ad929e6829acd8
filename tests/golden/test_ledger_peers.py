"""Our ledger against those of Backtrader and vectorbt, written by regenerate_ledger_peers.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation import Backtest, Costs, backtest

EQUITY = pd.read_csv(Path(__file__).with_name("ledger_peers.csv"))
TRADES = pd.read_csv(Path(__file__).with_name("ledger_peer_trades.csv"))
CASES = list(EQUITY["case"].unique())
VECTORBT = list(TRADES["case"].unique())


def ours(case: str) -> tuple[dict[int, pd.DataFrame], dict[int, Backtest]]:
    """Every symbol of a case, traded in one call."""
    rows = EQUITY[EQUITY["case"] == case]
    markets = {symbol: bars.reset_index(drop=True) for symbol, bars in rows.groupby("symbol")}
    terms = rows.iloc[0]
    costs = Costs(terms["commission"], terms["slippage"], terms["borrow"], terms["minimum"], terms["interest"])
    targets = {symbol: bars["target"] for symbol, bars in markets.items()}
    return markets, backtest(markets, targets, costs, periods_per_year=1.0)


def test_nothing_is_missing_from_the_tables():
    assert EQUITY["backtrader"].notna().all()
    assert set(VECTORBT) == set(EQUITY.loc[EQUITY["vectorbt"].notna(), "case"])
    assert len(VECTORBT) == 7
    assert set(CASES) - set(VECTORBT) == {"minimum", "borrow", "interest", "dividends", "everything"}
    assert EQUITY.loc[EQUITY["case"] == "together", "symbol"].nunique() == 4


@pytest.mark.parametrize(
    ("case", "peer"), [*((case, "backtrader") for case in CASES), *((case, "vectorbt") for case in VECTORBT)]
)
def test_equity_is_that_of_the_peer_at_every_close(case: str, peer: str):
    markets, results = ours(case)
    for symbol, bars in markets.items():
        np.testing.assert_allclose(results[symbol].equity, bars[peer], rtol=1e-9)
        assert results[symbol].shares.astype(bool).mean() > 0.5


@pytest.mark.parametrize("case", VECTORBT)
def test_trades_are_the_completed_positions_of_vectorbt(case: str):
    for symbol, result in ours(case)[1].items():
        theirs = TRADES[(TRADES["case"] == case) & (TRADES["symbol"] == symbol)]
        sides = ["long" if direction == 0 else "short" for direction in theirs["direction"]]
        assert list(result.trades["side"]) == sides
        for column in ("entry", "exit", "entry_price", "exit_price", "return"):
            np.testing.assert_allclose(result.trades[column], theirs[column], rtol=1e-9, atol=1e-12, err_msg=column)
        np.testing.assert_allclose(result.trades["pnl"], theirs["pnl"], rtol=1e-9, atol=1e-6)
