"""The task that measures live performance from the signals that were really published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from daemon.work.bars import stored_bars
from evaluation.backtesting import Costs, backtest

if TYPE_CHECKING:
    from daemon.worker import WorkContext


def live_performance(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """Backtest the published positions, each from its own bar on, over the bars as they came to be."""
    costs = context.settings.costs
    bars = stored_bars(context.home, context.settings, args["symbol"])
    said = pd.Series(
        [signal["position"] for signal in args["signals"]],
        index=pd.to_datetime([signal["bar_time"] for signal in args["signals"]], utc=True),
    )
    said = said[~said.index.duplicated(keep="last")].sort_index()
    lived = bars.since(said.index[0])
    if len(lived) < 2:
        reason = "too_few_bars"
        return {"metrics": {"sharpe_ratio": None, "max_drawdown": None}, "reasons": {"sharpe_ratio": reason}}
    target = said.reindex(lived.frame.index, method="ffill")
    result = backtest(
        lived,
        target,
        costs=Costs(commission=costs.commission, slippage=costs.slippage, borrow=costs.borrow),
        initial_cash=costs.initial_cash,
    ).metrics()
    return {"metrics": result, "reasons": result.get("reasons", {})}
