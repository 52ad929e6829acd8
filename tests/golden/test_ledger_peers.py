"""Our books beside those of Backtrader and vectorbt, written by regenerate_ledger_peers.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation import Costs, backtest

EQUITY = pd.read_csv(Path(__file__).with_name("ledger_peers.csv"))
TRADES = pd.read_csv(Path(__file__).with_name("ledger_peer_trades.csv"))
CASES = list(EQUITY["case"].unique())


def ours(case: str) -> tuple[pd.DataFrame, object]:
    rows = EQUITY[EQUITY["case"] == case].reset_index(drop=True)
    return rows, backtest(rows, rows["target"], Costs(rows["commission"][0], rows["slippage"][0]))


@pytest.mark.parametrize("peer", ["backtrader", "vectorbt"])
@pytest.mark.parametrize("case", CASES)
def test_equity_is_that_of_the_peer_at_every_close(case: str, peer: str):
    rows, result = ours(case)
    np.testing.assert_allclose(result.equity, rows[peer], rtol=1e-9)
    assert result.shares.astype(bool).mean() > 0.5


@pytest.mark.parametrize("case", CASES)
def test_trades_are_the_completed_positions_of_vectorbt(case: str):
    _, result = ours(case)
    theirs = TRADES[TRADES["case"] == case]
    assert list(result.trades["side"]) == ["long" if direction == 0 else "short" for direction in theirs["direction"]]
    for column in ("entry", "exit", "entry_price", "exit_price", "return"):
        np.testing.assert_allclose(result.trades[column], theirs[column], rtol=1e-9, atol=1e-12, err_msg=column)
    np.testing.assert_allclose(result.trades["pnl"], theirs["pnl"], rtol=1e-9, atol=1e-6)
